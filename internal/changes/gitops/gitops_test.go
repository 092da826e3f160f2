// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/changes/gitops"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func clock(h, m int) time.Time { return time.Date(2026, 11, 22, h, m, 0, 0, time.UTC) }

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

const running = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd, annotations: {seaworthy.dev/ticket: SHOP-1}, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {destination: {server: "https://kubernetes.default.svc", namespace: shop}, source: {repoURL: "https://git.example.com/shop"}}
status:
  resources: [{group: apps, version: v1, kind: Deployment, namespace: shop, name: web, status: OutOfSync}]
  operationState:
    phase: Running
    startedAt: "2026-11-22T11:50:00Z"
    operation: {sync: {revision: abc123}}
`

const synced = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  destination: {name: in-cluster}
  sources: [{repoURL: "https://charts.example.com", chart: redis}, {repoURL: "https://git.example.com/shop"}]
status:
  resources: [{group: apps, version: v1, kind: Deployment, namespace: shop, name: web}]
  operationState:
    phase: Succeeded
    startedAt: "2026-11-22T11:50:00Z"
    finishedAt: "2026-11-22T11:51:00Z"
    operation: {sync: {}}
    syncResult: {revisions: [18.1.0, def456], resources: [{group: "", version: v1, kind: Namespace, name: shop}, {group: apps, version: v1, kind: Deployment, namespace: shop, name: web}]}
`

const applied = `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {sourceRef: {kind: GitRepository, name: fleet}}
status:
  lastAppliedRevision: main@sha1:1111
  lastAttemptedRevision: main@sha1:1111
  conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-11-22T09:00:00Z"}]
  inventory: {entries: [{id: shop_web_apps_Deployment, v: v1}, {id: _shop__view_rbac.authorization.k8s.io_ClusterRole, v: v1}]}
`

const applying = `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {sourceRef: {kind: GitRepository, name: fleet}, serviceAccountName: tenant}
status:
  lastAppliedRevision: main@sha1:1111
  lastAttemptedRevision: main@sha1:2222
  conditions: [{type: Reconciling, status: "True", lastTransitionTime: "2026-11-22T11:58:00Z"}]
  inventory: {entries: [{id: shop_web_apps_Deployment, v: v1}]}
`

var web = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"}

func TestClaims(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		want          []seaworthy.Deployment
	}{
		"a sync of Argo CD begins": {"", running, []seaworthy.Deployment{{
			By: "argocd", Identity: "system:serviceaccount:argocd:argocd-application-controller", Objects: []seaworthy.Object{web},
			Repository: "https://git.example.com/shop", Commit: "abc123", Ticket: "SHOP-1", From: clock(11, 50), Until: clock(12, 20),
		}}},
		"a sync of several sources has ended": {running, synced, []seaworthy.Deployment{{
			By: "argocd", Identity: "system:serviceaccount:argocd:argocd-application-controller",
			Objects:    []seaworthy.Object{web, {APIVersion: "v1", Kind: "Namespace", Name: "shop"}},
			Repository: "https://git.example.com/shop", Commit: "def456", From: clock(11, 50), Until: clock(11, 51),
		}}},
		"Argo CD writes to another cluster": {"", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a, namespace: argocd}
spec: {destination: {server: "https://far.example.com"}}
status: {resources: [{kind: Pod, version: v1, name: a}], operationState: {startedAt: "2026-11-22T11:50:00Z", operation: {sync: {revision: a}}}}
`, nil},
		"manifests from somebody's machine come from no repository": {"", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a, namespace: argocd}
spec: {destination: {name: in-cluster}}
status: {resources: [{kind: Pod, version: v1, name: a}], operationState: {startedAt: "2026-11-22T11:50:00Z", operation: {sync: {revision: a, manifests: ["{}"]}}}}
`, nil},
		"a sync of last month": {"", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a, namespace: argocd}
