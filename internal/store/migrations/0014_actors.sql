-- Who is behind the names by which clusters know people, and what is known of the objects
-- around changes.

-- +goose Up
CREATE TABLE actors (
  id TEXT PRIMARY KEY,
  -- empty: of every cluster
  source_id TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX actors_name_idx ON actors (source_id, name);

-- What the trail knows of objects beside their changes: what owns them, what they make, and
-- the controllers' work on them of late, which is counted and not kept. It is there to tell
-- that work from changes, proves nothing, and goes when it is of no use any more.
CREATE TABLE known_objects (
  source_id TEXT NOT NULL,
  -- with its group: two kinds may have one name
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  known TEXT NOT NULL,
  PRIMARY KEY (source_id, kind, namespace, name)
);
CREATE INDEX known_objects_expires_idx ON known_objects (source_id, expires_at);
