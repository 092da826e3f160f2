// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
)

const rightsHead = `# What the agent needs, made from the program's own list; a test keeps the two equal. NAME
# stands for the name of the release's objects, SECRET for that of each Secret that it follows.
`

// The file of which the chart makes its roles is the program's list, in the parts that
// values turn on.
func TestRightsAreTheProgramsOwn(t *testing.T) {
	none := agent.Needs(agent.RightsOptions{Name: "NAME"})
	least := agent.Rights{Cluster: none.Cluster, Namespace: agent.Needs(agent.RightsOptions{Name: "NAME", Secrets: true}).Namespace}
	secrets := agent.Needs(agent.RightsOptions{Name: "NAME", Secrets: true})
	secret := agent.Needs(agent.RightsOptions{Name: "NAME", Own: []string{"SECRET"}})
	admission := agent.Needs(agent.RightsOptions{Name: "NAME", Secrets: true, Admission: true})
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
		{"clusterAdmission", added(t, secrets.Cluster, admission.Cluster)},
		{"namespace", least.Namespace},
		{"namespaceSecret", added(t, none.Namespace, secret.Namespace)},
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
				objects := render(t, "seaworthy-agent", "testdata/seaworthy-agent/least.yaml", "fullnameOverride=harbour", "credentials.secretName=pager",
					fmt.Sprintf("secrets.enabled=%t", secrets), fmt.Sprintf("admission.enabled=%t", admission))
				cluster := convert[rbacv1.ClusterRole](t, one(t, objects, "ClusterRole", "harbour"))
				role := convert[rbacv1.Role](t, one(t, objects, "Role", "harbour"))
				needs := agent.Needs(agent.RightsOptions{
					Name: "harbour", Secrets: secrets, Admission: admission, Own: []string{"harbour-settings", "seaworthy-enrolment", "pager"},
				})
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

// Every Secret that the Pod mounts, the settings name and the agent may follow: whoever
// changes what it works with is seen, and no other Secret is.
func TestMountedSecretsAreFollowed(t *testing.T) {
	more := filepath.Join(t.TempDir(), "volumes.yaml")
	if err := os.WriteFile(more, []byte(moreVolumes), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, values := range cases(t, "seaworthy-agent") {
		t.Run(filepath.Base(values), func(t *testing.T) {
			o := options("seaworthy-agent", values, "secrets.enabled=false")
			o.ValuesFiles = append(o.ValuesFiles, more)
			out, err := manifest.Template(os.DirFS(filepath.Join(folder, "seaworthy-agent")), o)
			if err != nil {
				t.Fatal(err)
			}
			objects := decode(t, out)
			mounted := mountedSecrets(t, objects)
			if !slices.Contains(mounted, "cosign") || !slices.Contains(mounted, "roots") || !slices.Contains(mounted, "seaworthy-agent-settings") {
				t.Fatalf("the Pod mounts %q", mounted)
			}
			file := filepath.Join(t.TempDir(), config.FileName)
			if err := os.WriteFile(file, []byte(settings(t, objects)), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			told := slices.Clone(c.Agent.Secrets)
			slices.Sort(told)
			if !slices.Equal(told, mounted) {
				t.Errorf("the settings name %q, mounted are %q", told, mounted)
			}
			needs := agent.Needs(agent.RightsOptions{Name: "seaworthy-agent", Admission: !c.Agent.Admission.Off, Own: mounted})
			role := convert[rbacv1.Role](t, one(t, objects, "Role", "seaworthy-agent"))
			if diff := cmp.Diff(single(needs.Namespace), single(role.Rules)); diff != "" {
				t.Errorf("Role (-needs +chart):\n%s", diff)
			}
		})
	}
}

const moreVolumes = `extraVolumes:
- {name: keys, secret: {secretName: cosign}}
- {name: roots, projected: {sources: [{secret: {name: roots}}, {configMap: {name: roots}}]}}
- {name: again, secret: {secretName: cosign}}
- {name: log, hostPath: {path: /var/log}}
`

// mountedSecrets lists the Secrets that the workload mounts.
func mountedSecrets(t *testing.T, objects []*unstructured.Unstructured) (out []string) {
	t.Helper()
	for _, o := range objects {
		volumes, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "volumes")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range volumes {
			if name, _, _ := unstructured.NestedString(v.(map[string]any), "secret", "secretName"); name != "" {
				out = append(out, name)
			}
			sources, _, _ := unstructured.NestedSlice(v.(map[string]any), "projected", "sources")
			for _, s := range sources {
				if name, _, _ := unstructured.NestedString(s.(map[string]any), "secret", "name"); name != "" {
					out = append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
