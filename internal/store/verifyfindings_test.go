// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func TestEveryTableWithDocumentsIsVerified(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		names, err := store.WithDocuments(t.Context(), s)
		if err != nil || len(names) < 10 {
			t.Fatalf("tables with documents: %v, %v", names, err)
		}
		for _, name := range names {
			if !slices.Contains(store.Verified(), name) {
				t.Errorf("table %s holds documents and the self-check does not know it: add it to tables.go", name)
			}
		}
	})
}

func tracked(s *store.Store, i int) seaworthy.TrackedFinding {
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: fmt.Sprintf("ns%d", i%3), Name: fmt.Sprintf("app%d", i)}
	print := fmt.Sprintf("fp%d", i)
	return seaworthy.TrackedFinding{
		ID: store.FindingID("s1", print), SourceID: "s1", ObjectID: store.ObjectID("s1", o), Fingerprint: print, Check: "latest-tag",
		Severity: seaworthy.Severities[i%5], Object: o, Message: "the image <b>ü</b> has no tag", Status: seaworthy.FindingOpen,
		FirstSeenAt: s.Now(), OpenedAt: s.Now(), DueAt: s.Now().Add(time.Hour),
	}
}

// live writes findings in three transactions: 1,500 open, the first ten are assigned and
// the first five of them fixed.
func live(t *testing.T, s *store.Store) {
	t.Helper()
	liveOf(t, s, 1500)
}

// liveOf is live with so many findings.
func liveOf(t *testing.T, s *store.Store, findings int) {
	t.Helper()
	step := func(n int, kind string, change func(*seaworthy.TrackedFinding)) {
		write(t, s, func(tx *store.Tx) error {
			var ids []string
			for i := range n {
				ids = append(ids, store.FindingID("s1", fmt.Sprintf("fp%d", i)))
			}
			have, err := tx.LockFindings(ids...)
			if err != nil {
				return err
			}
			var changes []store.FindingChange
			for i := range n {
				c := store.FindingChange{After: tracked(s, i), Kind: kind, RunID: "r1"}
				if old, ok := have[ids[i]]; ok {
					c.Before, c.After = &old, old
				}
				change(&c.After)
				changes = append(changes, c)
			}
			return tx.ChangeFindings(changes)
		})
	}
	step(findings, seaworthy.EventOpened, func(*seaworthy.TrackedFinding) {})
	step(10, seaworthy.EventAssigned, func(f *seaworthy.TrackedFinding) { f.Assignee = "u1" })
	step(5, seaworthy.EventFixed, func(f *seaworthy.TrackedFinding) { f.Status, f.ClosedAt = seaworthy.FindingFixed, s.Now() })
}

const firstChunk, lastChunk = `(SELECT MIN(id) FROM finding_chunks)`, `(SELECT MAX(id) FROM finding_chunks)`

