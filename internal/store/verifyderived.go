// SPDX-License-Identifier: Apache-2.0

package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// runChecks is what each run says of each check, as pages and readiness count it: it has
// to say what the run's document says.
type runChecks struct{}

func (runChecks) tableName() string { return "run_checks" }

// runLot is how many runs are compared at a time.
const runLot = 100

func (runChecks) verify(v *verification) error {
	for after := ""; ; {
		rows, err := v.q.QueryContext(v.ctx, `SELECT id, document FROM runs WHERE id > $1 ORDER BY id LIMIT $2`, after, runLot)
		lot, err := collect(v.store, rows, err, func(row interface{ Scan(...any) error }) (r [2]string, err error) {
			return r, row.Scan(&r[0], &r[1])
		})
		if err != nil {
			return err
		}
		if len(lot) == 0 {
			break
		}
		last := lot[len(lot)-1][0]
		kept, err := v.runChecks(after, last)
		if err != nil {
			return err
		}
		for _, r := range lot {
			v.runCheck(r[0], r[1], kept[r[0]])
		}
		after = last
	}
	return v.strings(func(s string) { v.tell("run %s is not there, but something says what came of its checks", s) },
		`SELECT DISTINCT run_id FROM run_checks c WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = c.run_id)`)
}

// runChecks reads what is counted of the runs after one, up to another.
func (v *verification) runChecks(after, last string) (map[string]map[string]countedCheck, error) {
	rows, err := v.q.QueryContext(v.ctx, `SELECT c.run_id, `+countedColumns+` FROM run_checks c WHERE c.run_id > $1 AND c.run_id <= $2`, after, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]map[string]countedCheck{}
	for rows.Next() {
		var run string
		c, err := scanCounted(rows, &run)
		if err != nil {
			return nil, err
		}
		if out[run] == nil {
			out[run] = map[string]countedCheck{}
		}
		out[run][c.ID] = c
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// runCheck compares what is counted of one run with its document.
func (v *verification) runCheck(id, document string, kept map[string]countedCheck) {
	var run seaworthy.Run
	if json.Unmarshal([]byte(document), &run) != nil {
		return // told with the run itself
	}
	for _, want := range run.Checks {
		got, found := kept[want.ID]
		delete(kept, want.ID)
		switch {
		case !found:
			v.tell("run %s: what came of the check %s is missing from what is counted", id, want.ID)
		case got.Status != want.Status || got.Reason != want.Reason || got.InScope != want.InScope || got.Passed != want.Passed ||
			got.Failed != want.Failed || got.Waived != want.Waived || got.Errors != want.Errors || got.Lacking != want.Lacking || got.namespaces != run.ByNamespace[want.ID]:
			v.tell("run %s: what came of the check %s was altered in what is counted", id, want.ID)
		}
	}
	for check := range kept {
		v.tell("run %s: what came of the check %s was added to what is counted", id, check)
	}
}

// sourceStates is what the latest report of a source left behind: it has to be of that
// report.
type sourceStates struct{}

func (sourceStates) tableName() string { return "source_states" }

func (sourceStates) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT `+prefixed("s.", stateColumns)+`, r.document, c.source_id, c.complete
		FROM source_states s LEFT JOIN runs r ON r.id = s.run_id LEFT JOIN runs c ON c.id = s.complete_run_id
		WHERE s.run_id <> '' ORDER BY s.source_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var document, completeOf sql.NullString
		var complete sql.NullBool
		s, err := scanState(andThen{rows, []any{&document, &completeOf, &complete}})
		if err != nil {
			return err
		}
		var run seaworthy.Run
		switch {
		case !document.Valid || json.Unmarshal([]byte(document.String), &run) != nil || run.SourceID != s.SourceID:
			v.tell("source %s: its latest report is of no run", s.SourceID)
		case s.CompleteRunID != "" && (completeOf.String != s.SourceID || !complete.Bool):
			v.tell("source %s: its latest complete report is of no complete run", s.SourceID)
		case !s.follows(&run):
			v.tell("source %s: what its latest report left behind was altered", s.SourceID)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("source %s: what its latest report left behind is missing", s) },
		`SELECT DISTINCT source_id FROM runs r WHERE NOT EXISTS (SELECT 1 FROM source_states s WHERE s.source_id = r.source_id AND s.run_id <> '')`)
}

// follows tells whether a state is what a run leaves behind.
func (s SourceState) follows(r *seaworthy.Run) bool {
	h := r.Header.Source
	started := h.Started
	if started.IsZero() || started.After(r.ReceivedAt) { // as the report was taken
		started = r.ReceivedAt
	}
	return s.ReportedAt.Equal(r.ReceivedAt) && s.Provider == h.Provider && s.KubernetesVersion == h.KubernetesVersion &&
		(h.ClusterUID == "" || s.ClusterUID == h.ClusterUID) && s.SetDigest == r.Set && (!r.Complete || s.CompleteRunID == r.ID) &&
		micros(s.StartedAt) == micros(started)
}

