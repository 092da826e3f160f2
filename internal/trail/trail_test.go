// SPDX-License-Identifier: Apache-2.0

package trail_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

var (
	agent   = seaworthy.Principal{Actor: "token:t1", Name: "agent", Role: seaworthy.Reporter, Maker: "u0"}
	manager = seaworthy.Principal{Actor: "user:u2", UserID: "u2", Name: "Mia", Role: seaworthy.ComplianceManager}
	alice   = seaworthy.Principal{Actor: "user:u1", UserID: "u1", Name: "Alice", Role: seaworthy.Engineer}
	cluster = seaworthy.DeclaredSource{ID: "c1", Kind: seaworthy.KindCluster, Name: "production", Environment: seaworthy.Production}
)

func prepare(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.Write(context.Background(), "system", func(tx *store.Tx) error {
		return errors.Join(
			tx.PutSource(&cluster),
			tx.PutUser(&seaworthy.User{ID: "u1", Email: "Alice@example.com", Name: "Alice", Role: seaworthy.Engineer, Teams: []string{}, CreatedAt: tx.At}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// edit is what places see of one update of a Deployment.
func edit(s *store.Store, n int, at time.Duration, by, user string, before, after string) changes.Observation {
	object := func(version int, image string) map[string]any {
		if image == "" {
			return nil
		}
		return map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": "cart", "namespace": "shop", "uid": "u", "resourceVersion": fmt.Sprint(version), "generation": version},
			"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": image}}}}},
		}
	}
	o := changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: fmt.Sprintf("%s-%d", by, n), At: s.Now().Add(at)}, Verb: seaworthy.VerbUpdate,
		Before: object(n-1, before), After: object(n, after), Outcome: seaworthy.OutcomePersisted,
	}
	if by == seaworthy.SeenByWebhook {
		o.Outcome = seaworthy.OutcomeUnknown
	}
	if before == "" {
		o.Verb = seaworthy.VerbCreate
	}
	o.Actor.Username = user
	o.Describe()
	return o
}

func take(t *testing.T, s *store.Store, list ...changes.Observation) trail.Taken {
	t.Helper()
	n, err := trail.Take(context.Background(), trail.Config{Store: s}, agent, cluster, list)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func recorded(t *testing.T, s *store.Store) []seaworthy.Change {
	t.Helper()
	p, err := s.Changes(context.Background(), store.ChangeFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(p.Items)
	return p.Items
}

// TestThereAndBack: a change with kubectl and its undoing within a minute are two changes
// with their actor, both out of band, both marked.
func TestThereAndBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		const hook, watch = seaworthy.SeenByWebhook, seaworthy.SeenByWatch
		list := []changes.Observation{
			edit(s, 2, 0, hook, "alice@example.com", "cart:1", "evil:1"), edit(s, 2, time.Second, watch, "", "cart:1", "evil:1"),
			edit(s, 3, 50*time.Second, hook, "alice@example.com", "evil:1", "cart:1"), edit(s, 3, 51*time.Second, watch, "", "evil:1", "cart:1"),
		}
		if got, want := take(t, s, list...), (trail.Taken{New: 2, More: 2}); got != want {
			t.Errorf("took %+v, want %+v", got, want)
		}
		if got, want := take(t, s, list...), (trail.Taken{Known: 4}); got != want {
			t.Errorf("the same again: %+v, want %+v", got, want)
		}
		got := recorded(t, s)
		if len(got) != 2 {
			t.Fatalf("%d changes on record", len(got))
		}
		for i, c := range got {
			if c.Actor.Username != "alice@example.com" || c.Actor.Person != "u1" || c.Outcome != seaworthy.OutcomePersisted || len(c.Sightings) != 2 ||
				c.Match != seaworthy.MatchOutOfBand || !slices.Contains(c.Flags, seaworthy.FlagReverted) || len(c.Edits) != 1 {
				t.Errorf("change %d: %+v", i, c)
			}
		}
		if e := got[0].Edits[0]; e.Path != "spec.template.spec.containers[app].image" || e.Before != `"cart:1"` || e.After != `"evil:1"` {
			t.Errorf("edit %+v", e)
		}
	})
}