spec: {destination: {name: in-cluster}}
status: {resources: [{kind: Pod, version: v1, name: a}], operationState: {startedAt: "2026-10-22T11:50:00Z", finishedAt: "2026-10-22T11:51:00Z", operation: {sync: {revision: a}}}}
`, nil},
		"Flux holds a revision": {"", applied, []seaworthy.Deployment{{
			By: "flux", Identity: "system:serviceaccount:flux-system:kustomize-controller", Repository: "https://git.example.com/fleet", Commit: "1111",
			Objects: []seaworthy.Object{web, {APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "shop:view"}},
			From:    clock(8, 50), Until: clock(24, 0),
		}}},
		"Flux has a new revision, as a tenant, and prunes": {applied, applying, []seaworthy.Deployment{{
			By: "flux", Identity: "system:serviceaccount:flux-system:tenant", Repository: "https://git.example.com/fleet", Commit: "2222",
			Objects: []seaworthy.Object{web, {APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "shop:view"}},
			From:    clock(11, 58), Until: clock(24, 0),
		}}},
		"a suspended Kustomization writes nothing": {"", `
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {suspend: true}
status: {lastAppliedRevision: main/1111, inventory: {entries: [{id: shop_web_apps_Deployment, v: v1}]}}
`, nil},
		"a Helm release of Flux": {"", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: redis, namespace: infra, annotations: {seaworthy.dev/pull-request: "https://git.example.com/p/7"}}
spec: {targetNamespace: cache}
status:
  lastAttemptedRevision: 18.1.0
  conditions: [{type: Ready, lastTransitionTime: "2026-11-21T09:00:00Z"}]
  history: [{chartName: redis, chartVersion: 18.1.0, lastDeployed: "2026-11-21T08:59:00Z"}]
`, []seaworthy.Deployment{{
			By: "flux", Identity: "system:serviceaccount:flux-system:helm-controller", Namespaces: []string{"cache"}, Repository: "redis", Commit: "18.1.0",
			PullURL: "https://git.example.com/p/7", From: clock(0, 0), Until: clock(24, 0),
		}}},
		"an annotation that is new": {
			`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web}}`,
			`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, annotations: {seaworthy.dev/ticket: SHOP-2}}}`,
			[]seaworthy.Deployment{{By: "annotation", Objects: []seaworthy.Object{web}, Ticket: "SHOP-2", From: noon, Until: noon}},
		},
		"an annotation of a change before": {
			`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, annotations: {seaworthy.dev/ticket: SHOP-2}}}`,
			`{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, annotations: {seaworthy.dev/ticket: SHOP-2}}, spec: {replicas: 3}}`,
			nil,
		},
		"an annotation on something old that is seen for the first time": {
			"", `{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, creationTimestamp: "2026-11-20T00:00:00Z", annotations: {seaworthy.dev/ticket: SHOP-2}}}`, nil,
		},
		"an annotation on something new": {
			"", `{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: shop, name: web, creationTimestamp: "2026-11-22T11:59:00Z", annotations: {seaworthy.dev/ticket: SHOP-2}}}`,
			[]seaworthy.Deployment{{By: "annotation", Objects: []seaworthy.Object{web}, Ticket: "SHOP-2", From: clock(11, 59), Until: clock(11, 59)}},
		},
		"gone": {applied, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			config := gitops.Config{Source: func(kind, namespace, name string) string {
				if kind == "GitRepository" && namespace == "flux-system" && name == "fleet" {
					return "https://git.example.com/fleet"
				}
				return ""
			}}
			got := config.Claims(object(t, c.before), object(t, c.after), noon)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("claims (-want +got):\n%s", d)
			}
		})
	}
}

