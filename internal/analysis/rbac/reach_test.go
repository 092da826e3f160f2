// SPDX-License-Identifier: Apache-2.0

package rbac_test

import (
	"fmt"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/rbac"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

func user(name string) rbac.Subject  { return rbac.Subject{Kind: "User", Name: name} }
func group(name string) rbac.Subject { return rbac.Subject{Kind: "Group", Name: name} }

const objects = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list]}
- {apiGroups: [""], resources: [configmaps], verbs: [get], resourceNames: [one]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: User, name: jane}
- {kind: ServiceAccount, name: cart}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all-accounts-view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects:
- {kind: Group, name: "system:serviceaccounts"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: nodes, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kubelet-api-admin"}
subjects:
- {kind: User, name: jane}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: anyone}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:public-info-viewer"}
subjects:
- {kind: Group, name: "system:unauthenticated"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: logged-in}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:basic-user"}
subjects:
- {kind: Group, name: "system:authenticated"}
`

func small(t *testing.T) *rbac.Reach {
	t.Helper()
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
	if err := analysistest.Add(s, "objects.yaml", []byte(objects)); err != nil {
		t.Fatal(err)
	}
	return rbac.NewReach(s)
}

func TestCan(t *testing.T) {
	secrets := rbac.Ask{Verb: "list", Resource: "secrets"}
	pods := rbac.Ask{Verb: "get", Resource: "pods"}
	for _, c := range []struct {
		name      string
		who       rbac.Subject
		namespace string
		ask       rbac.Ask
		want      bool
	}{
		{"in_its_namespace", user("jane"), "shop", secrets, true},
		{"in_another_namespace", user("jane"), "bank", secrets, false},
		{"in_all_namespaces", user("jane"), "", secrets, false},
		{"account_without_namespace", rbac.ServiceAccount("shop", "cart"), "shop", secrets, true},
		{"account_of_another_namespace", rbac.ServiceAccount("bank", "cart"), "shop", secrets, false},
		{"through_the_accounts_group", rbac.ServiceAccount("bank", "any"), "", pods, true},
		{"users_are_no_accounts", user("jane"), "", pods, false},
		{"wrong_verb", user("jane"), "shop", rbac.Ask{Verb: "delete", Resource: "secrets"}, false},
		{"wrong_group", user("jane"), "shop", rbac.Ask{Verb: "get", Group: "apps", Resource: "secrets"}, false},
		{"named", user("jane"), "shop", rbac.Ask{Verb: "get", Resource: "configmaps", Name: "one"}, true},
		{"another_name", user("jane"), "shop", rbac.Ask{Verb: "get", Resource: "configmaps", Name: "two"}, false},
		{"any_name", user("jane"), "shop", rbac.Ask{Verb: "get", Resource: "configmaps"}, false},
		{"cluster_scoped_through_a_role_binding", user("jane"), "shop",
			rbac.Ask{Verb: "get", Resource: "nodes/proxy", ClusterScoped: true}, false},
		{"authenticated", user("jane"), "", rbac.Ask{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews", ClusterScoped: true}, true},
		{"anonymous_is_not_authenticated", user("system:anonymous"), "", rbac.Ask{Verb: "create", Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews", ClusterScoped: true}, false},
		{"masters_need_no_binding", group("system:masters"), "", secrets, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, got := small(t).Can(c.who, c.namespace, c.ask)
			if got != c.want {
				t.Errorf("Can(%v, %q, %+v) = %v, %v, want %v", c.who, c.namespace, c.ask, g, got, c.want)
			}
		})
	}
}

func TestWhoCan(t *testing.T) {
	got := ""
	for _, g := range small(t).WhoCan("shop", rbac.Ask{Verb: "get", Resource: "secrets"}) {
		got += fmt.Sprintf("%s by %s through %s; ", g.Subject, g.Binding.Object, g.Binding.Role)
	}
	want := "User jane by shop/RoleBinding/reader through Role shop/reader; " +
		"ServiceAccount shop/cart by shop/RoleBinding/reader through Role shop/reader; "
	if got != want {
		t.Errorf("WhoCan = %q, want %q", got, want)
	}
}

// TestBuiltin holds the roles known offline to what is widely known of them.
func TestBuiltin(t *testing.T) {
	for _, c := range []struct {
		role string
		ask  rbac.Ask
		want bool
	}{
		{"cluster-admin", rbac.Ask{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}, true},
		{"admin", rbac.Ask{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}, true},
		{"admin", rbac.Ask{Verb: "create", Resource: "pods/exec"}, true},
		{"admin", rbac.Ask{Verb: "create", Resource: "resourcequotas"}, false},
		{"edit", rbac.Ask{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}, false},
		{"edit", rbac.Ask{Verb: "get", Resource: "secrets"}, true},
		{"view", rbac.Ask{Verb: "get", Resource: "secrets"}, false},
		{"view", rbac.Ask{Verb: "watch", Group: "apps", Resource: "deployments"}, true},
		{"system:node", rbac.Ask{Verb: "create", Resource: "serviceaccounts/token"}, true},
		{"system:kubelet-api-admin", rbac.Ask{Verb: "get", Resource: "nodes/proxy"}, true},
		{"system:controller:clusterrole-aggregation-controller", rbac.Ask{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"}, true},
	} {
		s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
		s.Add(&snapshot.Object{
			Object: seaworthy.Object{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Name: "b"},
			Typed: &rbacv1.ClusterRoleBinding{
				RoleRef:  rbacv1.RoleRef{Kind: "ClusterRole", Name: c.role},
				Subjects: []rbacv1.Subject{{Kind: "User", Name: "jane"}},
			},
		})
		if _, got := rbac.NewReach(s).Can(user("jane"), "", c.ask); got != c.want {
			t.Errorf("%s: %+v = %v, want %v", c.role, c.ask, got, c.want)
		}
	}
}

// large makes n bindings over n/10 roles, with groups of subjects shared among them.
func large(n int) *snapshot.Snapshot {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles})
	const api = "rbac.authorization.k8s.io/v1"
	for i := range n / 10 {
		name := fmt.Sprintf("role-%d", i)
		s.Add(&snapshot.Object{
			Object: seaworthy.Object{APIVersion: api, Kind: "ClusterRole", Name: name},
			Typed: &rbacv1.ClusterRole{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"team": name}},
				Rules: []rbacv1.PolicyRule{
					{APIGroups: []string{""}, Resources: []string{"pods", "configmaps"}, Verbs: []string{"get", "list"}},
					{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "patch"}},
				},
			},
		})
	}
	for i := range n {
		ns := fmt.Sprintf("ns-%d", i%500)
		s.Add(&snapshot.Object{
			Object: seaworthy.Object{APIVersion: api, Kind: "RoleBinding", Namespace: ns, Name: fmt.Sprint("b", i)}, Namespaced: true,
			Typed: &rbacv1.RoleBinding{
				RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: fmt.Sprintf("role-%d", i%(n/10))},
				Subjects: []rbacv1.Subject{
					{Kind: "ServiceAccount", Name: fmt.Sprint("sa", i%50), Namespace: ns}, {Kind: "Group", Name: "dev"},
				},
			},
		})
	}
	return s
}

func BenchmarkAnalyzer(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := large(n)
			for b.Loop() {
				analysistest.Analyze(b, rbac.Analyzer, s, "none", nil)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(n), "ns/binding")
		})
	}
}
