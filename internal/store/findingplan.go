// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// A list of findings that is narrowed to several values of a column cannot be read in
// order from an index, but each value can: a branch for each, of one page, and the page
// is among them. Databases do not see that by themselves.

// maxBranches bounds how many branches a statement has.
const maxBranches = 96

// branched tells whether the list is read in branches: few findings are read at once.
func (f *FindingFilter) branched() bool {
	return f.Object == "" && f.Waiver == "" && f.few == "" && !f.along && len(f.text.ids) == 0
}

// without leaves out what the branches say; SQLite would follow it instead of them.
func (f FindingFilter) without(columns []string) *FindingFilter {
	for _, c := range columns {
		switch c {
		case "status":
			f.Status = nil
		case "assignee":
			f.Assignees = nil
		case "check_id":
			f.Checks = nil
		case "kind":
			f.Kinds = nil
		case "namespace":
			f.Namespaces = nil
		case "team":
			f.Teams = nil
		case "source_id":
			f.Sources = nil
		}
	}
	return &f
}

// branches are the combinations of values, one of which each finding of the list has.
func (f *FindingFilter) branches() (columns []string, rows [][]any) {
	statuses := f.Status
	switch {
	case f.Overdue && (len(statuses) == 0 || slices.Contains(statuses, seaworthy.FindingOpen)):
		statuses = []seaworthy.FindingStatus{seaworthy.FindingOpen} // nothing else is overdue
	case len(statuses) == 0:
		statuses = []seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived, seaworthy.FindingFixed}
	}
	column, values := "", []string{""}
	for _, c := range []struct {
		column string
		values []string
	}{
		{"assignee", f.Assignees}, {"check_id", f.Checks}, {"namespace", f.Namespaces}, {"kind", f.Kinds}, {"team", f.Teams}, {"source_id", f.Sources},
	} {
		// Nobody and no team are most of all.
		if len(c.values) > 0 && !slices.Contains(c.values, noneOf) && !(f.anyCheck && c.column == "check_id") && len(c.values)*len(statuses) <= maxBranches {
			column, values = c.column, c.values
			break
		}
	}
	for _, s := range statuses {
		for _, v := range values {
			if column == "" {
				rows = append(rows, []any{string(s)})
			} else {
				rows = append(rows, []any{string(s), v})
			}
		}
	}
	if column == "" {
		return []string{"status"}, rows
	}
	return []string{"status", column}, rows
}

// read reads the first n findings of the list in the order.
func (s *Store) readFindings(ctx context.Context, f *FindingFilter, w where, order string, n int) ([]seaworthy.TrackedFinding, error) {
	if f.along { // so that only the rows of the page are read, and not those that are sorted
		query := `SELECT id FROM findings` + w.sql() + ` ORDER BY ` + order + ` LIMIT ` + w.arg(n)
		rows, err := s.read.QueryContext(ctx, `SELECT `+findingColumns+` FROM findings WHERE id IN (SELECT id FROM (`+query+`) page) ORDER BY `+order, w.args...)
		return collect(s, rows, err, scanFinding)
	}
	columns, combinations := f.branches()
	if !f.branched() {
		rows, err := s.read.QueryContext(ctx, `SELECT `+findingColumns+` FROM findings`+w.sql()+` ORDER BY `+order+` LIMIT `+w.arg(n), w.args...)
		return collect(s, rows, err, scanFinding)
	}
	shared := strings.Join(w.conditions, " AND ")
	most := w.arg(n)
	var parts []string
	for _, combination := range combinations {
		conditions := []string{}
		if shared != "" {
			conditions = append(conditions, shared)
		}
		for i, v := range combination {
			conditions = append(conditions, columns[i]+" = "+w.arg(v))
			if columns[i] == "assignee" { // the index holds only those
				conditions = append(conditions, "assignee <> ''")
			}
		}
		parts = append(parts, fmt.Sprintf("SELECT * FROM (SELECT %s FROM findings WHERE %s ORDER BY %s LIMIT %s) AS part%d",
			findingColumns, strings.Join(conditions, " AND "), order, most, len(parts)))
	}
	query := strings.Join(parts, " UNION ALL ")
	if len(parts) > 1 {
		query = `SELECT * FROM (` + query + `) AS parts ORDER BY ` + order + ` LIMIT ` + most
	}
	rows, err := s.read.QueryContext(ctx, query, w.args...)
	return collect(s, rows, err, scanFinding)
}

// maxNarrowed is up to how many findings a list is read through those that an index names.
// Of more than that, a page is soon full when they are looked for in order.
const maxNarrowed = 5000

// maxAlong is up to how many findings that time leaves are sorted where an index by time
// tells everything that the list asks of them. Of more than that, a page is soon full when
// they are looked for in its order.
const maxAlong = 20_000

// byTime tells whether the list is bounded by time, and by nothing else that the indexes by
// time do not know.
func (f *FindingFilter) byTime() bool {
	return (f.Overdue || !f.OpenedFrom.IsZero() || !f.OpenedTo.IsZero()) && f.Object == "" && f.Waiver == "" && f.Text == "" &&
		len(f.Checks)+len(f.Sources)+len(f.Namespaces)+len(f.Teams)+len(f.Assignees)+len(f.Kinds) == 0
}

