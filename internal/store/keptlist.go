// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync"
)

// keptList keeps a list that follows from the records of one kind until the log has a newer
// entry of it. It is safe for concurrent use.
type keptList[T any] struct {
	mu    sync.Mutex
	known bool
	entry int64 // the newest of the kind when the list was read
	list  []T
}

// get gives the list, from what is kept or by reading it. Whoever gets it must not change
// it. The log is asked first: what is read after that is at least as new.
func (k *keptList[T]) get(ctx context.Context, s *Store, kind string, read func() ([]T, error)) ([]T, error) {
	var entry int64
	err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(idx), -1) FROM log_entries WHERE kind = $1`, kind).Scan(&entry)
	if err != nil {
		return nil, s.dialect.explain(err)
	}
	k.mu.Lock()
	list, hit := k.list, k.known && k.entry == entry
	k.mu.Unlock()
	if hit {
		return list, nil
	}
	if list, err = read(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known || entry >= k.entry {
		k.known, k.entry, k.list = true, entry, list
	}
	return list, nil
}
