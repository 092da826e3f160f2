// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// maxCounted is how far findings are counted that no counter is kept of.
const maxCounted = 10_000

// FacetValue is how many findings of a list have a value.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Facets counts the findings of a list, by facet: most first, severities worst first.
type Facets struct {
	Total int `json:"total"`
	// More tells that there are more than were counted, which is done up to 10,000 where no
	// counter is kept.
	More       bool         `json:"more"`
	Status     []FacetValue `json:"status"`
	Severities []FacetValue `json:"severities"`
	Sources    []FacetValue `json:"sources"`
	Checks     []FacetValue `json:"checks"`
	Namespaces []FacetValue `json:"namespaces"`
	Teams      []FacetValue `json:"teams"` // "": of no team
}

// FindingFacets counts what [Store.Findings] lists under the same filter. Counters are
// exact; where none is kept, the first 10,000 findings are counted.
func (s *Store) FindingFacets(ctx context.Context, f FindingFilter) (Facets, error) {
	return s.counted(ctx, f, func() (Facets, error) { return s.countFacets(ctx, f) })
}

func (s *Store) countFacets(ctx context.Context, f FindingFilter) (Facets, error) {
	t := tally{by: map[string]map[string]int{}}
	var err error
	if !f.adHoc() {
		err = s.counters(ctx, func(c *counters) { c.add(&t, c.of(&f)) })
	} else if err = s.resolve(ctx, &f); err == nil && f.textOnly() {
		err = s.countText(ctx, &t, f)
	} else if err == nil {
		err = s.countAdHoc(ctx, &t, f)
	}
	return t.facets(), s.dialect.explain(err)
}

// adHoc tells whether no counters are kept for the filter.
func (f *FindingFilter) adHoc() bool {
	return len(f.Assignees)+len(f.Kinds) > 0 || f.Object != "" || f.Waiver != "" || f.Overdue || f.Text != "" ||
		!f.OpenedFrom.IsZero() || !f.OpenedTo.IsZero()
}

// The facets.
const (
	facetSource    = "source"
	facetNamespace = "namespace"
	facetCheck     = "check"
	facetTeam      = "team"
	facetStatus    = "status"
	facetSeverity  = "severity"
)

// tally gathers counts.
type tally struct {
	total int
	more  bool
	by    map[string]map[string]int // by facet and value
}

func (t *tally) add(facet, value string, n int) {
	m := t.by[facet]
	if m == nil {
		m = map[string]int{}
		t.by[facet] = m
	}
	m[value] += n
}

func (t *tally) facets() Facets {
	worst := func(a, b FacetValue) int {
		return cmp.Compare(seaworthy.Severity(a.Value).Rank(), seaworthy.Severity(b.Value).Rank())
	}
	most := func(a, b FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	}
	list := func(facet string, order func(a, b FacetValue) int) []FacetValue {
		out := []FacetValue{}
		for v, n := range t.by[facet] {
			if n > 0 {
				out = append(out, FacetValue{v, n})
			}
		}
		slices.SortFunc(out, order)
		return out
	}
	return Facets{
		Total: t.total, More: t.more, Status: list(facetStatus, most), Severities: list(facetSeverity, worst), Sources: list(facetSource, most),
		Checks: list(facetCheck, most), Namespaces: list(facetNamespace, most), Teams: list(facetTeam, most),
	}
}

// countAdHoc counts the first findings of the list.
func (s *Store) countAdHoc(ctx context.Context, t *tally, f FindingFilter) error {
	if f.Waiver != "" {
		if err := s.narrow(ctx, &f); err != nil {
			return err
		}
	}
	f.aside, f.along = true, f.byTime()
	if in, _ := scopeOf(orNoProgram(f.Program)); f.along && f.Program != nil && len(in) <= fewSources { // source by source
		f.aside, f.along, f.many = false, false, true
	}
	w := f.where(s.Now())
	return s.addFindings(ctx, t, w)
}

// addFindings adds the findings that a condition selects, up to 10,000.
func (s *Store) addFindings(ctx context.Context, t *tally, w where) error {
	rows, err := s.read.QueryContext(ctx, `SELECT source_id, namespace, check_id, team, severity, status FROM findings`+w.sql()+
		` LIMIT `+w.arg(maxCounted+1), w.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for seen := 0; rows.Next(); seen++ {
		var p place
		if err := rows.Scan(&p.source, &p.namespace, &p.check, &p.team, &p.severity, &p.status); err != nil {
			return err
		}
		if seen == maxCounted {
			t.more = true
			break
		}
		t.total++
		t.add(facetSource, p.source, 1)
		t.add(facetSeverity, string(severityOf(p.severity)), 1)
		t.add(facetStatus, string(p.status), 1)
		t.add(facetCheck, p.check, 1)
		t.add(facetNamespace, p.namespace, 1)
		t.add(facetTeam, p.team, 1)
	}
	return rows.Err()
}

// TrendDay is how many findings stood at the end of a day, in UTC.
type TrendDay struct {
	Day    time.Time                  `json:"day"`
	Open   map[seaworthy.Severity]int `json:"open"`
	Waived int                        `json:"waived"`
}

// Trend gives the findings that stood on each of the last days, oldest first. It walks
// back from what stands now by what changed each day.
func (s *Store) Trend(ctx context.Context, p *seaworthy.Program, days int) ([]TrendDay, error) {
	today := dayOf(s.Now())
	now := FindingFilter{Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}, Program: p}
	open, err := s.FindingFacets(ctx, now)
	if err != nil {
		return nil, err
	}
	now.Status = []seaworthy.FindingStatus{seaworthy.FindingWaived}
	waived, err := s.FindingFacets(ctx, now)
	if err != nil {
		return nil, err
	}
	changes, err := s.changesByDay(ctx, p, today-int64(days))
	if err != nil {
		return nil, err
	}
	at := TrendDay{Open: map[seaworthy.Severity]int{}, Waived: waived.Total}
	for _, v := range open.Severities {
		at.Open[seaworthy.Severity(v.Value)] = v.Count
	}
	out := make([]TrendDay, days)
	for i := range days {
		day := today - int64(i)
		v := TrendDay{Day: time.Unix(day*24*60*60, 0).UTC(), Open: map[seaworthy.Severity]int{}, Waived: at.Waived}
		for _, severity := range seaworthy.Severities {
			v.Open[severity] = at.Open[severity]
			at.Open[severity] -= changes[dayChange{day, severity, seaworthy.FindingOpen}]
			at.Waived -= changes[dayChange{day, severity, seaworthy.FindingWaived}]
		}
		out[days-1-i] = v
	}
	return out, nil
}

type dayChange struct {
	day      int64
	severity seaworthy.Severity
	status   seaworthy.FindingStatus
}

func (s *Store) changesByDay(ctx context.Context, p *seaworthy.Program, after int64) (map[dayChange]int, error) {
	w := where{}
	w.add("day > ?", after)
	w.add("status <> ?", string(seaworthy.FindingFixed))
	w.program(p, "source_id", "namespace")
	rows, err := s.read.QueryContext(ctx, `SELECT day, severity, status, SUM(change) FROM finding_days`+w.sql()+` GROUP BY day, severity, status`, w.args...)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	defer rows.Close()
	out := map[dayChange]int{}
	for rows.Next() {
		var k dayChange
		var severity, n int
		if err := rows.Scan(&k.day, &severity, &k.status, &n); err != nil {
			return nil, s.dialect.explain(err)
		}
		k.severity = severityOf(severity)
		out[k] = n
	}
	return out, s.dialect.explain(rows.Err())
}
