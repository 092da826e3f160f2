// SPDX-License-Identifier: Apache-2.0

package cel_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
)

// allCases gives every check with every case of every check: objects of all shapes. A
// short run takes a sample of the cases.
func allCases(t testing.TB) ([]checks.Source, []checktest.Case) {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	var all []checktest.Case
	for _, s := range sources {
		cases, err := checktest.Of(checks.Cases(), s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cases...)
	}
	if testing.Short() { // every tenth will do, and every third check
		all = slices.DeleteFunc(all, func(c checktest.Case) bool { return c.Line%10 != 1 })
		sources = third(sources)
	}
	return sources, all
}

// third is every third check.
func third(sources []checks.Source) (out []checks.Source) {
	for i := 0; i < len(sources); i += 3 {
		out = append(out, sources[i])
	}
	return out
}

// TestFastPathEqualsTheValidator judges every case of every check by every check, on
// the fast path with all checks in one engine and by the API server's validator.
func TestFastPathEqualsTheValidator(t *testing.T) {
	sources, cases := allCases(t)
	policies := make([]cel.Policy, len(sources))
	references := make([]*cel.Reference, len(sources))
	for i, s := range sources {
		policies[i] = cel.Policy{ID: s.ID, Spec: &s.Policy.Spec, Linear: true}
		references[i] = cel.NewReference(&policies[i])
	}
	ev := cel.New(policies).Evaluator()
	pairs, denied := 0, 0
	for _, c := range cases {
		req := checktest.Request(c.Object)
		ev.Judge(req, nil, func(i int, got cel.Verdict) {
			want, err := references[i].Judge(context.Background(), req, nil)
			if err != nil {
				t.Fatal(err)
			}
			pairs++
			if want.Denied {
				denied++
			}
			if got.Denied != want.Denied || (got.Err != nil) != (want.Err != nil) || !slices.Equal(got.Messages, want.Messages) {
				t.Errorf("%s on %s: fast %v %q %v, validator %v %q %v", sources[i].ID, c.Name,
					got.Denied, got.Messages, got.Err, want.Denied, want.Messages, want.Err)
			}
		})
	}
	if pairs == 0 || denied == 0 {
		t.Fatalf("%d pairs compared, %d denied: nothing was tested", pairs, denied)
	}
	t.Logf("%d pairs compared, %d of them denied", pairs, denied)
}

// TestBuiltInPoliciesAreLinear holds every check to the promise by which its cost need
// not be counted: no evaluation costs more than LinearCost for each unit of the object.
func TestBuiltInPoliciesAreLinear(t *testing.T) {
	sources, cases := allCases(t)
	worst := 0.0
	for _, s := range sources {
		engine := cel.New([]cel.Policy{{ID: s.ID, Spec: &s.Policy.Spec, Linear: true}})
		for _, c := range cases {
			ev := engine.Evaluator()
			ev.CountCosts = true
			req := checktest.Request(c.Object)
			ev.Judge(req, nil, func(int, cel.Verdict) {})
			per := float64(ev.Most()) / float64(cel.Size(req.Object))
			if worst = max(worst, per); per > cel.LinearCost {
				t.Errorf("%s on %s costs %d, %.1f for each unit of the object", s.ID, c.Name, ev.Most(), per)
			}
		}
	}
	t.Logf("at most %.1f for each unit", worst)
}

// TestOldestVersionCompiles holds every check to the first Kubernetes that serves
// policies of version 1, as written and in the exported form.
func TestOldestVersionCompiles(t *testing.T) {
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() {
		sources = third(sources)
	}
	for _, s := range sources {
		for _, p := range []*admissionv1.ValidatingAdmissionPolicy{s.Policy, cel.WorseOnly(s.Policy), cel.Bound(s.Policy, &s.Check, "request.?namespace.orValue('') == 'a' ? 'off' : 'deny'")} {
			if err := cel.CompilesOn(p, version.MajorMinor(1, 30)); err != nil {
				t.Error(err)
			}
		}
	}
}

