-- What is overdue and of one severity is counted without going through everything that is
-- overdue. The id comes before what is only read along: reports write findings in its order.

-- +goose Up

CREATE INDEX findings_overdue_idx ON findings (status, severity, due_at, id, source_id, namespace, check_id, team, assignee);
