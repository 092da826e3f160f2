// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TrailTally counts changes of one namespace of a cluster that stand alike to an approval.
type TrailTally struct {
	Source, Namespace string
	Match             seaworthy.Match
	Writes            bool // or sessions and reads of Secrets
	Session           bool // a container for debugging is a write as well
	Count, Late       int
}

// inSession tells sessions as [seaworthy.Change.Session] does.
const inSession = `CASE WHEN verb IN ('exec', 'attach', 'portforward', 'proxy') OR document LIKE '%"subresource":"ephemeralcontainers"%'
	OR document LIKE '%"path":"spec.ephemeralContainers%' THEN 1 ELSE 0 END`

// cameOf leaves out what was asked for in vain.
const cameOf = `document NOT LIKE '%"outcome":"denied"%' AND document NOT LIKE '%"outcome":"failed"%'`

// TrailTallies counts the changes of [from, to) that came of something.
func (s *Store) TrailTallies(ctx context.Context, from, to time.Time) ([]TrailTally, error) {
	rows, err := s.read.QueryContext(ctx, `
		SELECT source_id, namespace, approval, CASE WHEN verb IN ('create', 'update', 'delete') THEN 1 ELSE 0 END AS writes,
		  `+inSession+` AS session, COUNT(*), SUM(CASE WHEN document LIKE '%"late":true%' THEN 1 ELSE 0 END)
		FROM changes WHERE at >= $1 AND at < $2 AND `+cameOf+`
		GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`, micros(from), micros(to))
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (TrailTally, error) {
		var t TrailTally
		var match string
		var writes, session int
		err := row.Scan(&t.Source, &t.Namespace, &match, &writes, &session, &t.Count, &t.Late)
		t.Match, t.Writes, t.Session = seaworthy.Match(match), writes == 1, session == 1
		return t, err
	})
}

// OutOfBand gives the changes that nobody approved and that came of something: those since a
// time, and older ones that nobody has explained, up to another time, oldest first.
func (s *Store) OutOfBand(ctx context.Context, since, to time.Time, f func(*seaworthy.Change)) error {
	rows, err := s.read.QueryContext(ctx, `
		SELECT document FROM (
		  SELECT id, at, document FROM changes WHERE approval = 'out-of-band' AND at >= $1 AND at < $2 AND `+cameOf+`
		  UNION ALL
		  SELECT id, at, document FROM changes WHERE unexplained AND at < $1
		) c ORDER BY at, id`, micros(since), micros(to))
	if err != nil {
		return s.dialect.explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanDocument[seaworthy.Change](rows)
		if err != nil {
			return err
		}
		f(&c)
	}
	return s.dialect.explain(rows.Err())
}

// Touched gives the changes of [from, to) that came of something and touched what records
// changes: the trail's own configuration, or where audit events go.
func (s *Store) Touched(ctx context.Context, from, to time.Time) ([]seaworthy.Change, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT document FROM changes
		WHERE flags <> '' AND (flags LIKE $3 OR flags LIKE $4) AND at >= $1 AND at < $2 AND `+cameOf+` ORDER BY at, id`,
		micros(from), micros(to), "%|"+string(seaworthy.FlagOwnConfig)+"|%", "%|"+string(seaworthy.FlagAuditRemoved)+"|%")
	return collect(s, rows, err, scanDocument[seaworthy.Change])
}

// DeploymentsIn lists the deployments of every cluster that touch [from, to).
func (s *Store) DeploymentsIn(ctx context.Context, from, to time.Time) ([]seaworthy.Deployment, error) {
	w := where{}
	w.add("until_at >= ?", micros(from))
	w.add("from_at < ?", micros(to))
	return deployments.list(ctx, s, s.read, w, "ORDER BY from_at, id")
}

// GapsNoticed says when the log first knew of gaps, by their ids.
func (s *Store) GapsNoticed(ctx context.Context, ids []string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for some := range slices.Chunk(ids, 1000) {
		w := where{}
		w.add("kind = ?", gaps.kind)
		w.among("subject", some)
		rows, err := s.read.QueryContext(ctx, `SELECT subject, MIN(at) FROM log_entries`+w.sql()+` GROUP BY subject`, w.args...)
		if err != nil {
			return nil, s.dialect.explain(err)
		}
		for rows.Next() {
			var id string
			var at int64
			if err := rows.Scan(&id, &at); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			out[id] = moment(at)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, s.dialect.explain(err)
		}
	}
	return out, nil
}

// TrailSightings counts, by source and place, the changes of [from, to) that the place saw.
func (s *Store) TrailSightings(ctx context.Context, from, to time.Time) (map[string]map[string]int, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT c.source_id, s.seen_by, COUNT(DISTINCT c.id) FROM changes c JOIN change_sightings s ON s.change_id = c.id
		WHERE c.at >= $1 AND c.at < $2 GROUP BY c.source_id, s.seen_by`, micros(from), micros(to))
	type sighted struct {
		source, place string
		n             int
	}
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (sighted, error) {
		var v sighted
		return v, row.Scan(&v.source, &v.place, &v.n)
	})
	out := map[string]map[string]int{}
	for _, v := range list {
		if out[v.source] == nil {
			out[v.source] = map[string]int{}
		}
		out[v.source][v.place] = v.n
	}
	return out, err
}

// AllAgents lists every agent that ever was, by source.
func (s *Store) AllAgents(ctx context.Context) (map[string][]seaworthy.Agent, error) {
	list, err := agents.list(ctx, s, s.read, where{}, "ORDER BY id")
	out := map[string][]seaworthy.Agent{}
	for _, a := range list {
		out[a.SourceID] = append(out[a.SourceID], a)
	}
	return out, err
}

// KnownGap is a gap as an entry of the log has it.
type KnownGap struct {
	seaworthy.Gap
	Index    int64 // of the entry
	LoggedAt time.Time
}

// GapsLogged lists what the log took of gaps after an entry, in that order.
func (s *Store) GapsLogged(ctx context.Context, after int64) ([]KnownGap, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT e.content, e.idx, e.at FROM log_entries e
		WHERE e.kind = $1 AND e.idx > $2 AND e.content IS NOT NULL AND e.content <> 'null' ORDER BY e.idx`, gaps.kind, after)
	return collect(s, rows, err, func(row interface{ Scan(...any) error }) (KnownGap, error) {
		var v KnownGap
		var content string
		var at int64
		if err := row.Scan(&content, &v.Index, &at); err != nil {
			return v, err
		}
		v.LoggedAt = moment(at)
		if err := json.Unmarshal([]byte(content), &v.Gap); err != nil {
			return v, fmt.Errorf("read a gap of the log: %w", err)
		}
		return v, nil
	})
}

// gapsJudgedKey is the setting that says up to which entry what the log took of gaps was
// judged.
const gapsJudgedKey = "audit.judged.gaps"

// GapsJudged is the latest entry about a gap that was judged; -1: none was.
func (s *Store) GapsJudged(ctx context.Context) (int64, error) {
	var value string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, gapsJudgedKey).Scan(&value)
	if none(err) {
		return -1, nil
	}
	if err != nil {
		return -1, s.dialect.explain(err)
	}
	return strconv.ParseInt(value, 10, 64)
}

// SetGapsJudged keeps it.
func (t *Tx) SetGapsJudged(index int64) error {
	return t.exec(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
		gapsJudgedKey, strconv.FormatInt(index, 10))
}
