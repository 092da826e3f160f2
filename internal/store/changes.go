// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

var changes = records[seaworthy.Change]{
	kind: "change", table: "changes", key: []string{"id"},
	columns: []string{"id", "source_id", "at", "uid", "kind", "namespace", "name", "verb", "actor", "approval", "unexplained", "flags"},
	values: func(c *seaworthy.Change) []any {
		o := &c.Object
		return []any{c.ID, c.SourceID, micros(c.At), o.UID, o.Kind, o.Namespace, o.Name, c.Verb, c.Actor.Username, string(c.Match), c.Unexplained(), flagsOf(c)}
	},
	subject: func(c *seaworthy.Change) string { return c.ID },
}

var deployments = records[seaworthy.Deployment]{
	kind: "deployment", table: "deployments", key: []string{"id"}, columns: []string{"id", "source_id", "from_at", "until_at", "commit_id", "pull_url", "ticket"},
	values: func(d *seaworthy.Deployment) []any {
		return []any{d.ID, d.SourceID, micros(d.From), micros(d.Until), d.Commit, d.PullURL, strings.ToLower(d.Ticket)}
	},
	subject: func(d *seaworthy.Deployment) string { return d.ID },
}

var changeRules = records[seaworthy.ChangeRule]{
	kind: "change-rule", table: "change_rules", key: []string{"id"}, columns: []string{"id", "source_id", "place"},
	values:  func(r *seaworthy.ChangeRule) []any { return []any{r.ID, r.SourceID, int64(r.Place)} },
	subject: func(r *seaworthy.ChangeRule) string { return r.ID },
}

var foldedChanges = records[seaworthy.FoldedDay]{
	kind: "folded-changes", table: "folded_changes", key: []string{"source_id", "day"}, columns: []string{"source_id", "day"},
	values:  func(d *seaworthy.FoldedDay) []any { return []any{d.SourceID, micros(d.Day.Time)} },
	subject: func(d *seaworthy.FoldedDay) string { return fmt.Sprintf("%s/%d", d.SourceID, micros(d.Day.Time)) },
}

// flagsOf are the flags of a change as its column has them: each between bars.
func flagsOf(c *seaworthy.Change) string {
	var b strings.Builder
	for _, f := range c.Flags {
		b.WriteString("|" + string(f))
	}
	if b.Len() > 0 {
		b.WriteString("|")
	}
	return b.String()
}

// PutChange writes a change with everything that has seen it. Changes are never removed
// but by retention.
func (t *Tx) PutChange(c *seaworthy.Change) error {
	if err := changes.put(t, c); err != nil {
		return err
	}
	rows := make([][]any, len(c.Sightings))
	for i, s := range c.Sightings {
		rows[i] = []any{c.SourceID, s.By, s.ID, c.ID}
	}
	if err := t.insert(`INSERT INTO change_sightings (source_id, seen_by, sighting, change_id)`, `ON CONFLICT (source_id, seen_by, sighting) DO NOTHING`, rows); err != nil {
		return err
	}
	return t.mentionImages(mentionedByChange, c.ID, c.Images)
}

// SightedChange gives the id of the change that a sighting is of; empty when it is new.
func (t *Tx) SightedChange(source string, s seaworthy.Sighting) (string, error) {
	var id string
	err := t.tx.QueryRowContext(t.ctx, `SELECT change_id FROM change_sightings WHERE source_id = $1 AND seen_by = $2 AND sighting = $3`, source, s.By, s.ID).Scan(&id)
	if none(err) {
		return "", nil
	}
	return id, err
}

// maxCandidates is how many changes of one object are looked at.
const maxCandidates = 100

// ChangesOf lists the latest changes of objects of that kind and name, oldest first.
func (t *Tx) ChangesOf(source string, o *seaworthy.ChangedObject) ([]seaworthy.Change, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("kind = ?", o.Kind)
	w.add("namespace = ?", o.Namespace)
	w.add("name = ?", o.Name)
	list, err := changes.list(t.ctx, t.store, t.tx, w, "ORDER BY at DESC, id DESC LIMIT "+w.arg(maxCandidates))
	slices.Reverse(list)
	return list, err
}

// ChangesDuring lists the changes of a cluster in an interval, oldest first.
func (t *Tx) ChangesDuring(source string, from, to time.Time) ([]seaworthy.Change, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("at >= ?", micros(from))
	w.add("at <= ?", micros(to))
	return changes.list(t.ctx, t.store, t.tx, w, "ORDER BY at, id LIMIT "+w.arg(maxDuring))
}