// TestDeployments: what a pipeline registers is a claim, also afterwards, and never for
// another image.
func TestDeployments(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		c, ctx := trail.Config{Store: s}, context.Background()
		register := func(d seaworthy.Deployment) {
			t.Helper()
			d.SourceID = cluster.ID
			if _, err := trail.Record(ctx, c, agent, d); err != nil {
				t.Fatal(err)
			}
		}
		register(seaworthy.Deployment{Namespaces: []string{"shop"}, Images: []string{"cart:2"}, Ticket: "SHOP-1"})
		take(t, s,
			edit(s, 2, time.Second, seaworthy.SeenByWatch, "", "cart:1", "cart:2"),
			edit(s, 3, 2*time.Second, seaworthy.SeenByWatch, "", "cart:2", "evil:1"),
			edit(s, 4, -2*time.Hour, seaworthy.SeenByWatch, "", "evil:1", "cart:3"))
		register(seaworthy.Deployment{Images: []string{"cart:3"}, Ticket: "SHOP-2", From: s.Now().Add(-150 * time.Minute), Until: s.Now().Add(-100 * time.Minute)})
		want := map[string]string{"cart:2": "claimed false", "evil:1": "out-of-band false", "cart:3": "claimed true"}
		for _, c := range recorded(t, s) {
			if got := fmt.Sprint(c.Match, " ", c.Late); got != want[c.Images[0]] {
				t.Errorf("%s: %s (%s), want %s", c.Images[0], got, c.MatchWhy, want[c.Images[0]])
			}
		}
	})
}

func TestDeploymentsThatCoverTooMuch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		now := s.Now()
		good := seaworthy.Deployment{SourceID: "c1", Namespaces: []string{"shop"}, Ticket: "SHOP-1"}
		for name, spoil := range map[string]func(d *seaworthy.Deployment){
			"no cluster":        func(d *seaworthy.Deployment) { d.SourceID = "" },
			"the whole cluster": func(d *seaworthy.Deployment) { d.Namespaces = nil },
			"no claim":          func(d *seaworthy.Deployment) { d.Ticket = "" },
			"a week":            func(d *seaworthy.Deployment) { d.Until = now.Add(7 * 24 * time.Hour) },
			"backwards":         func(d *seaworthy.Deployment) { d.Until = now.Add(-time.Hour) },
			"long ago":          func(d *seaworthy.Deployment) { d.From = now.AddDate(0, -2, 0) },
			"in the far future": func(d *seaworthy.Deployment) { d.From = now.AddDate(0, 1, 0) },
		} {
			d := good
			spoil(&d)
			if _, err := trail.Record(context.Background(), trail.Config{Store: s}, agent, d); kindOf(err) != seaworthy.KindInvalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		d := good
		d.Verified = &seaworthy.Approval{Author: "a", Approvers: []string{"b"}}
		if got, err := trail.Record(context.Background(), trail.Config{Store: s}, agent, d); err != nil || got.Verified != nil {
			t.Errorf("a pipeline verified itself: %+v, %v", got, err)
		}
	})
}

