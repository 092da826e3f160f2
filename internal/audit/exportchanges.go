// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// trailCount is what the change trail came to in one cluster.
type trailCount struct {
	changes, access, sessions, folded                               int
	webhook, audit, watch                                           int
	verified, claimed, late, outOfBand, explained, exempt, bypassed int
}

// trail writes what was changed in scope and period, what pipelines claimed of it, and what
// the git host said of that.
func (e *export) trail() error {
	counts := map[string]*trailCount{}
	if err := errors.Join(e.changes(counts), e.deployments(), e.rules()); err != nil {
		return err
	}
	err := records(e, "folded-changes", func(entry store.LogEntry, d seaworthy.FoldedDay) error {
		if !e.program.HasSource(d.SourceID) || !e.program.Covers(d.Day.Time) {
			return nil
		}
		e.kept(entry)
		for _, n := range d.Counts {
			countOf(counts, d.SourceID).folded += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	columns := []string{"source", "changes", "access", "sessions", "seen_by_webhook", "seen_by_audit", "seen_by_watch", "verified", "claimed", "approved_late",
		"out_of_band", "explained", "not_required", "bypassed_admission", "counted_only"}
	return e.table("12_changes/account.csv", columns, func(row func(...any) error) error {
		for _, id := range slices.Sorted(maps.Keys(counts)) {
			c := counts[id]
			err := row(id, c.changes, c.access, c.sessions, c.webhook, c.audit, c.watch, c.verified, c.claimed, c.late, c.outOfBand, c.explained, c.exempt, c.bypassed, c.folded)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func countOf(counts map[string]*trailCount, source string) *trailCount {
	if counts[source] == nil {
		counts[source] = &trailCount{}
	}
	return counts[source]
}

// changes writes each change, with the entry that says so.
func (e *export) changes(counts map[string]*trailCount) error {
	columns := []string{"change", "populations", "source", "at", "verb", "api_version", "kind", "namespace", "name", "subresource", "user", "impersonator", "person",
		"outcome", "match", "match_why", "deployment", "approved_late", "explained_by", "explained", "explanation", "flags", "seen_by", "not_seen_by", "log_index"}
	return e.table("12_changes/changes.csv", columns, func(row func(...any) error) error {
		return records(e, "change", func(entry store.LogEntry, c seaworthy.Change) error {
			if !e.program.HasNamespace(c.SourceID, c.Object.Namespace) || !e.program.Covers(c.At) {
				return nil
			}
			e.kept(entry)
			in := store.TrailLists(&c)
			saw, lacks := store.Seers(&c)
			countOf(counts, c.SourceID).add(&c, in, saw)
			var by, when, why string
			if x := c.Explained; x != nil {
				by, when, why = x.By, stamp(x.At), x.Note
			}
			flags := make([]string, len(c.Flags))
			for i, f := range c.Flags {
				flags[i] = string(f)
			}
			o := &c.Object
			return row(c.ID, strings.Join(in, " "), c.SourceID, stamp(c.At), c.Verb, o.APIVersion, o.Kind, o.Namespace, o.Name, o.Subresource, c.Actor.Username,
				c.Actor.Impersonator, c.Actor.Person, string(c.Outcome), string(c.Match), c.MatchWhy, c.MatchID, c.Late, by, when, why,
				strings.Join(flags, "; "), strings.Join(saw, " "), strings.Join(lacks, " "), entry.Index)
		})
	})
}

func (t *trailCount) add(c *seaworthy.Change, in, saw []string) {
	count := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	t.changes++
	count(&t.access, slices.Contains(in, "access"))
	count(&t.sessions, slices.Contains(in, "sessions"))
	count(&t.webhook, slices.Contains(saw, seaworthy.SeenByWebhook))
	count(&t.audit, slices.Contains(saw, seaworthy.SeenByAudit))
	count(&t.watch, slices.Contains(saw, seaworthy.SeenByWatch))
	count(&t.verified, c.Match == seaworthy.MatchVerified)
	count(&t.claimed, c.Match == seaworthy.MatchClaimed)
	count(&t.late, c.Late)
	count(&t.outOfBand, c.Match == seaworthy.MatchOutOfBand)
	count(&t.explained, c.Match == seaworthy.MatchOutOfBand && c.Explained != nil)
	count(&t.exempt, c.Match == seaworthy.MatchExempt)
	count(&t.bypassed, slices.Contains(c.Flags, seaworthy.FlagBypassed))
}

// deployments writes the claims that touch scope and period, and what the git host said of
// the commits and pull requests that they name.
func (e *export) deployments() error {
	named := marks{}
	columns := []string{"deployment", "source", "from", "until", "recorded", "recorded_by", "by", "namespaces", "images", "identity", "repository", "commit",
		"pull_request", "ticket", "approvers", "refusal", "log_index"}
	err := e.table("12_changes/deployments.csv", columns, func(row func(...any) error) error {
		return records(e, "deployment", func(entry store.LogEntry, d seaworthy.Deployment) error {
			if !e.program.HasSource(d.SourceID) || !d.From.Before(e.program.To) || d.Until.Before(e.program.From) {
				return nil
			}
			e.kept(entry)
			for _, name := range []string{d.Commit, d.PullURL} {
				if name != "" {
					named.add(name)
				}
			}
			var approvers, refusal string
			if d.Verified != nil {
				approvers, refusal = strings.Join(d.Verified.Approvers, "; "), d.Verified.Refusal
			}
			return row(d.ID, d.SourceID, stamp(d.From), stamp(d.Until), stamp(d.RecordedAt), d.RecordedBy, d.By, strings.Join(d.Namespaces, " "),
				strings.Join(d.Images, "; "), d.Identity, d.Repository, d.Commit, d.PullURL, d.Ticket, approvers, refusal, entry.Index)
		})
	})
	if err != nil {
		return err
	}
	columns = []string{"merge", "repository", "commit", "pull_request", "author", "approvers", "merged_by", "merged", "confirmed", "confirmed_by", "refusal", "log_index"}
	return e.table("12_changes/merges.csv", columns, func(row func(...any) error) error {
		return records(e, "confirmation", func(entry store.LogEntry, c seaworthy.Confirmation) error {
			if !named.has(c.Commit) && !named.has(c.PullURL) {
				return nil
			}
			e.kept(entry)
			return row(c.ID, c.Repository, c.Commit, c.PullURL, c.Author, strings.Join(c.Approvers, "; "), c.MergedBy, stamp(c.MergedAt), stamp(c.CheckedAt),
				c.CheckedBy, c.Refusal, entry.Index)
		})
	})
}

// rules writes which changes needed no approval, as the rules were at the moment; their
// entries have how they were before.
func (e *export) rules() error {
	columns := []string{"rule", "source", "place", "name", "namespaces", "kinds", "names", "users", "verbs", "paths", "needs_approval", "log_index"}
	return e.table("12_changes/rules.csv", columns, func(row func(...any) error) error {
		return records(e, "change-rule", func(entry store.LogEntry, r seaworthy.ChangeRule) error {
			if r.SourceID != "" && !e.program.HasSource(r.SourceID) {
				return nil
			}
			e.kept(entry)
			list := func(l []string) string { return strings.Join(l, " ") }
			return row(r.ID, r.SourceID, r.Place, r.Name, list(r.Namespaces), list(r.Kinds), list(r.Names), list(r.Users), list(r.Verbs), list(r.Paths), r.Approval, entry.Index)
		})
	})
}

// itemRecords is where the records of selected rows are.
const itemRecords = "03_samples/items.jsonl"

// itemRecord is the record that a selected row is of, whole, with what the log says of it.
type itemRecord struct {
	Sample string          `json:"sample"`
	Row    int             `json:"row"`
	Kind   string          `json:"kind"`
	ID     string          `json:"id"`
	Index  int64           `json:"logIndex"`
	Record json.RawMessage `json:"record"`
}

// recordKinds are the kinds of record that a selected row may be of or name.
var recordKinds = []string{"change", "deployment", "confirmation"}

// sampledRecords writes the whole record of each selected row that is one: of a change, what
// each place saw and what differs, and the deployment that it is matched with.
func (e *export) sampledRecords() error {
	return e.file(itemRecords, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, key := range slices.Sorted(maps.Keys(e.items)) {
			kind, id, _ := strings.Cut(key, " ")
			if !slices.Contains(recordKinds, kind) {
				continue
			}
			err := e.view.Log(store.LogQuery{Kind: kind, Subject: id, Until: e.asOf, Newest: true}, func(entry store.LogEntry) error {
				if entry.Erased || entry.Content == "null" {
					return nil
				}
				e.kept(entry)
				e.recorded = append(e.recorded, key)
				for _, s := range e.items[key] {
					if err := enc.Encode(itemRecord{s.sample, s.row, kind, id, entry.Index, json.RawMessage(entry.Content)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// recordRows names the records of selected rows beside their evidence.
func (e *export) recordRows(row func(...any) error) error {
	for _, key := range e.recorded {
		kind, id, _ := strings.Cut(key, " ")
		for _, s := range e.items[key] {
			if err := row(s.sample, s.row, id, kind+" of row "+strconv.Itoa(s.row), "", itemRecords); err != nil {
				return err
			}
		}
	}
	return nil
}
