// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"maps"
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
		facets, err := s.sourceCounts(ctx, p, v.ID)
		if err != nil {
			return nil, err
		}
		o.Open, o.Waived = facets.Open, facets.Waived
		out[i] = o
	}
	return out, nil
}

func (s *Store) sourceCounts(ctx context.Context, p *seaworthy.Program, source string) (TrendDay, error) {
	v := TrendDay{Open: map[seaworthy.Severity]int{}}
	_, out := scopeOf(orNoProgram(p))
	err := s.addSums(ctx, source, out[source], func(severity int, status seaworthy.FindingStatus, n int) {
		switch status {
		case seaworthy.FindingOpen:
			v.Open[severityOf(severity)] += n
		case seaworthy.FindingWaived:
			v.Waived += n
		}
	})
	maps.DeleteFunc(v.Open, func(_ seaworthy.Severity, n int) bool { return n == 0 })
	return v, s.dialect.explain(err)
}

// addSums gives the sums of a source to f; those of the namespaces that are left out come
// with a minus.
func (s *Store) addSums(ctx context.Context, source string, without []string, f func(severity int, status seaworthy.FindingStatus, n int)) error {
	rows, err := s.read.QueryContext(ctx, `SELECT severity, status, count FROM finding_totals WHERE facet = $1 AND value = $2 AND source_id = $3`, facetAll, "", source)
	if err := eachSum(rows, err, f); err != nil || len(without) == 0 {
		return err
	}
	w := where{}
	w.add("facet = ? AND source_id = ?", facetNamespace, source)
	w.among("value", without)
	rows, err = s.read.QueryContext(ctx, `SELECT severity, status, count FROM finding_totals`+w.sql(), w.args...)
	return eachSum(rows, err, func(severity int, status seaworthy.FindingStatus, n int) { f(severity, status, -n) })
}

func eachSum(rows *sql.Rows, err error, f func(severity int, status seaworthy.FindingStatus, n int)) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var severity, n int
		var status seaworthy.FindingStatus
		if err := rows.Scan(&severity, &status, &n); err != nil {
			return err
		}
		f(severity, status, n)
	}
	return errors.Join(rows.Err(), rows.Close())
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
