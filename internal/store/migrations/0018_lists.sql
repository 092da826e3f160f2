-- Lists and counts of findings by who fixes them and by waiver, and of objects by kind, are
-- read from indexes alone, or in their order.

-- +goose Up

DROP INDEX findings_assignee_idx;
CREATE INDEX findings_assignee_idx ON findings (assignee, status, severity DESC, id, due_at, opened_at, source_id, namespace, check_id, team) WHERE assignee <> '';
DROP INDEX findings_waiver_idx;
CREATE INDEX findings_waiver_idx ON findings (waiver_id, id, status, severity, source_id, namespace, check_id, team) WHERE waiver_id <> '';
CREATE INDEX objects_kind_idx ON objects (kind, name, id);
