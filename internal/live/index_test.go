// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// told is a cluster of which everything that is told is noted.
type told struct {
	*Live
	t      *testing.T
	lines  []string
	seen   []changes.Observation
	deltas []seaworthy.Delta
}

func follow(t *testing.T) *told {
	t.Helper()
	f := &told{t: t}
	f.Live = New(Config{
		Scan: config(t, scan.Selection{}), Source: source, Key: []byte("key"),
		Observe: func(o changes.Observation) {
			f.seen = append(f.seen, o)
			version, rest, _ := strings.Cut(o.ID, "@")
			_, gone, _ := strings.Cut(rest, "-")
			f.lines = append(f.lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", o.Verb, o.Object.Name, strings.TrimSuffix(version+"-"+gone, "-"), map[bool]string{true: "relisted"}[o.Relisted])))
		},
		Show: func(before, after map[string]any, _ time.Time) {
			if after["kind"] == "Application" {
				f.lines = append(f.lines, fmt.Sprintf("shown %v %v", phase(before), phase(after)))
			}
		},
		Delta: func(d seaworthy.Delta) { f.deltas = append(f.deltas, d) },
	})
	return f
}

func phase(o map[string]any) any {
	status, _ := o["status"].(map[string]any)
	return status["phase"]
}

// thing makes an object: its fields are pairs of name and value.
func thing(k *kube.Kind, name, uid, version string, fields ...any) map[string]any {
	m := map[string]any{"apiVersion": k.GroupVersion().String(), "kind": k.Kind, "metadata": map[string]any{
		"name": name, "namespace": "shop", "uid": uid, "resourceVersion": version,
	}}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i].(string)] = fields[i+1]
	}
	return m
}

func data(v string) map[string]any { return map[string]any{"k": v} }

func (f *told) want(step string, lines ...string) {
	f.t.Helper()
	if diff := cmp.Diff(lines, f.lines, cmp.Transformer("none", func(l []string) []string { return append([]string{}, l...) })); diff != "" {
		f.t.Errorf("%s was told as (-want +got):\n%s", step, diff)
	}
	f.lines = nil
}

func (f *told) list(how kube.Manner, objects ...map[string]any) {
	f.index.Listing(configMapKind, "")
	for _, o := range objects {
		f.index.Set(configMapKind, o, how)
	}
	f.index.Listed(configMapKind, "")
}

// TestWhatIsObserved goes through what a watch may show of one object.
func TestWhatIsObserved(t *testing.T) {
	f, k := follow(t), configMapKind
	f.list(kube.Initially, thing(k, "a", "1", "5", "data", data("x")), thing(k, "b", "2", "6", "data", data("x")))
	f.want("what was there before")
	f.index.Set(k, thing(k, "a", "1", "7", "data", data("y")), kube.Live)
	f.want("an update", "update a 7")
	if o := f.seen[0]; o.Object.Previous != "5" || o.Object.ResourceVersion != "7" || o.Object.Content != changes.Digest(o.After) {
		t.Errorf("the update is %+v", o.Object)
	}
	managed := thing(k, "a", "1", "8", "data", data("y"))
	managed["metadata"].(map[string]any)["managedFields"] = []any{map[string]any{"manager": "x", "time": "2026-01-01T00:00:00Z"}}
	f.index.Set(k, managed, kube.Live)
	f.want("an update of field managers alone")
	f.index.Set(k, thing(k, "a", "1", "9", "data", data("z")), kube.Live)
	f.want("another update", "update a 9")
	if o := f.seen[1]; o.Object.Previous != "8" {
		t.Errorf("it was made to version %q, want the newest, though nothing else was new in it", o.Object.Previous)
	}
	f.index.Set(k, thing(k, "a", "11", "12", "data", data("z")), kube.Live)
	f.want("one that went and came unseen", "delete a 9-gone relisted", "create a 12")
	f.index.Deleted(k, thing(k, "a", "1", "10"))
	f.want("the deletion of one that was replaced")
	f.index.Deleted(k, thing(k, "a", "11", "13"))
	f.want("a deletion", "delete a 13")
	f.index.Deleted(k, thing(k, "a", "11", "13"))
	f.want("the same deletion")

	// After a break: b was changed and c made, and nobody saw how.
	f.list(kube.Anew, thing(k, "b", "2", "20", "data", data("y")), thing(k, "c", "3", "21"))
	f.want("a list after a break", "update b 20 relisted", "create c 21 relisted")
	f.list(kube.Anew, thing(k, "c", "3", "21"))
	f.want("another one", "delete b 20-gone relisted")
	f.index.Set(k, thing(k, "c", "3", "30", "data", data("x")), kube.Live)
	f.want("an update", "update c 30")
	f.list(kube.Anew, thing(k, "c", "3", "25", "data", data("old")))
	f.want("a page of a list that is older than what the watch told")
}

