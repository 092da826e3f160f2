// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestAccountsAreAsTheirRoleAsks(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		w.team("t1")
		later := w.at.Add(time.Hour)
		ok := auth.NewUser{Email: "x@example.com", Name: "X", Role: seaworthy.Engineer, Teams: []string{"t1"}}
		for name, c := range map[string]struct {
			change func(*auth.NewUser)
			want   seaworthy.Kind
		}{
			"no address":                {func(n *auth.NewUser) { n.Email = "nobody" }, seaworthy.KindInvalid},
			"an address with a name":    {func(n *auth.NewUser) { n.Email = "X <x@example.com>" }, seaworthy.KindInvalid},
			"a taken address":           {func(n *auth.NewUser) { n.Email = "ADA@example.com" }, seaworthy.KindConflict},
			"no name":                   {func(n *auth.NewUser) { n.Name = " " }, seaworthy.KindInvalid},
			"a name that turns text":    {func(n *auth.NewUser) { n.Name = "a\u202eb" }, seaworthy.KindInvalid},
			"a long name":               {func(n *auth.NewUser) { n.Name = strings.Repeat("a", 101) }, seaworthy.KindInvalid},
			"a role of tokens":          {func(n *auth.NewUser) { n.Role = seaworthy.Reporter }, seaworthy.KindInvalid},
			"no role":                   {func(n *auth.NewUser) { n.Role = "" }, seaworthy.KindInvalid},
			"an unknown team":           {func(n *auth.NewUser) { n.Teams = []string{"t9"} }, seaworthy.KindInvalid},
			"an auditor without an end": {func(n *auth.NewUser) { n.Role, n.Program = seaworthy.Auditor, "p" }, seaworthy.KindInvalid},
			"an auditor of no program":  {func(n *auth.NewUser) { n.Role, n.Expires = seaworthy.Auditor, later }, seaworthy.KindInvalid},
			"an engineer of a program":  {func(n *auth.NewUser) { n.Program = "p" }, seaworthy.KindInvalid},
			"an owner with an end":      {func(n *auth.NewUser) { n.Role, n.Expires = seaworthy.Owner, later }, seaworthy.KindInvalid},
		} {
			n := ok
			c.change(&n)
			_, _, err := w.CreateUser(w.t.Context(), op, n)
			if kindOf(err) != c.want {
				w.t.Errorf("%s: CreateUser = %v", name, err)
			}
		}
		if _, _, err := w.CreateUser(w.t.Context(), op, ok); err != nil {
			w.t.Errorf("CreateUser(%+v) = %v", ok, err)
		}
	})
}

func TestOnlyOwnersAdminister(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		ctx := w.t.Context()
		end := w.at.Add(time.Hour)
		for _, role := range append(seaworthy.Roles, seaworthy.Reporter) {
			by := seaworthy.Principal{Actor: "user:x", UserID: "x", Role: role}
			_, _, create := w.CreateUser(ctx, by, auth.NewUser{Email: string(role) + "@example.com", Name: "X", Role: seaworthy.Viewer, Expires: end})
			_, reset := w.ResetLink(ctx, by, op.UserID)
			_, change := w.ChangeUser(ctx, by, op.UserID, auth.UserChange{Name: ptr("Ada")})
			for name, err := range map[string]error{
				"CreateUser": create, "ResetLink": reset, "ChangeUser": change, "EndSessionsOf": w.EndSessionsOf(ctx, by, op.UserID),
				"RemoveSecondFactor": w.RemoveSecondFactor(ctx, by, op.UserID), "Unlock": w.Unlock(ctx, by, op.UserID),
				"EraseUser": w.EraseUser(ctx, by, w.gone(op, role), "asked for"),
			} {
				if (err == nil) != (role == seaworthy.Owner) {
					w.t.Errorf("%s by a %s = %v", name, role, err)
				}
			}
		}
	})
}

