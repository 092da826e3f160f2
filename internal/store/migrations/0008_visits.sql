-- +goose Up

-- When somebody last looked at the overview, and when the visit before that one ended: it
-- tells what is new to them. No part of the log.
CREATE TABLE visits (
  user_id TEXT PRIMARY KEY,
  seen_at BIGINT NOT NULL,
  before_at BIGINT NOT NULL
);

-- Others see a view that is shared; only its maker changes it.
ALTER TABLE saved_views ADD COLUMN shared BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX saved_views_shared_idx ON saved_views (page) WHERE shared = TRUE;
