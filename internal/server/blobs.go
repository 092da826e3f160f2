// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// checkBlobs reads every blob that is named, by evidence, runs and frozen lists, and says
// which are not as they were.
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
	for _, check := range []func(context.Context, *store.Store, *vault.Vault) ([]string, error){checkReports, checkFrozen} {
		more, err := check(ctx, s, v)
		if problems = append(problems, more...); err != nil {
			return problems, err
		}
	}
	return problems, nil
}

// checkFrozen reads the rows of every frozen list.
func checkFrozen(ctx context.Context, s *store.Store, v *vault.Vault) ([]string, error) {
	var problems []string
	for before := ""; ; {
		list, err := s.Populations(ctx, "", before, 500)
		if err != nil || len(list) == 0 {
			return problems, err
		}
		for _, p := range list {
			if err := v.Check(ctx, p.Digest); ctx.Err() != nil {
				return problems, ctx.Err()
			} else if err != nil {
				problems = append(problems, fmt.Sprintf("population %s (%s): %v", p.ID, p.Name, err))
			}
		}
		before = list[len(list)-1].ID
	}
}

// checkReports reads the raw report of every run. Retention removes reports and takes
// their names from the runs; where somebody erased a report as evidence, the run still
// names it.
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
			checked := v.Check(ctx, r.Blob)
			if ctx.Err() != nil {
				return problems, ctx.Err()
			}
			erased, err := false, error(nil)
			if checked != nil && !errors.Is(checked, vault.ErrAltered) {
				erased, err = erasedReport(ctx, s, r.ID)
			}
			if err != nil {
				return problems, err
			}
			if checked != nil && !erased {
				problems = append(problems, fmt.Sprintf("report of run %s: %v", r.ID, checked))
			}
		}
		if page.Next == "" {
			return problems, nil
		}
		filter.Cursor = page.Next
	}
}

// erasedReport tells whether the evidence that the report of a run is was erased.
func erasedReport(ctx context.Context, s *store.Store, run string) (bool, error) {
	list, err := s.EvidenceList(ctx, store.EvidenceFilter{RunID: run})
	return slices.ContainsFunc(list, func(e seaworthy.Evidence) bool { return !e.ErasedAt.IsZero() }), err
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
