// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// change records a change of the cluster that the places named saw, at the clock.
func (c *company) change(source, id string, edit func(*seaworthy.Change), by ...string) seaworthy.Change {
	c.t.Helper()
	v := seaworthy.Change{
		ID: id, SourceID: source, Verb: seaworthy.VerbUpdate, At: c.now, Outcome: seaworthy.OutcomePersisted, Match: seaworthy.MatchOutOfBand,
		MatchWhy: "no deployment, revision or approval speaks of it", Actor: seaworthy.Actor{Username: "eve@example.com", Groups: []string{"dev"}},
		Object: seaworthy.ChangedObject{Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}},
		Edits:  []seaworthy.Edit{{Path: "spec.replicas", Before: "1", After: "2"}},
	}
	for _, place := range by {
		v.Sightings = append(v.Sightings, seaworthy.Sighting{By: place, At: c.now, ID: id + place})
	}
	if edit != nil {
		edit(&v)
	}
	c.must(c.store.Write(c.t.Context(), "agent:a", func(tx *store.Tx) error { return tx.PutChange(&v) }))
	return v
}

// deployed registers a deployment around the clock, and what the git host said of it.
func (c *company) deployed(source, id, commit string) {
	c.t.Helper()
	d := seaworthy.Deployment{ID: id, SourceID: source, Namespaces: []string{"shop"}, Commit: commit, Ticket: "SHOP-" + id, PullURL: "https://git.example.com/" + id,
		From: c.now.Add(-time.Minute), Until: c.now.Add(time.Hour), RecordedAt: c.now, RecordedBy: "token:ci", By: "pipeline",
		Verified: &seaworthy.Approval{Author: "al", Approvers: []string{"bo", "cy"}, MergedAt: c.now.Add(-time.Hour)}}
	c.must(c.store.Write(c.t.Context(), "token:ci", func(tx *store.Tx) error { return tx.PutDeployment(&d) }))
}

func (c *company) merged(commit string) {
	c.t.Helper()
	m := seaworthy.Confirmation{ID: "m-" + commit, Commit: commit, Approval: seaworthy.Approval{Author: "al", Approvers: []string{"bo"}, MergedAt: c.now.Add(-time.Hour)}}
	c.must(c.store.Write(c.t.Context(), "token:git", func(tx *store.Tx) error { return tx.PutConfirmation(&m) }))
}

func verified(deployment string) func(*seaworthy.Change) {
	return func(c *seaworthy.Change) {
		c.Match, c.MatchID, c.MatchWhy = seaworthy.MatchVerified, deployment, "approved by bo"
	}
}

