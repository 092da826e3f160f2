// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// large are objects that cost more to judge than the API server allows an expression.
func large() map[string]call {
	many := func(n int, f func(i int) any) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	keys := object{}
	for i := range 1500 {
		keys[fmt.Sprintf("key-%d", i)] = strings.Repeat(fmt.Sprintf("db.password=hunter%d\n", i), 20)
	}
	one := object{"all": strings.Repeat("the quick brown fox: jumps over\npassword = \"correct horse battery\"\n", 13000)}
	config := func(name string, data object) call {
		return call{path: "/api/v1/namespaces/shop/configmaps", body: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": name}, "data": data}}
	}
	crowd := deployment("large", 1, false)
	crowd["spec"].(object)["template"].(object)["spec"].(object)["containers"] = many(400, func(i int) any {
		return object{"name": fmt.Sprintf("c%d", i), "image": "nginx", "securityContext": object{"privileged": true}, "env": many(20, func(j int) any {
			return object{"name": fmt.Sprintf("DB_PASSWORD_%d", j), "value": fmt.Sprintf("hunter2hunter2%d", j)}
		})}
	})
	return map[string]call{
		"many keys": config("large-keys", keys),
		"one value": config("large-value", one),
		"many rules": {path: "/apis/rbac.authorization.k8s.io/v1/clusterroles", body: object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "large"},
			"rules": many(4000, func(i int) any {
				return object{"apiGroups": []any{"*"}, "resources": []any{"*", fmt.Sprintf("r%d", i)}, "verbs": []any{"*"}}
			})}},
		"many containers": {path: deployments, body: crowd},
	}
}

// TestLargeObjectsAreNotHeldUp: policies that only put on record, or warn, refuse nothing, not
// even what they cannot evaluate.
func TestLargeObjectsAreNotHeldUp(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Off}, scan.Selection{Settings: parametersOf})
	w.export("--action", "Audit")
	w.awaitPolicies()
	for what, c := range large() {
		t.Run(what, func(t *testing.T) {
			w.t = t
			stored := w.must(c)
			path := c.path + "/" + name(stored)
			defer w.do(call{verb: "DELETE", path: path})
			w.must(call{path: path, patch: types.MergePatchType, body: object{"metadata": object{"labels": object{"a": "b"}}}})
		})
	}
	w.t = t
}
