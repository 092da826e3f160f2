// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/rand"
	"database/sql"
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
	if err := b.add("finding_events", eventColumns, rows); err != nil {
		return 0, err
	}
	sum := tlog.RootOf(hashes)
	root := hex.EncodeToString(sum[:])
	b.chunks = append(b.chunks, []any{chunk, micros(t.At), run, len(changes), root})
	return chunk, t.Log("events", strconv.FormatInt(chunk, 10), Chunk{Events: len(changes), Root: root, Run: run})
}

// addRoots notes the roots of the chunks that were made.
func (b *FindingBulk) addRoots() error {
	chunks := b.chunks
	b.chunks = nil
	return b.t.insert(chunkInsert, `ON CONFLICT (id) DO UPDATE SET root = excluded.root`, chunks)
}

const chunkInsert = `INSERT INTO finding_chunks (id, at, run_id, events, root)`

// claimChunk makes a chunk. Its id is later than all that are committed, so that the
// events of a finding, which one transaction changes at a time, sort as they happened;
// chance keeps transactions of the same moment from waiting for each other.
func (t *Tx) claimChunk(run string, events int) (int64, error) {
	const spread = 21 // bits; milliseconds take 42, until the year 2109
	var b [4]byte
	rand.Read(b[:])
	least := t.At.UnixMilli()<<spread | int64(binary.BigEndian.Uint32(b[:])>>(32-spread))
	for ; ; least++ {
		var id int64
		err := t.tx.QueryRowContext(t.ctx, chunkInsert+` SELECT CASE WHEN newest >= $1 THEN newest + 1 ELSE $1 END, $2, $3, $4, ''
			FROM (SELECT COALESCE(MAX(id), 0) AS newest FROM finding_chunks) chunks WHERE true ON CONFLICT (id) DO NOTHING RETURNING id`,
			least, micros(t.At), run, events).Scan(&id)
		if err != sql.ErrNoRows { // somebody else has that one
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
