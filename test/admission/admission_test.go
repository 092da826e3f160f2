// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

const (
	pods        = "/api/v1/namespaces/shop/pods"
	deployments = "/apis/apps/v1/namespaces/shop/deployments"
)

func pod(name string, privileged bool) object {
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": name}, "spec": object{
		"containers": []any{object{"name": "app", "image": "nginx:1.29.3", "securityContext": object{"privileged": privileged}}},
	}}
}

func deployment(name string, replicas int64, privileged bool) object {
	labels := object{"app": name}
	return object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": name}, "spec": object{
		"replicas": replicas, "selector": object{"matchLabels": labels},
		"template": object{"metadata": object{"labels": labels}, "spec": pod("", privileged)["spec"]},
	}}
}

var strict = scan.Selection{Only: []string{"privileged-container", "single-replica"}}

// refused checks that a call is refused by the webhook for a reason.
func (w *world) refused(c call, why string) {
	w.t.Helper()
	_, _, err := w.do(c)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `admission webhook "judge.seaworthy.dev" denied the request: `) || !strings.Contains(err.Error(), why) {
		w.t.Errorf("%s: %v, want it refused: %s", c.path, err, why)
	}
}

func TestModesEndToEnd(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	w.refused(call{path: pods, body: pod("deny", true)}, "Container runs in privileged mode")
	w.refused(call{path: pods, body: pod("deny", true), dryRun: true}, "spec.containers[app].securityContext.privileged")
	w.must(call{path: pods, body: pod("fine", false)})

	w = enter(t, admission.Config{Default: admission.Warn}, strict)
	_, warned, err := w.do(call{path: pods, body: pod("warn", true)})
	if err != nil || len(warned) != 1 || !strings.HasPrefix(warned[0], "Container runs in privileged mode: spec.containers[app].securityContext.privileged. Remove ") {
		t.Errorf("%v, warnings %q", err, warned)
	}

	w = enter(t, admission.Config{Default: admission.Audit}, strict)
	_, warned, err = w.do(call{path: pods, body: pod("audit", true), id: "audit-me"})
	if err != nil || len(warned) != 0 {
		t.Errorf("%v, warnings %q", err, warned)
	}
	if got := annotationsOf(t, "audit-me")["judge.seaworthy.dev/privileged-container"]; got != "audit; spec.containers[app].securityContext.privileged" {
		t.Errorf("the audit log says %q", got)
	}
}

// TestWarningsArriveWhole has all checks warn of one object: the API server cuts nothing.
func TestWarningsArriveWhole(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Warn}, scan.Selection{})
	body := deployment("warned", 1, true)
	var want []string
	var got []string
	asked := w.asked(func() { _, got, _ = w.do(call{path: deployments, body: body, dryRun: true}) })
	for _, r := range asked {
		want = append(want, r.Warnings...)
	}
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("%d warnings were made and %d arrived:\n%s", len(want), len(got), strings.Join(got, "\n"))
	}
}

func TestDryRunLeavesNoTrace(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Warn}, strict)
	var warned []string
	told := w.told(func() { _, warned, _ = w.do(call{path: pods, body: pod("dry", true), dryRun: true}) })
	if len(told) != 0 || len(warned) != 1 {
		t.Errorf("a dry-run was told of %d times, with warnings %q", len(told), warned)
	}
}