// TestBrokenListTakesNothingAway has a list break off: what it did not show is not gone.
func TestBrokenListTakesNothingAway(t *testing.T) {
	f, k := follow(t), configMapKind
	f.list(kube.Initially, thing(k, "a", "1", "5"), thing(k, "b", "2", "6"))
	f.index.Listing(k, "")
	f.index.Set(k, thing(k, "a", "1", "5"), kube.Anew)
	if n, _ := f.index.counts(); n != 2 {
		t.Errorf("%d objects are left, want 2", n)
	}
	f.list(kube.Anew, thing(k, "a", "1", "5"), thing(k, "b", "2", "6"))
	f.want("a list that breaks off, and another one")
}

// TestSecretsAreNeverHeld looks for the value of a Secret in everything that is held, told
// and reported.
func TestSecretsAreNeverHeld(t *testing.T) {
	f := follow(t)
	k := kube.NewKind(configMapKind.GroupVersion().WithResource("secrets"), "Secret", true)
	f.index.Set(k, thing(k, "db", "1", "5", "data", map[string]any{"password": "c3dvcmRmaXNo"}, "type", "Opaque"), kube.Initially)
	f.index.Set(k, thing(k, "db", "1", "6", "data", map[string]any{"password": "bm90IHN3b3JkZmlzaA=="}, "type", "Opaque"), kube.Live)
	f.want("a change of a value", "update db 6")
	var report bytes.Buffer
	if err := f.judge.report(t.Context(), &report); err != nil {
		t.Fatal(err)
	}
	held, _ := f.Object(k.GroupVersionResource, "shop", "db")
	b, err := json.Marshal([]any{f.seen, held, report.String()})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"c3dvcmRmaXNo", "bm90IHN3", "swordfish"} {
		if bytes.Contains(b, []byte(value)) {
			t.Errorf("the value is in %s", b)
		}
	}
	if !strings.Contains(fmt.Sprint(held["data"]), "hmac-sha256:") {
		t.Errorf("held as %v, want digests", held["data"])
	}
}

// TestNamedSecretsAreObservedAlone has Secrets followed by name: what becomes of them is told
// with digests, and nothing else knows of them.
func TestNamedSecretsAreObservedAlone(t *testing.T) {
	f := follow(t)
	kinds := map[string]*kube.Kind{}
	secret := func(name, uid, version, value string) (*kube.Kind, map[string]any) {
		if kinds[name] == nil {
			kinds[name] = kube.NewKind(configMapKind.GroupVersion().WithResource("secrets"), "Secret", true)
			kinds[name].Named = name
		}
		return kinds[name], thing(kinds[name], name, uid, version, "data", map[string]any{"key": base64.StdEncoding.EncodeToString([]byte(value))})
	}
	list := func(name string, how kube.Manner, objects ...map[string]any) {
		k, _ := secret(name, "", "", "")
		f.index.Listing(k, "shop")
		for _, o := range objects {
			f.index.Set(k, o, how)
		}
		f.index.Listed(k, "shop")
	}
	k, first := secret("key", "1", "5", "swordfish")
	list("key", kube.Initially, first)
	_, other := secret("slack", "2", "6", "hook")
	list("slack", kube.Initially, other)
	f.want("what was there before")
	_, next := secret("key", "1", "7", "sailfish")
	f.index.Set(k, next, kube.Live)
	f.want("a change of a value", "update key 7")
	o := f.seen[0]
	if edits, _ := changes.Diff(o.Before, o.After); len(edits) != 1 || edits[0].Path != "data.key" || !strings.Contains(edits[0].After, "hmac-sha256:") {
		t.Errorf("the change is told as %+v, want digests", edits)
	}
	list("slack", kube.Anew)
	f.want("a list that shows one no more", "delete slack 6-gone relisted")
	_, again := secret("slack", "3", "9", "hook")
	slack, _ := secret("slack", "", "", "")
	f.index.Set(slack, again, kube.Live)
	f.index.Deleted(k, next)
	f.want("one that is made, one that is deleted", "create slack 9", "delete key 7")

	if waits := f.index.take(); len(waits) > 0 {
		t.Errorf("%d wait to be judged", len(waits))
	}
	var report bytes.Buffer
	if err := f.judge.report(t.Context(), &report); err != nil {
		t.Fatal(err)
	}
	if n, _ := f.index.counts(); n != 0 || strings.Contains(report.String(), "slack") {
		t.Errorf("%d objects are counted, and reported is %s", n, report.String())
	}
	if _, ok := f.Object(k.GroupVersionResource, "shop", "slack"); ok {
		t.Error("a Secret that was not asked for counts as known")
	}
	b, err := json.Marshal(f.seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.index.beside[beside{k.GroupResource(), "slack"}].entries {
		held, err := json.Marshal(f.index.whole(e))
		if err != nil || !bytes.Contains(held, []byte("hmac-sha256:")) {
			t.Errorf("held is %s, %v", held, err)
		}
		b = append(b, held...)
	}
	for _, value := range []string{"swordfish", "sailfish", "hook\"", "aG9vaw", "c3dvcmRmaXNo", "c2FpbGZpc2g"} {
		if bytes.Contains(b, []byte(value)) {
			t.Errorf("the value %s is in %s", value, b)
		}
	}
}

// TestStatusOfWhatDeploys wants the status of an Application to be shown, and to be
// nobody's change.
func TestStatusOfWhatDeploys(t *testing.T) {
	f := follow(t)
	k := kube.NewKind(kschema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}, "Application", true)
	app := func(version, phase, revision string) map[string]any {
		return thing(k, "web", "1", version, "spec", map[string]any{"revision": revision}, "status", map[string]any{"phase": phase})
	}
	f.index.Set(k, app("1", "Running", "a"), kube.Initially)
	f.index.Set(k, app("2", "Succeeded", "a"), kube.Live)
	f.index.Set(k, app("3", "Succeeded", "b"), kube.Live)
	f.want("an Application", "shown <nil> Running", "shown Running Succeeded", "shown Succeeded Succeeded", "update web 3")
	if o := f.seen[0]; o.Before["status"] != nil || o.After["status"] != nil {
		t.Errorf("the change has a status: %v", o)
	}
}

