// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// story is what somebody does behind the server's back, and what the nightly check says
// then. In statements RUN, EVIDENCE, FINDING, DONE and MISSED stand for ids.
type story struct {
	name string
	sql  []string
	want string
}

var stories = []story{
	{"nothing", nil, ""},
	{"make evidence older", []string{`UPDATE evidence SET document = REPLACE(document, '"effectiveFrom":"2026', '"effectiveFrom":"2025') WHERE id = 'EVIDENCE'`}, "evidence EVIDENCE was altered"},
	{"make evidence count longer", []string{`UPDATE evidence SET effective_to = effective_to + 86400000000000 WHERE id = 'EVIDENCE'`}, "evidence EVIDENCE: its column effective_to was altered"},
	{"remove evidence", []string{`DELETE FROM evidence_for WHERE evidence_id = 'EVIDENCE'`, `DELETE FROM evidence WHERE id = 'EVIDENCE'`}, "evidence EVIDENCE is missing"},
	{"make up evidence", []string{`INSERT INTO evidence (id, kind, shows, digest, source_id, run_id, effective_from, effective_to, logged_at, document)
		SELECT 'forged', kind, shows, digest, source_id, run_id, effective_from, effective_to, logged_at, REPLACE(document, 'EVIDENCE', 'forged') FROM evidence WHERE id = 'EVIDENCE'`},
		"evidence forged is in no entry of the log"},
	{"use evidence for another control", []string{`UPDATE evidence_for SET control_id = 'incident-response' WHERE evidence_id = 'EVIDENCE'`}, "EVIDENCE"},
	{"a deviation was as expected", []string{
		`UPDATE occurrences SET result = 'as expected', document = REPLACE(document, '"result":"deviation"', '"result":"as expected"') WHERE id = 'DONE'`,
	}, "occurrence DONE"},
	{"a deviation was as expected, in the log too", []string{
		`UPDATE occurrences SET result = 'as expected', document = REPLACE(document, '"result":"deviation"', '"result":"as expected"') WHERE id = 'DONE'`,
		`UPDATE log_entries SET content = REPLACE(content, '"result":"deviation"', '"result":"as expected"') WHERE kind = 'occurrence' AND subject = 'DONE'`,
	}, "(occurrence DONE), or its actor, was altered"},
	{"what was missed was performed", []string{`UPDATE occurrences SET state = 'performed', document = REPLACE(document, '"state":"expected"', '"state":"performed"') WHERE id = 'EXPECTED'`}, "occurrence EXPECTED was altered"},
	{"swap two performances", []string{
		`UPDATE occurrences SET document = (SELECT document FROM occurrences WHERE id = 'DONE') WHERE id = 'EXPECTED'`,
	}, "occurrence EXPECTED was altered"},
	{"a report failed nothing", []string{`UPDATE runs SET document = REPLACE(document, '"failed":6', '"failed":0')`}, "run RUN was altered"},
	{"a report never came", []string{`DELETE FROM run_checks WHERE run_id = 'RUN'`, `DELETE FROM runs WHERE id = 'RUN'`}, "run RUN is missing"},
	{"a finding is fixed", []string{`UPDATE findings SET status = 'fixed' WHERE id = 'FINDING'`}, "finding FINDING"},
	{"a finding is less severe", []string{`UPDATE findings SET severity = severity - 1 WHERE id = 'FINDING'`}, "finding FINDING"},
	{"a finding never was", []string{`DELETE FROM findings WHERE id = 'FINDING'`}, "finding FINDING"},
	{"a finding's life never was", []string{`DELETE FROM finding_events WHERE finding_id = 'FINDING'`, `DELETE FROM findings WHERE id = 'FINDING'`}, "chunk"},
	{"a finding was seen later", []string{`UPDATE finding_events SET at = at + 1 WHERE finding_id = 'FINDING'`}, "event"},
	{"a control was always so", []string{`UPDATE controls SET effective_from = 0 WHERE id = 'access-review'`}, "control access-review/1: its column effective_from was altered"},
	{"the program had another period", []string{`UPDATE programs SET document = REPLACE(document, '"from":"2026-01-01', '"from":"2026-01-03')`}, "program "},
	{"the cluster is out of production", []string{`UPDATE sources SET document = REPLACE(document, '"environment":"production"', '"environment":"staging"')`}, "source prod was altered"},
	{"the frozen list had fewer rows", []string{`UPDATE populations SET document = REPLACE(document, '"count":', '"count":1')`}, "population "},
	{"an entry of the log was never made", []string{`DELETE FROM log_entries WHERE idx = 7`}, "entry 7 is missing"},
	{"two entries of the log change places", []string{
		`UPDATE log_entries SET idx = -1 WHERE idx = 7`, `UPDATE log_entries SET idx = 7 WHERE idx = 8`, `UPDATE log_entries SET idx = 8 WHERE idx = -1`,
	}, "entry 7"},
	{"somebody else wrote it", []string{`UPDATE log_entries SET actor = 'user:other' WHERE kind = 'evidence' AND subject = 'EVIDENCE'`}, "(evidence EVIDENCE), or its actor, was altered"},
	{"an older version cannot be read any more", []string{`UPDATE log_entries SET salt = NULL, content = NULL WHERE idx = (SELECT MIN(idx) FROM log_entries WHERE kind = 'occurrence' AND subject = 'DONE')`},
		"(occurrence DONE) is gone, and no erasure of it is logged"},
	{"a check failed nothing where it is counted", []string{`UPDATE run_checks SET failed = 0, passed = in_scope WHERE run_id = 'RUN' AND failed > 0`}, "run RUN: what came of the check privileged-container was altered"},
	{"the next report says nothing new", []string{`UPDATE source_states SET set_digest = 'x' WHERE source_id = 'prod'`}, "source prod: what its latest report left behind was altered"},
	{"data is kept for a month only", []string{`INSERT INTO settings (key, value) VALUES ('retention', '{"evidence":30}')`}, "setting retention is in no entry of the log"},
	{"the trend was better", []string{`UPDATE readiness_days SET document = REPLACE(document, '"day"', '"Day"')`}, "was altered"},
	{"the log has another hash", []string{`UPDATE log_tiles SET hashes = (SELECT leaf FROM log_entries WHERE idx = 0) WHERE level = 0 AND n = 0`}, "is not the one whose hash was kept"},
	{"the log has another root", []string{`UPDATE log_state SET root = (SELECT leaf FROM log_entries WHERE idx = 0)`}, "do not add up to the root"},
	{"the log's end was cut off", []string{`DELETE FROM log_entries WHERE idx >= 40`, `UPDATE log_state SET size = 40`}, "its end was cut off"},
	{"a checkpoint says otherwise", []string{`UPDATE checkpoints SET note = REPLACE(note, 'seaworthy.example.com', 'seaworthy.example.org')`}, "its signature does not verify"},
}

