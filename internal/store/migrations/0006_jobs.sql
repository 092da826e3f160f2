-- Periodic work, done once, whichever server does it.

-- +goose Up
CREATE TABLE jobs (
  name TEXT PRIMARY KEY,
  run_at BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  leased_by TEXT NOT NULL,
  failures BIGINT NOT NULL,
  ran_at BIGINT NOT NULL,
  error TEXT NOT NULL
);