func policy(t *testing.T, spec string) cel.Policy {
	t.Helper()
	var s admissionv1.ValidatingAdmissionPolicySpec
	if err := yaml.UnmarshalStrict([]byte(spec), &s); err != nil {
		t.Fatal(err)
	}
	return cel.Policy{ID: "policy", Spec: &s}
}

func request(t *testing.T, doc string) *cel.Request {
	t.Helper()
	cases, err := checktest.Cases([]byte(doc))
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d objects, %v", len(cases), err)
	}
	return checktest.Request(cases[0].Object)
}

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: app, namespace: shop, labels: {tier: web}}
spec: {hostNetwork: false, containers: [{name: app, image: app}]}
`

func TestWhatExpressionsSee(t *testing.T) {
	for name, expression := range map[string]string{
		"zero_values_are_dropped": "!has(object.spec.hostNetwork)",
		"defaults_are_filled":     "object.spec.containers[0].imagePullPolicy == 'Always'",
		"namespace_object":        "namespaceObject.metadata.name == 'shop'",
		"namespace_labels":        "namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == 'shop'",
		"old_object_of_create":    "oldObject == null",
		"request":                 "request.operation == 'CREATE' && request.kind.kind == 'Pod' && request.resource.resource == 'pods'",
		"request_namespace":       "request.namespace == 'shop' && request.name == 'app'",
		"params_absent":           "params == null",
		"quantity_library":        "quantity('1Gi').isGreaterThan(quantity('900Mi'))",
		"ip_library":              "ip('127.0.0.1').isLoopback()",
		"authorizer_undecided":    "!authorizer.group('').resource('pods').namespace('shop').check('create').allowed()",
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, "paramKind: {apiVersion: v1, kind: ConfigMap}\nvalidations: [{expression: \""+expression+"\"}]")
			applied := false
			cel.New([]cel.Policy{p}).Evaluator().Judge(request(t, pod), nil, func(_ int, v cel.Verdict) {
				applied = true
				if v.Denied || v.Err != nil {
					t.Errorf("%s: denied %v, error %v", expression, v.Denied, v.Err)
				}
			})
			if !applied {
				t.Error("the policy did not apply")
			}
		})
	}
}

func TestErrorsAreNeverPasses(t *testing.T) {
	for name, spec := range map[string]string{
		"runtime":         "validations: [{expression: object.spec.nothing == 1}]",
		"compile":         "validations: [{expression: 'object.('}]",
		"variable":        "variables: [{name: v, expression: object.spec.nothing}]\nvalidations: [{expression: variables.v == 1}]",
		"match_condition": "matchConditions: [{name: c, expression: object.spec.nothing == 1}]\nvalidations: [{expression: 'true'}]",
		"ignore":          "failurePolicy: Ignore\nvalidations: [{expression: object.spec.nothing == 1}]",
		"cost":            "validations: [{expression: \"[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, [1,2,3,4,5,6,7,8,9,0].all(d, [1,2,3,4,5,6,7,8,9,0].all(e, [1,2,3,4,5,6,7,8,9,0].all(f, a+b+c+d+e+f < 100))))))\"}]",
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, spec)
			seen := false
			cel.New([]cel.Policy{p}).Evaluator().Judge(request(t, pod), nil, func(_ int, v cel.Verdict) {
				seen = true
				if v.Err == nil {
					t.Errorf("no error, denied %v", v.Denied)
				}
			})
			if !seen {
				t.Error("no verdict at all")
			}
		})
	}
}

func TestMatching(t *testing.T) {
	const all = "resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]"
	for _, c := range []struct {
		name, match string
		want        bool
	}{
		{"no_constraints", "", true},
		{"pods", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}", true},
		{"other_resource", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [services]}]}", false},
		{"other_operation", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [DELETE], resources: [pods]}]}", false},
		{"subresource_only", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods/exec]}]}", false},
		{"all_with_subresources", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: ['pods/*']}]}", true},
		{"excluded", "matchConstraints: {" + all + ", excludeResourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods]}]}", false},
		{"cluster_scope", "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: ['*'], scope: Cluster}]}", false},
		{"label", "matchConstraints: {" + all + ", objectSelector: {matchLabels: {tier: web}}}", true},
		{"other_label", "matchConstraints: {" + all + ", objectSelector: {matchLabels: {tier: db}}}", false},
		{"namespace", "matchConstraints: {" + all + ", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}", true},
		{"other_namespace", "matchConstraints: {" + all + ", namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [shop]}]}}", false},
		{"condition", "matchConditions: [{name: c, expression: object.metadata.name == 'other'}]", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := policy(t, c.match+"\nvalidations: [{expression: 'false', message: no}]")
			got := false
			cel.New([]cel.Policy{p}).Evaluator().Judge(request(t, pod), nil, func(_ int, v cel.Verdict) { got = v.Denied })
			if got != c.want {
				t.Errorf("applies: %v, want %v", got, c.want)
			}
		})
	}
}

func TestBindingsAndParams(t *testing.T) {
	p := policy(t, "paramKind: {apiVersion: v1, kind: ConfigMap}\nvalidations: [{expression: params.data.allowed == 'yes', messageExpression: \"'not allowed by ' + params.metadata.name\"}]")
	configMap := func(name, allowed string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": name, "namespace": "policy"}, "data": map[string]any{"allowed": allowed}}
	}
	p.Params = []map[string]any{configMap("good", "yes"), configMap("bad", "no")}
	bind := func(param string) *admissionv1.ValidatingAdmissionPolicyBinding {
		return &admissionv1.ValidatingAdmissionPolicyBinding{Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			ParamRef: &admissionv1.ParamRef{Name: param, Namespace: "policy"},
		}}
	}
	for _, c := range []struct {
		param    string
		messages []string
		err      bool
	}{{"good", nil, false}, {"bad", []string{"not allowed by bad"}, false}, {"absent", nil, true}} {
		p.Bindings = []*admissionv1.ValidatingAdmissionPolicyBinding{bind(c.param)}
		cel.New([]cel.Policy{p}).Evaluator().Judge(request(t, pod), nil, func(_ int, v cel.Verdict) {
			if diff := cmp.Diff(c.messages, v.Messages); diff != "" || (v.Err != nil) != c.err {
				t.Errorf("binding to %s: error %v, messages (-want +got):\n%s", c.param, v.Err, diff)
			}
		})
	}
}

// TestWorseOnly holds the exported form to its promise: an update fails only on items
// that were not offending before.
func TestWorseOnly(t *testing.T) {
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(sources, func(s checks.Source) bool { return s.ID == "privileged-container" })
	p := cel.WorseOnly(sources[i].Policy)
	object := func(privileged ...string) *cel.Request {
		var b strings.Builder
		b.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec:\n  containers:\n  - {name: base, image: base:1}\n")
		for _, name := range privileged {
			b.WriteString("  - {name: " + name + ", image: a:1, securityContext: {privileged: true}}\n")
		}
		return request(t, b.String())
	}
	for _, c := range []struct {
		name   string
		before *cel.Request
		after  *cel.Request
		denied bool
	}{
		{"create", nil, object("a"), true},
		{"unchanged", object("a"), object("a"), false},
		{"one_more", object("a"), object("a", "b"), true},
		{"one_less", object("a", "b"), object("a"), false},
		{"other", object("a"), object("b"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := *c.after
			if c.before != nil {
				req.Operation, req.OldObject = "UPDATE", c.before.Object
			}
			policies := []cel.Policy{{ID: p.Name, Spec: &p.Spec}}
			cel.New(policies).Evaluator().Judge(&req, nil, func(_ int, v cel.Verdict) {
				if v.Err != nil || v.Denied != c.denied {
					t.Errorf("denied %v (%v), want %v", v.Denied, v.Err, c.denied)
				}
			})
			want, err := cel.NewReference(&policies[0]).Judge(context.Background(), &req, nil)
			if err != nil || want.Err != nil || want.Denied != c.denied {
				t.Errorf("validator: denied %v (%v, %v), want %v", want.Denied, want.Err, err, c.denied)
			}
		})
	}
}
