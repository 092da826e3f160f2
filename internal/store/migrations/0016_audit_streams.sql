-- The streams of audit events that are sent to the server: since when events of a cluster
-- are expected, the time of the latest event that was taken (0: none was), and when that
-- came in. They follow from what is sent; what comes of a silence is in gaps.

-- +goose Up
CREATE TABLE audit_streams (
  source_id TEXT PRIMARY KEY REFERENCES sources (id),
  since BIGINT NOT NULL,
  event_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL
);
