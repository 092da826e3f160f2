// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// checkBlobs reads every blob that a record names, once each, and says which are not as
// they were: those of evidence, of reports and of frozen lists.
func checkBlobs(ctx context.Context, s *store.Store, v *vault.Vault) ([]string, error) {
	c := &blobCheck{ctx: ctx, vault: v, read: map[[blobKey]byte]struct{}{}, bad: map[string]error{}}
	for _, each := range []func(context.Context, *store.Store, func(what, digest string) error) error{eachEvidence, eachReport, eachPopulation} {
		if err := each(ctx, s, c.check); err != nil {
			return c.problems, err
		}
	}
	if c.more > 0 {
		c.problems = append(c.problems, fmt.Sprintf("and %d more blobs", c.more))
	}
	return c.problems, nil
}

// blobKey is how much of a digest is remembered: enough that no two are alike.
const blobKey = 16

// mostBlobs bounds how many blobs are named.
const mostBlobs = 1000

// blobCheck remembers what was read: reports and the evidence of them share bytes.
type blobCheck struct {
	ctx      context.Context
	vault    *vault.Vault
	read     map[[blobKey]byte]struct{}
	bad      map[string]error
	problems []string
	more     int
}

// check reads the blob of something, unless it was read.
func (c *blobCheck) check(what, digest string) error {
	var key [blobKey]byte
	if len(digest) >= 2*blobKey {
		_, _ = hex.Decode(key[:], []byte(digest[:2*blobKey])) // what is no digest is told by the vault
	}
	err := c.bad[digest]
	if _, read := c.read[key]; !read {
		if err = c.vault.Check(c.ctx, digest); c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		if c.read[key] = struct{}{}; err != nil {
			c.bad[digest] = err
		}
	}
	switch {
	case err == nil:
	case len(c.problems) == mostBlobs:
		c.more++
	default:
		c.problems = append(c.problems, fmt.Sprintf("%s: %v", what, err))
	}
	return nil
}

// eachEvidence gives the digest of each piece of evidence that has bytes.
func eachEvidence(ctx context.Context, s *store.Store, f func(what, digest string) error) error {
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
			if err := f(fmt.Sprintf("evidence %s (%s)", e.ID, e.Title), e.Digest); err != nil {
				return err
			}
		}
		if len(list) < filter.Limit {
			return nil
		}
		filter.Before = list[len(list)-1].ID
	}
}

// eachReport gives the digest of each raw report that is kept. Of one that retention or an
// erasure removed, the run says so.
func eachReport(ctx context.Context, s *store.Store, f func(what, digest string) error) error {
	for filter := (store.RunFilter{Limit: 500}); ; {
		page, err := s.Runs(ctx, filter)
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if r.Blob == "" {
				continue
			}
			if err := f("report of run "+r.ID, r.Blob); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		filter.Cursor = page.Next
	}
}

// eachPopulation gives the digest of the rows of each frozen list.
func eachPopulation(ctx context.Context, s *store.Store, f func(what, digest string) error) error {
	const size = 500
	for before := ""; ; {
		list, err := s.Populations(ctx, "", before, size)
		if err != nil {
			return err
		}
		for _, p := range list {
			if err := f(fmt.Sprintf("population %s (%s)", p.ID, p.Name), p.Digest); err != nil {
				return err
			}
		}
		if len(list) < size {
			return nil
		}
		before = list[len(list)-1].ID
	}
}
