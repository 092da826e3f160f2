// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/rbac"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// aboutBindings are the checks whose policy judges bindings, not roles.
var aboutBindings = map[string]bool{"rbac-cluster-admin-binding": true}

// TestHalvesAgree wants a check of scope single+cross to find the same in a role alone
// as in a binding of it: random ClusterRoles of one rule, judged by the policy, and
// bound cluster-wide to someone, judged by the analyzer.
func TestHalvesAgree(t *testing.T) {
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	var policies []cel.Policy
	for _, c := range rbac.Analyzer.Checks {
		for _, s := range sources {
			if c.Scope == seaworthy.ScopeSingleCross && s.ID == c.ID && !aboutBindings[c.ID] {
				policies = append(policies, cel.Policy{ID: s.ID, Spec: &s.Policy.Spec})
			}
		}
	}
	if len(policies) == 0 {
		t.Skip("NO HALVES WERE COMPARED: there is no policy of scope single+cross")
	}
	judge, r := cel.New(policies).Evaluator(), rand.New(rand.NewPCG(1, 2))
	found := map[string]int{}
	for i := range 3000 {
		s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
		if err := analysistest.Add(s, "role.yaml", randomRole(t, r, i)); err != nil {
			t.Fatal(err)
		}
		alone := map[string]bool{}
		role := s.Kind("ClusterRole")[0]
		judge.Judge(scan.Request(role), func(int) bool { return true }, func(i int, v cel.Verdict) {
			if v.Err != nil {
				t.Fatalf("%s: %v", policies[i].ID, v.Err)
			}
			alone[policies[i].ID] = v.Denied
		})
		bound := map[string]bool{}
		for _, v := range analysistest.Analyze(t, rbac.Analyzer, s, "", nil).Verdicts {
			bound[v.Check] = len(v.Items) > 0
		}
		for _, p := range policies {
			if alone[p.ID] != bound[p.ID] {
				t.Errorf("%s: the role alone fails: %v, bound: %v\n%v", p.ID, alone[p.ID], bound[p.ID], role.Canonical["rules"])
			}
			if bound[p.ID] {
				found[p.ID]++
			}
		}
		if t.Failed() {
			return
		}
	}
	for _, p := range policies {
		if found[p.ID] < 5 {
			t.Errorf("%s failed for %d of the roles only: make them more telling", p.ID, found[p.ID])
		}
	}
	t.Logf("roles that failed, of 3000: %v", found)
}

// randomRole is a ClusterRole with one rule and a binding of it.
func randomRole(t *testing.T, r *rand.Rand, i int) []byte {
	t.Helper()
	some := func(n int, of string) []string {
		all := strings.Fields(of)
		var out []string
		for range 1 + r.IntN(n) {
			out = append(out, strings.Trim(all[r.IntN(len(all))], `"`))
		}
		return out
	}
	rule := map[string]any{
		"apiGroups": some(2, `"" "" apps batch rbac.authorization.k8s.io admissionregistration.k8s.io certificates.k8s.io *`),
		"resources": some(3, "pods pods/exec pods/attach pods/* */exec */* * secrets deployments jobs cronjobs nodes nodes/proxy nodes/* */proxy "+
			"users groups serviceaccounts roles clusterroles validatingwebhookconfigurations mutatingwebhookconfigurations "+
			"certificatesigningrequests certificatesigningrequests/approval */approval replicationcontrollers configmaps"),
		"verbs": some(3, "get list watch create update patch delete deletecollection impersonate escalate bind approve *"),
	}
	if r.IntN(3) == 0 {
		rule["resourceNames"] = some(2, "one admin cluster-admin system:masters")
	}
	name := fmt.Sprint("role-", i)
	role, err := yaml.Marshal(map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": map[string]any{"name": name}, "rules": []any{rule},
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(role, []byte("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: b}\n"+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "+name+"}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}]\n")...)
}