func TestUpdates(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Audit}, strict)
	w.must(call{path: deployments, body: deployment("old", 1, true)})
	w = enter(t, admission.Config{Default: admission.Deny}, strict)
	one := deployments + "/old"
	label := object{"metadata": object{"labels": object{"a": "b"}}}
	w.must(call{path: one, patch: types.MergePatchType, body: label})
	second := object{"spec": object{"template": object{"spec": object{"containers": []any{
		object{"name": "second", "image": "nginx:1.29.3", "securityContext": object{"privileged": true}},
	}}}}}
	_, _, err := w.do(call{path: one, patch: types.StrategicMergePatchType, body: second})
	if err == nil || !strings.Contains(err.Error(), "containers[second]") || strings.Contains(err.Error(), "containers[app]") {
		t.Errorf("a second privileged container: %v", err)
	}
	// Server-side apply is judged by what comes of it.
	applied := deployment("old", 1, true)
	applied["spec"].(object)["template"].(object)["spec"].(object)["hostPID"] = true
	apply := call{path: one, patch: types.ApplyPatchType, body: applied, params: map[string]string{"fieldManager": "test", "force": "true"}}
	w.must(apply)
	w = enter(t, admission.Config{Default: admission.Deny}, scan.Selection{Only: []string{"privileged-container", "host-pid", "host-network"}})
	applied["spec"].(object)["template"].(object)["spec"].(object)["hostNetwork"] = true
	_, _, err = w.do(apply)
	if err == nil || !strings.Contains(err.Error(), "host-network") || strings.Contains(err.Error(), "host-pid") {
		t.Errorf("server-side apply: %v", err)
	}
	fresh := call{path: deployments + "/applied", patch: types.ApplyPatchType, body: deployment("applied", 2, true), params: map[string]string{"fieldManager": "test"}}
	w.refused(fresh, "privileged-container")
	if _, err := w.get(t.Context(), deployments+"/applied"); !apierrors.IsNotFound(err) {
		t.Errorf("what was refused is there: %v", err)
	}
	// Whoever asked for it is refused what was bad before.
	w = enter(t, admission.Config{Default: admission.Deny, WholeUpdates: true}, strict)
	label["metadata"].(object)["labels"].(object)["a"] = "c"
	w.refused(call{path: one, patch: types.MergePatchType, body: label}, "privileged-container")
}

func TestScaleSubresource(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	w.must(call{path: deployments, body: deployment("scaled", 3, false)})
	scale := func(n int64) call {
		return call{path: deployments + "/scaled/scale", patch: types.MergePatchType, body: object{"spec": object{"replicas": n}}}
	}
	w.refused(scale(1), "Workload has fewer than two replicas")
	w.refused(scale(0), "Workload has fewer than two replicas")
	w.must(scale(5))
	told := w.told(func() { w.must(scale(4)) })
	if len(told) == 0 {
		t.Error("the trail was told nothing")
	}
	for _, r := range told { // the server asks again when its cache was behind
		if r.Object.Kind != "Deployment" || r.Object.Subresource != "scale" || r.Object.Name != "scaled" {
			t.Errorf("the trail was told %+v", r.Object)
		}
	}
}

func TestEphemeralContainers(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	w.must(call{path: pods, body: pod("debugged", false)})
	debug := func(privileged bool) call {
		return call{path: pods + "/debugged/ephemeralcontainers", patch: types.StrategicMergePatchType, body: object{"spec": object{"ephemeralContainers": []any{
			object{"name": fmt.Sprintf("debug-%t", privileged), "image": "busybox:1.37", "securityContext": object{"privileged": privileged}},
		}}}}
	}
	w.refused(debug(true), "spec.ephemeralContainers[debug-true]")
	w.must(debug(false))
}

// TestConnections are seen before they are made; there is no kubelet to make them.
func TestConnections(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	body := pod("entered", false)
	body["spec"].(object)["nodeName"] = "nowhere"
	w.must(call{path: pods, body: body})
	for sub, verb := range map[string]string{"exec": seaworthy.VerbExec, "attach": seaworthy.VerbAttach, "portforward": seaworthy.VerbPortForward} {
		told := w.told(func() {
			w.do(call{path: pods + "/entered/" + sub, params: map[string]string{"command": "sh", "stdout": "true"}})
		})
		if len(told) != 1 || told[0].Verb != verb || told[0].Object.Name != "entered" || told[0].Object.Kind != "Pod" || told[0].Actor.Username != "admin" {
			t.Errorf("%s: the trail was told %+v", sub, told)
		}
	}
}

