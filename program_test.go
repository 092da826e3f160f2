// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func half() seaworthy.Program {
	return seaworthy.Program{ID: "p", Name: "SOC 2", Framework: "soc2", Type: seaworthy.TypeII, From: day("2026-01-01"), To: day("2026-07-01"), Categories: []string{"security"},
		Scope: []seaworthy.ScopeItem{
			{Kind: seaworthy.KindCluster, Source: "prod", In: true},
			{Kind: seaworthy.KindNamespace, Source: "prod", Name: "playground", Reason: "no customer data"},
			{Kind: seaworthy.KindCluster, Source: "lab", Reason: "a sandbox"},
			{Kind: seaworthy.KindNamespace, Source: "lab", Name: "shop", In: true},
			{Kind: seaworthy.KindSystem, Name: "payroll", In: true},
		}}
}

func TestProgramScope(t *testing.T) {
	p := half()
	for _, tt := range []struct {
		source, namespace string
		want              bool
	}{
		{"prod", "", true}, {"prod", "shop", true}, {"prod", "playground", false},
		{"lab", "", false}, {"lab", "shop", false}, // a namespace is not in scope without its cluster
		{"unheard-of", "", false}, {"unheard-of", "shop", false},
	} {
		if got := p.HasNamespace(tt.source, tt.namespace); got != tt.want {
			t.Errorf("HasNamespace(%q, %q) = %t, want %t", tt.source, tt.namespace, got, tt.want)
		}
	}
	for when, want := range map[string]bool{"2025-12-31": false, "2026-01-01": true, "2026-06-30": true, "2026-07-01": false} {
		if got := p.Covers(day(when)); got != want {
			t.Errorf("Covers(%s) = %t, want %t", when, got, want)
		}
	}
}

func TestProgramRequires(t *testing.T) {
	p := half()
	p.Excluded = []seaworthy.ExcludedRequirement{{Requirement: "CC6.4", Reason: "no office"}}
	for _, tt := range []struct {
		r    seaworthy.Requirement
		want bool
	}{
		{seaworthy.Requirement{ID: "CC6.1", Category: "security"}, true},
		{seaworthy.Requirement{ID: "CC6.4", Category: "security"}, false},
		{seaworthy.Requirement{ID: "A1.1", Category: "availability"}, false},
		{seaworthy.Requirement{ID: "164.312"}, true}, // frameworks without categories
	} {
		if got := p.Requires(tt.r); got != tt.want {
			t.Errorf("Requires(%s) = %t, want %t", tt.r.ID, got, tt.want)
		}
	}
}

func TestProgramValidate(t *testing.T) {
	if err := half().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*seaworthy.Program){
		"a name":               func(p *seaworthy.Program) { p.Name = "" },
		"a framework":          func(p *seaworthy.Program) { p.Framework = "" },
		"neither I nor II":     func(p *seaworthy.Program) { p.Type = "III" },
		"a later end":          func(p *seaworthy.Program) { p.To = p.From },
		"security is part":     func(p *seaworthy.Program) { p.Categories = nil },
		`category "speed"`:     func(p *seaworthy.Program) { p.Categories = append(p.Categories, "speed") },
		"needs a reason":       func(p *seaworthy.Program) { p.Excluded = []seaworthy.ExcludedRequirement{{Requirement: "CC6.4"}} },
		`kind "galaxy" is not`: func(p *seaworthy.Program) { p.Scope = []seaworthy.ScopeItem{{Kind: "galaxy", Name: "g", In: true}} },
		"is not named": func(p *seaworthy.Program) {
			p.Scope = []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Name: "prod", In: true}}
		},
		"out of scope without a r": func(p *seaworthy.Program) { p.Scope = []seaworthy.ScopeItem{{Kind: seaworthy.KindSystem, Name: "crm"}} },
	} {
		p := half()
		change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want it to say %q", err, want)
		}
	}
}
