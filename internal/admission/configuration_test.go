// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
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

// TestRulesOfWhatHasNoPolicy: what is judged without a policy that says of what it is about is
// judged at the webhook that may refuse, too.
func TestRulesOfWhatHasNoPolicy(t *testing.T) {
	for name, cfg := range map[string]admission.Config{
		"pss-restricted":             {},
		"image-signature-unverified": {Signatures: &signers{}},
	} {
		cfg.Default, cfg.FailurePolicy = admission.Off, admissionregistration.Fail
		cfg.Modes = []admission.ModeIn{{Checks: []string{name}, Mode: admission.Deny}}
		g := guard(t, cfg, everything())
		c := g.Configuration(admission.Reach{Trail: true})
		if c.Webhooks[0].Name != admission.JudgeName {
			t.Errorf("%s is judged where nothing may be refused", name)
			continue
		}
		for _, resource := range []string{"/pods", "/pods/ephemeralcontainers", "apps/deployments", "batch/cronjobs"} {
			group, resource, _ := strings.Cut(resource, "/")
			if !sends(c.Webhooks[0], admissionregistration.Create, group, resource) {
				t.Errorf("%s does not judge %s", name, resource)
			}
		}
		if why := g.NotEvaluated()[name]; why != "" {
			t.Errorf("%s is not evaluated: %s", name, why)
		}
	}
	if c := guard(t, admission.Config{Default: admission.Off, Modes: []admission.ModeIn{{Checks: []string{"image-signature-unverified"}, Mode: admission.Deny}}}, everything()).Configuration(admission.Reach{}); len(c.Webhooks) != 0 {
		t.Errorf("without policies nothing is verified, and yet asked for: %+v", c.Webhooks)
	}
}

// TestConfigurationSaysWhetherSignaturesAreAskedFor, for who sees nothing else of an agent.
func TestConfigurationSaysWhetherSignaturesAreAskedFor(t *testing.T) {
	of := func(mode admission.Mode, where ...string) admission.ModeIn {
		return admission.ModeIn{Checks: []string{"image-signature-unverified"}, Namespaces: where, Mode: mode}
	}
	for want, cfg := range map[string]admission.Config{
		"deny":                    {Signatures: &signers{}, Modes: []admission.ModeIn{of(admission.Deny)}},
		"deny in some namespaces": {Signatures: &signers{}, Modes: []admission.ModeIn{of(admission.Deny, "shop")}},
		"warn":                    {Signatures: &signers{}, Modes: []admission.ModeIn{of(admission.Audit, "shop"), of(admission.Warn), of(admission.Deny)}},
		"audit":                   {Signatures: &signers{}},
		"":                        {Modes: []admission.ModeIn{of(admission.Deny)}},
	} {
		if got := guard(t, cfg, everything()).Configuration(admission.Reach{}).Annotations[seaworthy.SignaturesNote]; got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
