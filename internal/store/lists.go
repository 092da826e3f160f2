// SPDX-License-Identifier: Apache-2.0

package store

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// scanner is a row.
type scanner interface{ Scan(...any) error }

// list is a list that can be frozen and exported.
type list struct {
	table    string
	selected string
	order    string // unique, so that the same rows come in the same order
	columns  []string
	filters  map[string]string // name to column
	scope    func(*where, ListQuery)
	row      func(scanner) ([]any, error)
	// prepare reads what rows are shown with, before them; also has the filters that are
	// more than a column; account says what the rows came to, after them. Each may be nil.
	prepare func(*View, ListQuery) error
	also    map[string]func(*where, string) error
	account func(*View, ListQuery) ([]string, error)
}

// narrows adds the condition of a filter.
func (l *list) narrows(w *where, list, name, value string) error {
	if f, ok := l.also[name]; ok {
		return f(w, value)
	}
	column, ok := l.filters[name]
	if !ok {
		return seaworthy.Invalid("the list %s has no filter %q; it has %s", list, name, strings.Join(l.filterNames(), ", "))
	}
	if column != "severity" {
		w.add(column+" = ?", value)
		return nil
	}
	s, err := seaworthy.ParseSeverity(value)
	if err == nil {
		w.add("severity = ?", rank(s))
	}
	return err
}

func (l *list) filterNames() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(l.filters)), maps.Keys(l.also))
	slices.Sort(names)
	return names
}

// documents is a list of records that are kept as documents.
func documents[T any](table, order string, columns []string, filters map[string]string, scope func(*where, ListQuery), values func(T) []any) list {
	return list{
		table: table, selected: "document", order: order, columns: columns, filters: filters, scope: scope,
		row: func(row scanner) ([]any, error) {
			v, err := scanDocument[T](row)
			return values(v), err
		},
	}
}

// lists are all lists, by name.
func lists() map[string]list {
	return map[string]list{
		"findings": findingsList(), "finding-events": findingEventsList(), "check-versions": checksList(),
		"controls": controlsList(), "program-versions": programList(), "occurrences": occurrencesList(),
		"waivers": waiversList(), "sources": sourcesList(), "gaps": gapsList(), "users": usersList(), "tokens": tokensList(),
		"runs": runsList(), "evidence": evidenceList(), "log": logList(), "actions": actionsList(),
		"changes": changesList(), "deployments": deploymentsList(), "access": accessList(), "sessions": sessionsList(),
		"merges": mergesList(), "change-rules": changeRulesList(), "agents": agentsList(),
	}
}

// text writes a time as lists have it; the zero time is empty.
func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func words(list []string) string { return strings.Join(list, " ") }

// until leaves out what came after the moment of the query.
func until(w *where, q ListQuery, column string) {
	if !q.AsOf.IsZero() {
		w.add(column+" <= ?", micros(q.AsOf))
	}
}

// during leaves out what lies before or after the period.
func during(w *where, q ListQuery, from, to string) {
	if q.Program.ID != "" {
		w.add(from+" < ?", micros(q.Program.To))
		w.add(to+" >= ?", micros(q.Program.From))
	}
}

// within narrows to the sources of the program.
func within(w *where, q ListQuery, source, namespace string) {
	if q.Program.ID != "" {
		w.program(&q.Program, source, namespace)
	}
}

// withinOrNowhere narrows to the sources of the program, and what is of no source.
func (w *where) withinOrNowhere(p seaworthy.Program, source string) {
	in, _ := scopeOf(&p)
	if p.ID == "" {
		return
	}
	places := make([]string, len(in))
	for i, id := range in {
		places[i] = " OR " + source + " = " + w.arg(id)
	}
	w.conditions = append(w.conditions, "("+source+" = ''"+strings.Join(places, "")+")")
}

func everything(*where, ListQuery) {}

func findingsList() list {
	return list{
		table: "findings", selected: findingColumns, order: "id",
		columns: []string{"id", "source", "check", "severity", "category", "status", "cause", "api_version", "kind", "namespace", "name", "container", "path",
			"message", "first_seen", "opened", "due", "closed", "regressions", "team", "assignee", "waiver", "ticket", "run", "fingerprint"},
		filters: map[string]string{"source": "source_id", "check": "check_id", "severity": "severity", "category": "category", "status": "status",
			"cause": "cause", "namespace": "namespace", "kind": "kind", "team": "team", "assignee": "assignee"},
		// A finding belongs to the period that it was open in.
		scope: func(w *where, q ListQuery) {
			within(w, q, "source_id", "namespace")
			if q.Program.ID != "" {
				w.add("first_seen_at < ?", micros(q.Program.To))
				w.add("(closed_at = 0 OR closed_at >= ?)", micros(q.Program.From))
			}
		},
		row: func(row scanner) ([]any, error) {
			f, err := scanFinding(row)
			return []any{f.ID, f.SourceID, f.Check, string(f.Severity), f.Category, string(f.Status), string(f.Cause), f.Object.APIVersion, f.Object.Kind,
				f.Object.Namespace, f.Object.Name, f.Container, f.Path, f.Message, text(f.FirstSeenAt), text(f.OpenedAt), text(f.DueAt), text(f.ClosedAt),
				int64(f.Regressions), f.Team, f.Assignee, f.WaiverID, f.Ticket, f.RunID, f.Fingerprint}, err
		},
	}
}

