// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// keys makes the key of a log.
func keys(t *testing.T) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// Each row is what an administrator with the database's password does, and what the
// self-check says then.
var tampering = []struct {
	name string
	sql  []string
	want string // a part of a problem; empty: intact
}{
	{"nothing", nil, ""},
	{"alter a record", []string{`UPDATE teams SET document = REPLACE(document, 'Team 3"', 'Team X"') WHERE id = 't3'`}, "team t3 was altered"},
	{"alter a column", []string{`UPDATE teams SET name = 'other' WHERE id = 't3'`}, "team t3: its column name was altered"},
	{"delete a record", []string{`DELETE FROM teams WHERE id = 't3'`}, "team t3 is missing"},
	{"add a record", []string{`INSERT INTO teams (id, name, document) VALUES ('t999', 'x', '{}')`}, "team t999 is in no entry of the log: it was added"},
	{"bring back a dropped record", []string{`INSERT INTO teams (id, name, document) VALUES ('gone', 'x', '{}')`}, "team gone was removed, and is there again"},
	{"alter a record and its entry", []string{
		`UPDATE teams SET document = REPLACE(document, 'Team 3"', 'Team X"') WHERE id = 't3'`,
		`UPDATE log_entries SET content = REPLACE(content, 'Team 3"', 'Team X"') WHERE subject = 't3'`,
	}, "the content of entry 3 (team t3), or its actor, was altered"},
	{"alter who wrote", []string{`UPDATE log_entries SET actor = 'user:other' WHERE idx = 3`}, "the content of entry 3 (team t3), or its actor, was altered"},
	{"alter a leaf", []string{`UPDATE log_entries SET leaf = (SELECT leaf FROM log_entries WHERE idx = 4) WHERE idx = 3`}, "entry 3 (team t3) differs from its leaf"},
	{"alter when", []string{`UPDATE log_entries SET at = at + 1 WHERE idx = 3`}, "entry 3 (team t3) differs from its leaf"},
	{"delete an entry", []string{`DELETE FROM log_entries WHERE idx = 300`}, "entry 300 is missing"},
	{"reorder entries", []string{
		`UPDATE log_entries SET idx = -1 WHERE idx = 10`, `UPDATE log_entries SET idx = 10 WHERE idx = 11`, `UPDATE log_entries SET idx = 11 WHERE idx = -1`,
	}, "entry 10 (team t11) is not the one whose hash was kept"},
	{"alter a hash", []string{`UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 1) WHERE level = 0 AND n = 0`}, "entry 0 (team t0) is not the one whose hash was kept"},
	{"alter a higher hash", []string{`UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 1) WHERE level = 1`}, "hash 0 of tile 1/0 was altered"},
	{"delete a tile", []string{`DELETE FROM log_tiles WHERE level = 0 AND n = 1`}, "the hashes of entries 256 to 511 are missing"},
	{"cut off the end", []string{`DELETE FROM log_entries WHERE idx >= 500`, `UPDATE log_state SET size = 500`}, "its end was cut off"},
	{"cut off the end and the checkpoint", []string{`DELETE FROM log_entries WHERE idx >= 500`, `DELETE FROM checkpoints`}, "entry 500 is missing"},
	{"alter a checkpoint", []string{`UPDATE checkpoints SET root = (SELECT leaf FROM log_entries WHERE idx = 1)`}, "its row differs from what was signed"},
	{"sign with another key", []string{`UPDATE checkpoints SET note = REPLACE(note, 'log.example', 'log.exampla')`}, "its signature does not verify"},
	{"alter the root", []string{`UPDATE log_state SET root = (SELECT leaf FROM log_entries WHERE idx = 1)`}, "do not add up to the root that was kept"},
	{"append an entry", []string{`INSERT INTO log_entries (idx, at, kind, subject, actor, leaf) SELECT idx + 1000, at, kind, subject, actor, leaf FROM log_entries WHERE idx = 1`}, "entry 1001 was added behind the end"},
}

func TestTamperingIsFoundAndNamed(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		signer, verifier := keys(t)
		written(t, c, func(s *store.Store) {
			fill(t, s)
			if _, err := s.Checkpoint(t.Context(), signer); err != nil {
				t.Fatal(err)
			}
		})
		for _, tt := range tampering {
			t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
				tampered(t, c, verifier, tt.sql, tt.want)
			})
		}
	})
}

// written makes what many cases start from: f writes it once, they copy the database.
func written(t *testing.T, c store.Config, f func(s *store.Store)) {
	t.Helper()
	s := storetest.Open(t, c)
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// tampered runs statements on a copy of a database, and wants a problem that says so;
// empty: none.
func tampered(t *testing.T, c store.Config, verifier note.Verifier, statements []string, want string) {
	t.Helper()
	s := storetest.Open(t, storetest.Copy(t, c))
	for _, q := range statements {
		if err := store.Exec(t.Context(), s, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	got, err := s.Verify(t.Context(), verifier)
	switch {
	case err != nil:
		t.Fatal(err)
	case want == "" && !got.Intact():
		t.Fatalf("problems of an intact store: %q", got.Problems)
	case want != "" && !slices.ContainsFunc(got.Problems, func(p string) bool { return strings.Contains(p, want) }):
		t.Errorf("Verify tells %q, want one with %q", got.Problems, want)
	}
}

// fill writes 600 entries: 599 teams, the last of which is dropped.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
		for i := range 598 {
			if err := tx.PutTeam(&seaworthy.Team{ID: fmt.Sprintf("t%d", i), Name: fmt.Sprintf("Team %d", i)}); err != nil {
				return err
			}
		}
		gone := seaworthy.Team{ID: "gone", Name: "Gone"}
		if err := tx.PutTeam(&gone); err != nil {
			return err
		}
		return tx.DropTeam(&gone)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASignedHeadIsNeverSignedOtherwise(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		signer, _ := keys(t)
		fill(t, s)
		if _, err := s.Checkpoint(ctx, signer); err != nil {
			t.Fatal(err)
		}
		// Somebody rewrites the first entries and goes on as if nothing was.
		if err := store.Exec(ctx, s, `UPDATE log_tiles SET hashes = (SELECT hashes FROM log_tiles WHERE level = 0 AND n = 1) WHERE level = 1`); err != nil {
			t.Fatal(err)
		}
		err := s.Write(ctx, "system", func(tx *store.Tx) error { return tx.PutTeam(&seaworthy.Team{ID: "new", Name: "New"}) })
		if err != nil {
			t.Fatal(err)
		}
		if c, err := s.Checkpoint(ctx, signer); err == nil {
			t.Errorf("Checkpoint signs %d entries that do not contain what was signed before", c.Size)
		}
	})
}
