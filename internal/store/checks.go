// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// CheckVersion is a check as a source's reports used it from a moment on, until the next
// version of the check at that source.
type CheckVersion struct {
	ID       string `json:"id"`
	SourceID string `json:"sourceId"`
	Version  int    `json:"version"` // from 1
	CheckBasis
	// What changed against the version before: "digest", "severity", "parameters", "mode",
	// "title", "controls".
	Changed []string  `json:"changed"`
	RunID   string    `json:"runId"` // the first report that used it
	From    time.Time `json:"from"`
	// To is when the next version took its place, zero while it is in use. It is no part of
	// the record, which never changes: it is the next one's From.
	To time.Time `json:"to,omitzero"`
}

// CheckBasis is what decides the verdicts of a check, and what they mean.
type CheckBasis struct {
	Title      string             `json:"title"`
	Severity   seaworthy.Severity `json:"severity"`
	Category   string             `json:"category"`
	Controls   []string           `json:"controls"`
	Custom     bool               `json:"custom,omitempty"`
	Digest     string             `json:"digest"`     // of the check, or else of the whole catalogue
	Parameters string             `json:"parameters"` // digest of its parameters, or else of all
	Mode       string             `json:"mode,omitempty"`
}

var checks = records[CheckVersion]{
	kind: "check", table: "checks", key: []string{"id", "source_id", "version"},
	columns: []string{"id", "source_id", "version", "from_at", "mode"},
	values:  func(v *CheckVersion) []any { return []any{v.ID, v.SourceID, v.Version, micros(v.From), v.Mode} },
	subject: func(v *CheckVersion) string { return fmt.Sprintf("%s/%s/%d", v.ID, v.SourceID, v.Version) },
}

// PutCheckVersion writes a version of a check, which never changes again.
func (t *Tx) PutCheckVersion(v *CheckVersion) error {
	kept := *v
	kept.To = time.Time{}
	return checks.put(t, &kept)
}

const newestChecks = `version = (SELECT MAX(version) FROM checks n WHERE n.id = checks.id AND n.source_id = checks.source_id)`

// CheckVersions gives the versions of checks that a source uses now, by id.
func (t *Tx) CheckVersions(source string) (map[string]CheckVersion, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.conditions = append(w.conditions, newestChecks)
	list, err := checks.list(t.ctx, t.store, t.tx, w, "")
	out := make(map[string]CheckVersion, len(list))
	for _, v := range list {
		out[v.ID] = v
	}
	return out, err
}

// CheckHistory lists the versions of a check at all sources in a program's scope, newest
// first.
func (s *Store) CheckHistory(ctx context.Context, id string, p *seaworthy.Program) ([]CheckVersion, error) {
	w := byID(id)
	w.program(p, "source_id", "")
	list, err := checks.list(ctx, s, s.read, w, "ORDER BY from_at DESC, source_id, version DESC LIMIT 1000")
	next := map[string]time.Time{} // by source
	for i := range list {
		v := &list[i]
		v.To, next[v.SourceID] = next[v.SourceID], v.From
	}
	return list, err
}

// CheckTally is what the latest reports of the sources in scope say of a check, counted.
// InScope is N; the objects that neither passed nor failed could not be judged.
type CheckTally struct {
	ID      string                   `json:"id"`
	Basis   CheckBasis               `json:"basis"`
	InScope int                      `json:"inScope"`
	Passed  int                      `json:"passed"`
	Failed  int                      `json:"failed"`
	Waived  int                      `json:"waived"`
	Errors  int                      `json:"errors"`
	Sources map[seaworthy.Status]int `json:"sources"` // how many sources say what of it
	Reasons []string                 `json:"reasons"` // why it was not judged, where it was not
	// Whole are the sources of which the program leaves out namespaces and whose report does
	// not count by namespace: they are counted as a whole.
	Whole []string `json:"whole,omitempty"`
}

// Checks lists what is known of each check over the latest reports of the sources in a
// program's scope, by id.
func (s *Store) Checks(ctx context.Context, p *seaworthy.Program) ([]CheckTally, error) {
	out, index := []CheckTally{}, map[string]int{}
	w := where{}
	w.program(p, "s.source_id", "")
	w.conditions = append(w.conditions, "c.run_id = s.run_id") // few of all runs: SQLite keeps to the order of a cross join
	rows, err := s.read.QueryContext(ctx, `SELECT s.source_id, `+countedColumns+`
		FROM source_states s CROSS JOIN run_checks c`+w.sql()+` ORDER BY c.check_id, s.source_id`, w.args...)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (countedCheck, error) {
		var source string
		c, err := scanCounted(row, &source)
		c.source = source
		return c, err
	})
	if err != nil {
		return nil, err
	}
	divides := func(source string) bool { return p != nil && p.Divides(source) }
	if err := s.divided(ctx, list, divides); err != nil {
		return nil, err
	}
	for _, c := range list {
		r, source := c.CheckResult, c.source
		i, ok := index[r.ID]
		if !ok {
			i = len(out)
			index[r.ID] = i
			out = append(out, CheckTally{ID: r.ID, Sources: map[seaworthy.Status]int{}, Reasons: []string{}})
		}
		if divides(source) {
			if !r.Divided() {
				out[i].Whole = append(out[i].Whole, source)
			}
			r = r.Within(func(namespace string) bool { return p.HasNamespace(source, namespace) })
		}
		out[i].add(r)
	}
	return out, s.describeChecks(ctx, p, out, index)
}

func (c *CheckTally) add(r seaworthy.CheckResult) {
	c.InScope += r.InScope
	c.Passed += r.Passed
	c.Failed += r.Failed
	c.Waived += r.Waived
	c.Errors += r.Errors
	c.Sources[r.Status]++
	const most = 5
	if r.Reason != "" && len(c.Reasons) < most {
		for _, known := range c.Reasons {
			if known == r.Reason {
				return
			}
		}
		c.Reasons = append(c.Reasons, r.Reason)
	}
}

// describeChecks adds what the newest version of each check says of it.
func (s *Store) describeChecks(ctx context.Context, p *seaworthy.Program, out []CheckTally, index map[string]int) error {
	w := where{}
	w.program(p, "source_id", "")
	newest := `SELECT id, MAX(from_at) AS from_at FROM checks` + w.sql() + ` GROUP BY id`
	w.conditions = nil
	w.program(p, "c.source_id", "")
	rows, err := s.read.QueryContext(ctx, `SELECT c.document FROM (`+newest+`) n JOIN checks c ON c.id = n.id AND c.from_at = n.from_at`+w.sql()+
		` ORDER BY c.source_id, c.version`, w.args...)
	versions, err := collect(s, rows, err, scanDocument[CheckVersion])
	for _, v := range versions {
		if i, ok := index[v.ID]; ok {
			out[i].Basis = v.CheckBasis
		}
	}
	return err
}
