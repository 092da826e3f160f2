// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// forever is the end of what still lasts.
const forever = int64(1) << 62

var occurrences = records[seaworthy.Occurrence]{
	kind: "occurrence", table: "occurrences", key: []string{"id"},
	columns: []string{"id", "control_id", "from_at", "due_at", "event", "state", "result", "program_id"},
	values: func(o *seaworthy.Occurrence) []any {
		return []any{o.ID, o.ControlID, micros(o.From), micros(o.DueAt), cause(o), string(o.State), o.Result, o.ProgramID}
	},
	subject: func(o *seaworthy.Occurrence) string { return o.ID },
}

// cause tells occurrences of a control in one window apart: what asked for it, or which
// program alone it is of.
func cause(o *seaworthy.Occurrence) string {
	if o.ProgramID != "" && o.ProgramID != seaworthy.OfNoProgram {
		return ofProgram(o.ProgramID)
	}
	return o.Event
}

func ofProgram(id string) string { return "program " + id }

// NamesProgram tells whether an event is called as the results of one program alone are kept.
func NamesProgram(event string) bool {
	id, ok := strings.CutPrefix(event, ofProgram(""))
	return ok && id != "" && !strings.Contains(id, " ")
}

// PutOccurrence writes an occurrence as it is from now on. lateAt is when its evidence
// has to be in.
func (t *Tx) PutOccurrence(o *seaworthy.Occurrence, lateAt time.Time) error {
	v := *o
	v.UpdatedAt, v.LateAt = t.At, lateAt
	if v.ID == "" {
		v.ID = t.NewID()
	}
	if err := occurrences.put(t, &v); err != nil {
		return err
	}
	if err := t.exec(`UPDATE occurrence_states SET until_at = $1 WHERE occurrence_id = $2 AND until_at = $3`, micros(t.At), v.ID, forever); err != nil {
		return err
	}
	*o = v
	return t.exec(`INSERT INTO occurrence_states (occurrence_id, at, until_at, control_id, from_at, due_at, late_at, state, result, program_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (occurrence_id, at) DO UPDATE SET until_at = excluded.until_at, late_at = excluded.late_at, state = excluded.state, result = excluded.result,
			program_id = excluded.program_id`,
		v.ID, micros(t.At), forever, v.ControlID, micros(v.From), micros(v.DueAt), micros(lateAt), string(v.State), v.Result, v.ProgramID)
}

// Occurrence gives an occurrence by its id.
func (s *Store) Occurrence(ctx context.Context, id string) (seaworthy.Occurrence, error) {
	w := where{}
	w.add("id = ?", id)
	return occurrences.one(ctx, s, s.read, id, w)
}

// Occurrence gives an occurrence by its id, inside the write, and keeps others from
// changing it.
func (t *Tx) Occurrence(id string) (seaworthy.Occurrence, error) {
	return occurrences.locked(t, id, byID(id))
}

// OccurrenceFilter narrows a list of occurrences; empty fields do not.
type OccurrenceFilter struct {
	Control string
	Program string // what this program counts; empty: all
	States  []seaworthy.OccurrenceState
	// From and To give occurrences whose window overlaps the interval.
	From, To time.Time
	// DueFrom and DueTo give those that are due in the interval.
	DueFrom, DueTo time.Time
	// AfterDue and AfterID are the end of the page before.
	AfterDue time.Time
	AfterID  string
	Limit    int // 0: 100
}

func (f OccurrenceFilter) where() where {
	w := where{}
	w.equal("control_id", f.Control)
	if f.Program != "" {
		w.among("program_id", []string{"", f.Program})
	}
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	w.among("state", states)
	for _, b := range []struct {
		condition string
		t         time.Time
	}{{"due_at > ?", f.From}, {"from_at < ?", f.To}, {"due_at >= ?", f.DueFrom}, {"due_at < ?", f.DueTo}} {
		if !b.t.IsZero() {
			w.add(b.condition, micros(b.t))
		}
	}
	if f.AfterID != "" {
		w.add("(due_at > ? OR (due_at = ? AND id > ?))", micros(f.AfterDue), micros(f.AfterDue), f.AfterID)
	}
	return w
}

// Occurrences lists occurrences by due date.
func (s *Store) Occurrences(ctx context.Context, f OccurrenceFilter) ([]seaworthy.Occurrence, error) {
	w := f.where()
	return occurrences.list(ctx, s, s.read, w, "ORDER BY due_at, id LIMIT "+w.arg(limit(f.Limit)))
}

// AllOccurrences lists every occurrence that the filter selects, by due date.
func (s *Store) AllOccurrences(ctx context.Context, f OccurrenceFilter) ([]seaworthy.Occurrence, error) {
	return occurrences.list(ctx, s, s.read, f.where(), "ORDER BY due_at, id")
}

// OccurrenceHistory lists every state of an occurrence, oldest first.
func (s *Store) OccurrenceHistory(ctx context.Context, id string) ([]LogEntry, error) {
	return s.History(ctx, occurrences.kind, id)
}

// CalendarWindows gives the starts of the windows that a control has occurrences for.
type CalendarWindows struct {
	Control     string
	Count       int
	First, Last time.Time
}

// Calendar counts, for each control, the occurrences of its calendar.
func (s *Store) Calendar(ctx context.Context) (map[string]CalendarWindows, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT control_id, COUNT(*), MIN(from_at), MAX(from_at) FROM occurrences WHERE event = '' GROUP BY control_id`)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (CalendarWindows, error) {
		var c CalendarWindows
		var first, last int64
		err := row.Scan(&c.Control, &c.Count, &first, &last)
		c.First, c.Last = moment(first), moment(last)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	out := map[string]CalendarWindows{}
	for _, c := range list {
		out[c.Control] = c
	}
	return out, nil
}

// NotOfProgram lists what came of controls in windows that overlap [from, to), of which
// there is nothing yet that a program alone counts.
func (s *Store) NotOfProgram(ctx context.Context, program string, controls []string, from, to time.Time) ([]seaworthy.Occurrence, error) {
	w := where{}
	w.add("event = ''")
	w.add("due_at > ?", micros(from))
	w.add("from_at < ?", micros(to))
	w.among("state", []string{string(seaworthy.Performed), string(seaworthy.Late), string(seaworthy.Missed)})
	w.among("control_id", controls)
	w.add("NOT EXISTS (SELECT 1 FROM occurrences o WHERE o.control_id = occurrences.control_id AND o.from_at = occurrences.from_at AND o.event = ?)", ofProgram(program))
	return occurrences.list(ctx, s, s.read, w, "ORDER BY due_at, id")
}

// OccurrencesWithin lists the calendar's occurrences of a control whose windows lie in
// [from, to] and that are not done, inside the write.
func (t *Tx) OccurrencesWithin(control string, from, to time.Time) ([]seaworthy.Occurrence, error) {
	w := where{}
	w.equal("control_id", control)
	w.add("event = ''")
	w.add("from_at >= ?", micros(from))
	w.add("due_at <= ?", micros(to))
	w.among("state", []string{string(seaworthy.Expected), string(seaworthy.Missed)})
	return occurrences.list(t.ctx, t.store, t.tx, w, "ORDER BY from_at")
}
