// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

var owner = seaworthy.Principal{Actor: "user:u9", UserID: "u9", Name: "Olga", Role: seaworthy.Owner}

// TestWhoIsBehind finds the person behind the names that clusters of several kinds have for
// people, and nobody where nothing tells.
func TestWhoIsBehind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		others(t, s)
		arn := map[string][]string{"arn": {"arn:aws:sts::111122223333:assumed-role/ops/alice@example.com"}}
		for name, test := range map[string]struct {
			actor      seaworthy.Actor
			person, by string
		}{
			"an e-mail address":                  {seaworthy.Actor{Username: "ALICE@example.com"}, "u1", seaworthy.PersonByEmail},
			"behind the prefix of an issuer":     {seaworthy.Actor{Username: "oidc:alice@example.com"}, "u1", seaworthy.PersonByEmail},
			"behind an issuer's address":         {seaworthy.Actor{Username: "https://sso.example.com#alice@example.com"}, "u1", seaworthy.PersonByEmail},
			"EKS: a role, with a session":        {seaworthy.Actor{Username: "ops", Extra: map[string][]string{"sessionName": {"alice@example.com"}}}, "u1", seaworthy.PersonBySession},
			"EKS: a role, with its ARN":          {seaworthy.Actor{Username: "ops:{{SessionName}}", Extra: arn}, "u1", seaworthy.PersonBySession},
			"AKS: an object of the directory":    {seaworthy.Actor{Username: "7c0f", Extra: map[string][]string{"oid": {"0000-1111"}}}, "u3", seaworthy.PersonByMapping},
			"what an administrator said":         {seaworthy.Actor{Username: "kubernetes-admin"}, "u3", seaworthy.PersonByMapping},
			"said of another cluster":            {seaworthy.Actor{Username: "elsewhere"}, "", ""},
			"said of this cluster, and of all":   {seaworthy.Actor{Username: "root"}, "u1", seaworthy.PersonByMapping},
			"nobody knows":                       {seaworthy.Actor{Username: "jane"}, "", ""},
			"somebody who left":                  {seaworthy.Actor{Username: "gone@example.com"}, "", ""},
			"who acts as another":                {seaworthy.Actor{Username: "bob@example.com", Impersonator: "alice@example.com"}, "u1", seaworthy.PersonByEmail},
			"an unknown who acts as another":     {seaworthy.Actor{Username: "alice@example.com", Impersonator: "jane"}, "", ""},
			"through a proxy":                    {seaworthy.Actor{Username: "alice@example.com", Impersonator: "system:serviceaccount:rancher:proxy"}, "u1", seaworthy.PersonBySession},
			"a service account":                  {seaworthy.Actor{Username: "system:serviceaccount:shop:cart"}, "", ""},
			"only a part of an e-mail address":   {seaworthy.Actor{Username: "alice"}, "", ""},
			"an address with something after it": {seaworthy.Actor{Username: "alice@example.com/evil"}, "", ""},
		} {
			o := edit(s, 2, 0, seaworthy.SeenByAudit, "", "a", "b")
			o.ID, o.Object.Name, o.Object.UID, o.Actor = name, name, name, test.actor
			take(t, s, o)
			page, err := s.Changes(t.Context(), store.ChangeFilter{Name: name})
			if err != nil || len(page.Items) != 1 {
				t.Fatalf("%s: %d changes, %v", name, len(page.Items), err)
			}
			if a := page.Items[0].Actor; a.Person != test.person || a.PersonBy != test.by {
				t.Errorf("%s: it is %q by %q, want %q by %q", name, a.Person, a.PersonBy, test.person, test.by)
			}
		}
	})
}

// others makes more people, and says what administrators know of them.
func others(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
		return errors.Join(
			tx.PutSource(&seaworthy.DeclaredSource{ID: "c2", Kind: seaworthy.KindCluster, Name: "other", Environment: seaworthy.Production}),
			tx.PutUser(&seaworthy.User{ID: "u3", Email: "bob@example.com", Name: "Bob", Role: seaworthy.Engineer, Teams: []string{}, CreatedAt: tx.At}),
			tx.PutUser(&seaworthy.User{ID: "u4", Email: "gone@example.com", Name: "Gus", Role: seaworthy.Engineer, Disabled: true, Teams: []string{}, CreatedAt: tx.At}),
		)
	})
	for _, a := range []seaworthy.KnownActor{
		{Name: "kubernetes-admin", UserID: "u3"}, {Name: "0000-1111", UserID: "u3"}, {Name: "elsewhere", SourceID: "c2", UserID: "u3"},
		{Name: "root", UserID: "u3"}, {Name: "root", SourceID: "c1", UserID: "u1"},
	} {
		_, e := trail.PutActor(t.Context(), trail.Config{Store: s}, owner, a)
		err = errors.Join(err, e)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhoWroteTheCommit is who is behind a change that a controller of deliveries applied,
// and may neither approve nor explain it.
func TestWhoWroteTheCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		others(t, s)
		ctx, c := t.Context(), trail.Config{Store: s}
		const argo = "system:serviceaccount:argocd:argocd-application-controller"
		commit := "c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff"
		take(t, s, edit(s, 2, 0, seaworthy.SeenByAudit, argo, "a", "b"))
		if _, err := trail.PutActor(ctx, c, owner, seaworthy.KnownActor{Name: "bob-the-dev", UserID: "u3"}); err != nil {
			t.Fatal(err)
		}
		if err := trail.Claim(ctx, c, agent, cluster, seaworthy.Deployment{By: "argocd", Identity: argo, Namespaces: []string{"shop"}, Commit: commit, From: s.Now(), Until: s.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		if got := recorded(t, s)[0]; got.Actor.Person != "" || got.Match != seaworthy.MatchClaimed {
			t.Fatalf("before the git host told: %+v", got)
		}
		host := seaworthy.Principal{Actor: "token:git", Name: "git", Role: seaworthy.GitHost}
		word := seaworthy.Confirmation{Commit: commit, Approval: seaworthy.Approval{Author: "Bob-the-dev", Approvers: []string{"bob@example.com"}, MergedAt: s.Now().Add(-time.Minute)}}
		if _, _, err := trail.Confirm(ctx, c, host, word); err != nil {
			t.Fatal(err)
		}
		got := recorded(t, s)[0]
		if got.Actor.Person != "u3" || got.Actor.PersonBy != seaworthy.PersonByCommit {
			t.Errorf("the author is not found: %+v", got.Actor)
		}
		word.Approvers = []string{"alice@example.com"}
		if _, _, err := trail.Confirm(ctx, c, host, word); err != nil {
			t.Fatal(err)
		}
		if got := recorded(t, s)[0]; got.Match != seaworthy.MatchVerified || got.Actor.Person != "u3" {
			t.Errorf("approved by another: %+v", got)
		}
	})
}

