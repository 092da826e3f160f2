-- The log: entries, their hashes in tiles of 256, and signed heads.
-- Times are microseconds since 1970 in UTC, in every table.

-- +goose Up
CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- salt and content are null once erased; the leaf stays.
CREATE TABLE log_entries (
  idx BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  actor TEXT NOT NULL,
  leaf BYTEA NOT NULL,
  salt BYTEA,
  content TEXT
);
CREATE INDEX log_entries_subject_idx ON log_entries (kind, subject, idx);
CREATE INDEX log_entries_kind_idx ON log_entries (kind, idx);
CREATE INDEX log_entries_actor_idx ON log_entries (actor, idx);

CREATE TABLE log_tiles (
  level BIGINT NOT NULL,
  n BIGINT NOT NULL,
  hashes BYTEA NOT NULL,
  PRIMARY KEY (level, n)
);

-- One row; locked while the log grows.
CREATE TABLE log_state (
  id BIGINT PRIMARY KEY,
  size BIGINT NOT NULL,
  root BYTEA NOT NULL
);
INSERT INTO log_state (id, size, root) VALUES (1, 0, '');

CREATE TABLE checkpoints (
  size BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  root BYTEA NOT NULL,
  note TEXT NOT NULL,
  timestamp_token BYTEA
);
CREATE TABLE cosignatures (
  size BIGINT NOT NULL REFERENCES checkpoints (size),
  witness TEXT NOT NULL,
  at BIGINT NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (size, witness)
);

-- Results of the self-check, newest last.
CREATE TABLE self_checks (
  id TEXT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  problems TEXT NOT NULL
);
