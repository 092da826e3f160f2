// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// Rights are what an agent needs: of the cluster, and in the namespace of its own.
type Rights struct {
	Cluster, Namespace []rbacv1.PolicyRule
}

// RightsOptions say what the agent does.
type RightsOptions struct {
	// Name of the agent's own objects.
	Name string
	// Secrets are listed too.
	Secrets bool
	// Own names the Secrets that the agent is told to follow, beside those of its name.
	Own []string
	// Admission keeps a webhook in place.
	Admission bool
	// OpenReports are written into the cluster.
	OpenReports bool
}

// Needs gives the least that an agent needs. The chart's roles are made of it, a test runs
// an agent with nothing else, and each agent holds what it was given against it.
func Needs(o RightsOptions) Rights {
	own := func(group, resource, name string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: []string{name}, Verbs: verbs}
	}
	out := Rights{Cluster: kube.Watching(o.Secrets)}
	out.Namespace = []rbacv1.PolicyRule{
		own("coordination.k8s.io", "leases", o.Name, "get", "update"),
		own("", "secrets", keySecret(o.Name), "get", "update"),
	}
	for _, name := range o.followed() {
		out.Namespace = append(out.Namespace, own("", "secrets", name, "list", "watch"))
	}
	if o.OpenReports { // to list them is among what watching needs
		out.Cluster = append(out.Cluster, rbacv1.PolicyRule{
			APIGroups: []string{"openreports.io"}, Resources: []string{"clusterreports", "reports"}, Verbs: []string{"create", "delete", "patch"},
		})
	}
	if !o.Admission {
		return out
	}
	const group, hooks = "admissionregistration.k8s.io", "validatingwebhookconfigurations"
	out.Cluster = append(out.Cluster,
		// A name cannot be asked for where an object is made.
		rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{hooks}, Verbs: []string{"create"}},
		own(group, hooks, o.Name, "get", "update"),
	)
	out.Namespace = append(out.Namespace,
		own("", "secrets", certificateSecret(o.Name), "get", "update"),
		own("", "configmaps", o.Name+"-canary", "get", "update"),
	)
	return out
}

