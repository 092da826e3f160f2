// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// ObjectFilter narrows a list of objects; empty fields do not.
type ObjectFilter struct {
	Sources, Namespaces, Kinds, Teams []string
	// Workloads lists only what runs containers.
	Workloads bool
	// Deleted lists also what is not there any more.
	Deleted bool
	Name    string // its beginning
	Program *seaworthy.Program
	Cursor  string
	Limit   int
}

// CountedObject is an object and how many findings stand about it.
type CountedObject struct {
	TrackedObject
	Open   map[seaworthy.Severity]int `json:"open"`
	Waived int                        `json:"waived"`
}

// Objects lists objects by name.
func (s *Store) Objects(ctx context.Context, f ObjectFilter) (Page[CountedObject], error) {
	w := where{}
	w.among("source_id", f.Sources)
	w.among("namespace", f.Namespaces)
	w.among("kind", f.Kinds)
	w.among("team", orNone(f.Teams))
	if f.Workloads {
		w.add("workload = ?", true)
	}
	if !f.Deleted {
		w.add("deleted_at = ?", 0)
	}
	if f.Name != "" {
		w.add("name >= ? AND name < ?", f.Name, f.Name+"\U0010ffff")
	}
	w.beside(f.Program, "namespace")
	if f.Cursor != "" {
		data, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		name, id, found := strings.Cut(string(data), "\x00")
		if err != nil || !found {
			return Page[CountedObject]{}, seaworthy.Invalid("the cursor %q is not one of this list", f.Cursor)
		}
		w.add("(name, id) > (?, ?)", name, id)
	}
	n := limit(f.Limit)
	rows, err := s.read.QueryContext(ctx, `SELECT `+objectColumns+` FROM objects`+w.sql()+` ORDER BY name, id LIMIT `+w.arg(n+1), w.args...)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (CountedObject, error) {
		o, err := scanObject(row)
		return CountedObject{TrackedObject: o, Open: map[seaworthy.Severity]int{}}, err
	})
	if err != nil {
		return Page[CountedObject]{}, err
	}
	out := page(list, n, func(o CountedObject) string {
		return base64.RawURLEncoding.EncodeToString([]byte(o.Object.Name + "\x00" + o.ID))
	})
	return out, s.countObjects(ctx, out.Items)
}

func (s *Store) countObjects(ctx context.Context, list []CountedObject) error {
	if len(list) == 0 {
		return nil
	}
	index, w := map[string]int{}, where{}
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i], index[o.ID] = o.ID, i
	}
	w.among("object_id", ids)
	rows, err := s.read.QueryContext(ctx, `SELECT object_id, severity, status, COUNT(*) FROM findings`+w.sql()+` GROUP BY object_id, severity, status`, w.args...)
	if err != nil {
		return s.dialect.explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var severity, n int
		var status seaworthy.FindingStatus
		if err := rows.Scan(&id, &severity, &status, &n); err != nil {
			return s.dialect.explain(err)
		}
		switch o := &list[index[id]]; status {
		case seaworthy.FindingOpen:
			o.Open[severityOf(severity)] += n
		case seaworthy.FindingWaived:
			o.Waived += n
		}
	}
	return s.dialect.explain(rows.Err())
}

// Object gives an object by its id, with its counts.
func (s *Store) Object(ctx context.Context, id string) (CountedObject, error) {
	o, err := scanObject(s.read.QueryRowContext(ctx, `SELECT `+objectColumns+` FROM objects WHERE id = $1`, id))
	if err == sql.ErrNoRows {
		return CountedObject{}, seaworthy.NotFound("there is no object %s", id)
	}
	if err != nil {
		return CountedObject{}, s.dialect.explain(err)
	}
	list := []CountedObject{{TrackedObject: o, Open: map[seaworthy.Severity]int{}}}
	err = s.countObjects(ctx, list)
	return list[0], err
}

// Span is a time in which an object was, or was not, as a check wants it.
type Span struct {
	Check     string          `json:"check"`
	Compliant bool            `json:"compliant"` // nothing was found
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to,omitzero"` // zero while it lasts
	Cause     seaworthy.Cause `json:"cause,omitempty"`
	RunID     string          `json:"runId,omitempty"`
}

