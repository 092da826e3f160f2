// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// The names of the two webhooks. The one judges and fails as is configured; the other
// never fails: it is asked where nothing may be refused, and sees what the trail wants to
// know beside. Every request reaches one of them at most.
const (
	JudgeName = seaworthy.JudgeWebhook
	WatchName = "watch.seaworthy.dev"
)

// Reach says how the API server reaches the door.
type Reach struct {
	// Name of the ValidatingWebhookConfiguration; empty: "seaworthy".
	Name   string
	Labels map[string]string
	// Client is the Service or address, with the authorities that sign its certificate.
	Client admissionregistration.WebhookClientConfig
	// Timeout is in seconds; 0 means 5.
	Timeout int32
	// Trail has every write and every connection sent, not only what checks judge.
	Trail bool
}

// Configuration makes the ValidatingWebhookConfiguration that the guard needs.
func (g *Guard) Configuration(to Reach) *admissionregistration.ValidatingWebhookConfiguration {
	out := &admissionregistration.ValidatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Name: cmp.Or(to.Name, "seaworthy"), Labels: to.Labels},
	}
	if g.verifies() {
		out.Annotations = map[string]string{seaworthy.SignaturesNote: g.signatureMode()}
	}
	rules := g.rules()
	exempt := condition{"is-exempt", g.exempt()}
	if len(rules) > 0 {
		judge := g.webhook(JudgeName, to, g.cfg.FailurePolicy, rules)
		judge.MatchConditions = conditions(append(slices.Clone(quiet), exempt.not("is-not-exempt"))...)
		out.Webhooks = append(out.Webhooks, judge)
	}
	if to.Trail {
		watch := g.webhook(WatchName, to, admissionregistration.Ignore, everywhere)
		watch.MatchConditions = conditions(append(slices.Clone(quiet), condition{"is-not-judged", "(" + exempt.expression + ") || !(" + judged(rules) + ")"})...)
		return with(out, watch)
	}
	if len(rules) > 0 {
		watch := g.webhook(WatchName, to, admissionregistration.Ignore, rules)
		watch.MatchConditions = conditions(append(slices.Clone(quiet), exempt)...)
		return with(out, watch)
	}
	return out
}

func with(c *admissionregistration.ValidatingWebhookConfiguration, w admissionregistration.ValidatingWebhook) *admissionregistration.ValidatingWebhookConfiguration {
	c.Webhooks = append(c.Webhooks, w)
	return c
}

func (g *Guard) webhook(name string, to Reach, policy admissionregistration.FailurePolicyType, rules []admissionregistration.RuleWithOperations) admissionregistration.ValidatingWebhook {
	effects, match, timeout := admissionregistration.SideEffectClassNoneOnDryRun, admissionregistration.Equivalent, cmp.Or(to.Timeout, 5)
	return admissionregistration.ValidatingWebhook{
		Name: name, ClientConfig: to.Client, Rules: rules, FailurePolicy: &policy, MatchPolicy: &match,
		SideEffects: &effects, TimeoutSeconds: &timeout, AdmissionReviewVersions: []string{"v1"},
	}
}

// rules are what the checks judge whose mode is not off everywhere: creation and update of
// the resources themselves, and of the subresources that may make them worse.
func (g *Guard) rules() []admissionregistration.RuleWithOperations {
	writes := []admissionregistration.OperationType{admissionregistration.Create, admissionregistration.Update}
	list := g.cfg.Catalogue.Rules(func(k *seaworthy.Check) bool { return g.evaluates(k) && g.ever(k) })
	if g.verifies() {
		for _, r := range scan.Templated() {
			list = scan.AddRule(list, r)
		}
	}
	var out []admissionregistration.RuleWithOperations
	for _, r := range list {
		if all := slices.Contains(r.Resources, "*"); all {
			r.Resources = append(slices.Clone(r.Resources), "pods/ephemeralcontainers")
		}
		out = append(out, admissionregistration.RuleWithOperations{Operations: writes, Rule: r})
	}
	if len(out) > 0 {
		out = append(out, scales...)
	}
	return out
}

// scales are the subresources by which replicas are set.
var scales = []admissionregistration.RuleWithOperations{
	{Operations: []admissionregistration.OperationType{admissionregistration.Update}, Rule: admissionregistration.Rule{
		APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments/scale", "replicasets/scale", "statefulsets/scale"},
	}},
	{Operations: []admissionregistration.OperationType{admissionregistration.Update}, Rule: admissionregistration.Rule{
		APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"replicationcontrollers/scale"},
	}},
	{Operations: []admissionregistration.OperationType{admissionregistration.Update}, Rule: admissionregistration.Rule{
		APIGroups: []string{"argoproj.io"}, APIVersions: []string{"v1alpha1"}, Resources: []string{"rollouts/scale"},
	}},
}

