// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// RunsWithBytes lists runs that finished before a time and whose raw report is still
// kept, oldest first. after is the time from which on to look.
func (s *Store) RunsWithBytes(ctx context.Context, after, before time.Time, n int) ([]seaworthy.Run, error) {
	w := where{}
	w.add("finished_at >= ?", micros(after))
	w.add("finished_at < ?", micros(before))
	w.add("document NOT LIKE ?", `%"blob":""%`)
	return runs.list(ctx, s, s.read, w, "ORDER BY finished_at, id LIMIT "+w.arg(limit(n)))
}

// DropRawReport says of a run that its raw report is not kept any more, and makes
// tombstones of the evidence that it was. It gives the digest of the bytes to remove.
func (t *Tx) DropRawReport(id, reason string) (digest string, err error) {
	run, err := runs.locked(t, id, byID(id))
	if err != nil || run.Blob == "" {
		return "", err
	}
	digest, run.Blob = run.Blob, ""
	w := where{}
	w.add("run_id = ?", id)
	list, err := evidence.list(t.ctx, t.store, t.tx, w, "ORDER BY id")
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if e.ErasedAt.IsZero() {
			if _, err := t.EraseEvidence(e.ID, reason); err != nil {
				return "", err
			}
		}
	}
	return digest, runs.put(t, &run)
}

// EvidenceBefore lists evidence that speaks of nothing after a time, reports apart, and
// that was not erased, oldest first.
func (s *Store) EvidenceBefore(ctx context.Context, before time.Time, n int) ([]seaworthy.Evidence, error) {
	w := where{}
	w.add("effective_to < ?", micros(before))
	w.add("kind <> ?", seaworthy.EvidenceRun)
	w.add("NOT EXISTS (SELECT 1 FROM evidence_for f WHERE f.evidence_id = evidence.id AND f.erased_at > 0)")
	return evidence.list(ctx, s, s.read, w, "ORDER BY effective_to, id LIMIT "+w.arg(limit(n)))
}

// DropEventChunks removes chunks of events that are older than a time and whose findings
// were all fixed before it and have later events: what a finding was at last stays. Each
// leaves its entry of the log, and a tombstone. It gives how many chunks and events went.
func (t *Tx) DropEventChunks(before time.Time, n int) (chunks, events int, err error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT c.id, c.events FROM finding_chunks c WHERE c.at < $1 AND NOT EXISTS (
			SELECT 1 FROM finding_events e JOIN findings f ON f.id = e.finding_id
			WHERE e.chunk = c.id AND (f.status <> 'fixed' OR f.closed_at >= $1 OR f.chunk = c.id))
		ORDER BY c.id LIMIT $2`, micros(before), n)
	list, err := collect(t.store, rows, err, func(row interface{ Scan(...any) error }) ([2]int64, error) {
		var v [2]int64
		return v, row.Scan(&v[0], &v[1])
	})
	if err != nil {
		return 0, 0, err
	}
	for _, c := range list {
		if err := t.exec(`DELETE FROM finding_events WHERE chunk = $1`, c[0]); err != nil {
			return 0, 0, err
		}
		if err := t.exec(`DELETE FROM finding_chunks WHERE id = $1`, c[0]); err != nil {
			return 0, 0, err
		}
		if err := t.Log("events", strconv.FormatInt(c[0], 10), nil); err != nil {
			return 0, 0, err
		}
		chunks, events = chunks+1, events+int(c[1])
	}
	return chunks, events, nil
}

// DropSessions forgets sessions that were last seen before a time.
func (t *Tx) DropSessions(before time.Time) error {
	return t.exec(`DELETE FROM sessions WHERE seen_at < $1`, micros(before))
}
