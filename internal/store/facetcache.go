// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// facetCache keeps what was counted while the log stays as it is: findings change only
// with an entry of it. It is safe for concurrent use.
type facetCache struct {
	mu   sync.Mutex
	size int64 // of the log
	kept map[string]Facets
}

// keptFacets bounds how many counts are kept.
const keptFacets = 256

// counted gives the counts of a filter, from what is kept or by counting. Whoever gets
// them must not change them.
func (s *Store) counted(ctx context.Context, f FindingFilter, count func() (Facets, error)) (Facets, error) {
	if f.Overdue { // which time alone changes
		return count()
	}
	size, _, err := s.LogHead(ctx)
	if err != nil {
		return Facets{}, err
	}
	key, err := f.key()
	if err != nil {
		return Facets{}, err
	}
	if kept, ok := s.facets.get(size, key); ok {
		return kept, nil
	}
	out, err := count()
	if err == nil {
		s.facets.put(size, key, out)
	}
	return out, err
}

func (c *facetCache) get(size int64, key string) (Facets, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, ok := c.kept[key]
	return kept, ok && c.size == size
}

// put keeps counts of a log that was at least so large.
func (c *facetCache) put(size int64, key string, v Facets) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size < c.size {
		return
	}
	if size > c.size || len(c.kept) >= keptFacets {
		c.kept, c.size = map[string]Facets{}, size
	}
	c.kept[key] = v
}

// key is all of the filter that counts depend on.
func (f *FindingFilter) key() (string, error) {
	in, out := []string(nil), map[string][]string(nil)
	if f.Program != nil {
		in, out = scopeOf(f.Program)
		if in == nil {
			in = []string{} // nothing, where no program is everything
		}
	}
	data, err := json.Marshal([]any{
		f.Status, f.Severities, f.Checks, f.Sources, f.Namespaces, f.Teams, f.Assignees, f.Kinds, f.Object, f.Waiver,
		micros(f.OpenedFrom), micros(f.OpenedTo), f.Text, in, out,
	})
	if err != nil {
		return "", fmt.Errorf("count findings: %w", err)
	}
	return string(data), nil
}
