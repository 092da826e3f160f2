-- Notices: where they go, by which rules, and what became of them.

-- +goose Up
CREATE TABLE destinations (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL
);

-- Tokens, addresses of incoming webhooks, keys that sign: sealed, and no part of the log.
CREATE TABLE destination_secrets (
  destination_id TEXT PRIMARY KEY,
  sealed BYTEA NOT NULL
);

-- How a destination does: since when it takes nothing, and when it is tried again.
CREATE TABLE destination_states (
  destination_id TEXT PRIMARY KEY,
  failing_since BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  error TEXT NOT NULL
);

CREATE TABLE notice_rules (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL
);

-- The outbox: written in the transaction of what people are to be told of. Until it is
-- planned, nobody has looked whom to tell.
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  planned BOOLEAN NOT NULL,
  -- beside what rules say: destinations that get it (ids, divided by spaces), and one that
  -- does not
  direct TEXT NOT NULL,
  apart TEXT NOT NULL,
  content TEXT NOT NULL
);
CREATE INDEX notices_unplanned_idx ON notices (id) WHERE NOT planned;

-- What was told of once is not told of again, however often it is written.
CREATE TABLE notice_keys (
  key TEXT PRIMARY KEY,
  notice_id TEXT NOT NULL
);
CREATE INDEX notice_keys_notice_idx ON notice_keys (notice_id);

-- What is planned and waits for its hour, or for its destination. What has the same batch
-- goes in one message.
CREATE TABLE notice_queue (
  destination_id TEXT NOT NULL,
  notice_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  batch TEXT NOT NULL,
  PRIMARY KEY (destination_id, notice_id)
);
CREATE INDEX notice_queue_due_idx ON notice_queue (due_at);

-- Messages, each with what came of it.
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,
  destination_id TEXT NOT NULL,
  state TEXT NOT NULL,
  next_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX deliveries_destination_idx ON deliveries (destination_id, id);
CREATE INDEX deliveries_state_idx ON deliveries (state, id);

-- What a destination called the first message about a thing: later ones join it.
CREATE TABLE notice_threads (
  destination_id TEXT NOT NULL,
  thread TEXT NOT NULL,
  reference TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (destination_id, thread)
);

-- What is remarkable about a change, each between bars: few have any.
ALTER TABLE changes ADD COLUMN flags TEXT NOT NULL DEFAULT '';
CREATE INDEX changes_flags_idx ON changes (at, id) WHERE flags <> '';