func findingEventsList() list {
	return list{
		table: "finding_events JOIN findings ON findings.id = finding_events.finding_id",
		selected: `finding_events.chunk, finding_events.n, finding_events.finding_id, finding_events.at, finding_events.kind, finding_events.cause,
			finding_events.actor, finding_events.run_id, finding_events.note, finding_events.state`,
		order:   "finding_events.chunk, finding_events.n",
		columns: []string{"chunk", "n", "finding", "at", "kind", "cause", "actor", "run", "note", "state"},
		filters: map[string]string{"finding": "finding_id", "kind": "finding_events.kind", "cause": "finding_events.cause", "actor": "actor", "check": "check_id", "source": "source_id"},
		scope: func(w *where, q ListQuery) {
			within(w, q, "source_id", "namespace")
			during(w, q, "finding_events.at", "finding_events.at")
			until(w, q, "finding_events.at")
		},
		row: func(row scanner) ([]any, error) {
			e, err := scanEvent(row)
			return []any{e.Chunk, int64(e.N), e.FindingID, text(e.At), e.Kind, string(e.Cause), e.Actor, e.RunID, e.Note, e.State}, err
		},
	}
}

func checksList() list {
	l := documents("checks", "id, source_id, version",
		[]string{"check", "source", "version", "from", "to", "changed", "title", "severity", "mode", "digest", "parameters", "controls", "run"},
		map[string]string{"check": "id", "source": "source_id"},
		func(w *where, q ListQuery) {
			within(w, q, "source_id", "")
			if q.Program.ID != "" {
				w.add("from_at < ?", micros(q.Program.To)) // also what the period began with
			}
			until(w, q, "from_at")
		},
		func(v CheckVersion) []any {
			return []any{v.ID, v.SourceID, int64(v.Version), text(v.From), text(v.To), words(v.Changed), v.Title, string(v.Severity), v.Mode, v.Digest, v.Parameters, words(v.Controls), v.RunID}
		})
	// A version ends where the next begins, unless that came after the moment of the query.
	l.selected = `document, COALESCE((SELECT n.from_at FROM checks n WHERE n.id = checks.id AND n.source_id = checks.source_id AND n.version = checks.version + 1), 0)`
	var asOf time.Time
	l.prepare = func(_ *View, q ListQuery) error {
		asOf = q.AsOf
		return nil
	}
	record := l.row
	l.row = func(row scanner) ([]any, error) {
		var to int64
		values, err := record(andThen{row, []any{&to}})
		if next := moment(to); err == nil && (asOf.IsZero() || !next.After(asOf)) {
			values[4] = text(next)
		}
		return values, err
	}
	return l
}

func controlsList() list {
	return documents("controls", "id, version",
		[]string{"control", "version", "from", "title", "statement", "kind", "cadence", "role", "owner", "active", "reason", "sources", "checks", "grace_days", "test"},
		map[string]string{"control": "id"},
		func(w *where, q ListQuery) {
			if q.Program.ID != "" {
				w.add("effective_from < ?", micros(q.Program.To))
			}
			until(w, q, "effective_from")
		},
		func(c seaworthy.TrackedControl) []any {
			return []any{c.ID, int64(c.Version), text(c.EffectiveFrom), c.Title, c.Statement, c.Kind, c.Cadence, c.Owner, c.OwnerUser, c.Active, c.Reason,
				words(c.Sources), words(c.Checks), int64(c.GraceDays), c.Test}
		})
}

// programList is every version of a program: changes of its scope.
func programList() list {
	return list{
		table: "log_entries", selected: logColumns, order: "idx",
		columns: []string{"log_index", "at", "actor", "program", "document"},
		filters: map[string]string{"actor": "actor"},
		scope: func(w *where, q ListQuery) {
			w.add("kind = ?", programs.kind)
			w.equal("subject", q.Program.ID)
			until(w, q, "at")
		},
		row: func(row scanner) ([]any, error) {
			e, err := scanEntry(row)
			return []any{e.Index, text(e.At), e.Actor, e.Subject, e.Content}, err
		},
	}
}

func occurrencesList() list {
	return documents("occurrences", "due_at, id",
		[]string{"id", "control", "program", "version", "from", "due", "event", "state", "result", "reason", "in_scope", "passed", "failed", "performed", "performed_by", "updated",
			"tested", "tested_says"},
		map[string]string{"control": "control_id", "state": "state", "result": "result"},
		func(w *where, q ListQuery) {
			if q.Program.ID != "" {
				w.add("from_at < ?", micros(q.Program.To))
				w.add("due_at > ?", micros(q.Program.From))
				w.among("program_id", []string{"", q.Program.ID})
			}
		},
		func(o seaworthy.Occurrence) []any {
			return []any{o.ID, o.ControlID, o.ProgramID, int64(o.Version), text(o.From), text(o.DueAt), o.Event, string(o.State), o.Result, o.Reason, int64(o.InScope),
				int64(o.Passed), int64(o.Failed), text(o.PerformedAt), o.PerformedBy, text(o.UpdatedAt), o.Tested, o.TestedSays}
		})
}

func waiversList() list {
	return documents("waivers", "id",
		[]string{"id", "state", "source", "check", "kind", "namespace", "name", "container", "fingerprint", "owner", "reason", "compensating_control", "requested_by",
			"requested", "approver", "decided", "note", "expires", "ended", "from"},
		map[string]string{"state": "state", "check": "check_id", "source": "source_id"},
		func(w *where, q ListQuery) {
			if q.Program.ID == "" {
				return
			}
			in, _ := scopeOf(&q.Program)
			places := append([]string{""}, in...) // also those of any source
			w.among("source_id", places)
			w.add("requested_at < ?", micros(q.Program.To))
		},
		func(v seaworthy.TrackedWaiver) []any {
			return []any{v.ID, v.State, v.SourceID, v.Check, v.Kind, v.Namespace, v.Name, v.Container, v.Fingerprint, v.Owner, v.Reason, v.CompensatingControl,
				v.RequestedBy, text(v.RequestedAt), v.Approver, text(v.DecidedAt), v.DecisionNote, v.Expires.String(), text(v.EndedAt), v.From}
		})
}
