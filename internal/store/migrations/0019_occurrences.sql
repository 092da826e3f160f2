-- Where programs of one time look at different clusters, each has occurrences of its own.
-- Empty: of every program; '-': of none alone.

-- +goose Up

ALTER TABLE occurrences ADD COLUMN program_id TEXT NOT NULL DEFAULT '';
ALTER TABLE occurrence_states ADD COLUMN program_id TEXT NOT NULL DEFAULT '';
DROP INDEX occurrence_states_due_idx;
CREATE INDEX occurrence_states_due_idx ON occurrence_states (due_at, from_at, at, until_at, control_id, state, result, late_at, program_id);