// TestApprovedByWhoMadeIt under another name is no approval.
func TestApprovedByWhoMadeIt(t *testing.T) {
	approval := seaworthy.Deployment{ID: "d1", SourceID: "c1", Namespaces: []string{"shop"}, From: time.Unix(0, 0), Until: time.Unix(1e10, 0),
		Verified: &seaworthy.Approval{Author: "bob", Approvers: []string{"alice-the-dev"}}}
	change := seaworthy.Change{SourceID: "c1", Verb: seaworthy.VerbUpdate, At: time.Unix(1e9, 0), Actor: seaworthy.Actor{Username: "ops", Person: "u1"}}
	change.Object.Namespace = "shop"
	who := func(name string) string { return map[string]string{"alice-the-dev": "u1", "bob": "u3"}[name] }
	if changes.Match(&change, nil, []seaworthy.Deployment{approval}, who); change.Match != seaworthy.MatchOutOfBand {
		t.Errorf("it is %s: %s", change.Match, change.MatchWhy)
	}
	change.Actor.Person = "u3"
	if changes.Match(&change, nil, []seaworthy.Deployment{approval}, who); change.Match != seaworthy.MatchVerified {
		t.Errorf("it is %s: %s", change.Match, change.MatchWhy)
	}
}

// TestSayingWhoIsBehind is for administrators, and keeps who made a change from explaining
// it under another name.
func TestSayingWhoIsBehind(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		ctx, c := t.Context(), trail.Config{Store: s}
		take(t, s, edit(s, 2, 0, seaworthy.SeenByAudit, "ops-alice", "a", "b"))
		said := seaworthy.KnownActor{Name: "ops-alice", UserID: "u1"}
		for _, who := range []seaworthy.Principal{alice, manager, agent} {
			if _, err := trail.PutActor(ctx, c, who, said); kindOf(err) != seaworthy.KindForbidden {
				t.Errorf("%s says who is behind a name: %v", who.Name, err)
			}
		}
		for what, wrong := range map[string]seaworthy.KnownActor{
			"nobody": {Name: "x", UserID: "nobody"}, "no name": {UserID: "u1"}, "a service account": {Name: "system:serviceaccount:a:b", UserID: "u1"}, "no cluster": {Name: "x", UserID: "u1", SourceID: "c7"},
		} {
			if _, err := trail.PutActor(ctx, c, owner, wrong); err == nil {
				t.Errorf("%s is taken", what)
			}
		}
		first, err := trail.PutActor(ctx, c, owner, said)
		if err != nil {
			t.Fatal(err)
		}
		if got := recorded(t, s)[0]; got.Actor.Person != "u1" {
			t.Errorf("what is still to be explained shows nobody: %+v", got.Actor)
		}
		who := alice
		who.Role = seaworthy.Owner
		if _, err := trail.Explain(ctx, s, who, recorded(t, s)[0].ID, "it was me"); kindOf(err) != seaworthy.KindForbidden {
			t.Errorf("who made it explains it: %v", err)
		}
		said.Note = "on call"
		again, err := trail.PutActor(ctx, c, owner, said)
		if all, e := s.KnownActors(ctx); err != nil || e != nil || again.ID != first.ID || len(all) != 1 || all[0].Note != "on call" {
			t.Errorf("the same name again: %+v, %v, %v", all, err, e)
		}
		if err := trail.DropActor(ctx, c, manager, first.ID); kindOf(err) != seaworthy.KindForbidden {
			t.Errorf("a manager takes it back: %v", err)
		}
		if err := trail.DropActor(ctx, c, owner, first.ID); err != nil {
			t.Fatal(err)
		}
		if err := trail.DropActor(ctx, c, owner, first.ID); kindOf(err) != seaworthy.KindNotFound {
			t.Errorf("taken back twice: %v", err)
		}
	})
}
