// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var waivers = records[seaworthy.TrackedWaiver]{
	kind: "waiver", table: "waivers", key: []string{"id"},
	columns: []string{"id", "state", "check_id", "source_id", "fingerprint", "requested_at", "expires_at"},
	values: func(v *seaworthy.TrackedWaiver) []any {
		return []any{v.ID, v.State, v.Check, v.SourceID, v.Fingerprint, micros(v.RequestedAt), micros(v.Ends())}
	},
	subject: func(v *seaworthy.TrackedWaiver) string { return v.ID },
}

// PutWaiver writes a waiver. Waivers are never removed.
func (t *Tx) PutWaiver(v *seaworthy.TrackedWaiver) error { return waivers.put(t, v) }

// Waiver gives a waiver by its id.
func (s *Store) Waiver(ctx context.Context, id string) (seaworthy.TrackedWaiver, error) {
	return waivers.one(ctx, s, s.read, id, byID(id))
}

// Waiver gives a waiver as the transaction sees it and keeps others from changing it
// until the transaction ends.
func (t *Tx) Waiver(id string) (seaworthy.TrackedWaiver, error) {
	v, err := scanDocument[seaworthy.TrackedWaiver](t.tx.QueryRowContext(t.ctx, `SELECT document FROM waivers WHERE id = $1`+t.store.dialect.forUpdate, id))
	if none(err) {
		return v, seaworthy.NotFound("there is no waiver %s", id)
	}
	return v, err
}

// WaiverFilter narrows a list of waivers; empty fields do not.
type WaiverFilter struct {
	States []string
	Check  string
	// Source takes waivers of the source, not those of any source.
	Source string
	// Fingerprint takes waivers of exactly one finding.
	Fingerprint string
	// ExpiringBefore takes waivers that end by then; those without an end are not among
	// them.
	ExpiringBefore time.Time
	// Program limits the list to waivers of its sources and of any source.
	Program *seaworthy.Program
	// ByExpiry orders by the end, soonest first; else what was asked last comes first.
	ByExpiry bool
	Cursor   string
	Limit    int
}

func (f *WaiverFilter) where() where {
	w := where{}
	w.among("state", f.States)
	w.equal("check_id", f.Check)
	w.equal("source_id", f.Source)
	w.equal("fingerprint", f.Fingerprint)
	if !f.ExpiringBefore.IsZero() {
		w.add("expires_at > ? AND expires_at <= ?", 0, micros(f.ExpiringBefore))
	}
	if f.Program != nil {
		in, _ := scopeOf(f.Program)
		w.among("source_id", append([]string{""}, in...))
	}
	return w
}

// Waivers lists waivers.
func (s *Store) Waivers(ctx context.Context, f WaiverFilter) (Page[seaworthy.TrackedWaiver], error) {
	order, key := timeOrder{column: "requested_at"}, func(v *seaworthy.TrackedWaiver) (time.Time, string) { return v.RequestedAt, v.ID }
	if f.ByExpiry {
		order, key = timeOrder{column: "expires_at", oldest: true}, func(v *seaworthy.TrackedWaiver) (time.Time, string) { return v.Ends(), v.ID }
	}
	return waivers.page(ctx, s, f.where(), order, f.Cursor, f.Limit, key)
}

// WaiverCounts counts waivers by state.
func (s *Store) WaiverCounts(ctx context.Context, p *seaworthy.Program) (map[string]int, error) {
	type count struct {
		state string
		n     int
	}
	w := (&WaiverFilter{Program: p}).where()
	rows, err := s.read.QueryContext(ctx, `SELECT state, COUNT(*) FROM waivers`+w.sql()+` GROUP BY state`, w.args...)
	list, err := collect(s, rows, err, func(row interface{ Scan(...any) error }) (c count, err error) {
		return c, row.Scan(&c.state, &c.n)
	})
	out := make(map[string]int, len(list))
	for _, c := range list {
		out[c.state] = c.n
	}
	return out, err
}

// CountingWaivers lists the waivers that are approved and not over: of a source and of
// any source, or all of them when source is empty. The ones that were asked for first
// come first.
func (t *Tx) CountingWaivers(source string) ([]seaworthy.TrackedWaiver, error) {
	return t.store.countingWaivers(t.ctx, t.tx, source, t.At)
}

