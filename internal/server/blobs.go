// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// checkBlobs reads every blob that evidence names and says which are not as they were.
func checkBlobs(ctx context.Context, s *store.Store, v *vault.Vault) ([]string, error) {
	var problems []string
	err := eachBlob(ctx, s, func(e seaworthy.Evidence) error {
		err := v.Check(ctx, e.Digest)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("evidence %s (%s): %v", e.ID, e.Title, err))
		}
		return nil
	})
	if err != nil {
		return problems, err
	}
	runs, err := checkReports(ctx, s, v)
	return append(problems, runs...), err
}

// checkReports reads the raw report of every run. Retention removes reports and leaves
// tombstones in the evidence about them, so one that is gone is told of only where
// evidence, checked before, still names it.
func checkReports(ctx context.Context, s *store.Store, v *vault.Vault) ([]string, error) {
	var problems []string
	for filter := (store.RunFilter{Limit: 500}); ; {
		page, err := s.Runs(ctx, filter)
		if err != nil {
			return problems, err
		}
		for _, r := range page.Items {
			if r.Blob == "" {
				continue
			}
			if err := v.Check(ctx, r.Blob); ctx.Err() != nil {
				return problems, ctx.Err()
			} else if errors.Is(err, vault.ErrAltered) {
				problems = append(problems, fmt.Sprintf("report of run %s: %v", r.ID, err))
			}
		}
		if page.Next == "" {
			return problems, nil
		}
		filter.Cursor = page.Next
	}
}

// eachBlob calls f with each piece of evidence that has bytes, once for each digest in a
// row; reports that came twice share theirs.
func eachBlob(ctx context.Context, s *store.Store, f func(seaworthy.Evidence) error) error {
	filter := store.EvidenceFilter{Limit: 1000}
	for {
		list, err := s.EvidenceList(ctx, filter)
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.Digest == "" || !e.ErasedAt.IsZero() {
				continue
			}
			if err := f(e); err != nil {
				return err
			}
		}
		if len(list) < filter.Limit {
			return nil
		}
		filter.Before = list[len(list)-1].ID
	}
}
