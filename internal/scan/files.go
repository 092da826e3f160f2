// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Files makes the input of a plan: each unit is a batch.
func Files(source seaworthy.Source, plan *manifest.Plan, dec *snapshot.Decoder) Input {
	locator := plan.Locator()
	return Input{
		Source: source, Total: len(plan.Units), Line: locator.Line,
		Batches: func(ctx context.Context, next func(Batch) error) (Yield, error) {
			for _, u := range plan.Units {
				err := next(func(ctx context.Context, emit func(*snapshot.Object) error) (Yield, error) {
					r, err := u.Read(ctx, dec, emit)
					return Yield{Errors: r.Errors, Skipped: r.Skipped, Files: r.Files}, err
				})
				if err != nil {
					return Yield{}, err
				}
			}
			return Yield{Errors: plan.Errors, Skipped: plan.Skipped}, ctx.Err()
		},
	}
}
