// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"cmp"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// versions writes a version of each check that is not as the source used it before, and
// tells which ones judge otherwise now.
//
// What changed while reports could not see everything still counts: since is when the
// latest that did came.
func (t *taking) versions(first bool, since time.Time) (checks, parameters map[string]bool, err error) {
	have, err := t.tx.CheckVersions(t.source.ID)
	if err != nil {
		return nil, nil, err
	}
	checks, parameters = map[string]bool{}, map[string]bool{}
	for _, c := range t.report.checks {
		old := have[c.ID]
		if old.From.After(since) {
			checks[c.ID], parameters[c.ID] = decides(old.Changed)
		}
		v := store.CheckVersion{
			ID: c.ID, SourceID: t.source.ID, Version: old.Version + 1, CheckBasis: basis(c, t.report.head.Catalogue),
			RunID: t.run.ID, From: t.tx.At, Changed: []string{},
		}
		if old.Version > 0 {
			v.Changed = changed(old.CheckBasis, v.CheckBasis)
			if len(v.Changed) == 0 {
				continue
			}
		}
		if err := t.tx.PutCheckVersion(&v); err != nil {
			return nil, nil, err
		}
		check, parameter := decides(v.Changed)
		checks[c.ID] = checks[c.ID] || check || old.Version == 0 && !first
		parameters[c.ID] = parameters[c.ID] || parameter
	}
	return checks, parameters, nil
}

// decides tells whether what changed of a check can change verdicts.
func decides(changed []string) (check, parameters bool) {
	return slices.Contains(changed, "digest") || slices.Contains(changed, "mode"), slices.Contains(changed, "parameters")
}

// basis is what decides the check's verdicts; a report that has no digest of the check
// itself has one of the catalogue.
func basis(c checkResult, in seaworthy.Catalogue) store.CheckBasis {
	return store.CheckBasis{
		Title: c.Title, Severity: c.Severity, Category: c.Category, Controls: c.Controls, Custom: c.Custom, Mode: c.Mode,
		Digest: cmp.Or(c.Digest, in.Digest), Parameters: cmp.Or(c.ParametersDigest, in.ParametersDigest),
	}
}

func changed(a, b store.CheckBasis) []string {
	out := []string{}
	for _, f := range [...]struct {
		name string
		same bool
	}{
		{"digest", a.Digest == b.Digest}, {"severity", a.Severity == b.Severity}, {"parameters", a.Parameters == b.Parameters},
		{"mode", a.Mode == b.Mode}, {"title", a.Title == b.Title && a.Category == b.Category},
		{"controls", slices.Equal(a.Controls, b.Controls)},
	} {
		if !f.same {
			out = append(out, f.name)
		}
	}
	return out
}
