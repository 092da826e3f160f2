// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
)

// The dimensions of counters, in the order of their keys.
const (
	ofSource = iota
	ofNamespace
	ofCheck
	ofTeam
	ofStatus
	ofSeverity // the rank itself; the others are numbers of names
	dimensions
)

// countKey says what a counter counts.
type countKey [dimensions]uint32

func (k countKey) compare(o countKey) int { return slices.Compare(k[:], o[:]) }

// counter is a counter in memory.
type counter struct {
	key countKey
	n   int32
}

// counters are the counters of findings in memory, some 30 bytes each: facets of whatever
// a list is narrowed to are counted there.
type counters struct {
	size  int64 // of the log after the latest change that is in here
	names [ofSeverity]struct {
		numbers map[string]uint32
		list    []string
	}
	list []counter // by key
}

// number is the number of a name, which it gets at first sight.
func (c *counters) number(dimension int, name string) uint32 {
	d := &c.names[dimension]
	n, ok := d.numbers[name]
	if !ok {
		if d.numbers == nil {
			d.numbers = map[string]uint32{}
		}
		n = uint32(len(d.list))
		d.numbers[name], d.list = n, append(d.list, name)
	}
	return n
}

func (c *counters) key(p *place) countKey {
	return countKey{c.number(ofSource, p.source), c.number(ofNamespace, p.namespace), c.number(ofCheck, p.check),
		c.number(ofTeam, p.team), c.number(ofStatus, string(p.status)), uint32(p.severity)}
}

// apply adds changes to the counters.
func (c *counters) apply(changes []countChange) {
	var fresh []counter
	for i := range changes {
		key := c.key(&changes[i].place)
		if at, ok := slices.BinarySearchFunc(c.list, key, func(v counter, k countKey) int { return v.key.compare(k) }); ok {
			c.list[at].n += int32(changes[i].by)
		} else {
			fresh = append(fresh, counter{key, int32(changes[i].by)})
		}
	}
	slices.SortFunc(fresh, func(a, b counter) int { return a.key.compare(b.key) })
	i, j := len(c.list)-1, len(fresh)-1
	c.list = append(c.list, fresh...)
	for at := len(c.list) - 1; j >= 0; at-- { // from the end, where there is room
		if i >= 0 && c.list[i].key.compare(fresh[j].key) > 0 {
			c.list[at], i = c.list[i], i-1
		} else {
			c.list[at], j = fresh[j], j-1
		}
	}
}

// countsCopy keeps counters in memory and in step with the database, by the changes that
// every write notes, whichever server wrote. It is safe for concurrent use.
type countsCopy struct {
	reading sync.Mutex // so that only one reads them all
	mu      sync.RWMutex
	kept    *counters // nil: not yet read, or to be read anew
}

// at is the size of the log as of which the copy is; -1: there is none.
func (c *countsCopy) at() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.kept == nil {
		return -1
	}
	return c.kept.size
}

// follow applies changes that follow upon the state at previous. Where the copy is not
// there, and was not brought further by somebody else, it is to be read anew.
func (c *countsCopy) follow(previous, size int64, changes []countChange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.kept == nil || c.kept.size >= size:
	case c.kept.size == previous:
		c.kept.apply(changes)
		c.kept.size = size
	default: // changes between are no longer kept
		c.kept = nil
	}
}

// counters calls f on counters that are at least as new as the database was when it was
// called. f must neither keep nor change them.
func (s *Store) counters(ctx context.Context, f func(*counters)) error {
	for range tries {
		if s.counts.at() < 0 {
			if err := s.firstCounters(ctx); err != nil {
				return s.dialect.explain(fmt.Errorf("read the counters of findings: %w", err))
			}
		}
		size, err := s.followCounters(ctx, s.counts.at()) // also those that another began to read before
		if err != nil {
			return s.dialect.explain(fmt.Errorf("follow the counters of findings: %w", err))
		}
		if s.counts.use(size, f) {
			return nil
		}
	}
	return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the counters of findings change faster than they can be read; try again"}
}

// use calls f on the copy, if there is one that is as of a size of the log or later: it may
// have been read anew meanwhile, from an earlier state.
func (c *countsCopy) use(size int64, f func(*counters)) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.kept == nil || c.kept.size < size {
		return false
	}
	f(c.kept)
	return true
}

// ReadCounters reads the counters of findings into memory, whether or not they are there: at
// the start, so that nobody waits for it (a second for half a million of them), and now and
// then, so that memory does not differ for long from what the self-check proves.
func (s *Store) ReadCounters(ctx context.Context) error {
	s.counts.reading.Lock()
	defer s.counts.reading.Unlock()
	return s.dialect.explain(s.readCounters(ctx))
}

// followCounters applies what changed since a size of the log, and gives that of the latest
// change.
func (s *Store) followCounters(ctx context.Context, since int64) (size int64, err error) {
	size = since
	rows, err := s.read.QueryContext(ctx, `SELECT size, previous, changes FROM finding_count_changes WHERE size > $1 ORDER BY size`, since)
	if err != nil {
		return size, err
	}
	defer rows.Close()
	for rows.Next() {
		var previous int64
		var data []byte
		if err := rows.Scan(&size, &previous, &data); err != nil {
			return size, err
		}
		var changes []countChange
		if err := json.Unmarshal(data, &changes); err != nil {
			return size, fmt.Errorf("what changed before log size %d: %w", size, err)
		}
		s.counts.follow(previous, size, changes)
	}
	return size, errors.Join(rows.Err(), rows.Close())
}

