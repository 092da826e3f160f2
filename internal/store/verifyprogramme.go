// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// occurrenceStates is what readiness counts: it has to say what the log says.
type occurrenceStates struct{}

func (occurrenceStates) tableName() string { return "occurrence_states" }

// stateRow is a state as the log has it, beside the row that readiness counts.
type stateRow struct {
	subject string
	at      int64
	content *string
	state   *string
	result  *string
	control *string
	from    *int64
	due     *int64
	late    *int64
	until   *int64
	program *string
}

func (occurrenceStates) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT e.subject, e.at, e.content, s.state, s.result, s.control_id, s.from_at, s.due_at, s.late_at, s.until_at, s.program_id
		FROM (SELECT subject, at, MAX(idx) AS idx FROM log_entries WHERE kind = $1 GROUP BY subject, at) n
		JOIN log_entries e ON e.idx = n.idx
		LEFT JOIN occurrence_states s ON s.occurrence_id = n.subject AND s.at = n.at
		ORDER BY e.subject, e.at`, occurrences.kind)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last stateRow
	for rows.Next() {
		var r stateRow
		if err := rows.Scan(&r.subject, &r.at, &r.content, &r.state, &r.result, &r.control, &r.from, &r.due, &r.late, &r.until, &r.program); err != nil {
			return err
		}
		if last.subject != "" {
			next := forever
			if last.subject == r.subject {
				next = r.at
			}
			last.check(v, next)
		}
		last = r
	}
	if last.subject != "" {
		last.check(v, forever)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("occurrence %s: a state that is in no entry of the log was added", s) },
		`SELECT occurrence_id FROM occurrence_states s WHERE NOT EXISTS (
			SELECT 1 FROM log_entries e WHERE e.kind = $1 AND e.subject = s.occurrence_id AND e.at = s.at)`, occurrences.kind)
}

func (r stateRow) check(v *verification, until int64) {
	when := moment(r.at).Format("2006-01-02T15:04:05Z")
	var o seaworthy.Occurrence
	switch {
	case r.state == nil:
		v.tell("occurrence %s: its state of %s is missing from what is counted", r.subject, when)
	case r.content == nil:
		v.tell("occurrence %s: the entry of %s was erased", r.subject, when)
	case json.Unmarshal([]byte(*r.content), &o) != nil:
		v.tell("occurrence %s: the entry of %s cannot be read", r.subject, when)
	case *r.state != string(o.State) || *r.result != o.Result || *r.control != o.ControlID || *r.from != micros(o.From) ||
		*r.due != micros(o.DueAt) || *r.late != micros(o.LateAt) || *r.until != until || *r.program != o.ProgramID:
		v.tell("occurrence %s: its state of %s was altered in what is counted", r.subject, when)
	}
}

// evidenceLinks is what evidence is for, as readiness reads it.
type evidenceLinks struct{}

func (evidenceLinks) tableName() string { return "evidence_for" }

func (evidenceLinks) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT e.id, e.document, f.control_id, f.occurrence_id, f.shows, f.effective_from, f.effective_to, f.logged_at, f.erased_at
		FROM evidence e LEFT JOIN evidence_for f ON f.evidence_id = e.id ORDER BY e.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	c := linkCheck{v: v}
	for rows.Next() {
		var id, document string
		var control, occurrence, shows *string
		var times [4]*int64
		if err := rows.Scan(&id, &document, &control, &occurrence, &shows, &times[0], &times[1], &times[2], &times[3]); err != nil {
			return err
		}
		c.begin(id, document)
		if control != nil {
			c.link(*control, *occurrence, *shows, [4]int64{*times[0], *times[1], *times[2], *times[3]})
		}
	}
	c.end()
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("evidence %s is not there, but something says what it is for", s) },
		`SELECT evidence_id FROM evidence_for f WHERE NOT EXISTS (SELECT 1 FROM evidence e WHERE e.id = f.evidence_id)`)
}

// linkCheck compares the links of one piece of evidence after the other.
type linkCheck struct {
	v                     *verification
	id                    string
	e                     seaworthy.Evidence
	controls, occurrences []string
	altered               bool
}

func (c *linkCheck) begin(id, document string) {
	if id == c.id {
		return
	}
	c.end()
	*c = linkCheck{v: c.v, id: id}
	c.altered = json.Unmarshal([]byte(document), &c.e) != nil
}

func (c *linkCheck) link(control, occurrence, shows string, times [4]int64) {
	c.controls = append(c.controls, control)
	if occurrence != "" {
		c.occurrences = append(c.occurrences, occurrence)
	}
	want := [4]int64{micros(c.e.EffectiveFrom), micros(c.e.EffectiveTo), micros(c.e.LoggedAt), micros(c.e.ErasedAt)}
	c.altered = c.altered || shows != c.e.Shows || times != want
}

func (c *linkCheck) end() {
	if c.id == "" {
		return
	}
	distinct := func(list []string) string { return fmt.Sprint(slices.Compact(slices.Sorted(slices.Values(list)))) }
	if c.altered || distinct(c.controls) != distinct(c.e.Controls) || distinct(c.occurrences) != distinct(c.e.Occurrences) {
		c.v.tell("evidence %s: what it is for was altered", c.id)
	}
}