func TestExplain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		ctx := context.Background()
		take(t, s, edit(s, 2, 0, seaworthy.SeenByWebhook, "alice@example.com", "cart:1", "cart:2"), edit(s, 9, time.Hour, seaworthy.SeenByWebhook, "kubernetes-admin", "cart:2", "cart:9"))
		list := recorded(t, s)
		explain := func(who seaworthy.Principal, id, note string, want seaworthy.Kind) {
			t.Helper()
			if _, err := trail.Explain(ctx, s, who, id, note); kindOf(err) != want || want == 0 && err != nil {
				t.Errorf("%s: %v, want %d", who.Name, err, want)
			}
		}
		explain(alice, list[0].ID, "I had to", seaworthy.KindForbidden)
		explain(alice, list[1].ID, "somebody had to", seaworthy.KindForbidden) // person unknown: it may have been her
		explain(seaworthy.Principal{Role: seaworthy.Viewer, Name: "V"}, list[0].ID, "x", seaworthy.KindForbidden)
		explain(manager, list[0].ID, "  ", seaworthy.KindInvalid)
		explain(manager, "none", "x", seaworthy.KindNotFound)
		explain(manager, list[0].ID, "an incident: INC-7", 0)
		explain(manager, list[0].ID, "once more", seaworthy.KindConflict)
		open, err := s.Changes(ctx, store.ChangeFilter{Unexplained: true})
		if err != nil || len(open.Items) != 1 || open.Items[0].ID != list[1].ID {
			t.Errorf("still to be explained: %+v, %v", open, err)
		}
		if c, err := s.Change(ctx, list[0].ID); err != nil || c.Match != seaworthy.MatchOutOfBand {
			t.Errorf("an explanation made it %s, %v", c.Match, err)
		}
	})
}

// TestOnceHoweverItArrives: observations in any order, in pieces, some of them again.
func TestOnceHoweverItArrives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		var all []changes.Observation
		const writes = 40
		for n := range writes {
			for _, by := range []string{seaworthy.SeenByWebhook, seaworthy.SeenByWatch} {
				all = append(all, edit(s, n+2, time.Duration(n)*time.Second, by, "", fmt.Sprintf("i:%d", n%3), fmt.Sprintf("i:%d", (n+1)%3)))
			}
		}
		r := rand.New(rand.NewPCG(4, 2))
		all = append(all, all[:30]...)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for some := range slices.Chunk(all, 7) {
			take(t, s, some...)
		}
		got := recorded(t, s)
		if len(got) != writes {
			t.Fatalf("%d changes of %d writes", len(got), writes)
		}
		for _, c := range got {
			if len(c.Sightings) != 2 || c.Sightings[0].By == c.Sightings[1].By {
				t.Errorf("sightings %+v", c.Sightings)
			}
		}
	})
}

// TestALateEnd: an object that went days after it was asked to, told together with
// something older, is one deletion.
func TestALateEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		asked := edit(s, 3, -72*time.Hour, seaworthy.SeenByWebhook, "alice@example.com", "a", "b")
		asked.Verb, asked.After, asked.Object.Content = seaworthy.VerbDelete, nil, ""
		take(t, s, asked)
		gone := edit(s, 9, 0, seaworthy.SeenByWatch, "", "a", "b")
		gone.Verb, gone.After, gone.Object.Content = seaworthy.VerbDelete, nil, ""
		got := take(t, s, edit(s, 5, -time.Second, seaworthy.SeenByWatch, "", "c", "d"), gone)
		if want := (trail.Taken{New: 1, More: 1}); got != want {
			t.Errorf("took %+v, want %+v: %+v", got, want, recorded(t, s))
		}
	})
}

// TestOtherTeams: an engineer explains nothing in a cluster of another team.
func TestOtherTeams(t *testing.T) {
	c := seaworthy.Change{Match: seaworthy.MatchOutOfBand, Actor: seaworthy.Actor{Person: "u9"}}
	who := alice
	who.Teams = []string{"shop"}
	for team, want := range map[string]seaworthy.Kind{"": 0, "shop": 0, "platform": seaworthy.KindForbidden} {
		if err := trail.MayExplain(who, &c, team); kindOf(err) != want || want == 0 && err != nil {
			t.Errorf("in a cluster of team %q: %v, want %d", team, err, want)
		}
	}
}