func TestTheLastOwnerStays(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		refusedChange := func(c auth.UserChange) {
			t.Helper()
			_, err := w.ChangeUser(ctx, op, op.UserID, c)
			refused(t, err, seaworthy.KindConflict)
		}
		refusedChange(auth.UserChange{Role: ptr(seaworthy.Viewer)})
		refusedChange(auth.UserChange{Disabled: ptr(true)})
		// An owner who never came in does not count.
		invited, link, err := w.CreateUser(ctx, op, auth.NewUser{Email: "b@example.com", Name: "B", Role: seaworthy.Owner})
		if err != nil {
			t.Fatal(err)
		}
		refusedChange(auth.UserChange{Role: ptr(seaworthy.Viewer)})
		b := newBrowser()
		b.do(func(rw http.ResponseWriter, r *http.Request) {
			if _, err := w.UseLink(rw, r, secretOf(link), good); err != nil {
				t.Fatal(err)
			}
		})
		if _, err := w.ChangeUser(ctx, op, op.UserID, auth.UserChange{Role: ptr(seaworthy.Viewer)}); err != nil {
			t.Fatal(err)
		}
		_, err = w.ChangeUser(ctx, w.mustWho(b), invited.ID, auth.UserChange{Disabled: ptr(true)})
		refused(t, err, seaworthy.KindConflict)
	})
}

func TestOwnersCannotRemoveEachOtherAtOnce(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		for round := range 5 {
			u, b := w.member(op, auth.NewUser{Email: string(rune('a'+round)) + "@example.com", Name: "B", Role: seaworthy.Owner})
			other := w.mustWho(b)
			var wg sync.WaitGroup
			results := make([]error, 2)
			wg.Go(func() {
				_, results[0] = w.ChangeUser(w.t.Context(), op, u.ID, auth.UserChange{Disabled: ptr(true)})
			})
			wg.Go(func() {
				_, results[1] = w.ChangeUser(w.t.Context(), other, op.UserID, auth.UserChange{Disabled: ptr(true)})
			})
			wg.Wait()
			if (results[0] == nil) == (results[1] == nil) {
				w.t.Fatalf("two owners disabling each other: %v, want one to succeed", results)
			}
			if results[0] != nil { // the other one won
				op = other
			}
		}
	})
}

// TestNobodyRaisesTheirOwnRole takes a principal whose rights are newer than the record,
// which is how a raise would have to come about.
func TestNobodyRaisesTheirOwnRole(t *testing.T) {
	each(t, nil, func(w world) {
		_, op := w.owner()
		u, _ := w.member(op, viewer("v"))
		for _, by := range []seaworthy.Principal{
			{Actor: "user:" + u.ID, UserID: u.ID, Role: seaworthy.Owner},
			{Actor: "token:t", Maker: u.ID, Role: seaworthy.Owner},
		} {
			_, err := w.ChangeUser(w.t.Context(), by, u.ID, auth.UserChange{Role: ptr(seaworthy.Engineer)})
			refused(w.t, err, seaworthy.KindForbidden)
		}
	})
}

func TestLinksHoldOnce(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		use := func(link, password string) (err error) {
			newBrowser().do(func(rw http.ResponseWriter, r *http.Request) { _, err = w.UseLink(rw, r, secretOf(link), password) })
			return err
		}
		u, invite, err := w.CreateUser(ctx, op, viewer("v"))
		if err != nil {
			t.Fatal(err)
		}
		refused(t, use(invite, "short"), seaworthy.KindInvalid)
		if k, got, err := w.Link(ctx, secretOf(invite)); err != nil || k != auth.LinkInvite || got.ID != u.ID {
			t.Errorf("Link = %q, %+v, %v", k, got, err)
		}
		var wg sync.WaitGroup
		won := make(chan error, 8)
		for range cap(won) {
			wg.Go(func() { won <- use(invite, good) })
		}
		wg.Wait()
		close(won)
		n := 0
		for err := range won {
			if err == nil {
				n++
			} else {
				refused(t, err, seaworthy.KindNotFound)
			}
		}
		if n != 1 {
			t.Errorf("%d of 8 who used a link at once came in, want 1", n)
		}
		first, err1 := w.ResetLink(ctx, op, u.ID)
		second, err2 := w.ResetLink(ctx, op, u.ID)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		refused(t, use(first, good), seaworthy.KindNotFound)
		w.pass(24 * time.Hour)
		refused(t, use(second, good), seaworthy.KindNotFound)
		third, err := w.ResetLink(ctx, op, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.ChangeUser(ctx, op, u.ID, auth.UserChange{Disabled: ptr(true)}); err != nil {
			t.Fatal(err)
		}
		refused(t, use(third, good), seaworthy.KindNotFound)
		if _, err := w.ChangeUser(ctx, op, u.ID, auth.UserChange{Disabled: ptr(false)}); err != nil {
			t.Fatal(err)
		}
		refused(t, use(third, good), seaworthy.KindNotFound) // nor when the account is enabled again
	})
}