// firstCounters reads all counters, unless somebody did meanwhile.
func (s *Store) firstCounters(ctx context.Context) error {
	s.counts.reading.Lock()
	defer s.counts.reading.Unlock()
	if s.counts.at() >= 0 {
		return nil
	}
	return s.readCounters(ctx)
}

// readCounters reads all counters, of one state of the database.
func (s *Store) readCounters(ctx context.Context) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.dialect.snapshot})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	c := &counters{}
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM finding_count_changes`).Scan(&c.size); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, `SELECT source_id, namespace, check_id, team, status, severity, count FROM finding_counts WHERE count <> 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p place
		var n int32
		if err := rows.Scan(&p.source, &p.namespace, &p.check, &p.team, &p.status, &p.severity, &n); err != nil {
			return err
		}
		c.list = append(c.list, counter{c.key(&p), n})
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	slices.SortFunc(c.list, func(a, b counter) int { return a.key.compare(b.key) })
	c.list = slices.Clip(c.list)
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	s.counts.kept = c
	return nil
}

// countFilter narrows counters; nil does not.
type countFilter struct {
	in      [ofSeverity][]bool // by number
	ranks   []bool             // by rank
	without map[uint32][]bool  // namespaces that are left out, by source
	// Where either is said, what is of none of both is left out besides.
	eitherCheck, eitherNamespace []bool
	either                       bool
}

// named lets only through what is of one of the checks or in one of the namespaces.
func (q *countFilter) named(checks, namespaces []bool) {
	q.either, q.eitherCheck, q.eitherNamespace = true, checks, namespaces
}

// of is the filter for what a list is narrowed to, as far as counters know it. Of nothing
// that was ever counted, it lets nothing through.
func (c *counters) of(f *FindingFilter) *countFilter {
	q := &countFilter{without: map[uint32][]bool{}}
	q.in[ofCheck], q.in[ofNamespace], q.in[ofTeam] = c.among(ofCheck, f.Checks), c.among(ofNamespace, f.Namespaces), c.among(ofTeam, orNone(f.Teams))
	q.in[ofSource], q.in[ofStatus] = c.among(ofSource, f.Sources), c.among(ofStatus, statusNames(f.Status))
	if len(f.Severities) > 0 {
		q.ranks = make([]bool, 1+len(seaworthy.Severities))
		for _, s := range f.Severities {
			q.ranks[rank(s)] = true
		}
	}
	if f.Program == nil {
		return q
	}
	in, out := scopeOf(f.Program)
	scope := make([]bool, len(c.names[ofSource].list))
	for _, source := range in {
		if n, ok := c.names[ofSource].numbers[source]; ok {
			scope[n] = q.in[ofSource] == nil || q.in[ofSource][n]
			if names := out[source]; len(names) > 0 {
				q.without[n] = c.among(ofNamespace, names)
			}
		}
	}
	q.in[ofSource] = scope
	return q
}

// among marks the numbers of names; nil if there are no names.
func (c *counters) among(dimension int, names []string) []bool {
	if len(names) == 0 {
		return nil
	}
	marks := make([]bool, len(c.names[dimension].list))
	for _, name := range names {
		if n, ok := c.names[dimension].numbers[name]; ok {
			marks[n] = true
		}
	}
	return marks
}

// each calls f for every counter that the filter lets through, source by source.
func (c *counters) each(q *countFilter, f func(*counter)) {
	for source := range c.names[ofSource].list {
		if q.in[ofSource] != nil && !q.in[ofSource][source] {
			continue
		}
		without := q.without[uint32(source)]
		from := sort.Search(len(c.list), func(i int) bool { return c.list[i].key[ofSource] >= uint32(source) })
		for i := from; i < len(c.list) && c.list[i].key[ofSource] == uint32(source); i++ {
			v := &c.list[i]
			if v.n != 0 && q.takes(&v.key) && (without == nil || !without[v.key[ofNamespace]]) {
				f(v)
			}
		}
	}
}

func (q *countFilter) takes(k *countKey) bool {
	for d := ofNamespace; d < ofSeverity; d++ {
		if q.in[d] != nil && !q.in[d][k[d]] {
			return false
		}
	}
	if q.either && (q.eitherCheck == nil || !q.eitherCheck[k[ofCheck]]) && (q.eitherNamespace == nil || !q.eitherNamespace[k[ofNamespace]]) {
		return false
	}
	return q.ranks == nil || q.ranks[k[ofSeverity]]
}

func statusNames(of []seaworthy.FindingStatus) []string {
	names := make([]string, len(of))
	for i, s := range of {
		names[i] = string(s)
	}
	return names
}

// add adds what a filter lets through to a tally.
func (c *counters) add(t *tally, q *countFilter) {
	var sums [ofSeverity][]int
	for d := range sums {
		sums[d] = make([]int, len(c.names[d].list))
	}
	severities := make([]int, 1+len(seaworthy.Severities))
	c.each(q, func(v *counter) {
		n := int(v.n)
		t.total += n
		for d := range sums {
			sums[d][v.key[d]] += n
		}
		severities[v.key[ofSeverity]] += n
	})
	for d, facet := range [...]string{facetSource, facetNamespace, facetCheck, facetTeam, facetStatus} {
		for number, n := range sums[d] {
			t.add(facet, c.names[d].list[number], n)
		}
	}
	for rank, n := range severities {
		t.add(facetSeverity, string(severityOf(rank)), n)
	}
}

// beginning lists names that begin with a text, whatever their case, in order.
func (c *counters) beginning(dimension int, text string, most int) []string {
	var out []string
	for _, name := range c.names[dimension].list {
		if len(name) >= len(text) && strings.EqualFold(name[:len(text)], text) {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out[:min(len(out), most)]
}