// CountingWaivers is the same as of now.
func (s *Store) CountingWaivers(ctx context.Context, source string) ([]seaworthy.TrackedWaiver, error) {
	return s.countingWaivers(ctx, s.read, source, s.Now())
}

func (s *Store) countingWaivers(ctx context.Context, q querier, source string, at time.Time) ([]seaworthy.TrackedWaiver, error) {
	w := where{}
	w.add("state = ? AND expires_at > ?", seaworthy.WaiverApproved, micros(at))
	if source != "" {
		w.among("source_id", []string{"", source})
	}
	return waivers.list(ctx, s, q, w, "ORDER BY requested_at, id")
}

// CountingWaiversOf lists those of them that are of exactly one finding with one of these
// fingerprints; of those that are of patterns where a fingerprint is empty.
func (t *Tx) CountingWaiversOf(fingerprints []string) ([]seaworthy.TrackedWaiver, error) {
	var out []seaworthy.TrackedWaiver
	for part := range slices.Chunk(fingerprints, 500) {
		w := where{}
		w.among("fingerprint", part)
		w.add("state = ? AND expires_at > ?", seaworthy.WaiverApproved, micros(t.At))
		list, err := waivers.list(t.ctx, t.store, t.tx, w, "ORDER BY requested_at, id")
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// Waives tells whether a waiver waives any finding.
func (s *Store) Waives(ctx context.Context, waiver string) (bool, error) {
	var any bool
	err := s.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM findings WHERE waiver_id = $1 AND waiver_id <> '')`, waiver).Scan(&any)
	return any, s.dialect.explain(err)
}

// EndedWaivers lists ids of approved waivers whose end has come, n at most.
func (s *Store) EndedWaivers(ctx context.Context, n int) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM waivers WHERE state = $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3`,
		seaworthy.WaiverApproved, micros(s.Now()), n)
	return collect(s, rows, err, scanText)
}

// WaiversChangedSince lists the waivers that were written since a moment.
func (s *Store) WaiversChangedSince(ctx context.Context, at time.Time) ([]seaworthy.TrackedWaiver, error) {
	w := where{}
	w.add("id IN (SELECT subject FROM log_entries WHERE kind = ? AND at >= ?)", waivers.kind, micros(at))
	return waivers.list(ctx, s, s.read, w, "ORDER BY id")
}

func scanText(row interface{ Scan(...any) error }) (v string, err error) { return v, row.Scan(&v) }