// everywhere is every write and every connection.
var everywhere = []admissionregistration.RuleWithOperations{{
	Operations: []admissionregistration.OperationType{admissionregistration.OperationAll},
	Rule:       admissionregistration.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
}}

// condition is an expression over a request.
type condition struct{ name, expression string }

func (c condition) not(name string) condition { return condition{name, "!(" + c.expression + ")"} }

func conditions(list ...condition) []admissionregistration.MatchCondition {
	var out []admissionregistration.MatchCondition
	for _, c := range list {
		out = append(out, admissionregistration.MatchCondition{Name: c.name, Expression: c.expression})
	}
	return out
}

// quiet keep what a cluster writes all the time, and nobody means, from being sent. None
// of it is a spec or RBAC.
var quiet = []condition{
	{"no-leases", `!(request.resource.group == "coordination.k8s.io" && request.resource.resource in ["leases", "leasecandidates"])`},
	{"no-events", `!(request.resource.resource == "events" && request.resource.group in ["", "events.k8s.io"])`},
	{"no-reviews", `!(request.resource.group in ["authentication.k8s.io", "authorization.k8s.io"])`},
	{"no-status", `!has(request.subResource) || request.subResource != "status"`},
	{"no-endpoints-of-the-cluster", `!(request.resource.resource in ["endpoints", "endpointslices"] && request.resource.group in ["", "discovery.k8s.io"] && ` +
		`request.userInfo.username.matches("^system:(serviceaccount:kube-system:(endpoint|endpointslice|endpointslicemirroring)-controller|kube-controller-manager|apiserver)$"))`},
	{"no-work-of-nodes", `!(request.userInfo.username.startsWith("system:node:") && ` +
		`(request.resource.resource in ["nodes", "csinodes", "podcertificaterequests"] && request.operation == "UPDATE" || has(request.subResource) && request.subResource == "token"))`},
	{"no-addresses-of-services", `!(request.resource.group == "networking.k8s.io" && request.resource.resource == "ipaddresses" && request.userInfo.username == "system:apiserver")`},
	{"no-placing-of-pods", `!(has(request.subResource) && request.subResource == "binding" && request.userInfo.username == "system:kube-scheduler")`},
}

// exempt tells of requests that a webhook that fails must not hold up: those without
// which a cluster cannot come back.
func (g *Guard) exempt() string {
	namespaces := []string{"kube-system"}
	if g.cfg.Namespace != "" {
		namespaces = append(namespaces, g.cfg.Namespace)
	}
	return fmt.Sprintf(`has(request.namespace) && request.namespace in [%s] || request.userInfo.username == %q || `+
		`has(request.userInfo.groups) && "system:nodes" in request.userInfo.groups`, quoted(namespaces), apiServer)
}

// judged tells of requests that the rules match.
func judged(rules []admissionregistration.RuleWithOperations) string {
	var terms, names []string
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				if group == "*" || resource == "*" {
					terms = append(terms, matching(group, resource))
				} else {
					names = append(names, group+"/"+resource)
				}
			}
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) > 0 {
		terms = append(terms, fmt.Sprintf(`(request.resource.group + "/" + request.resource.resource + (has(request.subResource) && request.subResource != "" ? "/" + request.subResource : "")) in [%s]`, quoted(names)))
	}
	if len(terms) == 0 {
		return "false"
	}
	return `request.operation in ["CREATE", "UPDATE"] && (` + strings.Join(terms, " || ") + ")"
}

// matching is a rule with a star.
func matching(group, resource string) string {
	words := []string{}
	if group != "*" {
		words = append(words, "request.resource.group == "+strconv.Quote(group))
	}
	name, sub, _ := strings.Cut(resource, "/")
	if name != "*" {
		words = append(words, "request.resource.resource == "+strconv.Quote(name))
	}
	switch sub {
	case "":
		words = append(words, `(!has(request.subResource) || request.subResource == "")`)
	case "*":
	default:
		words = append(words, "has(request.subResource) && request.subResource == "+strconv.Quote(sub))
	}
	return strings.Join(append(words, "true"), " && ")
}

func quoted(list []string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = strconv.Quote(s)
	}
	return strings.Join(words, ", ")
}
