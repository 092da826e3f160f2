// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// FindingID is the id of a finding of a source.
func FindingID(source, fingerprint string) string {
	return digestOf("seaworthy.dev/finding/v1", source, fingerprint)
}

// ObjectID is the id of an object of a source. The version of its API is no part of it.
func ObjectID(source string, o seaworthy.Object) string {
	return digestOf("seaworthy.dev/object/v1", source, o.Group(), o.Kind, o.Namespace, o.Name)
}

func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Content is a digest of what a report says of the finding: what a scan can see change.
func Content(f *seaworthy.TrackedFinding) []byte {
	buf := make([]byte, 0, 512)
	for _, s := range [...]string{
		string(f.Severity), f.Category, f.Object.APIVersion, f.Container, f.Path, f.File,
		strconv.Itoa(f.Line), f.Origin, f.Message, f.WaiverRequested,
	} {
		buf = append(append(buf, s...), 0)
	}
	sum := sha256.Sum256(buf)
	return sum[:16]
}

// FindingState is the digest of a finding that its events keep: SHA-256 of its JSON, in
// hexadecimal.
func FindingState(f *seaworthy.TrackedFinding) (string, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("digest finding %s: %w", f.ID, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// FindingChange is one step in a finding's life.
type FindingChange struct {
	// Before is the finding as [Tx.LockFindings] gave it; nil: the finding is new.
	Before *seaworthy.TrackedFinding
	After  seaworthy.TrackedFinding
	// Kind is that of the event; seaworthy.EventOpened and its like.
	Kind  string
	Cause seaworthy.Cause // of the event; may be empty
	RunID string          // of the report that brought it; empty for people's steps
	Note  string
}

// LockFindings gives findings by their ids, those that exist, and keeps others from
// changing them until the transaction ends.
func (t *Tx) LockFindings(ids ...string) (map[string]seaworthy.TrackedFinding, error) {
	out := make(map[string]seaworthy.TrackedFinding, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), 500)
		w := where{}
		w.among("id", ids[:n])
		// In the order of their ids, so that two do not wait for each other.
		rows, err := t.tx.QueryContext(t.ctx, `SELECT `+findingColumns+` FROM findings`+w.sql()+` ORDER BY id`+t.store.dialect.forUpdate, w.args...)
		list, err := collect(t.store, rows, err, scanFinding)
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			out[f.ID] = f
		}
		ids = ids[n:]
	}
	return out, nil
}

// Finding gives a finding by its id.
func (s *Store) Finding(ctx context.Context, id string) (seaworthy.TrackedFinding, error) {
	f, err := scanFinding(s.read.QueryRowContext(ctx, `SELECT `+findingColumns+` FROM findings WHERE id = $1`, id))
	if err == sql.ErrNoRows {
		return f, seaworthy.NotFound("there is no finding %s", id)
	}
	return f, s.dialect.explain(err)
}

// KnownFinding is the least that tells whether a report changes a finding.
type KnownFinding struct {
	ID      [16]byte
	Content [16]byte
	Status  seaworthy.FindingStatus
}

