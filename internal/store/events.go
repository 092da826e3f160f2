// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// chunkSize bounds how many events one leaf of the log stands for.
const chunkSize = 1000

// Event is a step in a finding's life where it is kept: event N of a chunk. Its JSON is
// what the chunk's root is made of.
type Event struct {
	Chunk int64 `json:"chunk,string"`
	N     int   `json:"n"`
	seaworthy.FindingEvent
}

// Hash is the event's leaf in the tree of its chunk.
func (e Event) Hash() (tlog.Hash, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("digest event %d of chunk %d: %w", e.N, e.Chunk, err)
	}
	return tlog.RecordHash(data), nil
}

// Chunk is the content of an entry of kind "events": what a chunk of events comes to.
type Chunk struct {
	Events int    `json:"events"`
	Root   string `json:"root"` // tree hash over the events in order, in hexadecimal
	Run    string `json:"run"`
}

const eventColumns = `chunk, n, finding_id, at, kind, cause, actor, run_id, note, state`

// addEvents writes the events of the changes as one chunk and has it logged.
func (b *FindingBulk) addEvents(changes []FindingChange) (chunk int64, err error) {
	t := b.t
	run := changes[0].RunID
	if chunk, err = t.claimChunk(run, len(changes)); err != nil {
		return 0, err
	}
	hashes := make([]tlog.Hash, len(changes))
	rows := make([][]any, len(changes))
	for i := range changes {
		c := &changes[i]
		e := Event{Chunk: chunk, N: i, FindingEvent: seaworthy.FindingEvent{
			FindingID: c.After.ID, At: t.At, Kind: c.Kind, Cause: c.Cause, Actor: t.Actor, RunID: c.RunID, Note: c.Note,
		}}
		if e.State, err = FindingState(&c.After); err != nil {
			return 0, err
		}
		if hashes[i], err = e.Hash(); err != nil {
			return 0, err
		}
		rows[i] = []any{e.Chunk, e.N, e.FindingID, micros(e.At), e.Kind, string(e.Cause), e.Actor, e.RunID, e.Note, e.State}
	}
	if err := b.insert(`INSERT INTO finding_events (`+eventColumns+`)`, "", rows); err != nil {
		return 0, err
	}
	sum := tlog.RootOf(hashes)
	root := hex.EncodeToString(sum[:])
	if err := t.exec(`UPDATE finding_chunks SET root = $1 WHERE id = $2`, root, chunk); err != nil {
		return 0, err
	}
	return chunk, t.Log("events", strconv.FormatInt(chunk, 10), Chunk{Events: len(changes), Root: root, Run: run})
}

// claimChunk makes a chunk. Its id is later than all that are committed, so that the
// events of a finding, which one transaction changes at a time, sort as they happened;
// chance keeps transactions of the same moment from waiting for each other.
func (t *Tx) claimChunk(run string, events int) (int64, error) {
	var newest int64
	if err := t.tx.QueryRowContext(t.ctx, `SELECT COALESCE(MAX(id), 0) FROM finding_chunks`).Scan(&newest); err != nil {
		return 0, err
	}
	const spread = 21 // bits; milliseconds take 42, until the year 2109
	var b [4]byte
	rand.Read(b[:])
	id := max(newest+1, t.At.UnixMilli()<<spread|int64(binary.BigEndian.Uint32(b[:])>>(32-spread)))
	for ; ; id++ {
		done, err := t.tx.ExecContext(t.ctx, `INSERT INTO finding_chunks (id, at, run_id, events, root) VALUES ($1, $2, $3, $4, '')
			ON CONFLICT (id) DO NOTHING`, id, micros(t.At), run, events)
		if err != nil {
			return 0, err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return id, err
		}
	}
}

func scanEvent(row interface{ Scan(...any) error }) (Event, error) {
	var e Event
	var at int64
	err := row.Scan(&e.Chunk, &e.N, &e.FindingID, &at, &e.Kind, &e.Cause, &e.Actor, &e.RunID, &e.Note, &e.State)
	e.At = moment(at)
	return e, err
}

// FindingEvents lists the life of a finding, oldest first; of a life beyond 1,000 steps
// the latest.
func (s *Store) FindingEvents(ctx context.Context, id string) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+eventColumns+` FROM (SELECT `+eventColumns+` FROM finding_events
		WHERE finding_id = $1 ORDER BY chunk DESC, n DESC LIMIT 1000) latest ORDER BY chunk, n`, id)
	return collect(s, rows, err, scanEvent)
}

// ChunkEvents lists the events of a chunk in order: what its root is over.
func (s *Store) ChunkEvents(ctx context.Context, chunk int64) ([]Event, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+eventColumns+` FROM finding_events WHERE chunk = $1 ORDER BY n`, chunk)
	return collect(s, rows, err, scanEvent)
}

// RootOfEvents is the root over events of one chunk, as its entry of the log has it.
func RootOfEvents(events []Event) (string, error) {
	hashes := make([]tlog.Hash, len(events))
	for i, e := range events {
		var err error
		if hashes[i], err = e.Hash(); err != nil {
			return "", err
		}
	}
	sum := tlog.RootOf(hashes)
	return hex.EncodeToString(sum[:]), nil
}