// binding gives a change the edits that a binding's write shows.
func binding(verb, role string, before, after []string) func(*seaworthy.Change) {
	object := func(names []string) map[string]any {
		if names == nil {
			return nil
		}
		list := []any{}
		for _, n := range names {
			list = append(list, map[string]any{"kind": "User", "name": n, "apiGroup": "rbac.authorization.k8s.io"})
		}
		return map[string]any{"roleRef": map[string]any{"kind": "ClusterRole", "name": role}, "subjects": list}
	}
	return func(c *seaworthy.Change) {
		c.Verb = verb
		c.Object.Object = seaworthy.Object{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding", Namespace: "shop", Name: "admins"}
		c.Edits, _ = changes.Diff(object(before), object(after))
	}
}

// trailOfMarch fills a production cluster's trail, with things that are none of the
// program's business beside it.
func (c *company) trailOfMarch() seaworthy.Program {
	c.cluster("prod", seaworthy.Production)
	c.cluster("stage", seaworthy.Staging)
	c.cluster("other", seaworthy.Production)
	p := c.program("prod", "stage")
	all := []string{"webhook", "audit", "watch"}
	c.now = date("2026-03-02T10:00")
	c.deployed("prod", "d1", "c0ffee")
	c.deployed("prod", "d2", "")
	c.merged("c0ffee")
	c.merged("decaf")
	c.change("prod", "v1", verified("d1"), all...)
	c.change("prod", "w1", nil, "watch")
	c.change("prod", "x1", func(v *seaworthy.Change) {
		v.Explained = &seaworthy.Explanation{By: "user:bo", At: c.now, Note: "=an incident"}
		v.Flags = []seaworthy.Flag{seaworthy.FlagBypassed}
	}, "audit", "watch")
	c.change("stage", "s1", nil, "watch")
	c.change("other", "o1", nil, "watch")
	c.change("prod", "exec", func(v *seaworthy.Change) {
		v.Verb, v.Outcome, v.Object.Kind, v.Edits = seaworthy.VerbExec, seaworthy.OutcomeConnected, "Pod", nil
	}, "webhook")
	c.change("prod", "secret", func(v *seaworthy.Change) {
		v.Verb, v.Object.Kind, v.Edits = seaworthy.VerbRead, "Secret", nil
	}, "audit")
	c.change("prod", "sudo", func(v *seaworthy.Change) { v.Actor.Impersonator = "root@example.com" }, "audit")
	c.change("prod", "debug", func(v *seaworthy.Change) {
		v.Object.Kind, v.Edits = "Pod", []seaworthy.Edit{{Path: "spec.ephemeralContainers", After: "[]"}}
	}, "watch")
	c.change("prod", "fake", func(v *seaworthy.Change) {
		v.Edits = []seaworthy.Edit{{Path: "data", After: `{"impersonator":"x","subresource":"ephemeralcontainers"}`}}
	}, "watch")
	c.now = date("2026-03-03")
	c.change("prod", "g1", binding("create", "admin", nil, []string{"ann", "bob"}), all...)
	c.now = date("2026-03-04")
	c.change("prod", "g2", binding("update", "admin", []string{"ann", "bob"}, []string{"bob", "cat"}), all...)
	c.now = date("2026-07-20") // after the period
	c.change("prod", "g3", binding("delete", "admin", []string{"bob", "cat"}, nil), all...)
	c.gapOf(store.GapAudit, "prod", date("2026-03-05T10:00"), date("2026-03-05T11:30"))
	c.gapOf(store.GapWatch, "other", date("2026-03-05"), date("2026-03-06"))
	c.must(c.store.Write(c.t.Context(), "agent:a", func(tx *store.Tx) error {
		return tx.AddFolded("prod", date("2026-03-04"), map[string]int{"Lease": 41, "Pod": 1, "Pod read denied": 7})
	}))
	return p
}

// frozen freezes a list and gives its rows by their first column.
func (c *company) frozen(p seaworthy.Program, list string, filters map[string]string) (seaworthy.Population, map[string]map[string]any) {
	c.t.Helper()
	population, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "All " + list, Program: p.ID, List: list, Filters: filters})
	c.must(err)
	out := map[string]map[string]any{}
	for _, values := range c.rows(population) {
		row := map[string]any{}
		for i, column := range population.Columns {
			row[column] = values[i]
		}
		out[fmt.Sprint(values[0])] = row
	}
	if len(out) != population.Count {
		c.t.Errorf("%s: %d rows of %d are distinct", list, len(out), population.Count)
	}
	return population, out
}

