// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy/internal/agent"
	"github.com/seaworthy-dev/seaworthy/test/charts"
	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

var cluster kubeapiserver.Shared

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// site is a namespace of a real API server, which enforces the restricted profile, and a
// Helm that installs into it.
type site struct {
	*testing.T
	*kubernetes.Clientset
	config    *rest.Config
	namespace string
	helm      func(args ...string) string
}

func newSite(t *testing.T, namespace string) *site {
	t.Helper()
	s := cluster.Start(t)
	program := charts.Helm.Need(t)
	c, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}
	if _, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	return &site{T: t, Clientset: c, config: s.Config, namespace: namespace, helm: func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append(args, "--namespace", namespace, "--kubeconfig", s.Kubeconfig)...)
		cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		if strings.Contains(string(out), "Warning") || strings.Contains(string(out), "would violate") {
			t.Errorf("helm %s warns:\n%s", args[0], out)
		}
		return string(out)
	}}
}

// starts asks the API server whether it would run the pods of a workload.
func (s *site) starts(template corev1.PodTemplateSpec) {
	s.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "try", Labels: template.Labels}, Spec: template.Spec}
	if _, err := s.CoreV1().Pods(s.namespace).Create(s.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		s.Errorf("the API server refuses the pods: %v", err)
	}
}