// followed names the Secrets of the agent's namespace that it follows one by one: those that
// it keeps, and those that it works with. It holds their values anyway. Where it may list
// all, it follows them with the others.
func (o *RightsOptions) followed() []string {
	if o.Secrets {
		return nil
	}
	out := []string{keySecret(o.Name)}
	if o.Admission {
		out = append(out, certificateSecret(o.Name))
	}
	for _, name := range o.Own {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// The Secrets that the agent keeps.
func keySecret(name string) string         { return name + "-key" }
func certificateSecret(name string) string { return name + "-certificate" }

// rightsOptions say what this agent does.
func (a *Agent) rightsOptions() *RightsOptions {
	return &RightsOptions{Name: a.cfg.Name, Secrets: a.cfg.Secrets, Own: a.cfg.OwnSecrets, Admission: a.cfg.admits(), OpenReports: a.cfg.OpenReports}
}

// selfCheck asks what the agent is allowed and holds it against what it needs: what is
// lacking, and what it does not need. Kubernetes tells the rights that a subject has in one
// namespace, also those that everybody has; these are no excess.
func (a *Agent) selfCheck(ctx context.Context) (lacking, excess []string, err error) {
	needs := Needs(*a.rightsOptions())
	needs.Namespace = append(needs.Namespace, a.nativeRights(ctx)...)
	own, err := a.rightsIn(ctx, a.cfg.Namespace)
	if err != nil {
		return nil, nil, err
	}
	lacking, excess = compare(slices.Concat(needs.Cluster, needs.Namespace), own)
	if own.Incomplete {
		lacking = nil // somebody else than RBAC grants rights here, and does not list them
	}
	// Elsewhere it needs what it needs everywhere, and where it hurts most it is asked for.
	for _, namespace := range []string{metav1.NamespaceSystem, metav1.NamespaceDefault} {
		if namespace == a.cfg.Namespace {
			continue
		}
		has, err := a.rightsIn(ctx, namespace)
		if err != nil {
			return nil, nil, err
		}
		_, there := compare(needs.Cluster, has)
		for _, r := range there {
			if !slices.Contains(excess, r) {
				excess = append(excess, r+" in "+namespace)
			}
		}
	}
	return lacking, excess, nil
}

// rightsIn asks what the agent is allowed in a namespace.
func (a *Agent) rightsIn(ctx context.Context, namespace string) (*authorizationv1.SubjectRulesReviewStatus, error) {
	review := &authorizationv1.SelfSubjectRulesReview{}
	review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectRulesReview"
	review.Spec.Namespace = namespace
	_, err := a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPost, Path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", Body: review, Into: review})
	if err != nil {
		return nil, fmt.Errorf("ask for the agent's own rights: %w", err)
	}
	return &review.Status, nil
}

// right is one verb on one resource.
type right struct{ group, resource, name, verb string }

func (r right) String() string {
	out := r.verb + " " + r.resource
	if r.group != "" {
		out += "." + r.group
	}
	if r.name != "" {
		out += "/" + r.name
	}
	return out
}

func rightsOf(groups, resources, names, verbs []string) []right {
	if len(names) == 0 {
		names = []string{""}
	}
	var out []right
	for _, g := range groups {
		for _, r := range resources {
			for _, n := range names {
				for _, v := range verbs {
					out = append(out, right{g, r, n, v})
				}
			}
		}
	}
	return out
}

// everybody are rights that Kubernetes gives to all who are known to it.
var everybody = []right{
	{"authorization.k8s.io", "selfsubjectaccessreviews", "", "create"}, {"authorization.k8s.io", "selfsubjectrulesreviews", "", "create"},
	{"authentication.k8s.io", "selfsubjectreviews", "", "create"},
}

// anybody may get these: what the API server is and serves, and whether it is well.
var anybody = []string{
	"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/openapi", "/openapi/*", "/version", "/version/",
	"/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/",
}

// compare tells which rights are lacking, and which are there that nobody needs.
func compare(needs []rbacv1.PolicyRule, has *authorizationv1.SubjectRulesReviewStatus) (lacking, excess []string) {
	var needed, given []right
	for _, n := range needs {
		needed = append(needed, rightsOf(n.APIGroups, n.Resources, n.ResourceNames, n.Verbs)...)
	}
	for _, h := range has.ResourceRules {
		given = append(given, rightsOf(h.APIGroups, h.Resources, h.ResourceNames, h.Verbs)...)
	}
	var asked, open []address
	for _, n := range needs {
		asked = append(asked, addressesOf(n.NonResourceURLs, n.Verbs)...)
	}
	for _, h := range has.NonResourceRules {
		open = append(open, addressesOf(h.NonResourceURLs, h.Verbs)...)
	}
	lacking = append(without(needed, given, right.covers), without(asked, open, address.covers)...)
	excess = append(without(given, slices.Concat(needed, everybody), right.covers),
		without(open, slices.Concat(asked, addressesOf(anybody, []string{"get", "head"})), address.covers)...)
	slices.Sort(excess)
	return slices.Compact(lacking), slices.Compact(excess)
}

// without lists those that none of some others covers.
func without[T fmt.Stringer](list, others []T, covers func(T, T) bool) (out []string) {
	for _, x := range list {
		if !slices.ContainsFunc(others, func(o T) bool { return covers(o, x) }) {
			out = append(out, x.String())
		}
	}
	return out
}

// address is one verb on what is no resource.
type address struct{ url, verb string }

func (a address) String() string { return a.verb + " " + a.url }

func addressesOf(urls, verbs []string) (out []address) {
	for _, u := range urls {
		for _, v := range verbs {
			out = append(out, address{u, v})
		}
	}
	return out
}

// covers tells whether the address includes another one; one that ends in a star is all
// that begins with it.
func (a address) covers(o address) bool {
	if a.verb != "*" && a.verb != o.verb {
		return false
	}
	prefix, star := strings.CutSuffix(a.url, "*")
	return a.url == o.url || star && strings.HasPrefix(o.url, prefix)
}

// covers tells whether the right includes another one.
func (r right) covers(o right) bool {
	all := func(mine, theirs string) bool { return mine == "*" || mine == theirs }
	return all(r.group, o.group) && all(r.resource, o.resource) && all(r.verb, o.verb) && (r.name == "" || r.name == o.name)
}