func has(t testing.TB, what string, row map[string]any, want map[string]any) {
	t.Helper()
	got := map[string]any{}
	for k := range want {
		got[k] = row[k]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func keys(rows map[string]map[string]any) string {
	var out []string
	for k := range rows {
		out = append(out, k)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestPopulationsOfTheTrail(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.trailOfMarch()
		frozen, rows := c.frozen(p, "changes", nil)
		if got := keys(rows); got != "debug exec fake g1 g2 s1 secret sudo v1 w1 x1" {
			t.Errorf("changes: %s", got)
		}
		has(c.t, "v1", rows["v1"], map[string]any{"cluster": "prod", "environment": "production", "user": "eve@example.com", "match": "verified", "deployment": "d1",
			"ticket": "SHOP-d1", "commit": "c0ffee", "approvers": "bo; cy", "seen_by": "webhook audit watch", "not_seen_by": "", "edited": "spec.replicas"})
		has(c.t, "x1", rows["x1"], map[string]any{"explained_by": "user:bo", "explanation": "=an incident", "bypassed_admission": true, "not_seen_by": "webhook"})
		account := strings.Join(frozen.Account, "\n")
		for _, want := range []string{
			"11 rows; seen by admission webhook 4, in audit events 6, by watch 8; by all three 3; by one alone: webhook 1, audit events 2, watch 4",
			"verified 1, claimed 0, of either late 0; out of band 10, of which explained by another 1; not required 0",
			"cluster prod (production): 10 rows; webhook saw 4; audit saw 6; watch saw 7",
			"cluster stage (staging): 1 rows; webhook told of none: not observed; audit told of none: not observed; watch saw 1",
			"deployments that touch the time: 2, of which 1 with changes in it (1) and 1 without any; rows that no deployment claims: 10",
			"git host told: 2, of which a deployment here names 1; 1 reached no cluster",
			"neither spec nor RBAC: 42; Lease 41; Pod 1; and of what was denied to controllers, or again to who had tried the same or much else: 7; Pod read denied 7",
			"gap: prod, audit, 2026-03-05T10:00:00.000000Z to 2026-03-05T11:30:00.000000Z",
		} {
			if !strings.Contains(account, want) {
				t.Errorf("the account lacks %q:\n%s", want, account)
			}
		}
		if strings.Contains(account, " other") {
			t.Errorf("the account speaks of a cluster out of scope:\n%s", account)
		}
		_, rows = c.frozen(p, "changes", map[string]string{"environment": "production", "unexplained": "true", "match": "out-of-band", "verb": "update", "kind": "Deployment"})
		if got := keys(rows); got != "fake sudo w1" {
			t.Errorf("unexplained production changes: %s", got)
		}
		_, rows = c.frozen(p, "changes", map[string]string{"flag": "bypassed admission"})
		if got := keys(rows); got != "x1" {
			t.Errorf("around admission: %s", got)
		}
		_, rows = c.frozen(p, "sessions", nil)
		kinds := map[string]any{}
		for id, row := range rows {
			kinds[id] = row["session"]
		}
		if diff := cmp.Diff(map[string]any{"exec": "exec", "secret": "read of a Secret", "sudo": "impersonation", "debug": "debug"}, kinds); diff != "" {
			t.Errorf("sessions (-want +got):\n%s", diff)
		}
		frozen, rows = c.frozen(p, "deployments", nil)
		has(c.t, "d1", rows["d1"], map[string]any{"ticket": "SHOP-d1", "changes": int64(1), "approvers": "bo; cy"})
		has(c.t, "d2", rows["d2"], map[string]any{"changes": int64(0)})
		if !strings.Contains(strings.Join(frozen.Account, ""), "2, of which 1 with changes in it (1) and 1 without any") {
			t.Errorf("the account of deployments: %q", frozen.Account)
		}
		for _, filters := range []map[string]string{{"unexplained": "maybe"}, {"flag": "%"}, {"color": "red"}} {
			if _, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "x", Program: p.ID, List: "changes", Filters: filters}); !isKind(err, seaworthy.KindInvalid) {
				t.Errorf("filters %v: %v", filters, err)
			}
		}
	})
}

