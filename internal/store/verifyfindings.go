// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// findings checks chunks against the log, events against their chunk, findings against
// their newest event, and counters against findings. It holds one lot of chunks in
// memory, whatever there is.
func (v *verification) findings() error {
	for _, step := range []func() error{v.chunks, v.chunkEntries, v.findingRows, v.lostFindings, v.counters} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// keptChunk is a chunk with what the log says of it.
type keptChunk struct {
	id      int64
	at      int64
	run     string
	events  int
	root    string
	entries int           // of the log
	dropped int           // of these, tombstones
	erased  int           // of these, without content: a newer one says what it comes to
	logged  sql.NullInt64 // when
	content sql.NullString

	hashes []tlog.Hash // of its events
	broken bool        // told already
}

// chunkLot is how many chunks are checked at a time: each has up to 1,000 events, of
// which 32 bytes each are held.
const chunkLot = 100

// chunks checks every chunk, and events that stand in none.
func (v *verification) chunks() error {
	for after := int64(-1 << 62); ; {
		rows, err := v.q.QueryContext(v.ctx, `
			SELECT c.id, c.at, c.run_id, c.events, c.root, e.at,
			  (SELECT n.content FROM log_entries n WHERE n.idx = (SELECT MIN(idx) FROM log_entries f WHERE f.kind = 'events' AND f.subject = CAST(c.id AS TEXT) AND f.content IS NOT NULL)),
			  (SELECT COUNT(*) FROM log_entries n WHERE n.kind = 'events' AND n.subject = CAST(c.id AS TEXT)),
			  (SELECT COUNT(*) FROM log_entries n WHERE n.kind = 'events' AND n.subject = CAST(c.id AS TEXT) AND n.content IS NULL),
			  (SELECT COUNT(*) FROM log_entries n WHERE n.kind = 'events' AND n.subject = CAST(c.id AS TEXT) AND n.content = 'null')
			FROM finding_chunks c
			LEFT JOIN log_entries e ON e.idx = (SELECT MIN(idx) FROM log_entries f WHERE f.kind = 'events' AND f.subject = CAST(c.id AS TEXT))
			WHERE c.id > $1 ORDER BY c.id LIMIT $2`, after, chunkLot)
		lot, err := collect(v.store, rows, err, func(row interface{ Scan(...any) error }) (c keptChunk, err error) {
			return c, row.Scan(&c.id, &c.at, &c.run, &c.events, &c.root, &c.logged, &c.content, &c.entries, &c.erased, &c.dropped)
		})
		if err != nil {
			return err
		}
		last := len(lot) < chunkLot
		until := int64(1<<63 - 1)
		if !last {
			until = lot[len(lot)-1].id
		}
		if err := v.events(lot, after, until); err != nil {
			return err
		}
		for i := range lot {
			v.chunk(&lot[i])
		}
		if last {
			return nil
		}
		after = until
	}
}

// events reads the events after a chunk, up to another, into the chunks of the lot.
func (v *verification) events(lot []keptChunk, after, until int64) error {
	rows, err := v.q.QueryContext(v.ctx, `SELECT `+eventColumns+` FROM finding_events WHERE chunk > $1 AND chunk <= $2 ORDER BY chunk, n`, after, until)
	if err != nil {
		return err
	}
	defer rows.Close()
	i, stray := 0, int64(0)
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		for i < len(lot) && lot[i].id < e.Chunk {
			i++
		}
		if i == len(lot) || lot[i].id != e.Chunk {
			if stray != e.Chunk {
				v.tell("chunk %d is missing, and has events (of finding %s)", e.Chunk, e.FindingID)
			}
			stray = e.Chunk
			continue
		}
		if err := v.event(&lot[i], &e); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// event takes one event into its chunk.
func (v *verification) event(c *keptChunk, e *Event) error {
	for want := len(c.hashes); want < e.N && want < c.events; want++ {
		v.tell("event %d of chunk %d is missing", want, c.id)
		c.hashes, c.broken = append(c.hashes, tlog.Hash{}), true
	}
	if e.N >= c.events || e.N < 0 {
		v.tell("event %d of chunk %d (finding %s, %s) was added", e.N, c.id, e.FindingID, e.Kind)
		c.broken = true
		return nil
	}
	if e.At.UnixMicro() != c.at || e.RunID != c.run {
		v.tell("event %d of chunk %d (finding %s, %s) was altered", e.N, c.id, e.FindingID, e.Kind)
		c.broken = true
	}
	h, err := e.Hash()
	c.hashes = append(c.hashes, h)
	return err
}

// chunk compares a chunk with its entry of the log and with its events.
func (v *verification) chunk(c *keptChunk) {
	when := moment(c.at).Format(time.RFC3339)
	for n := len(c.hashes); n < c.events && n-len(c.hashes) < chunkSize; n++ {
		v.tell("event %d of chunk %d is missing", n, c.id)
		c.broken = true
	}
	var logged Chunk
	switch {
	case c.entries == 0:
		v.tell("chunk %d (%s) is in no entry of the log: it was added", c.id, when)
		return
	case c.dropped > 0:
		v.tell("chunk %d (%s) was removed, and is there again", c.id, when)
	case c.entries-c.erased > 1:
		v.tell("chunk %d (%s) has %d entries of the log: only the first is its own", c.id, when, c.entries)
	}
	if !c.content.Valid || json.Unmarshal([]byte(c.content.String), &logged) != nil {
		v.tell("chunk %d (%s): its entry of the log cannot be read", c.id, when)
		return
	}
	if logged.Events != c.events || logged.Root != c.root || logged.Run != c.run || c.logged.Int64 != c.at {
		v.tell("chunk %d (%s) was altered", c.id, when)
	}
	if root := tlog.RootOf(c.hashes); !c.broken && hex.EncodeToString(root[:]) != logged.Root {
		v.tell("chunk %d (%s): its events are not those that the log has: one of them was altered", c.id, when)
	}
}

// chunkEntries finds entries whose chunk is gone and was not removed by retention, which
// leaves a tombstone.
func (v *verification) chunkEntries() error {
	return v.strings(func(s string) { v.tell("chunk %s is missing", s) }, `
		SELECT DISTINCT subject FROM log_entries WHERE kind = 'events'
		AND subject NOT IN (SELECT CAST(id AS TEXT) FROM finding_chunks)
		AND subject NOT IN (SELECT subject FROM log_entries WHERE kind = 'events' AND content = 'null')`)
}

// findingRows compares each finding with its newest event.
func (v *verification) findingRows() error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT `+prefixed("f.", findingColumns)+`, f.content, e.finding_id, e.state,
		  CASE WHEN EXISTS (SELECT 1 FROM finding_events l WHERE l.finding_id = f.id AND (l.chunk > f.chunk OR l.chunk = f.chunk AND l.n > f.n)) THEN 1 ELSE 0 END,
		  CASE WHEN EXISTS (SELECT 1 FROM finding_events l WHERE l.finding_id = f.id) THEN 1 ELSE 0 END
		FROM findings f LEFT JOIN finding_events e ON e.chunk = f.chunk AND e.n = f.n`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var content []byte
		var of, state sql.NullString
		var newer, some bool
		f, err := scanFinding(andThen{rows, []any{&content, &of, &state, &newer, &some}})
		if err != nil {
			return err
		}
		now, err := FindingState(&f)
		switch {
		case err != nil:
			return err
		case !some:
			v.tell("finding %s (%s of %s) is in no event: it was added", f.ID, f.Check, f.Object)
		case of.String != f.ID:
			v.tell("finding %s (%s of %s): the event that it follows from is missing or of another", f.ID, f.Check, f.Object)
		case newer:
			v.tell("finding %s (%s of %s) was put back to what an earlier event says", f.ID, f.Check, f.Object)
		case now != state.String:
			v.tell("finding %s (%s of %s) was altered", f.ID, f.Check, f.Object)
		case !bytes.Equal(content, Content(&f)):
			v.tell("finding %s (%s of %s): its column content was altered", f.ID, f.Check, f.Object)
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// lostFindings finds events whose finding is gone.
func (v *verification) lostFindings() error {
	return v.strings(func(s string) { v.tell("finding %s is missing", s) }, `
		SELECT finding_id FROM (SELECT DISTINCT finding_id FROM finding_events) e WHERE NOT EXISTS (SELECT 1 FROM findings f WHERE f.id = e.finding_id)`)
}

// counters compares every counter with what there is to count: combinations with the
// findings, days with the combinations.
func (v *verification) counters() error {
	const combination = `source_id, namespace, check_id, team, severity, status`
	for _, c := range []struct{ what, keys, kept, there string }{
		{"counter", combination,
			`SELECT ` + combination + `, count AS kept, 0 AS there FROM finding_counts`,
			`SELECT ` + combination + `, 0, 1 FROM findings`},
		{"trend", `source_id, namespace, severity, status`,
			`SELECT source_id, namespace, severity, status, change AS kept, 0 AS there FROM finding_days`,
			`SELECT source_id, namespace, severity, status, 0, count FROM finding_counts`},
	} {
		if err := v.strings(func(s string) { v.tell("the %s of findings of %s was altered", c.what, s) }, `
			SELECT `+spelled(c.keys)+` || ': ' || CAST(SUM(kept) AS TEXT) || ' kept, ' || CAST(SUM(there) AS TEXT) || ' there'
			FROM (`+c.kept+` UNION ALL `+c.there+`) c GROUP BY `+c.keys+` HAVING SUM(kept) <> SUM(there)`); err != nil {
			return err
		}
	}
	return nil
}

// prefixed puts a prefix before each column of a list.
func prefixed(prefix, columns string) string {
	names := strings.Split(columns, ",")
	for i, n := range names {
		names[i] = prefix + strings.TrimSpace(n)
	}
	return strings.Join(names, ", ")
}

// spelled is the expression of all columns of a list as one text.
func spelled(columns string) string {
	names := strings.Split(columns, ", ")
	for i, n := range names {
		names[i] = "CAST(" + n + " AS TEXT)"
	}
	return strings.Join(names, ` || '/' || `)
}