// selfChecks are the results of this check: who rewrites history would like to be without
// those that found it.
type selfChecks struct{}

func (selfChecks) tableName() string { return "self_checks" }

func (selfChecks) verify(v *verification) error {
	rows, err := v.q.QueryContext(v.ctx, `
		SELECT e.subject, e.content, s.started_at, s.finished_at, s.size, s.problems
		FROM (SELECT subject, MAX(idx) AS idx FROM log_entries WHERE kind = 'self-check' GROUP BY subject) n
		JOIN log_entries e ON e.idx = n.idx LEFT JOIN self_checks s ON s.id = n.subject`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var content, problems sql.NullString
		var started, finished, size sql.NullInt64
		if err := rows.Scan(&id, &content, &started, &finished, &size, &problems); err != nil {
			return err
		}
		var want, got SelfCheck
		switch {
		case !size.Valid:
			v.tell("self-check %s is missing", id)
		case !content.Valid || json.Unmarshal([]byte(content.String), &want) != nil:
			v.tell("self-check %s: its entry of the log cannot be read", id)
		case json.Unmarshal([]byte(problems.String), &got.Problems) != nil || !slices.Equal(got.Problems, want.Problems) ||
			started.Int64 != micros(want.StartedAt) || finished.Int64 != micros(want.FinishedAt) || size.Int64 != want.Size:
			v.tell("self-check %s was altered", id)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	return v.strings(func(s string) { v.tell("self-check %s is in no entry of the log: it was added", s) },
		`SELECT id FROM self_checks s WHERE NOT EXISTS (SELECT 1 FROM log_entries e WHERE e.kind = 'self-check' AND e.subject = s.id)`)
}

// erasures finds entries whose content is gone although nobody is logged to have erased
// what they are about. Whoever erases leaves an action that says so.
func (v *verification) erasures() error {
	said := map[string]bool{}
	if err := v.strings(func(content string) {
		var a Action
		if json.Unmarshal([]byte(content), &a) == nil && a.Verb == "erase" {
			said[a.Subject] = true
		}
	}, `SELECT content FROM log_entries WHERE kind = 'action' AND content LIKE '%"verb":"erase"%'`); err != nil {
		return err
	}
	return v.strings(func(s string) {
		index, subject, _ := strings.Cut(s, " ")
		if !said[subject] {
			v.tell("log: the content of entry %s (%s) is gone, and no erasure of it is logged", index, subject)
		}
	}, `SELECT CAST(idx AS TEXT) || ' ' || kind || ' ' || subject FROM log_entries WHERE content IS NULL OR salt IS NULL ORDER BY idx`)
}

// cosignatures checks what witnesses said of the checkpoints, those whose keys are given:
// who stopped to be a witness stays one of the past.
func (v *verification) cosignatures(log note.Verifier, witnesses []note.Verifier) error {
	known := map[string]note.Verifier{}
	for _, w := range witnesses {
		known[w.Name()] = w
	}
	rows, err := v.q.QueryContext(v.ctx, `SELECT s.size, s.witness, s.at, s.line, c.note
		FROM cosignatures s LEFT JOIN checkpoints c ON c.size = s.size ORDER BY s.size, s.witness`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var size, at int64
		var name, line string
		var text sql.NullString
		if err := rows.Scan(&size, &name, &at, &line, &text); err != nil {
			return err
		}
		if w := known[name]; !text.Valid {
			v.tell("checkpoint %d is missing, and %s cosigned it", size, name)
		} else if w != nil && !cosignedBy(text.String+line, log, w, at) {
			v.tell("checkpoint %d: the cosignature of %s was altered", size, name)
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// cosignedBy tells whether a note carries the signature of a witness, made at that time.
func cosignedBy(signed string, log, witness note.Verifier, at int64) bool {
	_, n, err := tlog.OpenCheckpoint([]byte(signed), log, witness)
	if err != nil {
		return false
	}
	for _, s := range n.Sigs {
		if s.Name == witness.Name() && s.Hash == witness.KeyHash() {
			made, err := tlog.SignedAt(s)
			return err == nil && micros(made) == at
		}
	}
	return false
}

// noted tells whether a setting only says how far work has come, which is not logged:
// such keys have a dot.
func noted(key string) error {
	if !slices.Contains([]byte(key), '.') {
		return fmt.Errorf("note the setting %s: a setting that is not logged has a dot in its key", key)
	}
	return nil
}
