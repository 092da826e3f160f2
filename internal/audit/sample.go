// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Select gives the rows, numbered from 1, that a seed selects of a population: those
// with the smallest SHA-256 over
//
//	seed, newline, digest of the population in hexadecimal, newline, row number in decimal
//
// Anyone can do it again with sha256sum. The seed comes after the freezing, so nobody
// could freeze a list to suit it. A size beyond the count selects all.
func Select(seed, digest string, rows, size int) []int {
	type ticket struct {
		hash [sha256.Size]byte
		row  int
	}
	tickets := make([]ticket, rows)
	prefix := []byte(seed + "\n" + digest + "\n")
	for i := range tickets {
		tickets[i] = ticket{sha256.Sum256(strconv.AppendInt(slices.Clip(prefix), int64(i+1), 10)), i + 1}
	}
	slices.SortFunc(tickets, func(a, b ticket) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	out := make([]int, 0, min(size, rows))
	for _, t := range tickets[:min(size, rows)] {
		out = append(out, t.row)
	}
	slices.Sort(out)
	return out
}

// SampleBySeed selects rows of a population by a seed. Auditors sample; those who run
// the programme may try it out for themselves, and such a sample says so.
func (a *Audit) SampleBySeed(ctx context.Context, p seaworthy.Principal, population, seed string, size int) (seaworthy.Sample, error) {
	if strings.TrimSpace(seed) == "" || strings.ContainsAny(seed, "\r\n") {
		return seaworthy.Sample{}, seaworthy.Invalid("a sample by seed needs a seed of one line")
	}
	if size < 1 {
		return seaworthy.Sample{}, seaworthy.Invalid("a sample needs a size of at least 1")
	}
	return a.sample(ctx, p, population, func(of seaworthy.Population) (seaworthy.Sample, error) {
		items := Select(seed, of.Digest, of.Count, size)
		return seaworthy.Sample{Method: "seed", Seed: seed, Items: items}, nil
	})
}

// SampleByList takes rows that somebody selected elsewhere.
func (a *Audit) SampleByList(ctx context.Context, p seaworthy.Principal, population string, items []int) (seaworthy.Sample, error) {
	return a.sample(ctx, p, population, func(of seaworthy.Population) (seaworthy.Sample, error) {
		items := slices.Compact(slices.Sorted(slices.Values(items)))
		if len(items) == 0 {
			return seaworthy.Sample{}, seaworthy.Invalid("the sample selects no row")
		}
		if items[0] < 1 || items[len(items)-1] > of.Count {
			return seaworthy.Sample{}, seaworthy.Invalid("population %s has rows 1 to %d", of.Name, of.Count)
		}
		return seaworthy.Sample{Method: "list", Items: items}, nil
	})
}

func (a *Audit) sample(ctx context.Context, p seaworthy.Principal, population string, sel func(seaworthy.Population) (seaworthy.Sample, error)) (seaworthy.Sample, error) {
	if err := may(p, seaworthy.FreezeLists); err != nil {
		return seaworthy.Sample{}, err
	}
	of, err := a.Population(ctx, p, population)
	if err != nil {
		return seaworthy.Sample{}, err
	}
	s, err := sel(of)
	if err != nil {
		return s, err
	}
	s.PopulationID, s.Size, s.Trial = of.ID, len(s.Items), p.Role != seaworthy.Auditor
	err = a.store.Write(ctx, p.Actor, func(tx *store.Tx) error { return tx.AddSample(&s) })
	return s, err
}

// ParseRows reads a list of row numbers as people write it: numbers with anything that
// is no digit between them. What is not a number that can be read is an error.
func ParseRows(text string) ([]int, error) {
	var out []int
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, seaworthy.Invalid("%q is no row number", f)
		}
		out = append(out, n)
	}
	return out, nil
}
