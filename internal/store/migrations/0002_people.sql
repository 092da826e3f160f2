-- Who may come in, and how. A document column holds a record as JSON, as the log has it;
-- the columns beside it are what queries need of it. So in every table with one.

-- +goose Up
CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL
);

-- role and disabled let a write lock and count the owners that remain.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX users_role_idx ON users (role);

-- Secrets stand apart from people: they are not part of the log. kind is 'password',
-- 'totp', 'totp-new' (not yet confirmed), 'recovery' or 'passkey'. counter is the last
-- time step of a TOTP that was used, so that no code is taken twice.
CREATE TABLE credentials (
  user_id TEXT NOT NULL REFERENCES users (id),
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  secret BYTEA NOT NULL,
  counter BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind, id)
);
-- A passkey belongs to one user.
CREATE UNIQUE INDEX credentials_passkey_idx ON credentials (id) WHERE kind = 'passkey';

-- Accounts of single sign-on, by what the provider calls them and never by e-mail.
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  created_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_user_idx ON identities (user_id);

-- One-time links: the first set-up, invitations, resets. A link that was used is gone.
CREATE TABLE links (
  hash BYTEA PRIMARY KEY,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX links_user_idx ON links (user_id);

-- What may be presented once only and is known to the browser alone until then: states of
-- single sign-on and challenges of passkeys.
CREATE TABLE spent (
  hash BYTEA PRIMARY KEY,
  expires_at BIGINT NOT NULL
);

-- Only the hash of what the browser holds is kept, so that reading this table lets nobody
-- in. stage is 'full', or what is still missing: 'second-factor', 'enrol'.
CREATE TABLE sessions (
  token_hash BYTEA PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users (id),
  stage TEXT NOT NULL,
  method TEXT NOT NULL,
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
