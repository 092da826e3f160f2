// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// sends tells whether the rules of a webhook match a resource.
func sends(w admissionregistration.ValidatingWebhook, op admissionregistration.OperationType, group, resource string) bool {
	name, sub, _ := strings.Cut(resource, "/")
	return slices.ContainsFunc(w.Rules, func(r admissionregistration.RuleWithOperations) bool {
		has := func(list []string, s string) bool { return slices.Contains(list, s) || slices.Contains(list, "*") }
		return (slices.Contains(r.Operations, op) || slices.Contains(r.Operations, admissionregistration.OperationAll)) && has(r.APIGroups, group) &&
			slices.ContainsFunc(r.Resources, func(s string) bool {
				n, sb, _ := strings.Cut(s, "/")
				return (n == "*" || n == name) && (sb == "*" || sb == sub)
			})
	})
}

func TestConfiguration(t *testing.T) {
	g := guard(t, admission.Config{FailurePolicy: admissionregistration.Fail}, everything())
	c := g.Configuration(admission.Reach{})
	if c.Name != "seaworthy" || len(c.Webhooks) != 2 || c.Webhooks[0].Name != admission.JudgeName || c.Webhooks[1].Name != admission.WatchName {
		t.Fatalf("%+v", c)
	}
	judge, watch := c.Webhooks[0], c.Webhooks[1]
	if *judge.FailurePolicy != admissionregistration.Fail || *watch.FailurePolicy != admissionregistration.Ignore ||
		*judge.SideEffects != admissionregistration.SideEffectClassNoneOnDryRun || *judge.TimeoutSeconds != 5 {
		t.Errorf("%+v", judge)
	}
	for resource, want := range map[string]bool{
		"/pods": true, "/pods/ephemeralcontainers": true, "/services": true, "apps/deployments": true, "apps/deployments/scale": true,
		"networking.k8s.io/ingresses": true, "rbac.authorization.k8s.io/clusterroles": true, "rbac.authorization.k8s.io/rolebindings": true,
		"/namespaces": true, "/pods/exec": false, "/pods/status": false, "/events": false, "coordination.k8s.io/leases": false, "/nodes": false,
	} {
		group, name, _ := strings.Cut(resource, "/")
		if got := sends(judge, admissionregistration.Update, group, name); got != want {
			t.Errorf("%s is judged: %t, want %t", resource, got, want)
		}
		if sends(judge, admissionregistration.Delete, group, name) || sends(judge, admissionregistration.Connect, group, name) {
			t.Errorf("%s is judged when it goes", resource)
		}
	}
	watch = g.Configuration(admission.Reach{Trail: true}).Webhooks[1]
	if !sends(watch, admissionregistration.Connect, "", "pods/exec") || !sends(watch, admissionregistration.Delete, "example.com", "things") {
		t.Errorf("the trail is not sent everything: %+v", watch.Rules)
	}
	if n := len(watch.MatchConditions); n == 0 || n > 64 {
		t.Errorf("%d match conditions; the API server takes 64", n)
	}
}

func TestConfigurationOfWhatIsOff(t *testing.T) {
	roles := admission.Config{Default: admission.Off, Modes: []admission.ModeIn{
		{Checks: []string{"rbac"}, Namespaces: []string{"shop"}, Mode: admission.Deny}, {Checks: []string{"network"}, Mode: admission.Off},
	}}
	c := guard(t, roles, everything()).Configuration(admission.Reach{})
	if !sends(c.Webhooks[0], "CREATE", "rbac.authorization.k8s.io", "roles") || sends(c.Webhooks[0], "CREATE", "networking.k8s.io", "ingresses") {
		t.Errorf("the rules do not follow the modes: %+v", c.Webhooks[0].Rules)
	}
	if c := guard(t, admission.Config{Default: admission.Off}, everything()).Configuration(admission.Reach{}); len(c.Webhooks) != 0 {
		t.Errorf("all is off, and the API server asks: %+v", c.Webhooks)
	}
	if c := guard(t, admission.Config{Default: admission.Off}, everything()).Configuration(admission.Reach{Trail: true}); len(c.Webhooks) != 1 {
		t.Errorf("all is off, and the trail is not sent anything: %+v", c.Webhooks)
	}
	rego := folder(t, map[string]string{"p.rego": "package main\n\ndeny contains \"no\" if input.kind == \"Thing\"\n"})
	c = guard(t, admission.Config{}, scan.Selection{Policies: []string{rego}, Only: []string{"custom"}}).Configuration(admission.Reach{})
	if !sends(c.Webhooks[0], "CREATE", "example.com", "things") {
		t.Errorf("Rego may be about anything: %+v", c.Webhooks[0].Rules)
	}
}