func TestNobodyRewritesHistoryUnseen(t *testing.T) {
	each(t, func(w *world) {
		ids := w.ids()
		w.must(w.server.Close())
		for _, s := range stories {
			w.t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
				copied := storetest.Copy(t, w.db())
				statements := make([]string, len(s.sql))
				for i, q := range s.sql {
					statements[i] = ids.Replace(q)
				}
				storetest.Tamper(t, copied, statements...)
				got, err := storetest.Open(t, copied).Verify(t.Context(), w.key)
				if err != nil {
					t.Fatal(err)
				}
				expect(t, got.Problems, ids.Replace(s.want))
			})
		}
	})
}

// ids finds what the stories are about.
func (w *world) ids() *strings.Replacer {
	w.t.Helper()
	ctx, s := w.t.Context(), w.server.Store()
	evidence, err := s.EvidenceList(ctx, store.EvidenceFilter{Kind: seaworthy.EvidenceUpload})
	w.must(err)
	all, err := s.AllOccurrences(ctx, store.OccurrenceFilter{})
	w.must(err)
	find := func(is func(seaworthy.Occurrence) bool) string {
		i := slices.IndexFunc(all, is)
		if i < 0 {
			w.t.Fatal("no occurrence is like the one of the story")
		}
		return all[i].ID
	}
	runs, err := s.Runs(ctx, store.RunFilter{})
	w.must(err)
	var finding string
	w.must(s.View(ctx, func(v *store.View) error {
		_, err := v.Rows(store.ListQuery{List: "findings", Filters: map[string]string{"status": "open"}}, func(row []any) error {
			finding, _ = row[0].(string)
			return nil
		})
		return err
	}))
	first := runs.Items[len(runs.Items)-1].ID
	return strings.NewReplacer("EVIDENCE", evidence[0].ID, "RUN", first, "FINDING", finding,
		"DONE", find(func(o seaworthy.Occurrence) bool { return o.Result == seaworthy.ResultDeviation }),
		"EXPECTED", find(func(o seaworthy.Occurrence) bool { return o.State == seaworthy.Expected }))
}

