// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
)

const rightsHead = `# What the agent needs, made from the program's own list; a test keeps the two equal. NAME
# stands for the name of the release's objects.
`

// The file of which the chart makes its roles is the program's list, in the parts that
// values turn on.
func TestRightsAreTheProgramsOwn(t *testing.T) {
	least := agent.Needs(agent.RightsOptions{Name: "NAME"})
	secrets := agent.Needs(agent.RightsOptions{Name: "NAME", Secrets: true})
	admission := agent.Needs(agent.RightsOptions{Name: "NAME", Admission: true})
	reports := agent.Needs(agent.RightsOptions{Name: "NAME", OpenReports: true})
	var b bytes.Buffer
	b.WriteString(rightsHead)
	for _, part := range []struct {
		name  string
		rules []rbacv1.PolicyRule
	}{
		{"cluster", least.Cluster},
		{"clusterSecrets", added(t, least.Cluster, secrets.Cluster)},
		{"clusterOpenReports", added(t, least.Cluster, reports.Cluster)},
		{"clusterAdmission", added(t, least.Cluster, admission.Cluster)},
		{"namespace", least.Namespace},
		{"namespaceAdmission", added(t, least.Namespace, admission.Namespace)},
	} {
		text, err := yaml.Marshal(map[string]any{part.name: part.rules})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	golden.Compare(t, "../../../deploy/charts/seaworthy-agent/files/rights.yaml", b.Bytes())
}

// added gives the rights that more has and less has not, one rule for each verb list.
func added(t *testing.T, less, more []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	t.Helper()
	had := single(less)
	var out []rbacv1.PolicyRule
	for _, r := range more {
		for _, g := range r.APIGroups {
			for _, resource := range r.Resources {
				verbs := slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return had[key(g, resource, v, r.ResourceNames)] })
				if len(verbs) > 0 {
					out = append(out, rbacv1.PolicyRule{APIGroups: []string{g}, Resources: []string{resource}, ResourceNames: r.ResourceNames, Verbs: verbs})
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("nothing is added")
	}
	return out
}

func key(group, resource, verb string, names []string) string {
	return fmt.Sprintf("%s %s.%s %s", verb, resource, group, strings.Join(names, ","))
}

// single takes rules apart: each right by itself.
func single(rules []rbacv1.PolicyRule) map[string]bool {
	out := map[string]bool{}
	for _, r := range rules {
		for _, v := range r.Verbs {
			for _, g := range r.APIGroups {
				for _, resource := range r.Resources {
					out[key(g, resource, v, r.ResourceNames)] = true
				}
			}
			for _, u := range r.NonResourceURLs {
				out[v+" "+u] = true
			}
		}
	}
	return out
}

// The roles that are rendered hold what the agent needs, whatever it is told to do, and
// nothing else.
func TestRolesAreWhatTheAgentNeeds(t *testing.T) {
	for _, secrets := range []bool{false, true} {
		for _, admission := range []bool{false, true} {
			name := fmt.Sprintf("secrets=%t,admission=%t", secrets, admission)
			t.Run(name, func(t *testing.T) {
				objects := render(t, "seaworthy-agent", "testdata/seaworthy-agent/least.yaml", "fullnameOverride=harbour",
					fmt.Sprintf("secrets.enabled=%t", secrets), fmt.Sprintf("admission.enabled=%t", admission))
				cluster := convert[rbacv1.ClusterRole](t, one(t, objects, "ClusterRole", "harbour"))
				role := convert[rbacv1.Role](t, one(t, objects, "Role", "harbour"))
				needs := agent.Needs(agent.RightsOptions{Name: "harbour", Secrets: secrets, Admission: admission})
				if diff := cmp.Diff(single(needs.Cluster), single(cluster.Rules)); diff != "" {
					t.Errorf("ClusterRole (-needs +chart):\n%s", diff)
				}
				if diff := cmp.Diff(single(needs.Namespace), single(role.Rules)); diff != "" {
					t.Errorf("Role (-needs +chart):\n%s", diff)
				}
			})
		}
	}
}