// Each row is what an administrator with the database's password does to findings, and
// what the self-check says then. %s stands for the id of the finding.
var findingTampering = []struct {
	name, finding string
	sql           []string
	want          string
}{
	{"nothing", "fp0", nil, ""},
	{"alter a status", "fp7", []string{`UPDATE findings SET status = 'fixed' WHERE fingerprint = 'fp7'`}, "finding %s (latest-tag of ns1/Deployment/app7) was altered"},
	{"alter a message", "fp7", []string{`UPDATE findings SET message = 'nothing to see' WHERE fingerprint = 'fp7'`}, "finding %s (latest-tag of ns1/Deployment/app7) was altered"},
	{"alter a due date", "fp900", []string{`UPDATE findings SET due_at = due_at + 1 WHERE fingerprint = 'fp900'`}, "finding %s (latest-tag of ns0/Deployment/app900) was altered"},
	{"alter the digest of the content", "fp7", []string{`UPDATE findings SET content = (SELECT content FROM findings WHERE fingerprint = 'fp8') WHERE fingerprint = 'fp7'`}, "%s (latest-tag of ns1/Deployment/app7): its column content was altered"},
	{"delete a finding", "fp7", []string{`DELETE FROM findings WHERE fingerprint = 'fp7'`}, "finding %s is missing"},
	{"delete a finding with its events", "fp900", []string{
		`DELETE FROM finding_events WHERE finding_id = (SELECT id FROM findings WHERE fingerprint = 'fp900')`, `DELETE FROM findings WHERE fingerprint = 'fp900'`,
	}, "event 900 of chunk"},
	{"add a finding", "", []string{addFinding(`0`)}, "finding added (latest-tag of ns1/Deployment/app7) is in no event: it was added"},
	{"add a finding with its event", "", []string{addFinding(`5000`), addEvent(firstChunk, `5000`)}, "(finding added, opened) was added"},
	{"add a finding with its chunk", "", []string{
		addFinding(`0`), `INSERT INTO finding_chunks (id, at, run_id, events, root) SELECT 7, at, run_id, 1, root FROM finding_chunks WHERE id = ` + lastChunk, addEvent(`7`, `0`),
		`UPDATE findings SET chunk = 7 WHERE id = 'added'`,
	}, "is in no entry of the log: it was added"},
	{"put a finding back", "fp7", []string{`UPDATE findings SET assignee = '', chunk = ` + firstChunk + `, n = 7 WHERE fingerprint = 'fp7'`}, "finding %s (latest-tag of ns1/Deployment/app7) was put back to what an earlier event says"},
	{"point to another's event", "fp900", []string{`UPDATE findings SET n = 901 WHERE fingerprint = 'fp900'`}, "finding %s (latest-tag of ns0/Deployment/app900): the event that it follows from is missing or of another"},
	{"delete an event", "", []string{`DELETE FROM finding_events WHERE n = 3 AND chunk = ` + firstChunk}, "event 3 of chunk"},
	{"delete the last event", "", []string{`DELETE FROM finding_events WHERE n = 4 AND chunk = ` + lastChunk}, "event 4 of chunk"},
	{"alter an event", "", []string{`UPDATE finding_events SET note = 'x' WHERE n = 3 AND chunk = ` + firstChunk}, "its events are not those that the log has"},
	{"alter who", "", []string{`UPDATE finding_events SET actor = 'user:other' WHERE n = 3 AND chunk = ` + lastChunk}, "its events are not those that the log has"},
	{"alter when", "", []string{`UPDATE finding_events SET at = at - 1 WHERE n = 3 AND chunk = ` + firstChunk}, "opened) was altered"},
	{"alter an event and its finding", "fp900", []string{
		`UPDATE finding_events SET state = 'abc' WHERE n = 900 AND chunk = ` + firstChunk,
	}, "finding %s (latest-tag of ns0/Deployment/app900) was altered"},
	{"exchange two events", "", []string{
		`UPDATE finding_events SET n = -1 WHERE n = 3 AND chunk = ` + firstChunk, `UPDATE finding_events SET n = 3 WHERE n = 4 AND chunk = ` + firstChunk,
		`UPDATE finding_events SET n = 4 WHERE n = -1 AND chunk = ` + firstChunk,
	}, "its events are not those that the log has"},
	{"add an event", "", []string{addEvent(lastChunk, `5`)}, "event 5 of chunk"},
	{"delete a chunk", "", []string{`DELETE FROM finding_chunks WHERE id = ` + lastChunk}, "is missing, and has events"},
	{"delete a chunk with its events", "", []string{`DELETE FROM finding_events WHERE chunk = ` + lastChunk, `DELETE FROM finding_chunks WHERE id = ` + lastChunk}, " is missing"},
	{"alter a chunk's root", "", []string{`UPDATE finding_chunks SET root = 'abc' WHERE id = ` + firstChunk}, "was altered"},
	{"shorten a chunk", "", []string{
		`DELETE FROM finding_events WHERE n = 4 AND chunk = ` + lastChunk, `UPDATE finding_chunks SET events = 4 WHERE id = ` + lastChunk,
	}, "was altered"},
	{"alter a counter", "", []string{`UPDATE finding_counts SET count = count + 1 WHERE namespace = 'ns0' AND severity = 5 AND status = 'open'`}, "the counter of findings of s1/ns0/latest-tag//5/open: "},
	{"delete counters", "", []string{`DELETE FROM finding_counts`}, "the counter of findings of s1/ns0/latest-tag//5/open: 0 kept, "},
	{"add a counter", "", []string{`INSERT INTO finding_counts (source_id, namespace, check_id, team, severity, status, count) VALUES ('s2', '', 'c', '', 5, 'open', 1)`}, "the counter of findings of s2//c//5/open: 1 kept, 0 there"},
	{"alter a trend", "", []string{`UPDATE finding_days SET change = change - 1 WHERE severity = 4 AND status = 'open' AND namespace = 'ns1'`}, "the trend of findings of s1/ns1/4/open: "},
	{"alter a setting", "", []string{`UPDATE settings SET value = '{}' WHERE key = 'sla'`}, "setting sla was altered"},
	{"delete a setting", "", []string{`DELETE FROM settings WHERE key = 'sla'`}, "setting sla is missing"},
}

// addFinding adds a copy of a finding that follows from event n of the first chunk.
func addFinding(n string) string {
	return `INSERT INTO findings (` + store.FindingColumns + `, content, chunk, n) SELECT ` + strings.Replace(store.FindingColumns, "id,", "'added',", 1) +
		`, content, ` + firstChunk + `, ` + n + ` FROM findings WHERE fingerprint = 'fp7'`
}

// addEvent adds an event of that finding.
func addEvent(chunk, n string) string {
	return `INSERT INTO finding_events (chunk, n, finding_id, at, kind, cause, actor, run_id, note, state)
		SELECT ` + chunk + `, ` + n + `, 'added', at, kind, cause, actor, run_id, note, state FROM finding_events WHERE n = 7 AND chunk = ` + firstChunk
}

func TestTamperingWithFindingsIsFoundAndNamed(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		_, verifier := keys(t)
		written(t, c, func(s *store.Store) {
			live(t, s)
			write(t, s, func(tx *store.Tx) error { return tx.SetSetting("sla", `{"critical":"24h0m0s"}`) })
		})
		for _, tt := range findingTampering {
			t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
				tampered(t, c, verifier, tt.sql, strings.ReplaceAll(tt.want, "%s", store.FindingID("s1", tt.finding)))
			})
		}
	})
}