// TestClaimsCoverTheController: what Argo CD writes while it syncs is claimed; what
// somebody else writes to the same object at the same time, or Argo CD later, is not.
func TestClaimsCoverTheController(t *testing.T) {
	claims := gitops.Config{}.Claims(nil, object(t, running), noon)
	for i := range claims {
		claims[i].SourceID, claims[i].ID, claims[i].RecordedAt = "c", "d", noon
	}
	for name, c := range map[string]struct {
		actor string
		at    time.Time
		want  seaworthy.Match
	}{
		"the controller":   {"system:serviceaccount:argocd:argocd-application-controller", clock(11, 59), seaworthy.MatchClaimed},
		"somebody else":    {"eve@example.com", clock(11, 59), seaworthy.MatchOutOfBand},
		"an hour too late": {"system:serviceaccount:argocd:argocd-application-controller", clock(13, 0), seaworthy.MatchOutOfBand},
	} {
		change := seaworthy.Change{
			SourceID: "c", Verb: seaworthy.VerbUpdate, Object: seaworthy.ChangedObject{Object: web}, Actor: seaworthy.Actor{Username: c.actor}, At: c.at,
		}
		if changes.Match(&change, nil, claims, nil); change.Match != c.want {
			t.Errorf("%s: %s (%s), want %s", name, change.Match, change.MatchWhy, c.want)
		}
	}
}

// TestWhateverComes: whatever an object looks like, a claim never lasts longer than a day,
// always says of whom and of what it speaks, gives a reason, and the same again is the
// same claim; and the objects are left as they are.
func TestWhateverComes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	made := 0
	for range 3000 {
		before, after := object(t, pick(rng, "", running, synced, applied, applying)), object(t, pick(rng, running, synced, applied, applying))
		spoil(rng, before)
		spoil(rng, after)
		was := string(encode(t, []any{before, after}))
		at := noon.Add(time.Duration(rng.Int64N(int64(96*time.Hour))) - 48*time.Hour)
		got := gitops.Config{}.Claims(before, after, at)
		if d := cmp.Diff(got, gitops.Config{}.Claims(before, after, at)); d != "" {
			t.Fatalf("not the same again:\n%s", d)
		}
		if string(encode(t, []any{before, after})) != was {
			t.Fatal("the objects were changed")
		}
		for _, d := range got {
			made++
			span := d.Until.Sub(d.From)
			switch {
			case span < 0, span > 24*time.Hour, len(d.Objects) > 1000, d.From.Before(at.Add(-72 * time.Hour)),
				d.By != "annotation" && d.Identity == "", len(d.Objects)+len(d.Namespaces) == 0, d.Commit+d.Ticket+d.PullURL == "":
				t.Fatalf("claim at %s: %+v\nof %s", at, d, was)
			}
		}
	}
	if made < 300 {
		t.Errorf("only %d claims were made: the test sees too little", made)
	}
}

// TestManyObjects: those of a large Application are claimed in parts, none left out.
func TestManyObjects(t *testing.T) {
	o := object(t, running)
	var list []any
	for i := range 2500 {
		list = append(list, map[string]any{"version": "v1", "kind": "ConfigMap", "namespace": "a", "name": time.Duration(i).String()})
	}
	o["status"].(map[string]any)["resources"] = list
	claims, seen := gitops.Config{}.Claims(nil, o, noon), map[string]bool{}
	for _, d := range claims {
		for _, o := range d.Objects {
			seen[o.Name] = true
		}
	}
	if len(claims) != 3 || len(seen) != 2500 {
		t.Errorf("%d claims of %d objects, want 3 of 2500", len(claims), len(seen))
	}
}

func pick(rng *rand.Rand, all ...string) string { return all[rng.IntN(len(all))] }

// spoil replaces some values of an object by others.
func spoil(rng *rand.Rand, v any) {
	odd := []any{nil, "", "x", int64(7), []any{}, map[string]any{}, "2026-11-22T11:00:00Z", "9999-01-01T00:00:00Z", true, []any{"a"}}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if rng.IntN(60) == 0 {
				v[k] = odd[rng.IntN(len(odd))]
				continue
			}
			spoil(rng, e)
		}
	case []any:
		for i := range v {
			spoil(rng, v[i])
		}
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
