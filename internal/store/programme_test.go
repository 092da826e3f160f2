// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestTheLogProvesTheProgramme alters each record of the programme behind the store's
// back, and has the self-check find it.
func TestTheLogProvesTheProgramme(t *testing.T) {
	s, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	now := s.Now()
	err = s.Write(t.Context(), "user:u", func(tx *Tx) error {
		control := seaworthy.TrackedControl{Control: seaworthy.Control{ID: "access-review"}}
		if err := tx.PutControl(&control); err != nil {
			return err
		}
		o := seaworthy.Occurrence{ControlID: control.ID, From: now, DueAt: now.Add(time.Hour), State: seaworthy.Expected}
		if err := tx.PutOccurrence(&o, o.DueAt); err != nil {
			return err
		}
		e := seaworthy.Evidence{Kind: seaworthy.EvidenceLink, URL: "https://example.com", Title: "t", Shows: seaworthy.Design, Collector: "user:u",
			Occurrences: []string{o.ID}, EffectiveFrom: now.Add(-time.Hour), EffectiveTo: now.Add(-time.Hour), CollectedAt: now.Add(-time.Hour)}
		if err := tx.AddEvidence(&e); err != nil {
			return err
		}
		if _, err := tx.EraseEvidence(e.ID, "a tombstone is a record too"); err != nil {
			return err
		}
		p := seaworthy.Population{Name: "p"}
		if err := tx.AddPopulation(&p); err != nil {
			return err
		}
		if err := tx.AddSample(&seaworthy.Sample{PopulationID: p.ID}); err != nil {
			return err
		}
		return tx.PutProgram(&seaworthy.Program{ID: "p", Name: "p", From: now, To: now})
	})
	if err != nil {
		t.Fatal(err)
	}
	problems := func(c table) []string {
		v := &verification{ctx: t.Context(), store: s, q: s.read}
		if err := c.verify(v); err != nil {
			t.Fatal(err)
		}
		return v.problems
	}
	for statement, c := range map[string]table{
		`UPDATE occurrence_states SET state = 'performed'`: occurrenceStates{},
		`UPDATE evidence_for SET erased_at = 0`:            evidenceLinks{},
	} {
		if got := problems(c); len(got) > 0 {
			t.Errorf("%s: %q, want nothing", c.tableName(), got)
		}
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		if got := problems(c); len(got) != 1 || !strings.Contains(got[0], "altered") {
			t.Errorf("%s, after %s: %q, want that it was altered", c.tableName(), statement, got)
		}
	}
	for _, c := range []table{programs, controlVersions, occurrences, evidence, actions, populations, samples} {
		if got := problems(c); len(got) > 0 {
			t.Errorf("%s: %q, want nothing", c.tableName(), got)
		}
		if _, err := s.write.ExecContext(t.Context(), `UPDATE `+c.tableName()+` SET document = REPLACE(document, '{', '{ ')`); err != nil {
			t.Fatal(err)
		}
		if got := problems(c); len(got) != 1 || !strings.Contains(got[0], "was altered") {
			t.Errorf("%s, altered: %q, want that it was", c.tableName(), got)
		}
	}
}
