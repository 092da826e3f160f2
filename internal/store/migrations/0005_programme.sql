-- Programs, controls and their occurrences, evidence, frozen lists.

-- +goose Up
CREATE TABLE programs (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  from_at BIGINT NOT NULL,
  to_at BIGINT NOT NULL,
  closed_at BIGINT NOT NULL,
  document TEXT NOT NULL
);

-- Every version of every control; the newest of an id is the present one.
CREATE TABLE controls (
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  effective_from BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (id, version)
);

CREATE TABLE occurrences (
  id TEXT PRIMARY KEY,
  control_id TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  result TEXT NOT NULL,
  document TEXT NOT NULL,
  UNIQUE (control_id, from_at, event)
);
CREATE INDEX occurrences_due_idx ON occurrences (due_at, id);
CREATE INDEX occurrences_state_idx ON occurrences (state, due_at);

-- What each occurrence was, and from when until when it was that: it follows from the log,
-- and lets the past be counted as fast as the present. late_at is when the evidence had to
-- be in. until_at is 4611686018427387904 while it lasts.
CREATE TABLE occurrence_states (
  occurrence_id TEXT NOT NULL REFERENCES occurrences (id),
  at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  control_id TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  late_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY (occurrence_id, at)
);
CREATE INDEX occurrence_states_due_idx ON occurrence_states (due_at, from_at, at, until_at, control_id, state, result, late_at);

CREATE TABLE evidence (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  shows TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  effective_from BIGINT NOT NULL,
  effective_to BIGINT NOT NULL,
  logged_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX evidence_effective_idx ON evidence (effective_to, id);
CREATE INDEX evidence_digest_idx ON evidence (digest);
CREATE INDEX evidence_logged_idx ON evidence (logged_at, id);
CREATE INDEX evidence_run_idx ON evidence (run_id);

-- What evidence is for, with what readiness asks of it, so that it need not read documents.
-- occurrence_id is empty where it is for the control as such.
CREATE TABLE evidence_for (
  evidence_id TEXT NOT NULL REFERENCES evidence (id),
  control_id TEXT NOT NULL,
  occurrence_id TEXT NOT NULL,
  shows TEXT NOT NULL,
  effective_from BIGINT NOT NULL,
  effective_to BIGINT NOT NULL,
  logged_at BIGINT NOT NULL,
  erased_at BIGINT NOT NULL,
  PRIMARY KEY (evidence_id, control_id, occurrence_id)
);
-- The latest of each control is looked up in the index alone.
CREATE INDEX evidence_for_control_idx ON evidence_for (control_id, shows, effective_to, effective_from, logged_at, erased_at, evidence_id);
CREATE INDEX evidence_for_occurrence_idx ON evidence_for (occurrence_id);

CREATE TABLE populations (
  id TEXT PRIMARY KEY,
  program_id TEXT NOT NULL,
  list TEXT NOT NULL,
  frozen_at BIGINT NOT NULL,
  digest TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX populations_program_idx ON populations (program_id, frozen_at);
CREATE TABLE samples (
  id TEXT PRIMARY KEY,
  population_id TEXT NOT NULL REFERENCES populations (id),
  selected_at BIGINT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX samples_population_idx ON samples (population_id, selected_at);

-- Readiness day by day, for the trend; it is worked out from the tables above, once.
CREATE TABLE readiness_days (
  program_id TEXT NOT NULL,
  day BIGINT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (program_id, day)
);

-- What judging looks for: reports that came in since, and what was fixed since.
CREATE INDEX runs_received_idx ON runs (received_at);
CREATE INDEX findings_closed_idx ON findings (closed_at, status, severity, opened_at, cause, source_id, namespace) WHERE closed_at > 0;

-- Decisions that are events and no records: exports, retention, erasures.
CREATE TABLE actions (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  document TEXT NOT NULL
);
CREATE INDEX actions_at_idx ON actions (at);
