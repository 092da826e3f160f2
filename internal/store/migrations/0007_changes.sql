-- The change trail of clusters.

-- +goose Up
CREATE TABLE changes (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  uid TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  verb TEXT NOT NULL,
  actor TEXT NOT NULL,
  approval TEXT NOT NULL,
  -- whether somebody has to explain it
  unexplained BOOLEAN NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX changes_at_idx ON changes (at, id);
CREATE INDEX changes_source_idx ON changes (source_id, at);
CREATE INDEX changes_object_idx ON changes (source_id, kind, namespace, name, at);
CREATE INDEX changes_actor_idx ON changes (actor, at);
CREATE INDEX changes_approval_idx ON changes (approval, source_id, namespace, at);
CREATE INDEX changes_unexplained_idx ON changes (at, id) WHERE unexplained;

-- What has been seen of each change: the same sighting never counts twice, however late it
-- comes again. It follows from the changes.
CREATE TABLE change_sightings (
  source_id TEXT NOT NULL,
  seen_by TEXT NOT NULL,
  sighting TEXT NOT NULL,
  change_id TEXT NOT NULL REFERENCES changes (id),
  PRIMARY KEY (source_id, seen_by, sighting)
);
CREATE INDEX change_sightings_change_idx ON change_sightings (change_id);

-- What pipelines and the git host say about changes.
CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX deployments_source_idx ON deployments (source_id, until_at);

-- Which changes of a cluster need an approval: the first rule that fits decides.
CREATE TABLE change_rules (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  place BIGINT NOT NULL,
  document TEXT NOT NULL
);

-- How many changes were folded under a cause or were the cluster's own books: what is not
-- shown one by one is counted, day by day.
CREATE TABLE folded_changes (
  source_id TEXT NOT NULL,
  day BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (source_id, day)
);
