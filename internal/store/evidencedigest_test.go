// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func TestEvidenceOfADigest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		digest := strings.Repeat("ab", 32)
		var ids []string
		err := s.Write(t.Context(), "user:u", func(tx *store.Tx) error {
			ids = nil
			if err := tx.PutControl(&seaworthy.TrackedControl{Control: seaworthy.Control{ID: "access-review"}}); err != nil {
				return err
			}
			for _, d := range []string{digest, strings.Repeat("cd", 32), digest} {
				e := seaworthy.Evidence{Kind: seaworthy.EvidenceUpload, Title: "t", FileName: "f", MediaType: "text/plain", Size: 1, Digest: d, Shows: seaworthy.Design, Collector: "user:u",
					Controls: []string{"access-review"}, EffectiveFrom: tx.At.Add(-time.Hour), EffectiveTo: tx.At.Add(-time.Hour), CollectedAt: tx.At.Add(-time.Hour)}
				if err := tx.AddEvidence(&e); err != nil {
					return err
				}
				ids = append(ids, e.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.EvidenceOf(t.Context(), digest)
		if err != nil || len(got) != 2 || got[0].Digest != digest || got[1].Digest != digest || got[0].ID == got[1].ID {
			t.Errorf("EvidenceOf = %+v, %v; want the two of %v that have the digest", got, err, ids)
		}
		if got, err := s.EvidenceOf(t.Context(), ""); err != nil || len(got) != 0 {
			t.Errorf("EvidenceOf nothing = %+v, %v", got, err)
		}
		if s.Engine() != "SQLite" { // PostgreSQL reads tables this small whole
			return
		}
		plan, err := store.Plan(t.Context(), s, `SELECT document FROM evidence WHERE digest = 'x' ORDER BY id DESC LIMIT 100`)
		if err != nil || !strings.Contains(plan, "evidence_digest_idx") {
			t.Errorf("evidence is read without its index (%v):\n%s", err, plan)
		}
	})
}
