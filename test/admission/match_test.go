// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kadmission "k8s.io/apiserver/pkg/admission"
	plugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// which asks kube-apiserver's own code which webhooks a request is sent to.
func which(t *testing.T, c *admissionregistration.ValidatingWebhookConfiguration, a kadmission.Attributes) []string {
	t.Helper()
	compiler := plugin.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	var out []string
	for i := range c.Webhooks {
		hook := &c.Webhooks[i]
		if !slices.ContainsFunc(hook.Rules, func(r admissionregistration.RuleWithOperations) bool {
			m := rules.Matcher{Rule: r, Attr: a}
			return m.Matches()
		}) {
			continue
		}
		fail := admissionregistration.Fail // with it, an expression that fails is told of
		hook.FailurePolicy = &fail
		m := webhook.NewValidatingWebhookAccessor("", "", hook).GetCompiledMatcher(compiler)
		result := m.Match(t.Context(), &kadmission.VersionedAttributes{Attributes: a, VersionedKind: a.GetKind()}, nil, nil)
		if result.Error != nil {
			t.Errorf("%s: %v", hook.Name, result.Error)
		}
		if result.Matches {
			out = append(out, hook.Name)
		}
	}
	return out
}

// TestMatching holds the rules and match conditions to which requests they let through:
// each to one webhook at most.
func TestMatching(t *testing.T) {
	catalogue, err := scan.NewCatalogue(t.Context(), scan.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := admission.New(admission.Config{Catalogue: catalogue, Namespace: "seaworthy", FailurePolicy: admissionregistration.Fail})
	if err != nil {
		t.Fatal(err)
	}
	const judge, watch = admission.JudgeName, admission.WatchName
	for _, test := range []struct {
		operation, resource, sub, namespace, user string
		judged, trailed                           string // the webhook, without and with the trail
	}{
		{"CREATE", "v1/pods", "", "shop", "jane", judge, judge},
		{"CREATE", "v1/pods", "", "kube-system", "jane", watch, watch},
		{"CREATE", "v1/pods", "", "seaworthy", "jane", watch, watch},
		{"CREATE", "v1/pods", "", "shop", "system:node:n1", watch, watch},
		{"DELETE", "v1/pods", "", "shop", "jane", "", watch},
		{"CONNECT", "v1/pods", "exec", "shop", "jane", "", watch},
		{"CONNECT", "v1/pods", "portforward", "kube-system", "jane", "", watch},
		{"CREATE", "v1/pods", "eviction", "shop", "jane", "", watch},
		{"CREATE", "v1/pods", "binding", "shop", "system:kube-scheduler", "", ""},
		{"CREATE", "v1/pods", "binding", "shop", "jane", "", watch},
		{"UPDATE", "v1/pods", "status", "shop", "system:node:n1", "", ""},
		{"UPDATE", "v1/pods", "ephemeralcontainers", "shop", "jane", judge, judge},
		{"UPDATE", "apps/v1/deployments", "", "shop", "jane", judge, judge},
		{"UPDATE", "apps/v1/deployments", "scale", "shop", "jane", judge, judge},
		{"UPDATE", "apps/v1/deployments", "status", "shop", "jane", "", ""},
		{"UPDATE", "v1/replicationcontrollers", "scale", "shop", "jane", judge, judge},
		{"CREATE", "v1/services", "", "shop", "jane", judge, judge},
		{"CREATE", "networking.k8s.io/v1/ingresses", "", "shop", "jane", judge, judge},
		{"CREATE", "rbac.authorization.k8s.io/v1/clusterroles", "", "", "jane", judge, judge},
		{"CREATE", "rbac.authorization.k8s.io/v1/clusterroles", "", "", "system:apiserver", watch, watch},
		{"CREATE", "v1/namespaces", "", "lab", "jane", judge, judge},
		{"UPDATE", "v1/namespaces", "", "kube-system", "jane", watch, watch},
		{"UPDATE", "v1/namespaces", "finalize", "lab", "jane", "", watch},
		{"UPDATE", "v1/nodes", "", "", "system:node:n1", "", ""},
		{"CREATE", "networking.k8s.io/v1/ipaddresses", "", "", "system:apiserver", "", ""},
		{"CREATE", "networking.k8s.io/v1/ipaddresses", "", "", "jane", "", watch},
		{"UPDATE", "v1/nodes", "", "", "jane", "", watch},
		{"CREATE", "v1/nodes", "", "", "system:node:n1", "", watch},
		{"UPDATE", "coordination.k8s.io/v1/leases", "", "shop", "jane", "", ""},
		{"CREATE", "v1/events", "", "shop", "jane", "", ""},
		{"CREATE", "events.k8s.io/v1/events", "", "shop", "jane", "", ""},
		{"CREATE", "example.com/v1/events", "", "shop", "jane", "", watch},
		{"UPDATE", "discovery.k8s.io/v1/endpointslices", "", "shop", "system:serviceaccount:kube-system:endpointslice-controller", "", ""},
		{"UPDATE", "discovery.k8s.io/v1/endpointslices", "", "shop", "jane", "", watch},
		{"CREATE", "authorization.k8s.io/v1/subjectaccessreviews", "", "", "jane", "", ""},
		{"CREATE", "v1/serviceaccounts", "token", "shop", "system:node:n1", "", ""},
		{"CREATE", "v1/serviceaccounts", "token", "shop", "jane", "", watch},
		{"CREATE", "example.com/v1/things", "", "shop", "jane", "", watch},
		{"CREATE", "apiextensions.k8s.io/v1/customresourcedefinitions", "", "", "jane", "", watch},
	} {
		t.Run(fmt.Sprint(test.operation, " ", test.resource, "/", test.sub, " in ", test.namespace, " by ", test.user), func(t *testing.T) {
			gvr := resource(test.resource)
			who := &user.DefaultInfo{Name: test.user, Groups: []string{"system:authenticated"}}
			if strings.HasPrefix(test.user, "system:node:") {
				who.Groups = append(who.Groups, "system:nodes")
			}
			a := kadmission.NewAttributesRecord(nil, nil, schema.GroupVersionKind{Group: gvr.Group, Version: gvr.Version, Kind: "X"}, test.namespace, "x",
				gvr, test.sub, kadmission.Operation(test.operation), nil, false, who)
			for trail, want := range map[bool]string{false: test.judged, true: test.trailed} {
				got := which(t, g.Configuration(admission.Reach{Trail: trail}), a)
				if want == "" && len(got) != 0 || want != "" && !slices.Equal(got, []string{want}) {
					t.Errorf("trail %t: sent to %q, want %q", trail, got, want)
				}
			}
		})
	}
}

// resource reads apps/v1/deployments; the core group goes without saying.
func resource(s string) schema.GroupVersionResource {
	words := strings.Split(s, "/")
	if len(words) == 2 {
		words = append([]string{""}, words...)
	}
	return schema.GroupVersionResource{Group: words[0], Version: words[1], Resource: words[2]}
}
