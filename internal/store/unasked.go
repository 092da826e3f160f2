// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// firstID is not after any id that is made at a moment or later.
func firstID(at time.Time) string {
	var b [15]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(b[:6], ms[2:])
	return idEncoding.EncodeToString(b[:])
}

// Undecided lists changes that went on record from one moment on, made until another, and may
// count as a controller's for the moment: who asks looks closer. Oldest first, beyond the one
// of an id.
func (s *Store) Undecided(ctx context.Context, since, until time.Time, after string, n int) ([]seaworthy.Change, error) {
	w := where{}
	w.add("id >= ?", max(firstID(since), after))
	w.add("id <> ?", after)
	w.add("approval = ?", string(seaworthy.MatchFolded))
	w.add("at < ?", micros(until))
	w.add("document LIKE ?", `%"matchWhy":"made under %`)
	return changes.list(ctx, s, s.read, w, "ORDER BY id LIMIT "+w.arg(limit(n)))
}

// Unasked lists changes that were put on record from one moment up to another and of which
// no webhook told, oldest first, beyond the one of an id.
func (s *Store) Unasked(ctx context.Context, from, to time.Time, after string, n int) ([]seaworthy.Change, error) {
	w := where{}
	w.add("id >= ?", max(firstID(from), after))
	w.add("id <> ?", after)
	w.add("id < ?", firstID(to))
	w.add("NOT EXISTS (SELECT 1 FROM change_sightings b WHERE b.change_id = changes.id AND b.seen_by = ?)", seaworthy.SeenByWebhook)
	return changes.list(ctx, s, s.read, w, "ORDER BY id LIMIT "+w.arg(limit(n)))
}

// Unconfirmed lists changes that were put on record from one moment up to another and of which
// the webhook alone told, so that what came of them is not known: oldest first, beyond the one
// of an id.
func (s *Store) Unconfirmed(ctx context.Context, from, to time.Time, after string, n int) ([]seaworthy.Change, error) {
	w := where{}
	w.add("id >= ?", max(firstID(from), after))
	w.add("id <> ?", after)
	w.add("id < ?", firstID(to))
	w.add("NOT EXISTS (SELECT 1 FROM change_sightings b WHERE b.change_id = changes.id AND b.seen_by <> ?)", seaworthy.SeenByWebhook)
	w.add("document LIKE ?", `%"outcome":"unknown"%`)
	return changes.list(ctx, s, s.read, w, "ORDER BY id LIMIT "+w.arg(limit(n)))
}

// MarkedInVain lists changes that count as out of band although nothing came of them, as
// earlier versions had it, and that nobody explained: oldest first, beyond the one of an id.
func (s *Store) MarkedInVain(ctx context.Context, after string, n int) ([]seaworthy.Change, error) {
	w := where{}
	w.add("id > ?", after)
	w.add("approval = ?", string(seaworthy.MatchOutOfBand))
	w.conditions = append(w.conditions, "NOT unexplained", "NOT ("+cameOf+")")
	w.add("document NOT LIKE ?", `%"explained":{%`)
	return changes.list(ctx, s, s.read, w, "ORDER BY id LIMIT "+w.arg(limit(n)))
}
