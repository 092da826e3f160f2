// SPDX-License-Identifier: Apache-2.0

package kubeapiserver_test

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver"
)

var cluster kubeapiserver.Shared

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func TestServesThePinnedVersion(t *testing.T) {
	s := cluster.Start(t)
	v, err := client(t, s.Config).Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(v.GitVersion, "v1.36.") {
		t.Errorf("the server calls itself %s, want v1.36.x", v.GitVersion)
	}
}

func TestAuthorisesByRoles(t *testing.T) {
	s := cluster.Start(t)
	if _, err := client(t, s.Config).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("the administrator lists secrets: %v", err)
	}
	visitor, err := s.User("visitor", "guests")
	if err != nil {
		t.Fatal(err)
	}
	_, err = client(t, visitor).CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a user without a role lists secrets: %v, want forbidden", err)
	}
}

// A policy that denies and another one that warns and audits, both bound to one
// namespace: the dry-run of a Pod that offends both is refused by the first alone, and
// with only the second bound it is accepted with a warning.
func TestEnforcesPolicies(t *testing.T) {
	s := kubeapiserver.Start(t) // its own: what it makes would meet what it made before
	heard := &warnings{}
	config := rest.CopyConfig(s.Config)
	config.WarningHandlerWithContext = nil
	config.WarningHandler = heard
	c := client(t, config)

	namespace(t, c, "denied")
	namespace(t, c, "warned")
	apply(t, c, "no-host-network", "!has(object.spec.hostNetwork) || !object.spec.hostNetwork", "the pod shares the network of its node")
	bind(t, c, "no-host-network", "denied", admissionv1.Deny)
	bind(t, c, "no-host-network", "warned", admissionv1.Warn, admissionv1.Audit)

	offending := pod("offending")
	offending.Spec.HostNetwork = true

	err := eventually(func() error { return dryRun(t, c, "denied", offending) }, func(err error) bool { return err != nil })
	if err == nil || !strings.Contains(err.Error(), "the pod shares the network of its node") {
		t.Errorf("dry-run of an offending pod where it is denied: %v, want the policy's message", err)
	}
	if err := dryRun(t, c, "denied", pod("fine")); err != nil {
		t.Errorf("dry-run of a good pod: %v", err)
	}

	err = eventually(func() error { heard.clear(); return dryRun(t, c, "warned", offending) }, func(error) bool { return heard.has("shares the network") })
	if err != nil {
		t.Errorf("dry-run of an offending pod where it is warned of: %v", err)
	}
	if !heard.has("shares the network") {
		t.Errorf("warnings are %q, want the policy's message", heard.all())
	}
}

func client(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// namespace makes a namespace and the ServiceAccount without which no Pod is admitted.
func namespace(t *testing.T, c *kubernetes.Clientset, name string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name}
	if _, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := c.CoreV1().ServiceAccounts(name).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, c *kubernetes.Clientset, name, expression, message string) {
	t.Helper()
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: expression, Message: message}},
		},
	}
	if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func bind(t *testing.T, c *kubernetes.Clientset, policy, namespace string, actions ...admissionv1.ValidationAction) {
	t.Helper()
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: policy + "-" + namespace},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        policy,
			ValidationActions: actions,
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace},
			}},
		},
	}
	if _, err := c.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func pod(name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1"}}},
	}
}

func dryRun(t *testing.T, c *kubernetes.Clientset, namespace string, p *corev1.Pod) error {
	t.Helper()
	_, err := c.CoreV1().Pods(namespace).Create(t.Context(), p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// eventually repeats try until enough says so: the server takes up a policy within a
// second or so of its creation.
func eventually(try func() error, enough func(error) bool) error {
	deadline := time.Now().Add(3 * time.Minute) // much else may run on the machine
	for {
		err := try()
		if enough(err) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// warnings keeps what the server warned of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader is called by the client for every warning of a response.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = nil
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.texts...)
}

func (w *warnings) has(part string) bool { return strings.Contains(strings.Join(w.all(), "\n"), part) }
