-- Counters of findings are read into memory, where any of their facets is counted: what
-- was kept for reading them in other ways only cost every report its writing.

-- +goose Up

DROP TABLE finding_totals;
DROP INDEX finding_counts_check_idx;
DROP INDEX finding_counts_namespace_idx;
DROP INDEX finding_counts_team_idx;

-- What each write changed in finding_counts lately, so that what servers hold in memory
-- follows. size is that of the log after the write; previous that of the row before, so
-- that whoever was away for longer than rows are kept notices.
CREATE TABLE finding_count_changes (
  size BIGINT PRIMARY KEY,
  previous BIGINT NOT NULL,
  at BIGINT NOT NULL,
  changes TEXT NOT NULL -- JSON: [[source, namespace, check, team, status, severity, difference], …]
);
CREATE INDEX finding_count_changes_at_idx ON finding_count_changes (at);

-- What measures of honesty ask for is little of much.
CREATE INDEX checks_mode_idx ON checks (mode, source_id, id, version);
CREATE INDEX occurrence_states_not_required_idx ON occurrence_states (due_at, from_at, at, until_at) WHERE state = 'not-required';
