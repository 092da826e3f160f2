-- Who may come in, and how. A document column holds a record as JSON, as the log has it;
-- the columns beside it are what queries need of it. So in every table with one.

-- +goose Up
CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL
);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL
);

-- Secrets stand apart from people: they are not part of the log.
CREATE TABLE credentials (
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  secret BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind, id)
);
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  PRIMARY KEY (issuer, subject)
);

CREATE TABLE sessions (
  token_hash BYTEA PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  data BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  address TEXT NOT NULL,
  agent TEXT NOT NULL
);
CREATE INDEX sessions_user_idx ON sessions (user_id);
CREATE INDEX sessions_expires_idx ON sessions (expires_at);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX tokens_user_idx ON tokens (user_id);
CREATE TABLE token_secrets (
  hash BYTEA PRIMARY KEY,
  token_id TEXT NOT NULL UNIQUE REFERENCES tokens (id),
  used_at BIGINT NOT NULL
);

-- Failed attempts, for rate limits and lock-out that survive a restart.
CREATE TABLE attempts (
  key TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  at BIGINT NOT NULL
);