// Denied lists the latest changes of a verb by somebody in a cluster that were denied, but of
// Secrets, from one moment to another, n at most.
func (t *Tx) Denied(source, verb, actor string, from, to time.Time, n int) ([]seaworthy.Change, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("actor = ?", actor)
	w.add("verb = ?", verb)
	w.add("kind <> 'Secret'")
	w.add("at > ?", micros(from))
	w.add("at < ?", micros(to))
	w.add("document LIKE ?", `%"outcome":"denied"%`)
	return changes.list(t.ctx, t.store, t.tx, w, "ORDER BY at DESC, id DESC LIMIT "+w.arg(n))
}

// maxDuring is how many changes one deployment is held against.
const maxDuring = 10_000

// Change gives a change as the transaction sees it, and keeps others from changing it.
func (t *Tx) Change(id string) (seaworthy.Change, error) {
	c, err := scanDocument[seaworthy.Change](t.tx.QueryRowContext(t.ctx, `SELECT document FROM changes WHERE id = $1`+t.store.dialect.forUpdate, id))
	if none(err) {
		return c, seaworthy.NotFound("there is no change %s", id)
	}
	return c, err
}

// Change gives a change by its id.
func (s *Store) Change(ctx context.Context, id string) (seaworthy.Change, error) {
	return changes.one(ctx, s, s.read, id, byID(id))
}

// ChangeFilter narrows a list of changes; empty fields do not.
type ChangeFilter struct {
	Source, Namespace, Kind, Name, Actor, Verb string
	Approvals                                  []string
	Unexplained                                bool // only those that somebody has to explain
	Flag                                       seaworthy.Flag
	Image                                      string // as it is written, or with its digest, or the digest alone
	From, To                                   time.Time
	Program                                    *seaworthy.Program
	Cursor                                     string
	Limit                                      int
}

