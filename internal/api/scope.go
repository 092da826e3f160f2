// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

// Through is what every list that is seen through a program takes.
type Through struct {
	Program string `query:"program" maxLength:"100" doc:"The id of the program to see it through; everything when absent. Who is bound to one program sees only that."`
}

// program gives the program to look through: the one that was asked for, or the one that
// the principal is bound to, or nil for everything.
func (a *API) program(ctx context.Context, asked string) (*seaworthy.Program, error) {
	p := who(ctx)
	if asked == "" {
		asked = p.Program
	}
	if asked == "" {
		return nil, nil
	}
	if p.Program != "" && asked != p.Program {
		return nil, seaworthy.NotFound("there is no program %s", asked) // nor is told that there is
	}
	program, err := a.Store.Program(ctx, asked)
	return &program, err
}

// bound gives the program that the principal is bound to, or nil.
func (a *API) bound(ctx context.Context) (*seaworthy.Program, error) { return a.program(ctx, "") }

// seesPlace refuses what lies outside the program that the principal is bound to, as if
// it were not there.
func (a *API) seesPlace(ctx context.Context, what, id, source, namespace string) error {
	program, err := a.bound(ctx)
	if err != nil || program == nil || program.HasNamespace(source, namespace) {
		return err
	}
	return seaworthy.NotFound("there is no %s %s", what, id)
}

// seesSource is seesPlace for a whole source.
func (a *API) seesSource(ctx context.Context, what, id, source string) error {
	return a.seesPlace(ctx, what, id, source, "")
}

// everyone refuses who is bound to one program: what it guards is of no program.
func everyone(ctx context.Context, what string) error {
	if who(ctx).Program != "" {
		return seaworthy.Forbidden("who is bound to one program may not see %s", what)
	}
	return nil
}