// WaiversOfFingerprints lists the waivers of exactly these findings of a source, oldest
// first.
func (t *Tx) WaiversOfFingerprints(source string, fingerprints []string) ([]seaworthy.TrackedWaiver, error) {
	var out []seaworthy.TrackedWaiver
	for part := range slices.Chunk(fingerprints, 500) {
		w := where{}
		w.add("source_id = ? AND fingerprint <> ''", source)
		w.among("fingerprint", part)
		list, err := waivers.list(t.ctx, t.store, t.tx, w, "ORDER BY requested_at, id")
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// Renewal tells whether somebody is asked, or was, to go on with a waiver.
func (t *Tx) Renewal(of *seaworthy.TrackedWaiver) (bool, error) {
	w := where{}
	w.add("source_id = ? AND check_id = ? AND fingerprint = ? AND requested_at >= ?", of.SourceID, of.Check, of.Fingerprint, micros(of.RequestedAt))
	list, err := waivers.list(t.ctx, t.store, t.tx, w, "")
	return slices.ContainsFunc(list, func(v seaworthy.TrackedWaiver) bool { return v.Renews == of.ID }), err
}

// concernedLot is how many findings are looked at, and locked, at a time.
const concernedLot = 1000

// FindingsConcerned gives the open findings that a waiver concerns to f, in lots, and
// keeps others from changing them until the transaction ends.
func (t *Tx) FindingsConcerned(v *seaworthy.TrackedWaiver, f func([]seaworthy.TrackedFinding) error) error {
	return t.store.concerned(t.ctx, t.tx, v, func(lot []seaworthy.TrackedFinding) error {
		ids := make([]string, len(lot))
		for i := range lot {
			ids[i] = lot[i].ID
		}
		now, err := t.LockFindings(ids...)
		if err != nil {
			return err
		}
		lot = lot[:0]
		for _, id := range ids {
			if c, ok := now[id]; ok && c.Status == seaworthy.FindingOpen && v.Concerns(&c) {
				lot = append(lot, c)
			}
		}
		if len(lot) == 0 {
			return nil
		}
		return f(lot)
	})
}

// FindingsConcerned gives the open findings that a waiver concerns to f, in lots.
func (s *Store) FindingsConcerned(ctx context.Context, v *seaworthy.TrackedWaiver, f func([]seaworthy.TrackedFinding) error) error {
	return s.dialect.explain(s.concerned(ctx, s.read, v, f))
}

func (s *Store) concerned(ctx context.Context, q querier, v *seaworthy.TrackedWaiver, f func([]seaworthy.TrackedFinding) error) error {
	after := ""
	for {
		w := where{}
		w.add("status = ?", string(seaworthy.FindingOpen))
		w.concerned(v)
		if after != "" {
			at, id, err := parseCursor(after)
			if err != nil {
				return err
			}
			w.add("(severity < ? OR severity = ? AND id > ?)", at, at, id)
		}
		rows, err := q.QueryContext(ctx, `SELECT `+findingColumns+` FROM findings`+w.sql()+` ORDER BY severity DESC, id LIMIT `+w.arg(concernedLot), w.args...)
		lot, err := collect(s, rows, err, scanFinding)
		if err != nil {
			return fmt.Errorf("list what waiver %s concerns: %w", v.ID, err)
		}
		seen := len(lot)
		if seen > 0 {
			last := lot[seen-1]
			after = cursor(int64(rank(last.Severity)), last.ID)
		}
		lot = slices.DeleteFunc(lot, func(c seaworthy.TrackedFinding) bool { return !v.Concerns(&c) })
		if len(lot) > 0 {
			if err := f(lot); err != nil {
				return err
			}
		}
		if seen < concernedLot {
			return nil
		}
	}
}

// concerned selects what the database can tell of what a waiver concerns; patterns it
// cannot.
func (w *where) concerned(v *seaworthy.TrackedWaiver) {
	if v.Fingerprint != "" && v.SourceID != "" {
		w.add("id = ?", FindingID(v.SourceID, v.Fingerprint))
	}
	for _, c := range [...][2]string{
		{"source_id", v.SourceID}, {"check_id", v.Check}, {"kind", v.Kind}, {"namespace", v.Namespace}, {"name", v.Name},
		{"container", v.Container}, {"fingerprint", v.Fingerprint},
	} {
		if !strings.ContainsAny(c[1], `*?[\`) {
			w.equal(c[0], c[1])
		}
	}
}

// FindingsWaivedBy gives the findings that a waiver waives to f, in lots, and keeps
// others from changing them until the transaction ends.
func (t *Tx) FindingsWaivedBy(waiver string, f func([]seaworthy.TrackedFinding) error) error {
	after := ""
	for {
		// The second condition is that of the index.
		rows, err := t.tx.QueryContext(t.ctx, `SELECT id FROM findings WHERE waiver_id = $1 AND waiver_id <> '' AND id > $2 ORDER BY id LIMIT $3`,
			waiver, after, concernedLot)
		ids, err := collect(t.store, rows, err, scanText)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		have, err := t.LockFindings(ids...)
		if err != nil {
			return err
		}
		lot := make([]seaworthy.TrackedFinding, 0, len(ids))
		for _, id := range ids {
			if c, ok := have[id]; ok && c.Status == seaworthy.FindingWaived && c.WaiverID == waiver {
				lot = append(lot, c)
			}
		}
		if len(lot) > 0 {
			if err := f(lot); err != nil {
				return err
			}
		}
	}
}

// TokenMaker gives the id of the user who made a token, also of one that was revoked.
func (s *Store) TokenMaker(ctx context.Context, id string) (string, error) {
	v, err := tokens.one(ctx, s, s.read, id, byID(id))
	return v.UserID, err
}
