// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
)

const nativeParams = "/api/v1/namespaces/seaworthy/configmaps/"

// TestWaiversAtBothDoors: the same approved waiver lets the same object in at the webhook
// and at the policies of the API server, no other, and neither lets it in once it is over
// or revoked. A policy sees that it is over by the time that the API server wrote into the
// object, with nobody keeping its params.
func TestWaiversAtBothDoors(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Off}, strict)
	w.exportedWith(map[string]string{"seaworthy.yaml": "only: [privileged-container]\n"}, "--action", "Deny")
	waived := call{path: pods, body: pod("waived", true), dryRun: true}
	other := call{path: pods, body: pod("another", true), dryRun: true}
	w.until("the policy refuses", func() bool { return nativelyRefused(w, waived) })

	until := func(day time.Time) []seaworthy.TrackedWaiver {
		return []seaworthy.TrackedWaiver{{State: seaworthy.WaiverApproved, Waiver: seaworthy.Waiver{
			Check: "privileged-*", Kind: "Pod", Namespace: "shop", Name: "waive[d]", Container: "a?p", Owner: "o", Approver: "a", Reason: "r", Expires: seaworthy.Date{Time: day.UTC().Truncate(24 * time.Hour)},
		}}}
	}
	today := until(time.Now().Add(10 * time.Minute)) // unless the day is about to end
	for _, step := range []struct {
		what    string
		waivers []seaworthy.TrackedWaiver
		let     bool
	}{
		{"approved", today, true},
		{"over", until(time.Now().AddDate(0, 0, -1)), false},
		{"approved again", today, true},
		{"revoked", nil, false},
	} {
		// The params are as somebody wrote them while the waiver counted.
		data, left := admission.NativeWaivers([]string{"privileged-container"}, step.waivers, "", time.Now().AddDate(0, 0, -3), nil)
		if len(left) > 0 {
			t.Fatal(left)
		}
		w.params("seaworthy-deny", data)
		w.until("the policy goes by a waiver that is "+step.what, func() bool { return nativelyRefused(w, waived) != step.let })
		if !nativelyRefused(w, other) {
			t.Errorf("%s: the policy lets in what nobody waived", step.what)
		}
	}

	// At the webhook, with the policy out of the way for both objects.
	data, _ := admission.NativeWaivers([]string{"privileged-container"}, []seaworthy.TrackedWaiver{{State: seaworthy.WaiverApproved, Waiver: seaworthy.Waiver{Check: "*", Expires: today[0].Expires}}}, "", time.Now(), nil)
	w.params("seaworthy-deny", data)
	w.until("the policy lets everything in", func() bool { return !nativelyRefused(w, waived) && !nativelyRefused(w, other) })
	w = enter(t, admission.Config{Default: admission.Deny, Waivers: today}, strict)
	w.must(waived)
	w.refused(other, "privileged-container")
	w = enter(t, admission.Config{Default: admission.Deny, Waivers: until(time.Now().AddDate(0, 0, -1))}, strict)
	w.refused(waived, "privileged-container")
}

// TestWaiversEndForUpdates: what was let in by a waiver may stay and be changed after its
// end, but not be made worse.
func TestWaiversEndForUpdates(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Off}, strict)
	w.exportedWith(map[string]string{"seaworthy.yaml": "only: [privileged-container]\n"}, "--action", "Deny")
	w.until("the policy refuses", func() bool { return nativelyRefused(w, call{path: pods, body: pod("probe", true), dryRun: true}) })
	line := func(until time.Time) map[string]string {
		return map[string]string{"waivers.privileged-container": until.UTC().Format(time.RFC3339) + "\t^Deployment$\t\t^ends$\t"}
	}
	w.params("seaworthy-deny", line(time.Now().Add(time.Hour)))
	body := deployment("ends", 2, true)
	w.until("the waiver counts", func() bool { return !nativelyRefused(w, call{path: deployments, body: body, dryRun: true}) })
	w.must(call{path: deployments, body: body})
	second := call{path: deployments + "/ends", dryRun: true, patch: types.StrategicMergePatchType, body: object{"spec": object{"template": object{"spec": object{"containers": []any{
		object{"name": "second", "image": "nginx:1.29.3", "securityContext": object{"privileged": true}},
	}}}}}}
	w.must(second)
	// It ends after the object was made and before it is changed.
	w.params("seaworthy-deny", line(time.Now().Add(2*time.Second)))
	w.until("the waiver is over", func() bool { return nativelyRefused(w, second) })
	w.must(call{path: deployments + "/ends", patch: types.MergePatchType, body: object{"metadata": object{"labels": object{"a": "b"}}}})
}

