// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
)

// home is the namespace of the params.
const home = "seaworthy"

// perPart is how many policies speak in one group: few enough for their warnings to fit
// into a response, even when all fail.
const perPart = allWarnings/oneWarning - 2

// enforced are the policies that the server has.
type enforced struct {
	parts  []string          // all groups on behalf of which policies without params speak
	params map[string]string // the group of a check with params, by paramsKey
	// checks names the check of each policy. Names in the server are short, for more
	// warnings to fit into a response.
	checks map[string]string
}

func paramsKey(check string, params map[string]string) string {
	raw, _ := json.Marshal(params)
	return check + string(raw)
}

// enforce applies all checks in their exported form, and those with params once more for
// each set of params of a case. It returns when the server judges by them.
func enforce(t *testing.T, config *rest.Config, sources []checks.Source, subjects []*subject) *enforced {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	e := &enforced{params: map[string]string{}, checks: map[string]string{}}
	in := installer{t: t, client: client}
	add := func(s checks.Source, group string, params map[string]string) {
		name := fmt.Sprint(len(e.checks))
		e.checks[name] = s.ID
		in.add(cel.WorseOnly(s.Policy), name, group, params)
	}
	byID := map[string]checks.Source{}
	for i, s := range sources {
		byID[s.ID] = s
		part := fmt.Sprintf("part-%d", i/perPart)
		if i%perPart == 0 {
			e.parts = append(e.parts, part)
		}
		add(s, part, nil)
	}
	for _, s := range subjects {
		key := paramsKey(s.check, s.params)
		if s.params == nil || e.params[key] != "" {
			continue
		}
		e.params[key] = fmt.Sprintf("params-%d", len(e.params))
		add(byID[s.check], e.params[key], s.params)
	}
	// The server takes up all policies and bindings at once, about every second. When it
	// judges by the last one, with its params, it judges by all.
	in.add(sentinel(), "sentinel", "sentinel", map[string]string{"awake": "true"})
	e.checks["sentinel"] = "sentinel"
	in.install()
	s := newServer(t, config)
	s.checks = e.checks
	probe := call{
		verb: "POST", path: place(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, home), dryRun: true, groups: []string{"sentinel"},
		body: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "probe"}},
	}
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		_, denied, err := s.apply(t.Context(), probe)
		if denied["sentinel"] == "awake" {
			return e
		}
		if time.Now().After(end) {
			t.Fatalf("the server does not judge by the policies: %v %v", denied, err)
		}
	}
}

func sentinel() *admissionv1.ValidatingAdmissionPolicy {
	return &admissionv1.ValidatingAdmissionPolicy{Spec: admissionv1.ValidatingAdmissionPolicySpec{
		ParamKind: &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			},
		}}},
		Validations: []admissionv1.Validation{{Expression: "params.data.awake != 'true'", Message: "awake"}},
	}}
}

// installer collects policies and bindings, to create all policies before all bindings.
type installer struct {
	t        *testing.T
	client   *kubernetes.Clientset
	policies []*admissionv1.ValidatingAdmissionPolicy
	bindings []*admissionv1.ValidatingAdmissionPolicyBinding
	params   []*corev1.ConfigMap
}

// add takes a policy that is to speak on behalf of a group only.
func (in *installer) add(p *admissionv1.ValidatingAdmissionPolicy, name, group string, params map[string]string) {
	p.ObjectMeta = metav1.ObjectMeta{Name: name, Annotations: p.Annotations}
	p.Spec.MatchConditions = append(p.Spec.MatchConditions, admissionv1.MatchCondition{
		Name: "asked", Expression: fmt.Sprintf("'%s' in request.userInfo.groups", group),
	})
	b := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Warn},
		},
	}
	if params != nil {
		deny := admissionv1.DenyAction
		b.Spec.ParamRef = &admissionv1.ParamRef{Name: group, Namespace: home, ParameterNotFoundAction: &deny}
		in.params = append(in.params, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: group, Namespace: home}, Data: params})
	}
	in.policies, in.bindings = append(in.policies, p), append(in.bindings, b)
}

func (in *installer) install() {
	in.t.Helper()
	ctx, api := in.t.Context(), in.client.AdmissionregistrationV1()
	for _, p := range in.params {
		if _, err := in.client.CoreV1().ConfigMaps(home).Create(ctx, p, metav1.CreateOptions{}); err != nil {
			in.t.Fatal(err)
		}
	}
	for _, p := range in.policies {
		if _, err := api.ValidatingAdmissionPolicies().Create(ctx, p, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}); err != nil {
			in.t.Errorf("the server refuses a policy: %v", err)
		}
	}
	for _, b := range in.bindings {
		if _, err := api.ValidatingAdmissionPolicyBindings().Create(ctx, b, metav1.CreateOptions{}); err != nil {
			in.t.Fatal(err)
		}
	}
}
