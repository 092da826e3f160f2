// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// together runs what a page needs at the same time, as far as none needs another. The first
// error ends all.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error { return part(ctx) })
	}
	return g.Wait()
}
