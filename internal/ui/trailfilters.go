// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// trailFilters are the fields by which the timeline is narrowed, beside its chips.
type trailFilters struct {
	Clusters, Verbs, Flags []choice
}

// filter narrows the timeline to what the address says, and makes the fields of its form.
func (p *changesPage) filter(f *store.ChangeFilter, n names) error {
	p.Filters.Clusters = n.clusters(func(id string) bool { return p.Q.Has("source", id) })
	for _, v := range ruleVerbs {
		p.Filters.Verbs = append(p.Filters.Verbs, choice{Value: v, Text: did[v], Chosen: p.Q.Has("verb", v)})
	}
	for _, flag := range seaworthy.Flags {
		p.Filters.Flags = append(p.Filters.Flags, choice{Value: string(flag), Text: string(flag), Chosen: p.Q.Has("flag", string(flag))})
	}
	f.Flag = seaworthy.Flag(p.Q.Get("flag"))
	if f.Flag != "" && !slices.Contains(seaworthy.Flags, f.Flag) {
		return seaworthy.Invalid("no change is called %q", f.Flag)
	}
	for key, to := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		text := p.Q.Get(key)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return seaworthy.Invalid("The date %q is not of the form YYYY-MM-DD.", text)
		}
		*to = at
	}
	if !f.To.IsZero() { // its last day is part of a period
		f.To = f.To.AddDate(0, 0, 1)
	}
	return nil
}