func TestWhoMaySend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		other, viewer, repository := agent, agent, cluster
		other.Source, viewer.Role, repository.Kind = "c2", seaworthy.Viewer, seaworthy.KindRepository
		for _, test := range []struct {
			who    seaworthy.Principal
			source seaworthy.DeclaredSource
			want   seaworthy.Kind
		}{{other, cluster, seaworthy.KindForbidden}, {viewer, cluster, seaworthy.KindForbidden}, {agent, repository, seaworthy.KindInvalid}} {
			_, err := trail.Take(context.Background(), trail.Config{Store: s}, test.who, test.source, []changes.Observation{edit(s, 2, 0, seaworthy.SeenByWatch, "", "a", "b")})
			if kindOf(err) != test.want {
				t.Errorf("%v, want %d", err, test.want)
			}
		}
		if got := recorded(t, s); len(got) != 0 {
			t.Errorf("%d changes on record", len(got))
		}
	})
}

// kindOf is the kind of an error that users see; 0 for none.
func kindOf(err error) seaworthy.Kind {
	var e *seaworthy.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func TestOurs(t *testing.T) {
	for _, test := range []struct {
		kind, namespace, name string
		want                  bool
	}{
		{"Deployment", "seaworthy", "agent", true}, {"Namespace", "", "seaworthy", true}, {"ClusterRole", "", "seaworthy-agent", true},
		{"ValidatingWebhookConfiguration", "", "seaworthy", true}, {"ValidatingAdmissionPolicy", "", "privileged-container.seaworthy.dev", true},
		{"Deployment", "shop", "seaworthy", false}, {"ClusterRole", "", "seaworthiness", false},
	} {
		o := seaworthy.ChangedObject{Object: seaworthy.Object{Kind: test.kind, Namespace: test.namespace, Name: test.name}}
		if got := trail.Ours(&o); got != test.want {
			t.Errorf("%s: %t, want %t", o.Object, got, test.want)
		}
	}
}

// TestWhatAgentsSayTheyAreCalled has a cluster whose agent lives under other names than those
// that come with it: who touches these touches what watches.
func TestWhatAgentsSayTheyAreCalled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		prepare(t, s)
		err := s.Write(t.Context(), "system", func(tx *store.Tx) error {
			return errors.Join(
				tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: cluster.ID, Own: []seaworthy.OwnNames{{Namespace: "watchers", Name: "harbour"}}}),
				tx.PutAgent(&seaworthy.Agent{ID: "a2", SourceID: "elsewhere", Own: []seaworthy.OwnNames{{Namespace: "shop", Name: "cart"}}}),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, test := range []struct {
			kind, namespace, name string
			want                  bool
		}{
			{"ConfigMap", "watchers", "anything", true}, {"ClusterRole", "", "harbour", true}, {"ClusterRoleBinding", "", "harbour-more", true},
			{"Namespace", "", "watchers", true}, {"ConfigMap", "seaworthy", "x", true},
			{"ConfigMap", "shop", "harbour", false}, {"ClusterRole", "", "harbours", false}, {"Namespace", "", "harbour", false},
		} {
			o := changes.Observation{
				Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: fmt.Sprint("own-", i), At: s.Now()}, Verb: seaworthy.VerbDelete, Outcome: seaworthy.OutcomePersisted,
				Object: seaworthy.ChangedObject{Object: seaworthy.Object{APIVersion: "v1", Kind: test.kind, Namespace: test.namespace, Name: test.name}},
				Actor:  seaworthy.Actor{Username: "jane"},
			}
			n, err := trail.Take(t.Context(), trail.Config{Store: s, Own: trail.Ours}, agent, cluster, []changes.Observation{o})
			if err != nil || n.New != 1 {
				t.Fatalf("%+v, %v", n, err)
			}
			for _, c := range recorded(t, s) {
				if c.Object.Kind == test.kind && c.Object.Namespace == test.namespace && c.Object.Name == test.name &&
					slices.Contains(c.Flags, seaworthy.FlagOwnConfig) != test.want {
					t.Errorf("%s: flags %q, want own configuration: %t", o.Object.Object, c.Flags, test.want)
				}
			}
		}
	})
}
