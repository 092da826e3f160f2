// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/test/reviews"
)

const (
	privileged = "privileged-container: spec.containers[app].securityContext.privileged"
	unpinned   = "image-tag-mutable: spec.containers[app].image"
	second     = "privileged-container: spec.containers[second].securityContext.privileged"
	replicaset = "system:serviceaccount:kube-system:replicaset-controller"
)

func container(name string, privileged bool) object {
	return object{"name": name, "image": "nginx", "securityContext": object{"privileged": privileged}}
}

// owned gives an object a controller.
func owned(o object, kind string) object {
	return with(o, []any{object{"apiVersion": "apps/v1", "kind": kind, "name": "web", "uid": "7", "controller": true}}, "metadata", "ownerReferences")
}

// TestOperations asks by two checks that deny.
func TestOperations(t *testing.T) {
	g := guard(t, denying(), only("privileged-container", "image-tag-mutable"))
	pod := parse(t, bad)
	good := with(pod, []any{object{"name": "app", "image": "nginx:1.29.3"}}, "spec", "containers")
	both := with(pod, []any{container("app", true), container("second", true)}, "spec", "containers")
	debugged := with(pod, []any{container("debug", true)}, "spec", "ephemeralContainers")
	exec := object{"apiVersion": "v1", "kind": "PodExecOptions", "command": []any{"sh"}}
	eviction := object{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": object{"name": "web", "namespace": "shop"}}
	for name, test := range map[string]struct {
		asked
		want      []string
		notJudged string // a part of it
		allowed   bool
	}{
		"create":                            {asked: asked{object: pod}, want: []string{privileged, unpinned}},
		"create of what is good":            {asked: asked{object: good}, allowed: true},
		"create as a dry-run":               {asked: asked{object: pod, dryRun: true}, want: []string{privileged, unpinned}},
		"update that changes nothing":       {asked: asked{operation: "UPDATE", object: pod, old: pod}, notJudged: "bookkeeping", allowed: true},
		"update of something else":          {asked: asked{operation: "UPDATE", object: with(pod, "x", "metadata", "labels", "a"), old: pod}, allowed: true},
		"update that adds an item":          {asked: asked{operation: "UPDATE", object: both, old: pod}, want: []string{second, "image-tag-mutable: spec.containers[second].image"}},
		"update that makes it good":         {asked: asked{operation: "UPDATE", object: good, old: pod}, allowed: true},
		"update that makes it bad":          {asked: asked{operation: "UPDATE", object: pod, old: good}, want: []string{privileged, unpinned}},
		"finalizer goes":                    {asked: asked{operation: "UPDATE", object: pod, old: with(pod, []any{"a/b"}, "metadata", "finalizers")}, notJudged: "bookkeeping", allowed: true},
		"delete":                            {asked: asked{operation: "DELETE", old: pod}, notJudged: "deleted", allowed: true},
		"status":                            {asked: asked{operation: "UPDATE", subresource: "status", object: pod, old: good}, notJudged: "status", allowed: true},
		"eviction":                          {asked: asked{resource: "pods.v1", kind: "policy/v1/Eviction", subresource: "eviction", object: eviction}, notJudged: "eviction", allowed: true},
		"exec":                              {asked: asked{operation: "CONNECT", resource: "pods.v1", kind: "/v1/PodExecOptions", subresource: "exec", name: "web", namespace: "shop", object: exec}, notJudged: "connection", allowed: true},
		"ephemeral container":               {asked: asked{operation: "UPDATE", subresource: "ephemeralcontainers", object: debugged, old: pod}, want: []string{"privileged-container: spec.ephemeralContainers[debug].securityContext.privileged", "image-tag-mutable: spec.ephemeralContainers[debug].image"}},
		"ephemeral container of an owned":   {asked: asked{operation: "UPDATE", subresource: "ephemeralcontainers", object: owned(debugged, "ReplicaSet"), old: owned(pod, "ReplicaSet")}, want: []string{"privileged-container: spec.ephemeralContainers[debug].securityContext.privileged", "image-tag-mutable: spec.ephemeralContainers[debug].image"}},
		"owned, made by its controller":     {asked: asked{object: owned(pod, "ReplicaSet"), user: replicaset}, notJudged: "shop/ReplicaSet/web", allowed: true},
		"owned, where they share a name":    {asked: asked{object: owned(pod, "ReplicaSet"), user: "system:kube-controller-manager"}, notJudged: "shop/ReplicaSet/web", allowed: true},
		"owner forged by a person":          {asked: asked{object: owned(pod, "ReplicaSet")}, want: []string{privileged, unpinned}},
		"owner forged by another":           {asked: asked{object: owned(pod, "DaemonSet"), user: replicaset}, want: []string{privileged, unpinned}},
		"owner of an operator nobody knows": {asked: asked{object: owned(pod, "Rollout"), user: "system:serviceaccount:argo:rollouts"}, want: []string{privileged, unpinned}},
		"not owned, made by a controller":   {asked: asked{object: pod, user: replicaset}, want: []string{privileged, unpinned}},
		"owned, changed by a person":        {asked: asked{operation: "UPDATE", object: owned(both, "ReplicaSet"), old: owned(pod, "ReplicaSet")}, want: []string{second, "image-tag-mutable: spec.containers[second].image"}},
		"own namespace":                     {asked: asked{object: with(pod, "seaworthy", "metadata", "namespace")}, want: []string{privileged, unpinned}, allowed: true},
		"kube-system":                       {asked: asked{object: with(pod, "kube-system", "metadata", "namespace")}, want: []string{privileged, unpinned}, allowed: true},
		"the API server itself":             {asked: asked{object: pod, user: "system:apiserver"}, want: []string{privileged, unpinned}, allowed: true},
		"a mirror of a static Pod":          {asked: asked{object: with(pod, "x", "metadata", "annotations", "kubernetes.io/config.mirror"), user: "system:node:n1"}, want: []string{privileged, unpinned}, allowed: true},
		"a mirror made by a person":         {asked: asked{object: with(pod, "x", "metadata", "annotations", "kubernetes.io/config.mirror")}, want: []string{privileged, unpinned}},
	} {
		t.Run(name, func(t *testing.T) {
			d := review(t, g, test.asked)
			if diff := cmp.Diff(test.want, found(d)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if d.Allowed != test.allowed || d.Allowed == (d.Message != "") {
				t.Errorf("allowed %t, want %t; message %q", d.Allowed, test.allowed, d.Message)
			}
			if (test.notJudged == "") != (d.NotJudged == "") || !strings.Contains(d.NotJudged, test.notJudged) {
				t.Errorf("not judged because %q, want %q", d.NotJudged, test.notJudged)
			}
			if d.Allowed && len(test.want) > 0 && (d.Spared == "" || len(d.Warnings) != 2) {
				t.Errorf("what is spared is told of: %q, warnings %q", d.Spared, d.Warnings)
			}
		})
	}
}

func TestWholeUpdates(t *testing.T) {
	cfg := denying()
	cfg.WholeUpdates = true
	g := guard(t, cfg, only("privileged-container"))
	pod := parse(t, bad)
	labelled := with(pod, "x", "metadata", "labels", "a")
	if d := review(t, g, asked{operation: "UPDATE", object: labelled, old: pod}); d.Allowed {
		t.Error("what was bad before was not refused, although that was asked for")
	}
	going := with(pod, "2026-11-22T12:00:00Z", "metadata", "deletionTimestamp")
	if d := review(t, g, asked{operation: "UPDATE", object: going, old: with(going, []any{"a/b"}, "metadata", "finalizers")}); !d.Allowed {
		t.Errorf("a finalizer cannot be removed: %s", d.Message)
	}
}

func TestControllersOfTheUser(t *testing.T) {
	cfg := denying()
	cfg.Controllers = []string{"system:serviceaccount:argo:rollouts"}
	g := guard(t, cfg, only("privileged-container"))
	rs := parse(t, "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web, namespace: shop}, spec: {template: {spec: {containers: [{name: app, image: nginx, securityContext: {privileged: true}}]}}}}")
	if d := review(t, g, asked{object: owned(rs, "Rollout"), user: "system:serviceaccount:argo:rollouts"}); d.Owner == nil || !d.Allowed {
		t.Errorf("a controller that the configuration names is not believed: %+v", d)
	}
	cfg.JudgeOwned = true
	if d := review(t, guard(t, cfg, only("privileged-container")), asked{object: owned(rs, "Rollout"), user: "system:serviceaccount:argo:rollouts"}); d.Allowed {
		t.Error("what controllers make was not judged, although that was asked for")
	}
}

// TestScale judges what a scale makes worse, of what is known of the object.
func TestScale(t *testing.T) {
	deployment := reviews.Workload("Deployment", "web", 1)
	scale := func(n int64) object {
		return object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{"name": "web", "namespace": "shop", "resourceVersion": "41"}, "spec": object{"replicas": n}}
	}
	none := scale(0)
	delete(none["spec"].(object), "replicas") // as the API server writes it
	to := func(from, to object) asked {
		return asked{operation: "UPDATE", resource: "deployments.apps/v1", kind: "autoscaling/v1/Scale", subresource: "scale", object: to, old: from}
	}
	known := func(_ context.Context, _, _, _, version string) (map[string]any, error) {
		if version != "41" {
			return nil, fmt.Errorf("version %q is asked for", version)
		}
		return deployment, nil
	}
	gone := func(context.Context, string, string, string, string) (map[string]any, error) { return nil, nil }
	broken := func(context.Context, string, string, string, string) (map[string]any, error) {
		return nil, errors.New("no cache")
	}
	single, anti := "single-replica: spec.replicas", "anti-affinity-missing: spec.template.spec.affinity.podAntiAffinity"
	other := to(scale(2), scale(1))
	other.resource = "replicasets.apps/v1"
	for name, test := range map[string]struct {
		asked
		parent  func(context.Context, string, string, string, string) (map[string]any, error)
		want    []string
		partly  bool
		allowed bool
	}{
		"down to one":                      {asked: to(scale(3), scale(1)), want: []string{single}, partly: true},
		"down to none":                     {asked: to(scale(3), none), want: []string{single}, partly: true},
		"up":                               {asked: to(scale(1), scale(3)), partly: true, allowed: true},
		"the same":                         {asked: to(scale(1), scale(1)), allowed: true},
		"from none to one is no worse":     {asked: to(none, scale(1)), partly: true, allowed: true},
		"up, of a Deployment that is seen": {asked: to(scale(1), scale(3)), parent: known, want: []string{anti}},
		"down, of one that is seen":        {asked: to(scale(3), scale(1)), parent: known, want: []string{single}},
		"of one that is not there":         {asked: to(scale(3), scale(1)), parent: gone, want: []string{single}, partly: true},
		"of a ReplicaSet":                  {asked: other, partly: true, allowed: true},
		"where nothing can be looked up":   {asked: to(scale(3), scale(1)), parent: broken, allowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := denying()
			cfg.LookupParent = test.parent
			d := review(t, guard(t, cfg, only("single-replica", "anti-affinity-missing", "privileged-container")), test.asked)
			if diff := cmp.Diff(test.want, found(d)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if d.Allowed != test.allowed || (d.Partly != "") != test.partly {
				t.Errorf("allowed %t, partly %q; want %t, %t", d.Allowed, d.Partly, test.allowed, test.partly)
			}
			if name == "where nothing can be looked up" && (!d.Failed || len(d.Warnings) != 1) {
				t.Errorf("a failure is not told of: %+v", d)
			}
		})
	}
}

func TestModes(t *testing.T) {
	pod := parse(t, bad)
	there := asked{object: pod}
	elsewhere := asked{object: with(pod, "lab-1", "metadata", "namespace")}
	critical := seaworthy.Critical
	for name, test := range map[string]struct {
		modes       []admission.ModeIn
		environment string
		asked       asked
		want        admission.Mode
	}{
		"the default":                     {nil, "", there, admission.Warn},
		"of the check":                    {[]admission.ModeIn{{Checks: []string{"privileged-container"}, Mode: admission.Deny}}, "", there, admission.Deny},
		"of another check":                {[]admission.ModeIn{{Checks: []string{"single-replica"}, Mode: admission.Deny}}, "", there, admission.Warn},
		"of the category":                 {[]admission.ModeIn{{Checks: []string{"security"}, Mode: admission.Off}}, "", there, admission.Off},
		"of the severity":                 {[]admission.ModeIn{{AtLeast: critical, Mode: admission.Deny}}, "", there, admission.Deny},
		"the first counts":                {[]admission.ModeIn{{Mode: admission.Audit}, {Mode: admission.Deny}}, "", there, admission.Audit},
		"of the namespace":                {[]admission.ModeIn{{Namespaces: []string{"lab-*"}, Mode: admission.Off}}, "", elsewhere, admission.Off},
		"of another namespace":            {[]admission.ModeIn{{Namespaces: []string{"lab-*"}, Mode: admission.Off}}, "", there, admission.Warn},
		"of labels":                       {[]admission.ModeIn{{Labels: "team=lab", Mode: admission.Deny}}, "", elsewhere, admission.Deny},
		"of other labels":                 {[]admission.ModeIn{{Labels: "team in (lab)", Mode: admission.Deny}}, "", there, admission.Warn},
		"of the cluster":                  {[]admission.ModeIn{{Clusters: []string{"pro*"}, Mode: admission.Deny}}, "", there, admission.Deny},
		"of another cluster":              {[]admission.ModeIn{{Clusters: []string{"test"}, Mode: admission.Deny}}, "", there, admission.Warn},
		"of the environment":              {[]admission.ModeIn{{Environments: []string{"production"}, Mode: admission.Deny}}, "production", there, admission.Deny},
		"of another environment":          {[]admission.ModeIn{{Environments: []string{"production"}, Mode: admission.Deny}}, "staging", there, admission.Warn},
		"all that is given must hold":     {[]admission.ModeIn{{Namespaces: []string{"shop"}, Labels: "team=lab", Mode: admission.Deny}}, "", there, admission.Warn},
		"no namespace, no matching names": {[]admission.ModeIn{{Namespaces: []string{"lab-*"}, Mode: admission.Deny}}, "", there, admission.Warn},
	} {
		t.Run(name, func(t *testing.T) {
			d := review(t, guard(t, admission.Config{Default: admission.Warn, Modes: test.modes, Environment: test.environment}, only("privileged-container", "single-replica")), test.asked)
			got := admission.Off
			if len(d.Verdicts) > 0 {
				got = d.Verdicts[0].Mode
			}
			if got != test.want || d.Allowed == (got == admission.Deny) || (len(d.Warnings) > 0) != (got == admission.Warn) {
				t.Errorf("mode %s (allowed %t, warnings %q), want %s", got, d.Allowed, d.Warnings, test.want)
			}
			if (d.Annotations["privileged-container"] != "") != (got != admission.Off) {
				t.Errorf("audit annotations %q", d.Annotations)
			}
		})
	}
}

// A namespace whose labels nobody knows is no reason to let something pass.
func TestUnknownLabels(t *testing.T) {
	for _, policy := range []admissionregistration.FailurePolicyType{admissionregistration.Ignore, admissionregistration.Fail} {
		cfg := admission.Config{Default: admission.Audit, FailurePolicy: policy, Modes: []admission.ModeIn{{Labels: "team=shop", Mode: admission.Deny}}}
		cfg.LookupNamespace = func(context.Context, string) (map[string]any, error) { return nil, errors.New("not synced") }
		g := guard(t, cfg, only("single-replica", "image-tag-mutable"))
		d := review(t, g, asked{object: parse(t, bad)})
		if refused := policy == admissionregistration.Fail; d.Allowed == refused || !d.Failed || (len(d.Warnings) == 0) != refused {
			t.Errorf("%s: %+v", policy, d)
		}
		// What passes anyway needs no mode.
		d = review(t, g, asked{object: with(parse(t, bad), []any{object{"name": "app", "image": "nginx:1.29.3"}}, "spec", "containers")})
		if !d.Allowed || d.Failed {
			t.Errorf("%s: a Pod that passes: %+v", policy, d)
		}
	}
}

func TestFailurePolicy(t *testing.T) {
	policies := folder(t, map[string]string{"broken.yaml": ownPolicy("broken", "object.spec.nothing.here == 1")})
	for name, test := range map[string]struct {
		policy  admissionregistration.FailurePolicyType
		mode    admission.Mode
		where   string
		allowed bool
		told    bool
	}{
		"ignored, and told of":         {admissionregistration.Ignore, admission.Deny, "shop", true, true},
		"refused":                      {admissionregistration.Fail, admission.Deny, "shop", false, false},
		"a warning cannot refuse":      {admissionregistration.Fail, admission.Warn, "shop", true, true},
		"an audit is silent":           {admissionregistration.Fail, admission.Audit, "shop", true, false},
		"never where the webhook runs": {admissionregistration.Fail, admission.Deny, "seaworthy", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t, admission.Config{Default: test.mode, FailurePolicy: test.policy}, scan.Selection{Policies: []string{policies}, Only: []string{"custom"}})
			d := review(t, g, asked{object: with(parse(t, bad), test.where, "metadata", "namespace")})
			if d.Allowed != test.allowed || !d.Failed || (len(d.Warnings) > 0) != test.told {
				t.Errorf("%+v", d)
			}
			if !strings.Contains(d.Annotations["broken"], "error: ") {
				t.Errorf("the audit annotations do not tell: %q", d.Annotations)
			}
			if !d.Allowed && !strings.Contains(d.Message, "no such key") {
				t.Errorf("the message does not tell why: %s", d.Message)
			}
		})
	}
}