// TestDenialsOfBothDoorsAreOnRecord reads the API server's audit log as an agent does: who
// was refused what by which check, at which door.
func TestDenialsOfBothDoorsAreOnRecord(t *testing.T) {
	const item = "spec.containers[app].securityContext.privileged"
	w := enter(t, admission.Config{Default: admission.Deny}, strict)
	w.refused(call{path: pods, body: pod("refused", true), id: "denied-webhook"}, "privileged-container")
	w.must(call{path: pods, body: pod("passes", false), id: "passed"})
	w = enter(t, admission.Config{Default: admission.Warn}, strict)
	w.exportedWith(map[string]string{"seaworthy.yaml": "only: [privileged-container]\n"}, "--action", "Deny")
	w.until("the policy refuses", func() bool { return nativelyRefused(w, call{path: pods, body: pod("probe", true), dryRun: true}) })
	_, _, err := w.do(call{path: pods, body: pod("natively", true), id: "denied-policy"})
	if err == nil {
		t.Fatal("the policy lets it in")
	}
	annotationsOf(t, "denied-policy")
	text, err := os.ReadFile(auditLog)
	if err != nil {
		t.Fatal(err)
	}
	reader := kubeaudit.Reader{Key: []byte("key"), Kinds: schema.KindOf}
	result, err := reader.Read(bytes.NewReader(text[:bytes.LastIndexByte(text, '\n')+1]))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]*changes.Observation{}
	for i := range result.Observations {
		id, _, _ := strings.Cut(result.Observations[i].ID, "@") // the Audit-ID is what the client says
		seen[id] = &result.Observations[i]
	}
	for id, want := range map[string]struct {
		outcome seaworthy.Outcome
		judged  string
	}{
		"denied-webhook": {seaworthy.OutcomeDenied, fmt.Sprint([]seaworthy.Judgement{{Door: "webhook", Check: "privileged-container", Mode: "deny", Items: []string{item}}})},
		"denied-policy":  {seaworthy.OutcomeDenied, fmt.Sprint([]seaworthy.Judgement{{Door: "policy", Check: "privileged-container", Mode: "deny", Items: []string{item}}})},
		"passed":         {seaworthy.OutcomePersisted, "[]"},
	} {
		o := seen[id]
		if o == nil {
			t.Errorf("%s is not on record", id)
			continue
		}
		if got := fmt.Sprint(o.Judged); o.Outcome != want.outcome || got != want.judged || o.Actor.Username == "" {
			t.Errorf("%s: %s by %q, %s; want %s, %s", id, o.Outcome, o.Actor.Username, got, want.outcome, want.judged)
		}
	}
}

// nativelyRefused tells whether a policy of the API server refuses a call. Anything else
// that goes wrong is an error.
func nativelyRefused(w *world, c call) bool {
	w.t.Helper()
	_, _, err := w.do(c)
	if err != nil && !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'seaworthy-privileged-container'") {
		w.t.Errorf("%s: %v", c.path, err)
	}
	return err != nil
}

// until waits for something that the API server takes up after a while.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}
	w.t.Fatalf("not within %s: %s", patience, what)
}

// params writes what the policies of one mode are told.
func (w *world) params(name string, data map[string]string) {
	w.t.Helper()
	full := object{"mode": strings.TrimPrefix(name, "seaworthy-")}
	for k, v := range data {
		full[k] = v
	}
	w.must(call{verb: "PUT", path: nativeParams + name, body: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": name}, "data": full}})
}

// exportedWith applies what the command writes with a configuration of these files.
func (w *world) exportedWith(files map[string]string, args ...string) map[string]bool {
	w.t.Helper()
	return w.applied(files, nil, args...)
}

// applied applies what is made of each object that the command writes.
func (w *world) applied(files map[string]string, change func(object) []object, args ...string) map[string]bool {
	w.t.Helper()
	dir := w.t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.apply(change, append([]string{"--config", filepath.Join(dir, "seaworthy.yaml")}, args...)...)
}

// documents reads a stream of YAML.
func documents(t *testing.T, text string) []object {
	t.Helper()
	var out []object
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(strings.TrimPrefix(doc, "---\n")), &o); err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}
