// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// categories are what the company's customers asked for.
var categories = []string{"security", "availability", "confidentiality"}

// excluded are the criteria that are not relevant to the company.
var excluded = []seaworthy.ExcludedRequirement{
	{Requirement: "CC6.4", Reason: "Harbour Lane has no data centre, server room or archive. Physical access is the cloud provider's, whose report is reviewed every year (vendor-report-review)."},
}

// absent are controls that the company does not have, with the reason.
var absent = map[string]string{
	"office-access":         "Nothing in the office leads to production: machines, network and paper there hold no customer data.",
	"data-centre-security":  "There is no data centre of the company's own; the provider's report is reviewed instead.",
	"tenant-isolation":      "The shop has one tenant, Harbour Lane itself.",
	"customer-agreements":   "Wholesale contracts are signed by the parent company, which has a programme of its own.",
	"internal-audit":        "The company has twenty-six people and no internal audit.",
	"fraud-risk-assessment": "Assessed as a part of risk-assessment since this year.",
}

// unowned are controls that nobody has taken over yet.
var unowned = []string{"media-disposal"}

// owners say who answers for a role of the catalogue.
var owners = map[string]string{
	"platform-lead": ines, "security-lead": ines, "engineering-manager": tomasz, "compliance-manager": leonie, "it-manager": maren,
	"people-operations": leonie, "chief-executive": adaeze, "legal-counsel": leonie, "privacy-officer": leonie, "support-lead": hana,
	"product-manager": hana, "office-manager": leonie,
}

// takeOver gives every control that the program needs an owner, and says of the others
// why the company does not have them.
func (s *story) takeOver(ctx context.Context) error {
	controls, err := s.Store.Controls(ctx)
	if err != nil {
		return err
	}
	needed := s.needed()
	for _, c := range controls {
		reason, out := absent[c.ID]
		switch {
		case out:
			c.Active, c.Reason = false, reason
		case !needed[c.ID]:
			c.Active, c.Reason = false, "It supports no criterion of the categories that the company is audited for."
		case slices.Contains(unowned, c.ID):
			continue
		default:
			c.OwnerUser = s.users[owners[c.Owner]].ID
		}
		if _, err := s.audit.ChangeControl(ctx, s.as(leonie), c); err != nil {
			return err
		}
	}
	return nil
}

// needed are the controls that support criteria in scope.
func (s *story) needed() map[string]bool {
	out := map[string]bool{}
	for _, f := range s.Catalogue.Frameworks {
		if f.ID != "soc2" {
			continue
		}
		for _, r := range f.Requirements {
			if (seaworthy.Program{Categories: categories, Excluded: excluded}).Requires(r) {
				for _, id := range r.Controls {
					out[id] = true
				}
			}
		}
	}
	return out
}

// makeProgram makes the program of the half year. Its period ends a little after now, so
// that something is still due.
func (s *story) makeProgram(ctx context.Context) error {
	from := s.start.Add(3 * day)
	p := seaworthy.Program{
		Name: "SOC 2 Type II, first period (example data)", Framework: "soc2", Type: seaworthy.TypeII,
		From: from, To: from.AddDate(0, 6, 0), Categories: categories, Excluded: excluded,
	}
	for _, pl := range s.places {
		if pl.from > 0 {
			continue // it is not there yet
		}
		item := seaworthy.ScopeItem{Kind: pl.kind, Source: s.sources[pl.name].ID, In: true}
		if pl.name == staging {
			item.In, item.Reason = false, "Staging holds made-up orders only, and nothing in production reaches it or is reached by it."
		}
		p.Scope = append(p.Scope, item)
	}
	eu := s.sources[europe].ID
	p.Scope = append(p.Scope,
		seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: eu, Name: "marketing", Reason: "The newsletter tool is an agency's; it holds addresses of subscribers and nothing of the wholesale customers. It leaves the cluster next year."},
		seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: eu, Name: "warehouse", Reason: "Stock and labels of the company's own warehouse; no promise to customers depends on it."},
		seaworthy.ScopeItem{Kind: seaworthy.KindSystem, Name: "Web shop and wholesale portal", In: true},
		seaworthy.ScopeItem{Kind: seaworthy.KindSystem, Name: "Order database", In: true},
		seaworthy.ScopeItem{Kind: seaworthy.KindSystem, Name: "Book-keeping", Reason: "Run by the accountants, who have a report of their own."},
	)
	var err error
	s.program, err = s.audit.CreateProgram(ctx, s.as(leonie), p)
	return err
}

// takeAmerica puts the second production cluster into the scope of the program.
func (s *story) takeAmerica(ctx context.Context) error {
	s.program.Scope = append(s.program.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: s.sources[america].ID, In: true})
	var err error
	s.program, err = s.audit.ChangeProgram(ctx, s.as(leonie), s.program)
	return err
}

// ago is how many days before the end a moment is.
func (s *story) ago(t time.Time) int { return days - int(t.Sub(s.start)/day) }