func (f *ChangeFilter) where() where {
	w := where{}
	for _, c := range [...][2]string{
		{"source_id", f.Source}, {"namespace", f.Namespace}, {"kind", f.Kind}, {"name", f.Name}, {"actor", f.Actor}, {"verb", f.Verb},
	} {
		w.equal(c[0], c[1])
	}
	w.among("approval", f.Approvals)
	if f.Unexplained {
		w.conditions = append(w.conditions, "unexplained")
	}
	if f.Flag != "" { // few changes have flags: an index holds only those
		w.add(`flags <> '' AND flags LIKE ? ESCAPE '\'`, "%|"+strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(string(f.Flag))+"|%")
	}
	if f.Image != "" {
		w.image(mentionedByChange, f.Image)
	}
	if !f.From.IsZero() {
		w.add("at >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		w.add("at < ?", micros(f.To))
	}
	w.beside(f.Program, "namespace")
	return w
}

// Changes lists changes, newest first.
func (s *Store) Changes(ctx context.Context, f ChangeFilter) (Page[seaworthy.Change], error) {
	return changes.page(ctx, s, f.where(), timeOrder{column: "at"}, f.Cursor, f.Limit, func(c *seaworthy.Change) (time.Time, string) { return c.At, c.ID })
}

// CountChanges counts changes by how they stand to an approval, up to a limit for each:
// beyond it, nobody needs to know how many.
func (s *Store) CountChanges(ctx context.Context, f ChangeFilter, most int) (map[seaworthy.Match]int, error) {
	out := map[seaworthy.Match]int{}
	for _, m := range []seaworthy.Match{seaworthy.MatchVerified, seaworthy.MatchClaimed, seaworthy.MatchOutOfBand, seaworthy.MatchExempt} {
		f.Approvals = []string{string(m)}
		w := f.where()
		var n int
		err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM changes`+w.sql()+` LIMIT `+w.arg(most+1)+`) c`, w.args...).Scan(&n)
		if err != nil {
			return nil, s.dialect.explain(err)
		}
		out[m] = n
	}
	return out, nil
}

// PutDeployment writes a deployment.
func (t *Tx) PutDeployment(d *seaworthy.Deployment) error {
	if err := deployments.put(t, d); err != nil {
		return err
	}
	return t.mentionImages(mentionedByDeployment, d.ID, d.Images)
}

// DeploymentsDuring lists the deployments of a cluster that touch an interval.
func (t *Tx) DeploymentsDuring(source string, from, to time.Time) ([]seaworthy.Deployment, error) {
	w := where{}
	w.add("source_id = ?", source)
	w.add("until_at >= ?", micros(from))
	w.add("from_at <= ?", micros(to))
	return deployments.list(t.ctx, t.store, t.tx, w, "ORDER BY from_at, id LIMIT "+w.arg(1000))
}

// Deployment gives a deployment by its id.
func (s *Store) Deployment(ctx context.Context, id string) (seaworthy.Deployment, error) {
	return deployments.one(ctx, s, s.read, id, byID(id))
}

// PutChangeRule writes a rule, DropChangeRule removes one.
func (t *Tx) PutChangeRule(r *seaworthy.ChangeRule) error { return changeRules.put(t, r) }

// DropChangeRule removes a rule.
func (t *Tx) DropChangeRule(r *seaworthy.ChangeRule) error { return changeRules.drop(t, r) }

// ChangeRules lists all rules in the order in which they are tried.
func (t *Tx) ChangeRules() ([]seaworthy.ChangeRule, error) {
	return changeRules.list(t.ctx, t.store, t.tx, where{}, "ORDER BY place, id")
}

// ChangeRules lists all rules in the order in which they are tried.
func (s *Store) ChangeRules(ctx context.Context) ([]seaworthy.ChangeRule, error) {
	return changeRules.list(ctx, s, s.read, where{}, "ORDER BY place, id")
}

// AddFolded counts changes of a cluster that are not recorded one by one.
func (t *Tx) AddFolded(source string, at time.Time, counts map[string]int) error {
	if len(counts) == 0 {
		return nil
	}
	day := seaworthy.FoldedDay{SourceID: source, Day: seaworthy.Date{Time: at.UTC().Truncate(24 * time.Hour)}, Counts: map[string]int{}}
	kept, err := scanDocument[seaworthy.FoldedDay](t.tx.QueryRowContext(t.ctx,
		`SELECT document FROM folded_changes WHERE source_id = $1 AND day = $2`+t.store.dialect.forUpdate, source, micros(day.Day.Time)))
	switch {
	case err == nil && kept.Counts != nil:
		day.Counts = kept.Counts
	case err != nil && !none(err):
		return err
	}
	for kind, n := range counts {
		day.Counts[kind] += n
	}
	return foldedChanges.put(t, &day)
}

// Folded lists what was folded in a cluster on the days of an interval; in all clusters
// when source is empty.
func (s *Store) Folded(ctx context.Context, source string, from, to time.Time) ([]seaworthy.FoldedDay, error) {
	w := where{}
	w.equal("source_id", source)
	w.add("day >= ?", micros(from.UTC().Truncate(24*time.Hour)))
	w.add("day < ?", micros(to))
	return foldedChanges.list(ctx, s, s.read, w, "ORDER BY day, source_id")
}

// changeSightings say which change each sighting is of: what the changes say.
type changeSightings struct{}

func (changeSightings) tableName() string { return "change_sightings" }

func (changeSightings) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `SELECT c.id, c.document, s.source_id, s.seen_by, s.sighting
		FROM changes c LEFT JOIN change_sightings s ON s.change_id = c.id ORDER BY c.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last string
	var want map[string]bool
	end := func() {
		for s := range want {
			v.tell("change %s: that %s saw it is missing", last, s)
		}
	}
	for rows.Next() {
		var id, document string
		var source, by, sighting sql.NullString
		if err := rows.Scan(&id, &document, &source, &by, &sighting); err != nil {
			return err
		}
		if id != last {
			end()
			last, want = id, sightingsOf(document)
		}
		key := strings.Join([]string{by.String, sighting.String, "in", source.String}, " ")
		if by.Valid && !want[key] {
			v.tell("change %s: that %s saw it was added", id, key)
		}
		delete(want, key)
	}
	end()
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("change %s is not there, but something is said to have seen it", s) },
		`SELECT DISTINCT change_id FROM change_sightings s WHERE NOT EXISTS (SELECT 1 FROM changes c WHERE c.id = s.change_id)`)
}

// sightingsOf lists what a change says of who saw it; nothing of one that cannot be read,
// which is told with the record itself.
func sightingsOf(document string) map[string]bool {
	var c seaworthy.Change
	if json.Unmarshal([]byte(document), &c) != nil {
		return nil
	}
	out := map[string]bool{}
	for _, s := range c.Sightings {
		out[fmt.Sprintf("%s %s in %s", s.By, s.ID, c.SourceID)] = true
	}
	return out
}