// TestOwnedPodsAreJudgedThroughTheirOwner moves a Pod from one owner to none.
func TestOwnedPodsAreJudgedThroughTheirOwner(t *testing.T) {
	f := follow(t)
	custom := kube.NewKind(kschema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"}, "Rollout", true)
	spec := podSpec("web", 1)
	rollout := thing(custom, "web", "uid-r", "1", "spec", map[string]any{"template": map[string]any{"spec": spec}})
	pod := thing(podKind, "web-1", "uid-p", "2", "spec", spec)
	pod["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "uid-r", "controller": true}}
	f.index.Set(custom, rollout, kube.Initially)
	f.index.Set(podKind, pod, kube.Initially)
	if err := f.judge.report(t.Context(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	f.ready = true
	about := func(name string) (found, gone, seen, vanished int) {
		for _, d := range f.deltas {
			gone += len(d.Gone)
			for _, x := range d.Found {
				found += map[bool]int{true: 1}[x.Object.Name == name]
			}
			seen += map[bool]int{true: 1}[slices.ContainsFunc(d.Seen, func(o seaworthy.SeenObject) bool { return o.Name == name })]
			vanished += map[bool]int{true: 1}[slices.ContainsFunc(d.Vanished, func(o seaworthy.Object) bool { return o.Name == name })]
		}
		f.deltas = nil
		return found, gone, seen, vanished
	}
	f.index.Deleted(custom, thing(custom, "web", "uid-r", "3"))
	f.flush()
	if found, _, seen, _ := about("web-1"); found == 0 || seen != 1 {
		t.Errorf("without its owner %d findings about the Pod came and it was seen %d times", found, seen)
	}
	f.index.Set(custom, clone(thing(custom, "web", "uid-r", "4", "spec", map[string]any{"template": map[string]any{"spec": podSpec("web", 1)}})), kube.Live)
	f.flush()
	if found, gone, _, vanished := about("web-1"); found != 0 || gone == 0 || vanished != 1 {
		t.Errorf("with its owner again %d findings came, %d went, and it vanished %d times", found, gone, vanished)
	}
}

func (f *told) flush() {
	f.t.Helper()
	(&history{t: f.t, l: f.Live}).flush()
}

// TestDeltasFitMessages has very many objects come at once.
func TestDeltasFitMessages(t *testing.T) {
	f := follow(t)
	if err := f.judge.report(t.Context(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	f.ready = true
	found := map[string]bool{}
	for print := range held(f.judge) {
		found[print] = true
	}
	(&town{set: func(k *kube.Kind, m map[string]any) { f.index.Set(k, m, kube.Live) }}).build(300, 1)
	f.flush()
	for _, d := range f.deltas {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 2*deltaSize {
			t.Errorf("a delta has %d bytes, and is to have about %d", len(b), deltaSize)
		}
		for _, x := range d.Found {
			found[x.Fingerprint] = true
		}
	}
	if _, n := f.index.counts(); len(f.deltas) < 2 || len(found) != n {
		t.Errorf("%d deltas, and %d findings are told of, of %d that hold", len(f.deltas), len(found), n)
	}
}

// A cluster that is made anew counts its versions again: what it shows under one that was
// told before is another sighting. What is told again is the same.
func TestVersionsThatCountAgain(t *testing.T) {
	sightings := func(uid, v string) []string {
		f := follow(t)
		f.list(kube.Initially)
		f.index.Set(configMapKind, thing(configMapKind, "a", uid, "7", "data", data(v)), kube.Live)
		f.index.Deleted(configMapKind, thing(configMapKind, "a", uid, "8"))
		var out []string
		for _, o := range f.seen {
			out = append(out, o.ID)
		}
		if len(out) != 2 {
			t.Fatalf("%d observations: %q", len(out), f.lines)
		}
		return out
	}
	first := sightings("u1", "x")
	if again := sightings("u1", "x"); !slices.Equal(first, again) {
		t.Errorf("the same is called %q and %q", first, again)
	}
	for name, other := range map[string][]string{"another object": sightings("u2", "x"), "other content": sightings("u1", "y")} {
		for i := range first {
			if first[i] == other[i] {
				t.Errorf("%s: both are called %q", name, first[i])
			}
		}
	}
}
