-- Findings with a life. Events are only added; a finding's row is what its latest event
-- (chunk, n) says. content is a digest of what reports say of the finding, to tell what
-- changed without reading it.

-- +goose Up
CREATE TABLE findings (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL,
  object_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  check_id TEXT NOT NULL,
  severity BIGINT NOT NULL,
  category TEXT NOT NULL,
  api_version TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  container TEXT NOT NULL,
  path TEXT NOT NULL,
  file TEXT NOT NULL,
  line BIGINT NOT NULL,
  origin TEXT NOT NULL,
  message TEXT NOT NULL,
  waiver_requested TEXT NOT NULL,
  status TEXT NOT NULL,
  cause TEXT NOT NULL,
  first_seen_at BIGINT NOT NULL,
  opened_at BIGINT NOT NULL,
  closed_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  regressions BIGINT NOT NULL,
  run_id TEXT NOT NULL,
  team TEXT NOT NULL,
  assignee TEXT NOT NULL,
  waiver_id TEXT NOT NULL,
  ticket TEXT NOT NULL,
  content BYTEA NOT NULL,
  chunk BIGINT NOT NULL,
  n BIGINT NOT NULL
);
-- severity: 5 critical … 1 info, so that lists start with what is worst.
CREATE INDEX findings_list_idx ON findings (status, severity DESC, id);
CREATE INDEX findings_source_idx ON findings (source_id, status, severity DESC, id);
CREATE INDEX findings_namespace_idx ON findings (namespace, status, severity DESC, id);
CREATE INDEX findings_check_idx ON findings (check_id, status, severity DESC, id);
CREATE INDEX findings_team_idx ON findings (team, status, severity DESC, id);
CREATE INDEX findings_object_idx ON findings (object_id);
CREATE INDEX findings_kind_idx ON findings (kind, status, severity DESC, id);
-- What follows the id is what counts ask of many findings at once, so that they need not
-- read each.
CREATE INDEX findings_due_idx ON findings (status, due_at, id, severity, source_id, namespace);
CREATE INDEX findings_opened_idx ON findings (status, opened_at, id, regressions, source_id, namespace);
CREATE INDEX findings_message_idx ON findings (lower(substr(message, 1, 48)), id);
-- Few findings have these.
CREATE INDEX findings_assignee_idx ON findings (assignee, status, severity DESC, id) WHERE assignee <> '';
CREATE INDEX findings_waiver_idx ON findings (waiver_id, id) WHERE waiver_id <> '';

-- A chunk is one leaf of the log: the root over its events.
CREATE TABLE finding_chunks (
  id BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  run_id TEXT NOT NULL,
  events BIGINT NOT NULL,
  root TEXT NOT NULL
);
CREATE TABLE finding_events (
  chunk BIGINT NOT NULL,
  n BIGINT NOT NULL,
  finding_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  cause TEXT NOT NULL,
  actor TEXT NOT NULL,
  run_id TEXT NOT NULL,
  note TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (chunk, n)
);
CREATE INDEX finding_events_finding_idx ON finding_events (finding_id, chunk, n);

-- Counters, kept in the transaction that changes the findings: each combination that
-- there is, sums by one facet at a time for the lists that are not narrowed further, and
-- how they changed by day (since 1970), for trends.
CREATE TABLE finding_counts (
  source_id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  check_id TEXT NOT NULL,
  team TEXT NOT NULL,
  severity BIGINT NOT NULL,
  status TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (source_id, namespace, check_id, team, severity, status)
);
CREATE INDEX finding_counts_check_idx ON finding_counts (check_id, status);
CREATE INDEX finding_counts_namespace_idx ON finding_counts (namespace, status);
CREATE INDEX finding_counts_team_idx ON finding_counts (team, status);
CREATE TABLE finding_totals (
  facet TEXT NOT NULL,
  value TEXT NOT NULL,
  source_id TEXT NOT NULL,
  severity BIGINT NOT NULL,
  status TEXT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (facet, value, source_id, severity, status)
);
CREATE INDEX finding_totals_status_idx ON finding_totals (status, facet, value, source_id, severity, count);
CREATE TABLE finding_days (
  day BIGINT NOT NULL,
  source_id TEXT NOT NULL,
  namespace TEXT NOT NULL,
  severity BIGINT NOT NULL,
  status TEXT NOT NULL,
  change BIGINT NOT NULL,
  PRIMARY KEY (day, source_id, namespace, severity, status)
);

CREATE TABLE waivers (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  check_id TEXT NOT NULL,
  source_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX waivers_state_idx ON waivers (state, expires_at);
-- Most waivers are of one finding; those of patterns have no fingerprint.
CREATE INDEX waivers_fingerprint_idx ON waivers (fingerprint, state, expires_at);

CREATE TABLE comments (
  id TEXT PRIMARY KEY,
  subject_kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX comments_subject_idx ON comments (subject_kind, subject, at);

CREATE TABLE saved_views (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  page TEXT NOT NULL,
  name TEXT NOT NULL,
  query TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX saved_views_user_idx ON saved_views (user_id, page);
