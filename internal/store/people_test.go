// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

func write(t *testing.T, s *store.Store, f func(*store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), "system", f); err != nil {
		t.Fatal(err)
	}
}

func putPeople(t *testing.T, s *store.Store, ids ...string) {
	t.Helper()
	write(t, s, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.PutUser(&seaworthy.User{ID: id, Email: id + "@x.y", Role: seaworthy.Owner, Teams: []string{}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestUsersArePaged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		putPeople(t, s, "c", "a", "b")
		var got []string
		for after := ""; ; {
			page, err := s.Users(t.Context(), store.UserFilter{After: after, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range page {
				got, after = append(got, u.ID), u.Email
			}
			if len(page) < 2 {
				break
			}
		}
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("Users, page by page = %v", got)
		}
	})
}

func TestOwnersWhoCanSignIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		putPeople(t, s, "a", "b", "c", "d")
		write(t, s, func(tx *store.Tx) error {
			if err := tx.PutCredential(store.Credential{UserID: "b", Kind: "passkey", ID: "k", Secret: []byte("x")}); err != nil {
				return err
			}
			if err := tx.PutCredential(store.Credential{UserID: "d", Kind: "totp", Secret: []byte("x")}); err != nil {
				return err
			}
			return tx.PutIdentity("https://id", "s", "c")
		})
		for id, want := range map[string]int{"a": 2, "b": 1, "c": 1, "d": 2} {
			write(t, s, func(tx *store.Tx) error {
				if n, err := tx.OtherOwners(id); err != nil || n != want {
					t.Errorf("OtherOwners(%s) = %d, %v, want %d", id, n, err, want)
				}
				return nil
			})
		}
	})
}

func TestOnceOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		putPeople(t, s, "a")
		write(t, s, func(tx *store.Tx) error {
			for i, want := range []bool{true, false} {
				if first, err := tx.Spend([]byte("h"), tx.At.Add(time.Minute)); err != nil || first != want {
					t.Errorf("Spend %d = %v, %v", i, first, err)
				}
			}
			if err := tx.PutCredential(store.Credential{UserID: "a", Kind: "totp", Secret: []byte("x"), Counter: 5}); err != nil {
				return err
			}
			for _, step := range []struct {
				counter int64
				want    bool
			}{{5, false}, {4, false}, {6, true}, {6, false}, {7, true}} {
				if moved, err := tx.AdvanceCredential("a", "totp", "", step.counter); err != nil || moved != step.want {
					t.Errorf("AdvanceCredential to %d = %v, %v, want %v", step.counter, moved, err, step.want)
				}
			}
			if err := tx.PutLink([]byte("l"), store.Link{Kind: "reset", UserID: "a", Expires: tx.At}); err != nil {
				return err
			}
			want := store.Link{Kind: "reset", UserID: "a", Expires: tx.At}
			if got, err := tx.TakeLink([]byte("l")); err != nil || got != want {
				t.Errorf("TakeLink = %+v, %v, want %+v", got, err, want)
			}
			if got, err := tx.TakeLink([]byte("l")); err == nil {
				t.Errorf("TakeLink once more = %+v", got)
			}
			return nil
		})
	})
}

func TestSweepingSessions(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		putPeople(t, s, "a")
		now := s.Now()
		kept := store.Session{ID: "kept", UserID: "a", Stage: "full", Method: "password", Created: now, Seen: now, Expires: now.Add(time.Hour), Address: "::1", Agent: "x"}
		expired, idle := kept, kept
		expired.ID, expired.Expires = "expired", now.Add(-time.Second)
		idle.ID, idle.Seen = "idle", now.Add(-time.Hour)
		write(t, s, func(tx *store.Tx) error {
			for _, v := range []store.Session{kept, expired, idle} {
				if err := tx.PutSession([]byte(v.ID), v); err != nil {
					return err
				}
			}
			if _, err := tx.Attempts("k"); err != nil {
				return err
			}
			return tx.PutAttempts("k", store.Attempts{Failures: 3, At: now.Add(-2 * time.Hour)})
		})
		write(t, s, func(tx *store.Tx) error {
			if err := tx.SweepSessions(now.Add(-time.Minute)); err != nil {
				return err
			}
			return tx.SweepAttempts(now.Add(-time.Hour))
		})
		got, err := s.Sessions(t.Context(), "a")
		if diff := cmp.Diff([]store.Session{kept}, got); diff != "" || err != nil {
			t.Errorf("Sessions after sweeping: %v (-want +got):\n%s", err, diff)
		}
		found, u, err := s.KnownSession(t.Context(), []byte("kept"))
		if err != nil || found != kept || u.ID != "a" {
			t.Errorf("KnownSession = %+v, %+v, %v", found, u, err)
		}
		write(t, s, func(tx *store.Tx) error {
			if n, err := tx.Attempts("k"); err != nil || n != (store.Attempts{}) {
				t.Errorf("Attempts after sweeping = %+v, %v", n, err)
			}
			return nil
		})
		if seen, err := s.LastSeen(t.Context()); err != nil || !seen["a"].Equal(now) {
			t.Errorf("LastSeen = %v, %v", seen, err)
		}
	})
}
