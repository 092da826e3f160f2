-- What is overdue and of one severity is counted without going through everything that is
-- overdue.

-- +goose Up

CREATE INDEX findings_overdue_idx ON findings (status, severity, due_at, source_id, namespace, check_id, team, assignee);
