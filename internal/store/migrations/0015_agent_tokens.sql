-- The tokens that agents signed and that were used, until they are over: each is good for
-- one request, at whichever server it arrives. digest is the SHA-256 of agent and token id.

-- +goose Up
CREATE TABLE agent_tokens (
  digest BYTEA PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX agent_tokens_expires_idx ON agent_tokens (expires_at);
