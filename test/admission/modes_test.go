// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// modesHere are those of TestModesAtBothDoors for an exporter; the guard's say the same.
const modesHere = `
only: [privileged-container, namespace-psa-missing]
agent:
  admission:
    mode: warn
    modes:
    - {namespaces: [lab-*, shop], mode: off}
    - {labels: "tier in (web, kiosk), !loose", mode: deny}
    - {labels: loose, mode: audit}
`

var both = scan.Selection{Only: []string{"privileged-container", "namespace-psa-missing"}}

// TestModesAtBothDoors: by the same settings, a check refuses, warns, goes on record and is
// off in the same namespaces at both doors, for what is in them and for themselves.
func TestModesAtBothDoors(t *testing.T) {
	modes := []admission.ModeIn{
		{Namespaces: []string{"lab-*", "shop"}, Mode: admission.Off},
		{Labels: "tier in (web, kiosk), !loose", Mode: admission.Deny},
		{Labels: "loose", Mode: admission.Audit},
	}
	w := enter(t, admission.Config{Default: admission.Off}, both)
	namespaces := map[string]object{
		"lab-1": {"tier": "web"}, "modes-web": {"tier": "web"}, "modes-loose": {"tier": "kiosk", "loose": "yes"}, "modes-plain": {"tier": "other"}, "shop": nil, "seaworthy": nil,
	}
	for name, labels := range namespaces {
		if labels != nil {
			w.namespace(name)
			w.must(call{path: "/api/v1/namespaces/" + name, patch: types.MergePatchType, body: object{"metadata": object{"labels": labels}}})
		}
	}
	want := map[string]string{"lab-1": "off", "shop": "off", "modes-web": "deny", "modes-loose": "audit", "modes-plain": "warn", "seaworthy": "warn"}
	calls := map[string]call{}
	wants := map[string]string{}
	for name, mode := range want {
		calls[name] = call{path: "/api/v1/namespaces/" + name + "/pods", body: pod("mode", true)}
		wants[name] = mode
	}
	// Of a Namespace its own name and labels count, as they will be.
	for name, labels := range map[string]object{"lab-2": {"tier": "web"}, "fresh-web": {"tier": "web"}, "fresh-loose": {"loose": "yes"}, "fresh-plain": nil} {
		calls["Namespace "+name] = call{path: "/api/v1/namespaces", body: object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": name, "labels": labels}}}
	}
	calls["by the API server itself"] = call{path: "/api/v1/namespaces/modes-web/pods", body: pod("mode", true), as: "system:apiserver"}
	calls["a Namespace with a name that is drawn"] = call{path: "/api/v1/namespaces", body: object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"generateName": "lab-", "labels": object{"tier": "web"}}}}
	wants["Namespace lab-2"], wants["Namespace fresh-web"], wants["Namespace fresh-loose"], wants["Namespace fresh-plain"] = "off", "deny", "audit", "warn"
	wants["a Namespace with a name that is drawn"] = "off"

	w.exportedWith(map[string]string{"seaworthy.yaml": modesHere})
	wants["by the API server itself"] = "off"
	for what, c := range calls {
		w.becomes("the policies: "+what, c, "ValidatingAdmissionPolicy", wants[what])
	}
	wants["by the API server itself"] = "warn" // the webhook refuses it nothing, but tells
	w.remove(w.made)
	for what, c := range calls {
		w.becomes("the policies are gone: "+what, c, "ValidatingAdmissionPolicy", "off")
	}
	w = enter(t, admission.Config{Default: admission.Warn, Modes: modes}, both)
	for what, c := range calls {
		if got := w.outcome(c, "admission webhook"); got != wants[what] {
			t.Errorf("the webhook: %s is %s, want %s", what, got, wants[what])
		}
	}
}

// becomes waits until a door does with a call what it is to do: the API server takes up
// policies, bindings, params and labels of namespaces each in its time.
func (w *world) becomes(what string, c call, door, want string) {
	w.t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if got = w.outcome(c, door); got == want {
			return
		}
	}
	w.t.Errorf("%s: %s, want %s", what, got, want)
}

// outcome says which mode a call meets at a door, with the other one out of the way.
func (w *world) outcome(c call, door string) string {
	w.t.Helper()
	w.tries++
	c.dryRun, c.id = true, fmt.Sprintf("outcome-%d", w.tries)
	_, warned, err := w.do(c)
	switch {
	case err != nil && strings.Contains(err.Error(), door):
		return "deny"
	case err != nil:
		return err.Error()
	case len(warned) > 0:
		return "warn"
	}
	for key := range annotationsOf(w.t, c.id) {
		if strings.Contains(key, "privileged-container") || strings.Contains(key, "namespace-psa-missing") {
			return "audit"
		}
	}
	return "off"
}
