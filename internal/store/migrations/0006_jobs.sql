-- Work that is to be done once, whichever server does it.

-- +goose Up
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  run_at BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  leased_by TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  payload TEXT NOT NULL,
  error TEXT NOT NULL,
  UNIQUE (kind, payload)
);
CREATE INDEX jobs_run_idx ON jobs (run_at);