// ObjectStory gives, check by check and oldest first, when an object was as the checks
// want it and when not, and why that changed. Checks that never found anything are not
// part of it. A waived finding stands.
func (s *Store) ObjectStory(ctx context.Context, id string) ([]Span, error) {
	o, err := s.Object(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT f.check_id, e.at, e.kind, e.cause, e.run_id FROM findings f JOIN finding_events e ON e.finding_id = f.id
		WHERE f.object_id = $1 AND e.kind IN ($2, $3, $4) ORDER BY f.check_id, e.chunk, e.n LIMIT 10000`,
		id, seaworthy.EventOpened, seaworthy.EventRegressed, seaworthy.EventFixed)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out, standing := []Span{}, 0
	for rows.Next() {
		var next Span
		var at int64
		var kind string
		if err := rows.Scan(&next.Check, &at, &kind, &next.Cause, &next.RunID); err != nil {
			return nil, s.dialect.explain(err)
		}
		next.From, next.Compliant = moment(at), kind == seaworthy.EventFixed
		if n := len(out); n == 0 || out[n-1].Check != next.Check {
			standing = 0
			out = append(out, Span{Check: next.Check, Compliant: true, From: o.FirstSeenAt})
		}
		before := standing
		if next.Compliant {
			standing--
		} else {
			standing++
		}
		if (before == 0) != (standing == 0) {
			out = extend(out, next)
		}
	}
	return out, s.dialect.explain(rows.Err())
}

// extend ends the last span where the next begins; one without length goes.
func extend(out []Span, next Span) []Span {
	last := &out[len(out)-1]
	if !next.From.After(last.From) {
		*last = next
		return out
	}
	last.To = next.From
	return append(out, next)
}

// SourceView is a source as people look at it.
type SourceView struct {
	seaworthy.DeclaredSource
	State SourceState `json:"state"`
	// NextAt is when the next report is expected; zero: none is.
	NextAt time.Time `json:"nextAt,omitzero"`
	// Silent: a report is overdue by more than the grace.
	Silent bool                       `json:"silent"`
	Open   map[seaworthy.Severity]int `json:"open"`
	Waived int                        `json:"waived"`
	Gaps   []seaworthy.Gap            `json:"gaps"` // that last
}

// SourceViews lists the sources in a program's scope by name; all without a program.
func (s *Store) SourceViews(ctx context.Context, p *seaworthy.Program) ([]SourceView, error) {
	w := where{}
	w.program(p, "id", "")
	list, err := sources.list(ctx, s, s.read, w, "ORDER BY name, id")
	if err != nil {
		return nil, err
	}
	states, err := s.SourceStates(ctx)
	if err != nil {
		return nil, err
	}
	lasting, err := s.Gaps(ctx, GapFilter{Open: true, Program: p, Limit: 1000})
	if err != nil {
		return nil, err
	}
	standing, err := s.standingBySource(ctx, p)
	if err != nil {
		return nil, err
	}
	out, now := make([]SourceView, len(list)), s.Now()
	for i, v := range list {
		o := SourceView{DeclaredSource: v, State: states[v.ID], Open: map[seaworthy.Severity]int{}, Gaps: []seaworthy.Gap{}}
		if o.NextAt = Next(v, o.State.ReportedAt); !o.NextAt.IsZero() {
			o.Silent = now.After(o.NextAt.Add(Grace(v.Every)))
		}
		for _, g := range lasting.Items {
			if g.SourceID == v.ID {
				o.Gaps = append(o.Gaps, g)
			}
		}
		if of, ok := standing[v.ID]; ok {
			o.Open, o.Waived = of.open, of.waived
		}
		out[i] = o
	}
	return out, nil
}

// standing is how many findings stand at a source.
type standing struct {
	open   map[seaworthy.Severity]int
	waived int
}

// standingBySource counts the findings that stand in a program's scope, by source.
func (s *Store) standingBySource(ctx context.Context, p *seaworthy.Program) (map[string]standing, error) {
	out := map[string]standing{}
	err := s.counters(ctx, func(c *counters) {
		open, waived := make([][]int, len(c.names[ofSource].list)), make([]int, len(c.names[ofSource].list))
		for i := range open {
			open[i] = make([]int, 1+len(seaworthy.Severities))
		}
		isOpen, isWaived := c.among(ofStatus, []string{string(seaworthy.FindingOpen)}), c.among(ofStatus, []string{string(seaworthy.FindingWaived)})
		c.each(c.of(&FindingFilter{Program: p}), func(v *counter) {
			switch source := v.key[ofSource]; {
			case isOpen[v.key[ofStatus]]:
				open[source][v.key[ofSeverity]] += int(v.n)
			case isWaived[v.key[ofStatus]]:
				waived[source] += int(v.n)
			}
		})
		for number, name := range c.names[ofSource].list {
			v := standing{open: map[seaworthy.Severity]int{}, waived: waived[number]}
			for rank, n := range open[number] {
				if n != 0 {
					v.open[severityOf(rank)] = n
				}
			}
			out[name] = v
		}
	})
	return out, err
}

func orNoProgram(p *seaworthy.Program) *seaworthy.Program {
	if p == nil {
		return &seaworthy.Program{}
	}
	return p
}

// Next is when a source's next report is expected; zero: none is.
func Next(v seaworthy.DeclaredSource, reported time.Time) time.Time {
	switch {
	case v.Every == 0 || !v.Declared || !v.RetiredAt.IsZero():
		return time.Time{}
	case reported.IsZero():
		return v.CreatedAt.Add(v.Every)
	}
	return reported.Add(v.Every)
}