func TestWaivers(t *testing.T) {
	pod := with(parse(t, bad), "it needs the device", "metadata", "annotations", "seaworthy.dev/waive-privileged-container")
	waiver := func(change func(*seaworthy.TrackedWaiver)) []seaworthy.TrackedWaiver {
		w := seaworthy.TrackedWaiver{State: seaworthy.WaiverApproved, Waiver: seaworthy.Waiver{
			Check: "privileged-container", Namespace: "shop", Owner: "jane", Approver: "joe", Reason: "the device", Expires: date(t, "2026-12-31"),
		}}
		change(&w)
		return []seaworthy.TrackedWaiver{w}
	}
	for name, test := range map[string]struct {
		waivers []seaworthy.TrackedWaiver
		allowed bool
	}{
		"an annotation alone":      {nil, false},
		"approved":                 {waiver(func(*seaworthy.TrackedWaiver) {}), true},
		"of a pattern of checks":   {waiver(func(w *seaworthy.TrackedWaiver) { w.Check = "privileged-*" }), true},
		"of this cluster":          {waiver(func(w *seaworthy.TrackedWaiver) { w.SourceID = "s1" }), true},
		"of another cluster":       {waiver(func(w *seaworthy.TrackedWaiver) { w.SourceID = "s2" }), false},
		"asked for":                {waiver(func(w *seaworthy.TrackedWaiver) { w.State = seaworthy.WaiverRequested }), false},
		"revoked":                  {waiver(func(w *seaworthy.TrackedWaiver) { w.State = seaworthy.WaiverRevoked }), false},
		"holds to its last day":    {waiver(func(w *seaworthy.TrackedWaiver) { w.Expires = date(t, "2026-11-22") }), true},
		"has run out":              {waiver(func(w *seaworthy.TrackedWaiver) { w.Expires = date(t, "2026-11-21") }), false},
		"of another namespace":     {waiver(func(w *seaworthy.TrackedWaiver) { w.Namespace = "lab" }), false},
		"of another container":     {waiver(func(w *seaworthy.TrackedWaiver) { w.Container = "proxy" }), false},
		"of files in a repository": {waiver(func(w *seaworthy.TrackedWaiver) { w.File = "web.yaml" }), false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := denying()
			cfg.Waivers, cfg.SourceID = test.waivers, "s1"
			d := review(t, guard(t, cfg, only("privileged-container")), asked{object: pod})
			if d.Allowed != test.allowed || len(d.Verdicts) != 1 {
				t.Fatalf("%+v", d)
			}
			f := d.Verdicts[0].Findings[0]
			if (f.Waiver != nil) != test.allowed || f.WaiverRequested != "it needs the device" {
				t.Errorf("the finding's waiver is %+v, requested %q", f.Waiver, f.WaiverRequested)
			}
			if test.allowed == strings.Contains(d.Message, "nobody has approved") || test.allowed != strings.Contains(d.Annotations["privileged-container"], "(waived)") {
				t.Errorf("message %q, annotations %q", d.Message, d.Annotations)
			}
		})
	}
}

