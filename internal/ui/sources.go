// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// sourceRow is a source, what it last said, and how that stands.
type sourceRow struct {
	audit.SourceStanding
	TeamName string
}

// State is the key of what the source shows as its state: that its last report was not
// whole is said where nothing worse is.
func (s sourceRow) State() string {
	if s.Standing == audit.SourceReporting && s.SourceStanding.State.RunID != s.SourceStanding.State.CompleteRunID {
		return "incomplete"
	}
	return s.Standing
}

// sourceRows lists the sources as a program sees them.
func (u *UI) sourceRows(ctx context.Context, p *seaworthy.Program, names names) ([]sourceRow, error) {
	program := seaworthy.Program{}
	if p != nil {
		program = *p
	}
	all, err := u.Audit.Reconcile(ctx, program)
	if err != nil {
		return nil, err
	}
	out := make([]sourceRow, len(all))
	for i, s := range all {
		out[i] = sourceRow{s, names.team(s.Source.Team)}
	}
	return out, nil
}

// sourcesPage is what pages/sources.html needs.
type sourcesPage struct {
	page
	Clusters, Repositories []sourceRow
}

func (u *UI) sources(w http.ResponseWriter, r *http.Request) error {
	p := sourcesPage{page: u.page(r, "Clusters & repositories")}
	names, err := u.names(r.Context())
	if err != nil {
		return err
	}
	rows, err := u.sourceRows(r.Context(), p.Program, names)
	if err != nil {
		return err
	}
	for _, s := range rows {
		if s.Source.Kind == seaworthy.KindCluster {
			p.Clusters = append(p.Clusters, s)
		} else {
			p.Repositories = append(p.Repositories, s)
		}
	}
	return u.render(w, r, "sources", p)
}
