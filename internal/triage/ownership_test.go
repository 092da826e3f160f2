// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

func object(namespace, file string, labels map[string]string) store.TrackedObject {
	return store.TrackedObject{Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: "x"}, File: file, Labels: labels}
}

func TestTheFirstRuleThatMatchesNamesTheTeam(t *testing.T) {
	each(t, func(w *world) {
		for _, r := range []seaworthy.OwnershipRule{
			{Label: "owner"},
			{Label: "tier=payments", Team: "pay"},
			{Source: "pr*", Namespace: "shop-*", Team: "shop"},
			{Source: "stage", Namespace: "*", Team: "pay"},
			{Namespace: "kube-system"}, // the source's team
			{Path: "/charts/", Team: "shop"},
			{Source: "prod", Namespace: "kube-*", Team: "pay"},
		} {
			_, err := w.triage.PutRule(w.Context(), bob, r)
			w.must(err)
		}
		space := object("", "", nil)
		space.Object = seaworthy.Object{APIVersion: "v1", Kind: "Namespace", Name: "shop-a"}
		w.write(func(tx *store.Tx) error {
			of := map[string]func(store.TrackedObject) string{}
			for _, name := range []string{"prod", "stage", "dev"} {
				f, err := triage.Owners(tx, seaworthy.DeclaredSource{Name: name})
				if err != nil {
					return err
				}
				of[name] = f
			}
			for _, c := range []struct {
				source string
				o      store.TrackedObject
				want   string
			}{
				{"prod", object("shop-a", "", nil), "shop"},
				{"prod", space, "shop"},
				{"dev", object("shop-a", "", nil), ""},
				{"stage", object("shop-a", "", nil), "pay"},
				{"stage", object("", "", nil), ""}, // of no namespace
				{"prod", object("shop-a", "", map[string]string{"owner": "Team-Pay"}), "pay"},
				{"prod", object("shop-a", "", map[string]string{"owner": "nobody-here"}), "shop"},
				{"prod", object("x", "", map[string]string{"tier": "payments"}), "pay"},
				{"prod", object("x", "", map[string]string{"tier": "web"}), ""},
				{"prod", object("kube-system", "charts/a.yaml", nil), ""},
				{"prod", object("kube-public", "", nil), "pay"},
				{"dev", object("x", "./charts/a/b.yaml", nil), "shop"},
				{"dev", object("x", "sub/charts/a.yaml", nil), ""},
			} {
				if got := of[c.source](c.o); got != c.want {
					t.Errorf("%s of %s with %v in %q is of %q, want %q", c.o.Object, c.source, c.o.Labels, c.o.File, got, c.want)
				}
			}
			return nil
		})
	})
}

func TestRulesThatAreRefused(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		for _, c := range []struct {
			rule seaworthy.OwnershipRule
			want seaworthy.Kind
		}{
			{seaworthy.OwnershipRule{Namespace: "a", Team: "nowhere"}, seaworthy.KindNotFound},
			{seaworthy.OwnershipRule{}, seaworthy.KindInvalid},
			{seaworthy.OwnershipRule{Namespace: "[a", Team: "shop"}, seaworthy.KindInvalid},
			{seaworthy.OwnershipRule{Path: "!a", Team: "shop"}, seaworthy.KindInvalid},
			{seaworthy.OwnershipRule{Label: "=x", Team: "shop"}, seaworthy.KindInvalid},
			{seaworthy.OwnershipRule{ID: "nowhere", Namespace: "a", Team: "shop"}, seaworthy.KindNotFound},
		} {
			_, err := w.triage.PutRule(ctx, ada, c.rule)
			w.refused(err, c.want)
		}
		a, err := w.triage.PutRule(ctx, ada, seaworthy.OwnershipRule{Namespace: "a", Team: "shop"})
		w.must(err)
		b, err := w.triage.PutRule(ctx, ada, seaworthy.OwnershipRule{Team: "pay"})
		w.must(err)
		w.refused(w.triage.OrderRules(ctx, ada, []string{a.ID}), seaworthy.KindConflict)
		w.refused(w.triage.OrderRules(ctx, ada, []string{a.ID, a.ID}), seaworthy.KindConflict)
		w.must(w.triage.OrderRules(ctx, ada, []string{b.ID, a.ID}))
		a.Namespace = "b"
		a, err = w.triage.PutRule(ctx, ada, a)
		w.must(err)
		rules, err := w.store.OwnershipRules(ctx)
		if err != nil || len(rules) != 2 || rules[0].ID != b.ID || rules[1].Namespace != "b" {
			w.Errorf("rules %+v, %v", rules, err)
		}
		w.must(w.triage.DropRule(ctx, ada, a.ID))
		w.refused(w.triage.DropRule(ctx, ada, a.ID), seaworthy.KindNotFound)
	})
}

func TestFindingsFollowChangesOfOwnership(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop-a", ""), finding(2, "latest-tag", "other", ""))
		w.settle()
		rule, err := w.triage.PutRule(ctx, ada, seaworthy.OwnershipRule{Namespace: "shop-*", Team: "shop"})
		w.must(err)
		w.settle()
		if f, e := w.get(ids[0]), w.last(ids[0]); f.Team != "shop" || e.Kind != seaworthy.EventChanged || e.Note != "owner" || e.Actor != "system" {
			w.Errorf("finding of %q, event %+v, want shop's", f.Team, e)
		}
		// The source's team owns the rest.
		w.write(func(tx *store.Tx) error {
			s, err := tx.Source("s1")
			if err != nil {
				return err
			}
			s.Team = "pay"
			return tx.PutSource(&s)
		})
		w.settle()
		if a, b := w.get(ids[0]).Team, w.get(ids[1]).Team; a != "shop" || b != "pay" {
			w.Errorf("teams %q and %q, want shop and pay", a, b)
		}
		w.must(w.triage.DropRule(ctx, ada, rule.ID))
		w.settle()
		if f := w.get(ids[0]); f.Team != "pay" {
			w.Errorf("without the rule the finding is of %q, want pay", f.Team)
		}
		if n := len(events(w, ids[1])); n != 2 {
			w.Errorf("a finding that changed once has %d events, want 2", n)
		}
	})
}