// Rego and policies of the user are judged as the built-in ones; those that list no items
// see the old object.
func TestOwnPolicies(t *testing.T) {
	policies := folder(t, map[string]string{
		"grows.yaml": ownPolicy("grows", "oldObject == null || size(object.spec.containers) <= size(oldObject.spec.containers)"),
		"asks.yaml":  ownPolicy("asks", "authorizer.group('').resource('pods').check('create').allowed()"),
		"named.rego": "package main\n\ndeny contains msg if {\n\tinput.kind == \"Pod\"\n\tsome c in input.spec.containers\n\tnot contains(c.image, \":\")\n\tmsg := sprintf(\"%s has no tag\", [c.name])\n}\n",
	})
	g := guard(t, denying(), scan.Selection{Policies: []string{policies}, Only: []string{"custom"}})
	pod := parse(t, bad)
	both := with(pod, []any{container("app", true), container("second", true)}, "spec", "containers")
	ids := func(d *admission.Decision) []string {
		var out []string
		for _, v := range d.Verdicts {
			for _, f := range v.Findings {
				out = append(out, f.Message)
			}
			if v.Err != nil {
				out = append(out, v.Err.Error())
			}
		}
		slices.Sort(out)
		return out
	}
	for name, test := range map[string]struct {
		asked
		want []string
	}{
		"create": {asked{object: pod}, []string{"app has no tag"}},
		"update": {asked{operation: "UPDATE", object: both, old: pod}, []string{"it must hold", "second has no tag"}},
		"shrink": {asked{operation: "UPDATE", object: pod, old: both}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, ids(review(t, g, test.asked))); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
	if why := g.NotEvaluated()["asks"]; !strings.Contains(why, "only the API server knows") {
		t.Errorf("a policy that asks for rights is not named: %q", g.NotEvaluated())
	}
}

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*admission.Config)
		want   string
	}{
		"no catalogue":        {func(c *admission.Config) { c.Catalogue = nil }, "no catalogue"},
		"a mode nobody knows": {func(c *admission.Config) { c.Default = "block" }, `"block" is not one of off, audit, warn, deny`},
		"a mode of a place":   {func(c *admission.Config) { c.Modes = []admission.ModeIn{{Mode: "on"}} }, `mode 1: "on"`},
		"an unknown check": {func(c *admission.Config) {
			c.Modes = []admission.ModeIn{{Checks: []string{"priviledged"}, Mode: "deny"}}
		}, `"priviledged"`},
		"a malformed pattern":  {func(c *admission.Config) { c.Modes = []admission.ModeIn{{Namespaces: []string{"["}, Mode: "deny"}} }, "malformed"},
		"a malformed selector": {func(c *admission.Config) { c.Modes = []admission.ModeIn{{Labels: "a in b", Mode: "deny"}} }, "malformed"},
		"a severity":           {func(c *admission.Config) { c.Modes = []admission.ModeIn{{AtLeast: "bad", Mode: "deny"}} }, `"bad"`},
		"a failure policy":     {func(c *admission.Config) { c.FailurePolicy = "Maybe" }, "neither Ignore nor Fail"},
		"a waiver": {func(c *admission.Config) {
			c.Waivers = []seaworthy.TrackedWaiver{{Waiver: seaworthy.Waiver{Check: "x"}}}
		}, "needs an owner"},
		"nothing": {func(*admission.Config) {}, ""},
		"a check that is off": {func(c *admission.Config) {
			c.Modes = []admission.ModeIn{{Checks: []string{"single-replica"}, Mode: "deny"}}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := complete(t, admission.Config{}, only("privileged-container"))
			test.change(&cfg)
			_, err := admission.New(cfg)
			if got := message(err); (test.want == "") != (err == nil) || !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	cfg := complete(t, admission.Config{}, scan.Selection{Policies: []string{folder(t, map[string]string{"p.yaml": ownPolicy("p", "object.spec ==")})}})
	if _, err := admission.New(cfg); !strings.Contains(message(err), "cannot be read") {
		t.Errorf("a policy that cannot be read is passed over: %v", err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
