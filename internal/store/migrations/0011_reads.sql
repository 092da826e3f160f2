-- What pages of large databases read, from indexes alone: a finding that is only counted
-- need not be looked up in its table.

-- +goose Up

-- Lists that are bounded by time too need not look up what the bound leaves out.
DROP INDEX findings_list_idx;
CREATE INDEX findings_list_idx ON findings (status, severity DESC, id, due_at, opened_at, source_id, namespace);

-- Counts of what no counter is kept of end with what they ask of each finding.
DROP INDEX findings_source_idx;
CREATE INDEX findings_source_idx ON findings (source_id, status, severity DESC, id, due_at, opened_at, regressions, namespace, check_id, team, assignee);
DROP INDEX findings_kind_idx;
CREATE INDEX findings_kind_idx ON findings (kind, status, severity DESC, id, source_id, namespace, check_id, team);
DROP INDEX findings_due_idx;
CREATE INDEX findings_due_idx ON findings (status, due_at, id, severity, source_id, namespace, check_id, team, assignee);
DROP INDEX findings_opened_idx;
CREATE INDEX findings_opened_idx ON findings (status, opened_at, id, regressions, severity, source_id, namespace, check_id, team);
DROP INDEX findings_object_idx;
CREATE INDEX findings_object_idx ON findings (object_id, status, severity, source_id, namespace, check_id, team, id);

DROP INDEX findings_message_idx;
CREATE INDEX findings_message_idx ON findings (lower(substr(message, 1, 48)), id, name, status, severity, source_id, namespace, check_id, team);

-- Objects are listed by name, also where they are narrowed.
CREATE INDEX objects_namespace_idx ON objects (namespace, name, id);
CREATE INDEX objects_team_idx ON objects (team, name, id);
DROP INDEX objects_source_idx;
CREATE INDEX objects_source_idx ON objects (source_id, name, id);

-- Changes are listed by time, and a program leaves out some of the sources.
DROP INDEX changes_at_idx;
CREATE INDEX changes_at_idx ON changes (at, id, source_id, namespace);
DROP INDEX changes_unexplained_idx;
CREATE INDEX changes_unexplained_idx ON changes (at, id, source_id, namespace) WHERE unexplained;
DROP INDEX changes_approval_idx;
CREATE INDEX changes_approval_idx ON changes (approval, at, id, source_id, namespace);
CREATE INDEX changes_kind_idx ON changes (kind, at, id, source_id);
CREATE INDEX changes_namespace_idx ON changes (namespace, at, id, source_id);
CREATE INDEX changes_name_idx ON changes (name, at, id, source_id);
CREATE INDEX changes_verb_idx ON changes (verb, at, id, source_id);
