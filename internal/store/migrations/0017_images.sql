-- Which images changes brought and deployments spoke of: the way back from what runs.

-- +goose Up
-- It follows from the changes and the deployments.
CREATE TABLE image_mentions (
  -- as it is written there, and once more its digest alone
  image TEXT NOT NULL,
  -- 'change' or 'deployment'
  subject_kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  PRIMARY KEY (image, subject_kind, subject)
);
CREATE INDEX image_mentions_subject_idx ON image_mentions (subject_kind, subject);

-- In lower case: trackers do not tell letters apart.
ALTER TABLE deployments ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
CREATE INDEX deployments_ticket_idx ON deployments (ticket, id);