func (s *site) deployment(name string) *appsv1.Deployment {
	s.Helper()
	d, err := s.AppsV1().Deployments(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return d
}

// The agent's chart installs, upgrades and goes: what the agent has filled stays over an
// upgrade, and nothing stays when the release goes, the webhook above all.
func TestAgentInstalls(t *testing.T) {
	s := newSite(t, "agent-installs")
	chart := filepath.Join(folder, "seaworthy-agent")
	said := s.helm("install", "harbour", chart, "--values", "testdata/seaworthy-agent/least.yaml", "--set", "fullnameOverride=harbour")
	if !strings.Contains(said, "kubectl delete validatingwebhookconfiguration harbour") {
		t.Errorf("the notes are\n%s", said)
	}
	s.starts(s.deployment("harbour").Spec.Template)
	s.fill("harbour")
	s.helm("upgrade", "harbour", chart, "--values", "testdata/seaworthy-agent/least.yaml", "--set", "fullnameOverride=harbour,replicas=3,secrets.enabled=true")
	if n := *s.deployment("harbour").Spec.Replicas; n != 3 {
		t.Errorf("%d replicas, want 3", n)
	}
	s.filled("harbour")
	s.helm("uninstall", "harbour")
	ctx, o := t.Context(), metav1.GetOptions{}
	for what, err := range map[string]error{
		"webhook":     second(s.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, "harbour", o)),
		"key":         second(s.CoreV1().Secrets(s.namespace).Get(ctx, "harbour-key", o)),
		"certificate": second(s.CoreV1().Secrets(s.namespace).Get(ctx, "harbour-certificate", o)),
		"role":        second(s.RbacV1().ClusterRoles().Get(ctx, "harbour", o)),
		"binding":     second(s.RbacV1().ClusterRoleBindings().Get(ctx, "harbour", o)),
		"lease":       second(s.CoordinationV1().Leases(s.namespace).Get(ctx, "harbour", o)),
	} {
		if !apierrors.IsNotFound(err) {
			t.Errorf("the %s stays when the release goes: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// fill does what an agent does, with the rights of an agent: it fills what the chart made.
func (s *site) fill(name string) {
	s.Helper()
	c := s.as(name)
	ctx := s.Context()
	for _, of := range []string{"-key", "-certificate"} {
		secret, err := c.CoreV1().Secrets(s.namespace).Get(ctx, name+of, metav1.GetOptions{})
		if err != nil {
			s.Fatal(err)
		}
		if len(secret.Data) > 0 {
			s.Errorf("the chart fills %s: %v", secret.Name, secret.Data)
		}
		secret.Data = map[string][]byte{"own": []byte("kept")}
		if _, err := c.CoreV1().Secrets(s.namespace).Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	hook, err := c.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	none, ignore, url := admissionv1.SideEffectClassNone, admissionv1.Ignore, "https://127.0.0.1:1/"
	hook.Webhooks = []admissionv1.ValidatingWebhook{{
		Name: "judge.seaworthy.dev", ClientConfig: admissionv1.WebhookClientConfig{URL: &url}, SideEffects: &none, FailurePolicy: &ignore, AdmissionReviewVersions: []string{"v1"},
	}}
	if _, err := c.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, hook, metav1.UpdateOptions{}); err != nil {
		s.Fatal(err)
	}
	lease, err := c.CoordinationV1().Leases(s.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	holder, seconds := "harbour-0", int32(15)
	lease.Spec = coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds}
	if _, err := c.CoordinationV1().Leases(s.namespace).Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
		s.Fatal(err)
	}
	canary, err := c.CoreV1().ConfigMaps(s.namespace).Get(ctx, name+"-canary", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := c.CoreV1().ConfigMaps(s.namespace).Update(ctx, canary, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		s.Fatal(err)
	}
}

// filled tells whether all of it is still there.
func (s *site) filled(name string) {
	s.Helper()
	ctx := s.Context()
	for _, of := range []string{"-key", "-certificate"} {
		if secret, err := s.CoreV1().Secrets(s.namespace).Get(ctx, name+of, metav1.GetOptions{}); err != nil || string(secret.Data["own"]) != "kept" {
			s.Errorf("an upgrade empties %s%s: %v", name, of, err)
		}
	}
	if hook, err := s.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{}); err != nil || len(hook.Webhooks) != 1 {
		s.Errorf("an upgrade takes the webhook away: %v", err)
	}
	if lease, err := s.CoordinationV1().Leases(s.namespace).Get(ctx, name, metav1.GetOptions{}); err != nil || lease.Spec.HolderIdentity == nil {
		s.Errorf("an upgrade takes the lease away: %v", err)
	}
}

// as is a client that comes as the ServiceAccount of a release.
func (s *site) as(name string) *kubernetes.Clientset {
	s.Helper()
	config := rest.CopyConfig(s.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + s.namespace + ":" + name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + s.namespace, "system:authenticated"},
	}
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// The ServiceAccount that is installed has what the agent needs, in its own namespace and
// elsewhere, and nothing more than everybody has.
func TestAgentHasExactlyItsRights(t *testing.T) {
	for _, c := range []struct{ secrets, admission bool }{{false, true}, {true, true}, {false, false}} {
		name := fmt.Sprintf("rights-%t-%t", c.secrets, c.admission)
		t.Run(name, func(t *testing.T) {
			s := newSite(t, name)
			s.helm("install", name, filepath.Join(folder, "seaworthy-agent"), "--values", "testdata/seaworthy-agent/least.yaml",
				"--set", fmt.Sprintf("fullnameOverride=%s,secrets.enabled=%t,admission.enabled=%t,credentials.secretName=pager", name, c.secrets, c.admission))
			needs := agent.Needs(agent.RightsOptions{
				Name: name, Secrets: c.secrets, Admission: c.admission, Own: []string{name + "-settings", "seaworthy-enrolment", "pager"},
			})
			everybody := s.has("nobody-"+name, "default")
			for namespace, want := range map[string][]rbacv1.PolicyRule{s.namespace: slices.Concat(needs.Cluster, needs.Namespace), "default": needs.Cluster} {
				got := s.has(name, namespace)
				maps.DeleteFunc(got, func(k string, _ bool) bool { return everybody[k] })
				expected := single(want)
				maps.DeleteFunc(expected, func(k string, _ bool) bool { return everybody[k] })
				if diff := cmp.Diff(expected, got); diff != "" {
					t.Errorf("rights in %s (-needs +has):\n%s", namespace, diff)
				}
			}
			s.may(name, c.secrets, c.admission)
		})
	}
}

// has lists the rights of a ServiceAccount as the API server tells them.
func (s *site) has(name, namespace string) map[string]bool {
	s.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	review, err := s.as(name).AuthorizationV1().SelfSubjectRulesReviews().Create(s.Context(), review, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for _, r := range review.Status.ResourceRules {
		rules = append(rules, rbacv1.PolicyRule{APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames, Verbs: r.Verbs})
	}
	for _, r := range review.Status.NonResourceRules {
		rules = append(rules, rbacv1.PolicyRule{NonResourceURLs: r.NonResourceURLs, Verbs: r.Verbs})
	}
	return single(rules)
}

// may asks for single rights, those that would hurt before all.
func (s *site) may(name string, secrets, admission bool) {
	s.Helper()
	for _, c := range []struct {
		verb, group, resource, namespace, object string
		want                                     bool
	}{
		{"watch", "apps", "deployments", "", "", true},
		{"list", "", "pods", "shop", "", true},
		{"list", "", "secrets", "", "", secrets},
		{"list", "", "secrets", s.namespace, "", secrets},
		{"watch", "", "secrets", s.namespace, "pager", true},
		{"get", "", "secrets", s.namespace, "pager", false},
		{"update", "", "secrets", s.namespace, "pager", false},
		{"watch", "", "secrets", s.namespace, "seaworthy-notices", secrets},
		{"watch", "", "secrets", "shop", "pager", secrets},
		{"get", "", "secrets", "shop", "database", false},
		{"get", "", "secrets", s.namespace, name + "-key", true},
		{"get", "", "secrets", s.namespace, "seaworthy-notices", false},
		{"create", "", "secrets", s.namespace, "", false},
		{"delete", "", "secrets", s.namespace, name + "-key", false},
		{"update", "coordination.k8s.io", "leases", s.namespace, name, true},
		{"update", "coordination.k8s.io", "leases", "kube-node-lease", "node-1", false},
		{"update", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", name, admission},
		{"update", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", "another", false},
		{"delete", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "", name, false},
		{"create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "", false},
		{"update", "apps", "deployments", s.namespace, name, false},
		{"create", "", "pods/exec", "", "", false},
		{"create", "", "serviceaccounts/token", "", "", false},
		{"escalate", "rbac.authorization.k8s.io", "clusterroles", "", "", false},
		{"impersonate", "", "users", "", "", false},
	} {
		resource, sub, _ := strings.Cut(c.resource, "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + s.namespace + ":" + name, Groups: []string{"system:serviceaccounts", "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: c.verb, Group: c.group, Resource: resource, Subresource: sub, Namespace: c.namespace, Name: c.object},
		}}
		review, err := s.AuthorizationV1().SubjectAccessReviews().Create(s.Context(), review, metav1.CreateOptions{})
		if err != nil {
			s.Fatal(err)
		}
		if review.Status.Allowed != c.want {
			s.Errorf("may %s %s %s/%s = %t, want %t", c.verb, c.resource, c.namespace, c.object, review.Status.Allowed, c.want)
		}
	}
}

// The server's chart installs as it comes, and as several servers on PostgreSQL; data
// stays when the release goes.
func TestServerInstalls(t *testing.T) {
	s := newSite(t, "server-installs")
	chart := filepath.Join(folder, "seaworthy")
	said := s.helm("install", "harbour", chart, "--values", "testdata/seaworthy/sqlite.yaml", "--set", "fullnameOverride=harbour")
	if !strings.Contains(said, "logs deployment/harbour") || !strings.Contains(said, "https://seaworthy.example.com") {
		t.Errorf("the notes do not say how the first owner gets in:\n%s", said)
	}
	s.starts(s.deployment("harbour").Spec.Template)
	s.helm("upgrade", "harbour", chart, "--values", "testdata/seaworthy/postgresql.yaml", "--set", "fullnameOverride=harbour,metrics.serviceMonitor.enabled=false,persistence.enabled=true")
	d := s.deployment("harbour")
	s.starts(d.Spec.Template)
	if *d.Spec.Replicas != 2 || d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		t.Errorf("%d replicas, replaced by %s", *d.Spec.Replicas, d.Spec.Strategy.Type)
	}
	s.helm("uninstall", "harbour")
	if _, err := s.CoreV1().PersistentVolumeClaims(s.namespace).Get(t.Context(), "harbour", metav1.GetOptions{}); err != nil {
		t.Errorf("the data goes with the release: %v", err)
	}
}