func TestActionsAreLogged(t *testing.T) {
	each(t, nil, func(w world) {
		ctx := w.t.Context()
		_, op := w.owner()
		u, _ := w.member(op, viewer("v"))
		if _, err := w.ResetLink(ctx, op, u.ID); err != nil {
			w.t.Fatal(err)
		}
		if err := errors.Join(w.EndSessionsOf(ctx, op, u.ID), w.Unlock(ctx, op, u.ID), w.RemoveSecondFactor(ctx, op, u.ID)); err != nil {
			w.t.Fatal(err)
		}
		entries, err := w.store.LogEntries(ctx, store.LogFilter{Kind: "action", Actor: op.Actor})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, what := range []string{"made a link to set a password", "ended all sessions", "unlocked the account", "removed the second factors"} {
			found := false
			for _, e := range entries {
				found = found || (strings.Contains(e.Content, what) && strings.Contains(e.Content, `"subject":"user:`+u.ID+`"`))
			}
			if !found {
				w.t.Errorf("no entry of the log says %q", what)
			}
		}
		entries, err = w.store.LogEntries(ctx, store.LogFilter{Kind: "action", Actor: "user:" + u.ID})
		if err != nil || len(entries) == 0 || !strings.Contains(entries[len(entries)-1].Content, `"address":"192.0.2.7"`) {
			w.t.Errorf("the actions of the invited are %+v, %v", entries, err)
		}
	})
}

// gone makes an account that is to be erased, and gives its id.
func (w world) gone(by seaworthy.Principal, role seaworthy.Role) string {
	w.t.Helper()
	u, _, err := w.CreateUser(w.t.Context(), by, auth.NewUser{Email: "gone-" + string(role) + "@example.com", Name: "Gone", Role: seaworthy.Viewer})
	if err != nil {
		w.t.Fatal(err)
	}
	return u.ID
}

// Of an erased account its id is left. The last owner is not erased, nor is who asks.
func TestAccountsAreErased(t *testing.T) {
	each(t, nil, func(w world) {
		t, ctx := w.t, w.t.Context()
		_, op := w.owner()
		id := w.gone(op, seaworthy.Viewer)
		if err := w.EraseUser(ctx, op, id, " "); kindOf(err) != seaworthy.KindInvalid {
			t.Errorf("EraseUser without a reason = %v, want invalid", err)
		}
		if err := w.EraseUser(ctx, op, id, "asked for"); err != nil {
			t.Fatal(err)
		}
		entries, err := w.store.History(ctx, "user", id)
		if err != nil || len(entries) < 3 {
			t.Fatalf("%d entries of the account, %v", len(entries), err)
		}
		for i, e := range entries {
			if strings.Contains(e.Content, "gone-viewer@") || e.Erased != (i < len(entries)-1) {
				t.Errorf("entry %d of %d, erased: %t, says %s", i, len(entries), e.Erased, e.Content)
			}
		}
		if u, err := w.store.User(ctx, id); err != nil || u.Name != "erased" || !strings.HasPrefix(u.Email, "erased-") || !u.Disabled {
			t.Errorf("the account is %+v, %v", u, err)
		}
		if err := w.EraseUser(ctx, op, op.UserID, "asked for"); kindOf(err) != seaworthy.KindForbidden {
			t.Errorf("EraseUser of oneself = %v, want forbidden", err)
		}
		other := seaworthy.Principal{Actor: "user:other", UserID: "other", Role: seaworthy.Owner}
		if err := w.EraseUser(ctx, other, op.UserID, "asked for"); kindOf(err) != seaworthy.KindConflict {
			t.Errorf("EraseUser of the last owner = %v, want conflict", err)
		}
	})
}