// expect wants a problem that says so; empty: none.
func expect(t *testing.T, problems []string, want string) {
	t.Helper()
	if want == "" {
		if len(problems) > 0 {
			t.Errorf("problems of what nobody touched: %q", problems)
		}
		return
	}
	if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, want) }) {
		t.Errorf("the check tells %q, want one with %q", problems, want)
	}
}

// Every class of blob: of a file that somebody brought, of a report that is evidence, of
// one that is none, and of a frozen list.
func TestNobodyChangesBytesUnseen(t *testing.T) {
	each(t, func(w *world) {
		first, second := w.upload("minutes of May"), w.upload("minutes of June")
		judged := w.evidenceOfReport()
		bare := w.reportOf("lab", 2) // which is no evidence of anything
		list, err := w.server.Store().Populations(w.t.Context(), "", "", 1)
		w.must(err)
		for name, b := range map[string]struct {
			digest string
			named  []string
		}{
			"file":   {first.Digest, []string{"evidence " + first.ID + " (minutes of May)"}},
			"report": {judged.Digest, []string{"evidence " + judged.ID, "report of run " + judged.RunID}},
			"bare":   {bare.Blob, []string{"report of run " + bare.ID}},
			"list":   {list[0].Digest, []string{"population " + list[0].ID + " (Performances)"}},
		} {
			path := w.blob(b.digest)
			kept, err := os.ReadFile(path)
			w.must(err)
			bad := slices.Clone(kept)
			bad[len(bad)/2] ^= 1
			for how, do := range map[string]func() error{
				"altered": func() error { return os.WriteFile(path, bad, 0o600) },
				"cut":     func() error { return os.Truncate(path, int64(len(kept)/2)) },
				"removed": func() error { return os.Remove(path) },
				"swapped": func() error { return os.WriteFile(path, []byte(second.Title), 0o600) },
			} {
				w.t.Run(name+"_"+how, func(t *testing.T) {
					if err := do(); err != nil {
						t.Fatal(err)
					}
					got, err := w.server.SelfCheck(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, want := range b.named {
						expect(t, got.Problems, want)
					}
					if len(got.Problems) != len(b.named) {
						t.Errorf("the check tells %q, want %d problems", got.Problems, len(b.named))
					}
					if err := os.WriteFile(path, kept, 0o600); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
		w.must(os.WriteFile(w.blob(first.Digest[:2]+strings.Repeat("0", 62)), []byte("rubbish that nobody names"), 0o600))
		got, err := w.server.SelfCheck(w.t.Context())
		w.must(err)
		expect(w.t, got.Problems, "")
	})
}

// blob is where the bytes of a digest are.
func (w *world) blob(digest string) string {
	return filepath.Join(w.config.Data, "blobs", digest[:2], digest)
}

// evidenceOfReport is evidence that a report became.
func (w *world) evidenceOfReport() seaworthy.Evidence {
	w.t.Helper()
	list, err := w.server.Store().EvidenceList(w.t.Context(), store.EvidenceFilter{Kind: seaworthy.EvidenceRun})
	w.must(err)
	if len(list) == 0 {
		w.t.Fatal("no report is evidence")
	}
	return list[0]
}

// What was erased, or is kept no longer, is missing with good reason: the check tells of
// none of it.
func TestWhatWasErasedIsNotMissing(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.t.Context()
		judged := w.evidenceOfReport()
		twin := w.upload("minutes of May")
		frozen, err := w.server.Store().Populations(ctx, "", "", 1)
		w.must(err)
		rows, err := os.ReadFile(w.blob(frozen[0].Digest))
		w.must(err)
		copied := w.upload(string(rows)) // the same bytes as the frozen list
		for _, id := range []string{judged.ID, twin.ID, copied.ID} {
			w.must(w.audit.EraseEvidence(ctx, manager, id, "it named people"))
		}
		run, err := w.server.Store().Run(ctx, judged.RunID)
		w.must(err)
		for digest, want := range map[string]bool{judged.Digest: run.Blob != "", twin.Digest: false, copied.Digest: true} {
			if _, err := os.Stat(w.blob(digest)); (err == nil) != want {
				w.t.Errorf("the bytes of %s are there: %v, want %v", digest, err == nil, want)
			}
		}
		got, err := w.server.SelfCheck(ctx)
		w.must(err)
		expect(w.t, got.Problems, "")
	})
}