// narrow finds out whether few findings can be in the list by their waiver or by time.
func (s *Store) narrow(ctx context.Context, f *FindingFilter) error {
	w := where{}
	switch {
	case f.Waiver != "":
		w.add("waiver_id = ? AND waiver_id <> ''", f.Waiver) // the index holds only those
	case f.Sort != BySeverity:
		return nil
	case f.Overdue, !f.OpenedFrom.IsZero(), !f.OpenedTo.IsZero():
		some := FindingFilter{Status: f.Status, Overdue: f.Overdue, OpenedFrom: f.OpenedFrom, OpenedTo: f.OpenedTo, along: true}
		most := maxAlong
		if len(f.Severities) > 0 { // the order begins with what is asked for
			most = maxNarrowed
		}
		if !f.byTime() {
			some.Severities, some.Program, most = f.Severities, f.Program, maxNarrowed
		}
		w = some.where(s.Now())
		var n int
		probe := where{conditions: w.conditions, args: slices.Clone(w.args)}
		if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM findings`+probe.sql()+` LIMIT `+probe.arg(most+1)+`) f`, probe.args...).Scan(&n); err != nil {
			return s.dialect.explain(err)
		}
		if n > most {
			f.many = true
			return nil
		}
		if f.byTime() {
			f.along = true
			return nil
		}
	default:
		return nil
	}
	f.few, f.fewArgs = `id IN (SELECT id FROM findings`+w.sql()+`)`, w.args
	f.Waiver, f.aside, f.besides = "", true, true
	return nil
}

// manyOfChecks is from how many findings of the checks of a list on a page of them is soon
// found among all.
const manyOfChecks = 20_000

// fewBranches is up to how many branches of checks are read without a look at how many
// findings they have.
const fewBranches = 12

// weigh finds out whether a list of many checks is of most findings, as it is behind a
// requirement.
func (s *Store) weigh(ctx context.Context, f *FindingFilter) error {
	statuses := f.statuses()
	if len(statuses) == 0 {
		statuses = []seaworthy.FindingStatus{seaworthy.FindingOpen, seaworthy.FindingWaived, seaworthy.FindingFixed}
	}
	if !f.branched() || len(f.Checks)*len(statuses) <= fewBranches || len(f.Sources)+len(f.Namespaces)+len(f.Teams)+len(f.Assignees)+len(f.Kinds) > 0 {
		return nil
	}
	n := 0
	err := s.counters(ctx, func(c *counters) {
		of := c.of(&FindingFilter{Checks: f.Checks, Status: statuses, Program: f.Program})
		c.each(of, func(v *counter) { n += int(v.n) })
	})
	f.anyCheck = n > manyOfChecks
	return err
}

// textPlan is what a text stands for, as far as that is few.
type textPlan struct {
	checks, namespaces []string
	ids                []string // findings by message and by object, unless they are many
	resolved           bool     // ids are all that there are
}

// maxBegun is up to how many checks, and namespaces, a text stands for.
const maxBegun = 50

// maxResolved is up to how many findings a text is resolved to.
const maxResolved = 1500

// messageHead is what of a message is looked up by its beginning.
const messageHead = `lower(substr(message, 1, 48))`

// resolve finds out what the text of the filter stands for.
func (s *Store) resolve(ctx context.Context, f *FindingFilter) (err error) {
	if f.Text == "" || f.text.resolved {
		return nil
	}
	if err := s.counters(ctx, func(c *counters) {
		f.text.checks, f.text.namespaces = c.beginning(ofCheck, f.Text, maxBegun), c.beginning(ofNamespace, f.Text, maxBegun)
	}); err != nil {
		return err
	}
	text := strings.ToLower(f.Text)
	rows, err := s.read.QueryContext(ctx, `SELECT * FROM (SELECT id FROM findings WHERE `+messageHead+` >= $1 AND `+messageHead+` < $2 LIMIT $3) AS said
		UNION SELECT * FROM (SELECT f.id FROM objects o JOIN findings f ON f.object_id = o.id WHERE o.name >= $4 AND o.name < $5 LIMIT $3) AS named`,
		head(text, 48), head(text, 48)+"\U0010ffff", maxResolved+1, f.Text, f.Text+"\U0010ffff")
	ids, err := collect(s, rows, err, scanValue)
	if err != nil {
		return err
	}
	if f.text.resolved = len(ids) <= maxResolved; f.text.resolved {
		f.text.ids = ids
	}
	return nil
}

func scanValue(row interface{ Scan(...any) error }) (v string, err error) { return v, row.Scan(&v) }

// head is the first letters of a text.
func head(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// condition adds what the text comes to. What stands for too many findings to name them
// is held against each finding in turn: a page of those is soon full.
func (p *textPlan) condition(w *where, text string) {
	var either []string
	among := func(column string, values []string) {
		if len(values) > 0 {
			part := where{args: w.args}
			part.among(column, values)
			w.args = part.args
			either = append(either, part.conditions[0])
		}
	}
	among("check_id", p.checks)
	among("namespace", p.namespaces)
	if p.resolved {
		among("id", p.ids)
	} else {
		either = append(either, "name LIKE "+w.arg(likePrefix(text))+` ESCAPE '\'`, "lower(message) LIKE "+w.arg(likePrefix(strings.ToLower(text)))+` ESCAPE '\'`)
	}
	if len(either) == 0 {
		either = []string{"1 = 0"}
	}
	w.conditions = append(w.conditions, "("+strings.Join(either, " OR ")+")")
}