// TestSightingsAreWhatPersists holds the digests of what the webhook is shown to those of
// what is stored: that is how a watch tells a change that went around the webhook.
func TestSightingsAreWhatPersists(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Audit}, scan.Selection{})
	key := []byte("the key of the tests")
	named := func(o object, name string) object {
		o["metadata"] = object{"name": name}
		return o
	}
	for path, o := range map[string]object{
		pods:                              pod("digest", false),
		deployments:                       deployment("digest", 2, false),
		"/api/v1/namespaces/shop/secrets": named(object{"apiVersion": "v1", "kind": "Secret", "stringData": object{"password": "hunter2"}}, "digest"),
		"/api/v1/namespaces/shop/services": named(object{"apiVersion": "v1", "kind": "Service", "spec": object{
			"selector": object{"app": "web"}, "ports": []any{object{"port": int64(80)}},
		}}, "digest"),
		"/api/v1/namespaces": named(object{"apiVersion": "v1", "kind": "Namespace"}, "digest"),
		"/apis/rbac.authorization.k8s.io/v1/clusterroles": named(object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []any{
			object{"apiGroups": []any{""}, "resources": []any{"pods"}, "verbs": []any{"get"}},
		}}, "digest"),
	} {
		check := func(what string, f func()) {
			t.Helper()
			told := w.told(f)
			stored, err := w.get(t.Context(), path+"/digest")
			if err != nil {
				t.Fatal(err)
			}
			if len(told) == 0 || len(told) > 1 && what == "creation" {
				t.Fatalf("%s of %s: the trail was told %d times", what, path, len(told))
			}
			told = told[len(told)-1:] // the server asks again when its cache was behind
			if got, want := told[0].Object.Content, changes.Digest(changes.Redact(stored, key)); got != want {
				t.Errorf("%s of %s: the webhook saw %s\nand stored is %s\n%v\n%v", what, path, got, want, told[0].After, changes.Redact(stored, key))
			}
			if uid := stored["metadata"].(object)["uid"]; told[0].Object.UID != uid {
				t.Errorf("%s of %s: uid %q, want %q", what, path, told[0].Object.UID, uid)
			}
		}
		check("creation", func() { w.must(call{path: path, body: o}) })
		check("update", func() {
			w.must(call{path: path + "/digest", patch: types.MergePatchType, body: object{"metadata": object{"labels": object{"a": "b"}}}})
		})
		told := w.told(func() {
			w.must(call{verb: "DELETE", path: path + "/digest", params: map[string]string{"gracePeriodSeconds": "0"}})
		})
		if len(told) == 0 || told[0].Verb != seaworthy.VerbDelete || told[0].Before == nil {
			t.Errorf("deletion of %s: the trail was told %+v", path, told)
		}
	}
}

// TestUnreachable takes the webhook away: what may be refused fails as configured, and
// what must not be held up is not.
func TestUnreachable(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	_, _, err := w.do(call{path: pods, body: pod("down", false)})
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "judge.seaworthy.dev") {
		t.Errorf("failurePolicy Fail: %v", err)
	}
	w.must(call{path: "/api/v1/namespaces/seaworthy/pods", body: pod("down", true)})
	w.must(call{verb: "DELETE", path: "/api/v1/namespaces/seaworthy/pods/down", params: map[string]string{"gracePeriodSeconds": "0"}})
	w.must(call{path: "/api/v1/namespaces/shop/events", body: object{
		"apiVersion": "v1", "kind": "Event", "metadata": object{"name": "e"}, "involvedObject": object{"namespace": "shop", "name": "x", "kind": "Pod"},
	}})
}