func TestAccessSaysWhoWasGrantedWhatUntilWhen(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.trailOfMarch()
		c.now = date("2026-03-10")
		c.change("prod", "g4", func(v *seaworthy.Change) { // only that it was written is known
			binding("update", "", nil, nil)(v)
			v.Object.APIVersion, v.Object.Name = "", "others"
		}, "audit")
		c.change("prod", "g5", func(v *seaworthy.Change) {
			binding("create", "admin", nil, []string{"mal"})(v)
			v.Outcome, v.Object.Name = seaworthy.OutcomeDenied, "denied"
		}, "webhook")
		c.change("prod", "role", func(v *seaworthy.Change) {
			v.Object.Object = seaworthy.Object{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "wide"}
			v.Edits, v.Flags = []seaworthy.Edit{{Path: "rules", Before: "[]", After: `[{"verbs":["*"]}]`}}, []seaworthy.Flag{seaworthy.FlagWidened}
		}, "watch")
		c.change("prod", "own", func(v *seaworthy.Change) {
			v.Object.Object = seaworthy.Object{APIVersion: "example.com/v1", Kind: "Role", Name: "of-another-group"}
		}, "watch")
		_, rows := c.frozen(p, "access", map[string]string{"actor": "eve@example.com"})
		if got := keys(rows); got != "g1 g2 g4 g5 role" {
			t.Errorf("access: %s", got)
		}
		has(c.t, "g1", rows["g1"], map[string]any{"role": "ClusterRole admin", "granted": "User ann; User bob", "withdrawn": "", "content_seen": true,
			"removed_at": "2026-03-04T00:00:00.000000Z; 2026-07-20T00:00:00.000000Z"})
		has(c.t, "g2", rows["g2"], map[string]any{"role": "ClusterRole admin", "granted": "User cat", "withdrawn": "User ann", "removed_at": "2026-07-20T00:00:00.000000Z"})
		has(c.t, "g4", rows["g4"], map[string]any{"granted": "", "content_seen": false})
		has(c.t, "g5", rows["g5"], map[string]any{"granted": "User mal", "removed_at": "", "outcome": "denied"})
		has(c.t, "role", rows["role"], map[string]any{"rules_after": `[{"verbs":["*"]}]`, "widened": true})
	})
}

// What is frozen of the trail goes along in the package, with the records of what was
// sampled, and verifies.
func TestTrailIsInThePackage(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.trailOfMarch()
		for _, list := range []string{"changes", "access", "sessions", "deployments", "merges"} {
			population, _ := c.frozen(p, list, nil)
			_, err := c.SampleBySeed(c.t.Context(), manager, population.ID, "42", 1000)
			c.must(err)
		}
		signer, key := logKey(c.t)
		pkg := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		got, err := vault.Verify(bytes.NewReader(pkg.data), int64(len(pkg.data)), vault.Trust{Key: key})
		c.must(err)
		if !got.Intact() {
			c.t.Fatalf("Verify = %+v", got)
		}
		changed := map[string]map[string]string{}
		for _, row := range pkg.rows("12_changes/changes.csv") {
			changed[row["change"]] = row
			entry := line(pkg.files["log/entries.jsonl"], row["log_index"])
			if !strings.Contains(entry, `\"id\":\"`+row["change"]+`\"`) {
				c.t.Errorf("the entry of change %s does not speak of it: %s", row["change"], entry)
			}
		}
		if len(changed) != 11 || changed["o1"] != nil || changed["g3"] != nil {
			c.t.Errorf("%d changes in the package, out of scope %v, of another time %v", len(changed), changed["o1"], changed["g3"])
		}
		for id, want := range map[string]string{"g1": "changes access", "sudo": "changes sessions", "w1": "changes", "fake": "changes"} {
			if got := changed[id]["populations"]; got != want {
				c.t.Errorf("%s is in %q, want %q", id, got, want)
			}
		}
		if account := pkg.rows("12_changes/account.csv"); len(account) != 2 || account[0]["seen_by_audit"] != "6" || account[0]["counted_only"] != "49" || account[0]["sessions"] != "4" {
			c.t.Errorf("account = %v", account)
		}
		if merges := pkg.rows("12_changes/merges.csv"); len(merges) != 1 || merges[0]["commit"] != "c0ffee" {
			c.t.Errorf("merges = %v, want that which a deployment names", merges)
		}
		records := map[string]int{}
		for l := range strings.Lines(pkg.files["03_samples/items.jsonl"]) {
			var r struct {
				Kind   string
				Record struct{ ID string }
			}
			c.must(json.Unmarshal([]byte(l), &r))
			records[r.Kind+" "+r.Record.ID]++
		}
		if records["change v1"] != 1 || records["change g1"] != 2 || records["deployment d1"] != 2 || records["confirmation m-decaf"] != 1 {
			c.t.Errorf("records of the selected rows: %v", records)
		}
		named := slices.ContainsFunc(pkg.rows("03_samples/items.csv"), func(r map[string]string) bool {
			return r["evidence_id"] == "v1" && r["path"] == "03_samples/items.jsonl"
		})
		if !named {
			c.t.Error("items.csv does not lead to the record of a selected change")
		}
	})
}