func events(w *world, id string) []store.Event {
	list, err := w.store.FindingEvents(w.Context(), id)
	w.must(err)
	return list
}

func TestCodeownersPatterns(t *testing.T) {
	each(t, func(w *world) {
		for _, c := range []struct {
			pattern string
			in, out []string
		}{
			{"*", []string{"a.yaml", "a/b/c.yaml", "./a.yaml"}, nil},
			{"*.yaml", []string{"a.yaml", "x/y/a.yaml"}, []string{"a.yml", "a.yaml.txt"}},
			{"/docs/", []string{"docs/a", "docs/b/c"}, []string{"docs", "x/docs/a"}},
			{"docs/", []string{"docs/a", "x/docs/a"}, []string{"docs"}},
			{"docs/*", []string{"docs/a.md"}, []string{"docs/b/c.md", "x/docs/a.md"}},
			{"docs/**", []string{"docs/a.md", "docs/b/c.md"}, []string{"x/docs/a.md"}},
			{"**/logs", []string{"logs", "a/logs/x", "a/b/logs"}, []string{"a/mylogs"}},
			{"a/**/z", []string{"a/z", "a/b/z", "a/b/c/z/x"}, []string{"b/a/z", "az"}},
			{"/apps/github", []string{"apps/github", "apps/github/x"}, []string{"apps/github2", "x/apps/github"}},
			{"file?.txt", []string{"file1.txt"}, []string{"file10.txt", "file/.txt"}},
			{`my\ file`, []string{"my file"}, []string{`my\ file`}},
			{"a.b+c", []string{"a.b+c"}, []string{"axb+c"}},
			{"/", []string{"a", "a/b"}, nil},
		} {
			w.write(func(tx *store.Tx) error {
				rules, err := tx.OwnershipRules()
				if err != nil {
					return err
				}
				for i := range rules {
					if err := tx.DropOwnershipRule(&rules[i]); err != nil {
						return err
					}
				}
				return tx.PutOwnershipRule(&seaworthy.OwnershipRule{ID: tx.NewID(), Path: c.pattern, Team: "shop"})
			})
			w.write(func(tx *store.Tx) error {
				team, err := triage.Owners(tx, seaworthy.DeclaredSource{Name: "infra"})
				if err != nil {
					return err
				}
				for _, file := range slices.Concat(c.in, c.out) {
					want := slices.Contains(c.in, file)
					if got := team(object("", file, nil)) == "shop"; got != want {
						t.Errorf("%s matches %s: %t, want %t", c.pattern, file, got, want)
					}
				}
				return nil
			})
		}
	})
}

func TestACodeownersFileBecomesRules(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		text := `# who owns what
*              @example/team-shop   # all
/pay/          @TEAM-PAY
/both/         @team-pay @team-shop
/secret/       @example/nobody
/eve/          eve@example.com
/ada/          ada@example.com
/nobodys/
!/pay/x        @team-shop
[Section]
my\ file       @team-pay
`
		got, err := w.triage.ImportCodeowners(ctx, ada, "s2", text)
		w.must(err)
		var lines []int
		for _, p := range got.Problems {
			lines = append(lines, p.Line)
		}
		if want := []int{4, 5, 7, 9, 10}; !slices.Equal(lines, want) {
			w.Errorf("problems %+v, want of the lines %v", got.Problems, want)
		}
		w.write(func(tx *store.Tx) error {
			infra, err := tx.Source("s2")
			if err != nil {
				return err
			}
			team, err := triage.Owners(tx, infra)
			if err != nil {
				return err
			}
			prod, err := triage.Owners(tx, seaworthy.DeclaredSource{Name: "prod"})
			if err != nil {
				return err
			}
			for file, want := range map[string]string{
				"a.yaml": "shop", "pay/a.yaml": "pay", "both/a.yaml": "pay", "secret/a.yaml": "", "eve/a.yaml": "shop", "ada/x": "", "nobodys/x": "", "my file": "pay",
			} {
				if got := team(object("", file, nil)); got != want {
					t.Errorf("%s is of %q, want %q", file, got, want)
				}
				if got := prod(object("", file, nil)); got != "" {
					t.Errorf("%s of another source is of %q", file, got)
				}
			}
			return nil
		})
		size, _, err := w.store.LogHead(ctx)
		w.must(err)
		again, err := w.triage.ImportCodeowners(ctx, ada, "s2", text)
		if after, _, _ := w.store.LogHead(ctx); err != nil || after != size || len(again.Rules) != len(got.Rules) {
			w.Errorf("the same file again: %d rules, %d entries, %v", len(again.Rules), after-size, err)
		}
		if got, err = w.triage.ImportCodeowners(ctx, ada, "s2", "* @team-pay"); err != nil || len(got.Rules) != 1 {
			w.Errorf("another file: %+v, %v", got, err)
		}
		if rules, _ := w.store.OwnershipRules(ctx); len(rules) != 1 {
			w.Errorf("%d rules, want only those of the newest file", len(rules))
		}
		_, err = w.triage.ImportCodeowners(ctx, ada, "s1", "* @team-pay")
		w.refused(err, seaworthy.KindInvalid) // a cluster
		_, err = w.triage.ImportCodeowners(ctx, ada, "s2", "a\x00")
		w.refused(err, seaworthy.KindInvalid)
	})
}
