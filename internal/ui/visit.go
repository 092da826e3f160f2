// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// visit is what is known of a request before its handler runs.
type visit struct {
	who      seaworthy.Principal
	programs []seaworthy.Program
	// program is narrowed to the scope, whole is not; nil before the first program is made.
	program, whole *seaworthy.Program
	scope          scope
	places         []scope // to which pages can be narrowed
	// asked is what the address says, which every link keeps.
	asked struct{ program, scope string }
	// Problem and form are set when a form that was sent is shown again.
	problem string
	form    url.Values
	flash   string
}

type visitKey struct{}

func visitOf(r *http.Request) *visit { return visitIn(r.Context()) }

func visitIn(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

func withVisit(r *http.Request, v *visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// choose finds the program through which a page is seen: the one asked for, or else the
// latest that is open, or else the latest. Who is bound to a program sees only that.
func (v *visit) choose(all []seaworthy.Program, asked string) error {
	if v.who.Program != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(p seaworthy.Program) bool { return p.ID != v.who.Program })
	}
	v.programs = all
	for i := range all {
		p := &all[i]
		switch {
		case asked != "" && p.ID == asked:
			v.program = p
			return nil
		case v.program == nil,
			v.program.ClosedAt.IsZero() == p.ClosedAt.IsZero() && p.From.After(v.program.From),
			!v.program.ClosedAt.IsZero() && p.ClosedAt.IsZero():
			v.program = p
		}
	}
	if asked != "" {
		return seaworthy.NotFound("there is no program %s, or it is not yours to see", asked)
	}
	return nil
}

// kept is the part of the query that every link keeps.
func (v *visit) kept() string {
	q := url.Values{}
	if v.asked.program != "" {
		q.Set("program", v.asked.program)
	}
	if v.asked.scope != "" {
		q.Set("scope", v.asked.scope)
	}
	return q.Encode()
}
