-- What a report counts of a check in each namespace, so that a program that leaves some out
-- is counted without them. From one report to the next most of it stays, so that it is kept
-- by its digest, which the run says.

-- +goose Up

CREATE TABLE namespace_tallies (
  digest TEXT PRIMARY KEY,
  document TEXT NOT NULL
);

ALTER TABLE run_checks ADD COLUMN namespaces TEXT NOT NULL DEFAULT '';
ALTER TABLE run_checks ADD COLUMN lacking TEXT NOT NULL DEFAULT '';
