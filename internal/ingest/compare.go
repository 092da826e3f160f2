// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// batch is how many findings are in hand at a time.
const batch = 1000

// digest is over all in the report that could change findings, objects or checks: while
// it stays the same, they do.
func (r *report) digest() string {
	h := sha256.New()
	for _, f := range r.findings {
		h.Write(f.id[:])
		h.Write(f.content[:])
	}
	ids := make([]key, 0, len(r.objects))
	for id := range r.objects {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareKeys)
	for _, id := range ids {
		h.Write(id[:])
	}
	asked := r.head.Source
	asked.Started, asked.Identity = time.Time{}, ""
	rest, err := json.Marshal(struct {
		Source    seaworthy.Source
		Catalogue seaworthy.Catalogue
		Checks    []checkResult
		Errors    []seaworthy.Problem
		Skipped   []seaworthy.Problem
		Listed    bool
	}{asked, r.head.Catalogue, r.checks, r.errors, r.skipped, r.listed})
	if err != nil { // plain structs
		panic(err)
	}
	h.Write(rest)
	return hex.EncodeToString(h.Sum(nil))
}

// causes gathers what changed since the report before, and writes new versions of checks.
func (t *taking) causes() (*causes, error) {
	c := &causes{first: t.state.RunID == "", now: t.report.head, before: t.report.head, listed: t.report.listed, listedThen: t.state.ListsObjects}
	var since time.Time
	if !c.first {
		last, err := t.tx.Run(t.state.RunID)
		if err != nil {
			return nil, err
		}
		c.before = last.Header
	}
	if t.state.CompleteRunID != "" {
		complete, err := t.tx.Run(t.state.CompleteRunID)
		if err != nil {
			return nil, err
		}
		since = complete.ReceivedAt
	}
	var err error
	c.checks, c.parameters, err = t.versions(c.first, since)
	return c, err
}

// compare sets what stands against what was found, and applies the difference.
func (t *taking) compare(why *causes) error {
	l, err := t.newLife(why)
	if err != nil {
		return err
	}
	standing, err := t.tx.StandingFindings(t.source.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(standing, func(a, b store.KnownFinding) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	var gone []key
	var fresh, altered []indexed
	found := t.report.findings
	for len(standing) > 0 || len(found) > 0 {
		switch order := firstOf(standing, found); {
		case order < 0:
			gone = append(gone, key(standing[0].ID))
			standing = standing[1:]
		case order > 0:
			fresh = append(fresh, found[0])
			found = found[1:]
		default:
			if standing[0].Content != [16]byte(found[0].content) {
				altered = append(altered, found[0])
			} else {
				t.run.Unchanged++
			}
			standing, found = standing[1:], found[1:]
		}
	}
	for _, step := range []func() error{
		func() error { return each(fresh, l.open) },
		func() error { return each(altered, l.change) },
		func() error { return each(gone, l.close) },
		l.bulk.Close,
		l.objects,
		func() error { return t.tx.SetUnseen(t.source.ID, l.unseen) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func firstOf(standing []store.KnownFinding, found []indexed) int {
	switch {
	case len(found) == 0:
		return -1
	case len(standing) == 0:
		return 1
	}
	return bytes.Compare(standing[0].ID[:], found[0].id[:])
}

// each calls f with batches.
func each[T any](all []T, f func([]T) error) error {
	for part := range slices.Chunk(all, batch) {
		if err := f(part); err != nil {
			return err
		}
	}
	return nil
}
