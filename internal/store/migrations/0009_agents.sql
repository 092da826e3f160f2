-- Agents: what watches clusters for this server, and what it said last.

-- +goose Up
CREATE TABLE agents (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX agents_source_idx ON agents (source_id, id);

-- The right to make one agent's key known, once.
CREATE TABLE enrolments (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX enrolments_source_idx ON enrolments (source_id, id);
CREATE TABLE enrolment_secrets (
  enrolment_id TEXT PRIMARY KEY REFERENCES enrolments (id),
  hash BYTEA NOT NULL
);

-- How far the messages of each instance were taken: all up to taken, but for what holes
-- names (JSON), which may still come. message_at is the agent's time of the latest one.
CREATE TABLE agent_streams (
  agent_id TEXT NOT NULL REFERENCES agents (id),
  instance TEXT NOT NULL,
  stream TEXT NOT NULL,
  taken BIGINT NOT NULL,
  message_at BIGINT NOT NULL,
  taken_at BIGINT NOT NULL,
  holes TEXT NOT NULL,
  PRIMARY KEY (agent_id, instance, stream)
);

-- The latest heartbeat of each instance (JSON). lost: it did not come back, and a gap tells
-- of the messages that it had waiting.
CREATE TABLE agent_instances (
  agent_id TEXT NOT NULL REFERENCES agents (id),
  instance TEXT NOT NULL,
  source_id TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  lost BOOLEAN NOT NULL,
  beat TEXT NOT NULL,
  PRIMARY KEY (agent_id, instance)
);
CREATE INDEX agent_instances_received_idx ON agent_instances (received_at);

-- What agents keep current. The row is locked while a heartbeat is taken. beat_at is the
-- latest heartbeat, watched_at the latest of a leader that watched. drifted: deltas came
-- since the latest report, so that the same report again is news. wanted_at is since when a
-- whole report is asked for; 0: none is.
CREATE TABLE live_sources (
  source_id TEXT PRIMARY KEY REFERENCES sources (id),
  beat_at BIGINT NOT NULL,
  watched_at BIGINT NOT NULL,
  drifted BOOLEAN NOT NULL,
  wanted_at BIGINT NOT NULL
);

-- Findings that stand although the latest report did not name them, since it could not
-- look: no part of what an agent and the server compare.
CREATE TABLE unseen_findings (
  source_id TEXT NOT NULL,
  finding_id TEXT NOT NULL,
  PRIMARY KEY (source_id, finding_id)
);