// StandingFindings lists the findings of a source that are not fixed, in no order.
func (t *Tx) StandingFindings(source string) ([]KnownFinding, error) {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT id, content, status FROM findings WHERE source_id = $1 AND status IN ($2, $3)`,
		source, seaworthy.FindingOpen, seaworthy.FindingWaived)
	return collect(t.store, rows, err, scanKnown)
}

// KnownFindings gives those of the ids that exist, in no order.
func (t *Tx) KnownFindings(ids []string) ([]KnownFinding, error) {
	w := where{}
	w.among("id", ids)
	rows, err := t.tx.QueryContext(t.ctx, `SELECT id, content, status FROM findings`+w.sql(), w.args...)
	return collect(t.store, rows, err, scanKnown)
}

func scanKnown(row interface{ Scan(...any) error }) (KnownFinding, error) {
	var k KnownFinding
	var id, content sql.RawBytes
	var status string
	if rows, ok := row.(*sql.Rows); ok { // RawBytes spare a copy of each
		if err := rows.Scan(&id, &content, &status); err != nil {
			return k, err
		}
	}
	k.Status = seaworthy.FindingStatus(status)
	if n, err := hex.Decode(k.ID[:], id); err != nil || n != len(k.ID) || len(content) != len(k.Content) {
		return k, fmt.Errorf("read finding %q: its id or content is malformed", id)
	}
	copy(k.Content[:], content)
	return k, nil
}

// The columns of findings, in the order of findingValues and scanFinding.
const findingColumns = `id, source_id, object_id, fingerprint, check_id, severity, category, api_version, kind, namespace, name,
	container, path, file, line, origin, message, waiver_requested, status, cause, first_seen_at, opened_at, closed_at, due_at,
	regressions, run_id, team, assignee, waiver_id, ticket`

// findingRow are all columns.
const findingRow = findingColumns + `, content, chunk, n`

// What identifies a finding never changes.
const findingUpdate = `ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, category = excluded.category,
	api_version = excluded.api_version, container = excluded.container, path = excluded.path, file = excluded.file,
	line = excluded.line, origin = excluded.origin, message = excluded.message, waiver_requested = excluded.waiver_requested,
	status = excluded.status, cause = excluded.cause, opened_at = excluded.opened_at, closed_at = excluded.closed_at,
	due_at = excluded.due_at, regressions = excluded.regressions, run_id = excluded.run_id, team = excluded.team,
	assignee = excluded.assignee, waiver_id = excluded.waiver_id, ticket = excluded.ticket, content = excluded.content,
	chunk = excluded.chunk, n = excluded.n`

func findingValues(f *seaworthy.TrackedFinding) []any {
	return append(make([]any, 0, 33), f.ID, f.SourceID, f.ObjectID, f.Fingerprint, f.Check, rank(f.Severity), f.Category, f.Object.APIVersion,
		f.Object.Kind, f.Object.Namespace, f.Object.Name, f.Container, f.Path, f.File, f.Line, f.Origin, f.Message,
		f.WaiverRequested, string(f.Status), string(f.Cause), micros(f.FirstSeenAt), micros(f.OpenedAt), micros(f.ClosedAt),
		micros(f.DueAt), f.Regressions, f.RunID, f.Team, f.Assignee, f.WaiverID, f.Ticket)
}

func scanFinding(row interface{ Scan(...any) error }) (seaworthy.TrackedFinding, error) {
	var f seaworthy.TrackedFinding
	var severity int
	var first, opened, closed, due int64
	err := row.Scan(&f.ID, &f.SourceID, &f.ObjectID, &f.Fingerprint, &f.Check, &severity, &f.Category, &f.Object.APIVersion,
		&f.Object.Kind, &f.Object.Namespace, &f.Object.Name, &f.Container, &f.Path, &f.File, &f.Line, &f.Origin, &f.Message,
		&f.WaiverRequested, &f.Status, &f.Cause, &first, &opened, &closed, &due, &f.Regressions, &f.RunID, &f.Team,
		&f.Assignee, &f.WaiverID, &f.Ticket)
	f.Severity = severityOf(severity)
	f.FirstSeenAt, f.OpenedAt, f.ClosedAt, f.DueAt = moment(first), moment(opened), moment(closed), moment(due)
	return f, err
}

// rank is a severity as the database orders it: 5 is critical, 1 is info.
func rank(s seaworthy.Severity) int { return len(seaworthy.Severities) - s.Rank() }

func severityOf(rank int) seaworthy.Severity {
	if i := len(seaworthy.Severities) - rank; i >= 0 && i < len(seaworthy.Severities) {
		return seaworthy.Severities[i]
	}
	return ""
}

// cursor joins the last sort key and id of a page.
func cursor(key int64, id string) string { return strconv.FormatInt(key, 36) + "." + id }

func parseCursor(s string) (key int64, id string, err error) {
	head, id, found := strings.Cut(s, ".")
	key, err = strconv.ParseInt(head, 36, 64)
	if !found || err != nil {
		return 0, "", seaworthy.Invalid("the cursor %q is not one of this list", s)
	}
	return key, id, nil
}

// dayOf counts days since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }
