// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// Somebody with the database's password makes up a witness and keeps the self-check from
// running: the pages go on to say what is not proved.
func TestWhatIsNotProvedIsSaid(t *testing.T) {
	uitest.Each(t, whatIsNotProvedIsSaid, func(c *ui.Config) { c.Witnesses = []string{"witness.example"} })
}

func whatIsNotProvedIsSaid(t *testing.T, s *uitest.Site) {
	private, _, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Store.Checkpoint(t.Context(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cosign := func(name string) {
		if err := s.Store.AddCosignature(t.Context(), head.Size, store.Cosignature{Witness: name, At: s.Now, Line: "— " + name + " AAAA\n"}); err != nil {
			t.Fatal(err)
		}
	}
	err = s.Store.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.KeepSelfCheck(store.SelfCheck{ID: tx.NewID(), StartedAt: tx.At, FinishedAt: tx.At, Size: head.Size, Problems: []string{}})
	})
	if err != nil {
		t.Fatal(err)
	}
	says := func(want string) bool {
		code, body := s.Get(s.Client(seaworthy.Owner), "/log")
		if code != http.StatusOK {
			t.Fatalf("GET /log: status %d", code)
		}
		return strings.Contains(body, want)
	}
	const unseen, overdue = "would go unseen", "It is overdue"
	if !says(unseen) || says(overdue) {
		t.Error("without a witness, and with a self-check of today, the page does not say so")
	}
	cosign("made-up.example")
	if !says(unseen) || says("made-up.example") {
		t.Error("a witness whose key nobody knows counts as one")
	}
	cosign("witness.example")
	if says(unseen) || !says("witness.example") {
		t.Error("a witness whose key is known does not count")
	}
	s.Now = s.Now.Add(72 * time.Hour)
	s.SignIn(seaworthy.Owner)
	if !says(overdue) {
		t.Error("that there was no self-check for three days is not said")
	}
}
