// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

// TestLargeObjectsAreNotHeldUp: policies that only warn, or put on record, refuse nothing: not
// even a change of which they cannot be evaluated, since it costs more than the API server
// allows an expression.
func TestLargeObjectsAreNotHeldUp(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Off}, strict)
	body := deployment("large", 1, false)
	var containers []any
	for i := range 60 {
		var env []any
		for j := range 15 {
			env = append(env, object{"name": fmt.Sprintf("DB_PASSWORD_%d", j), "value": fmt.Sprintf("hunter2hunter2%d", j)})
		}
		containers = append(containers, object{"name": fmt.Sprintf("c%d", i), "image": "nginx:1.29.3", "env": env})
	}
	body["spec"].(object)["template"].(object)["spec"].(object)["containers"] = containers
	change := call{path: deployments + "/large", patch: types.MergePatchType, body: object{"metadata": object{"labels": object{"a": "b"}}}, dryRun: true}
	w.must(call{path: deployments, body: body})
	defer w.do(call{verb: "DELETE", path: deployments + "/large"})

	const config = "only: [sensitive-env-value]\n"
	probe := pod("probe", false)
	probe["spec"].(object)["containers"].([]any)[0].(object)["env"] = []any{object{"name": "DB_PASSWORD", "value": "hunter2hunter2"}}
	small := call{path: pods, body: probe, dryRun: true}
	w.exportedWith(map[string]string{"seaworthy.yaml": config}, "--action", "Warn")
	w.until("the policy warns", func() bool { _, warned, err := w.do(small); return err == nil && len(warned) > 0 })
	w.must(change)
	w.remove(w.made)

	w.exportedWith(map[string]string{"seaworthy.yaml": config}, "--action", "Deny")
	w.until("the policy refuses", func() bool { _, _, err := w.do(small); return err != nil })
	if _, _, err := w.do(change); err == nil {
		t.Error("a policy that refuses lets in what it cannot evaluate: or this is no test of what costs too much")
	}
}