// TestEachRequestOnce: no request reaches both webhooks, and noise reaches none.
func TestEachRequestOnce(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Warn}, scan.Selection{})
	w.must(call{path: pods, body: pod("once", false)})
	for what, test := range map[string]struct {
		call
		want int
	}{
		"judged":                 {call{path: deployments, body: deployment("once", 2, false), dryRun: true}, 1},
		"exempt":                 {call{path: "/api/v1/namespaces/seaworthy/pods", body: pod("once", true), dryRun: true}, 1},
		"of the trail":           {call{path: "/api/v1/nodes", body: object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": "n"}}, dryRun: true}, 1},
		"eviction":               {call{path: pods + "/once/eviction", body: object{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": object{"name": "once"}}, dryRun: true}, 1},
		"an event":               {call{path: "/api/v1/namespaces/shop/events", body: object{"apiVersion": "v1", "kind": "Event", "metadata": object{"name": "once"}, "involvedObject": object{"namespace": "shop"}}, dryRun: true}, 0},
		"a lease":                {call{path: "/apis/coordination.k8s.io/v1/namespaces/shop/leases", body: object{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": object{"name": "once"}}, dryRun: true}, 0},
		"a review of rights":     {call{path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: object{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": object{"resourceAttributes": object{"verb": "get", "resource": "pods"}}}}, 0},
		"a status":               {call{path: pods + "/once/status", patch: types.MergePatchType, body: object{"status": object{"phase": "Running"}}, dryRun: true}, 0},
		"endpoints of a person":  {call{path: "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", body: object{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": object{"name": "once"}, "addressType": "IPv4", "endpoints": []any{}}, dryRun: true}, 1},
		"a token for an account": {call{path: "/api/v1/namespaces/shop/serviceaccounts/default/token", body: object{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": object{}}}, 1},
	} {
		t.Run(what, func(t *testing.T) {
			w.t = t
			asked := w.asked(func() {
				if _, _, err := w.do(test.call); err != nil {
					t.Error(err)
				}
			})
			if len(asked) != test.want {
				t.Errorf("the webhook was asked %d times, want %d", len(asked), test.want)
			}
		})
	}
	w.t = t
}

// TestCertificatesTakeOver gives the webhook another certificate of another authority,
// which the API server learns of first: no request fails.
func TestCertificatesTakeOver(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	next, _, err := admission.Pairs(nil).Renew(time.Now(), []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	probe := call{path: pods, body: pod("rotated", true), dryRun: true}
	w.trust(probe, w.pairs, next)
	w.pairs = next
	w.cert.Set(next)
	w.server.SetKeepAlivesEnabled(false) // each request is a new connection
	defer w.server.SetKeepAlivesEnabled(true)
	before := w.handshakes.Load()
	for range 3 {
		w.refused(probe, "privileged-container")
	}
	if w.handshakes.Load() == before {
		t.Error("the API server never met the new certificate")
	}
}

// trust has the API server trust these authorities, and waits until it does: by the path on
// which it asks for what is refused it shows which configuration it goes by.
func (w *world) trust(probe call, pairs ...admission.Pairs) {
	w.t.Helper()
	var all []byte
	for _, p := range pairs {
		all = append(all, p.Authorities()...)
	}
	w.tries++
	path := fmt.Sprintf("/trust-%d", w.tries)
	var patch []object
	for i := range 2 {
		at := fmt.Sprintf("/webhooks/%d/clientConfig/", i)
		patch = append(patch, object{"op": "replace", "path": at + "caBundle", "value": all}, object{"op": "replace", "path": at + "url", "value": strings.TrimSuffix(w.url, "/") + path})
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Patch(w.t.Context(), "seaworthy", types.JSONPatchType, raw, metav1.PatchOptions{}); err != nil {
		w.t.Fatal(err)
	}
	w.until("the API server goes by the new configuration", func() bool {
		w.refused(probe, "privileged-container")
		return w.path.Load() == path
	})
}

// TestCertificatesOfFiles: the door shows the certificate of files that something else
// keeps fresh, as cert-manager does, and takes up what is written there, which the API
// server trusts by the authority in the configuration.
func TestCertificatesOfFiles(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write := func(p admission.Pairs) {
		t.Helper()
		for file, text := range map[string][]byte{cert: p[0].Cert, key: p[0].Key} {
			if err := os.WriteFile(file+".new", text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}
	}
	fresh := func() admission.Pairs {
		t.Helper()
		p, _, err := admission.Pairs(nil).Renew(time.Now(), []string{"127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	probe := call{path: pods, body: pod("files", true), dryRun: true}
	first, second := fresh(), fresh()
	w.trust(probe, w.pairs, first, second)
	write(first)
	files, err := admission.FromFiles(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(want admission.Pairs) {
		t.Helper()
		w.server.SetKeepAlivesEnabled(false)
		defer w.server.SetKeepAlivesEnabled(true)
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			w.refused(probe, "privileged-container")
			if got := w.shown.Load(); got != nil && bytes.Equal(got.Certificate[0], leaf(t, want)) {
				return
			}
		}
		t.Error("the API server never met the certificate of the files")
	}
	w.serving.Store(files)
	defer w.serving.Store(w.cert)
	shown(first)
	write(second)
	shown(second)
}

// leaf is the certificate of a pair as it is sent.
func leaf(t *testing.T, p admission.Pairs) []byte {
	t.Helper()
	b, _ := pem.Decode(p[0].Cert)
	if b == nil {
		t.Fatal("there is no certificate")
	}
	return b.Bytes
}
