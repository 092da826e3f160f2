-- What reports, and what it reported.

-- +goose Up
CREATE TABLE sources (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  UNIQUE (kind, name)
);

-- What changes with every report of a source; it follows from runs and findings. The row
-- is locked while a report is taken, so that reports of a source are taken one by one.
-- started_at is that of the latest report by its own clock: an older one changes nothing.
-- set_digest is over what the report said of findings, of checks and of what it could not
-- see: while it stays, findings stay. lists_objects tells whether the report named the
-- objects without findings too.
CREATE TABLE source_states (
  source_id TEXT PRIMARY KEY REFERENCES sources (id),
  run_id TEXT NOT NULL,
  complete_run_id TEXT NOT NULL,
  reported_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  cluster_uid TEXT NOT NULL,
  provider TEXT NOT NULL,
  kubernetes_version TEXT NOT NULL,
  set_digest TEXT NOT NULL,
  lists_objects BOOLEAN NOT NULL
);

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL REFERENCES sources (id),
  started_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  complete BOOLEAN NOT NULL,
  digest TEXT NOT NULL,
  -- what the report changed
  opened BIGINT NOT NULL,
  fixed BIGINT NOT NULL,
  regressed BIGINT NOT NULL,
  document TEXT NOT NULL,
  UNIQUE (source_id, digest)
);
CREATE INDEX runs_source_idx ON runs (source_id, finished_at);
CREATE INDEX runs_finished_idx ON runs (finished_at);

CREATE TABLE run_checks (
  run_id TEXT NOT NULL REFERENCES runs (id),
  check_id TEXT NOT NULL,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  in_scope BIGINT NOT NULL,
  passed BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  waived BIGINT NOT NULL,
  errors BIGINT NOT NULL,
  PRIMARY KEY (run_id, check_id)
);
CREATE INDEX run_checks_check_idx ON run_checks (check_id, run_id);

-- Checks as sources use them; every change of version, severity, parameters or mode is a
-- version of its own.
CREATE TABLE checks (
  id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  from_at BIGINT NOT NULL,
  mode TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, source_id, version)
);
CREATE INDEX checks_from_idx ON checks (id, from_at, source_id);

-- An index of what findings are about, for pages; objects are proved by the runs that saw
-- them, not one by one. deleted_at is 0 while the object is there as far as is known.
CREATE TABLE objects (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL REFERENCES sources (id),
  api_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  team TEXT NOT NULL,
  workload BOOLEAN NOT NULL,
  first_seen_at BIGINT NOT NULL,
  deleted_at BIGINT NOT NULL,
  file TEXT NOT NULL,
  labels TEXT NOT NULL,
  excerpt TEXT NOT NULL
);
CREATE INDEX objects_source_idx ON objects (source_id, namespace, kind, name);
CREATE INDEX objects_name_idx ON objects (name, id);

CREATE TABLE gaps (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  to_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX gaps_source_idx ON gaps (source_id, from_at);

-- First rule that matches an object names its team.
CREATE TABLE ownership_rules (
  id TEXT PRIMARY KEY,
  place BIGINT NOT NULL,
  document TEXT NOT NULL
);

-- Reports that come in pieces, until they are whole: any of several servers takes the next
-- piece. size is how much has arrived; at, where a piece begins.
CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  source TEXT NOT NULL,
  encoding TEXT NOT NULL,
  size BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_expires_idx ON uploads (expires_at);
CREATE TABLE upload_pieces (
  upload_id TEXT NOT NULL REFERENCES uploads (id),
  at BIGINT NOT NULL,
  data BYTEA NOT NULL,
  PRIMARY KEY (upload_id, at)
);
