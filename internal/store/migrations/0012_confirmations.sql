-- The git host's word on commits, held against the deployments that name them.

-- +goose Up
CREATE TABLE confirmations (
  id TEXT PRIMARY KEY,
  commit_id TEXT NOT NULL,
  pull_url TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX confirmations_commit_idx ON confirmations (commit_id, id);
CREATE INDEX confirmations_pull_idx ON confirmations (pull_url, id);

ALTER TABLE deployments ADD COLUMN commit_id TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN pull_url TEXT NOT NULL DEFAULT '';
CREATE INDEX deployments_commit_idx ON deployments (commit_id, id);
CREATE INDEX deployments_pull_idx ON deployments (pull_url, id);
