// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Role is a Role or ClusterRole with everything that it grants.
type Role struct {
	Kind, Namespace, Name string
	Object                *snapshot.Object // nil for a role that Kubernetes brings along
	Rules                 []Rule

	labels    labels.Set
	selectors []metav1.LabelSelector
}

// String names the role: "ClusterRole edit", "Role shop/reader".
func (r *Role) String() string {
	if r.Namespace != "" {
		return r.Kind + " " + r.Namespace + "/" + r.Name
	}
	return r.Kind + " " + r.Name
}

// allowing gives the first rule that grants what is asked, or nil.
func (r *Role) allowing(a Ask) *Rule {
	for i := range r.Rules {
		if r.Rules[i].Allows(a) {
			return &r.Rules[i]
		}
	}
	return nil
}

type roleKey struct{ kind, namespace, name string }

// pool holds the roles of a snapshot and, where it has none of their name, those that
// Kubernetes brings along.
type pool struct {
	roles map[roleKey][]*Role
}

func newPool(s *snapshot.Snapshot) *pool {
	p := &pool{roles: map[roleKey][]*Role{}}
	for o, r := range snapshot.All[*rbacv1.ClusterRole](s, "ClusterRole") {
		role := &Role{Kind: "ClusterRole", Name: o.Name, Object: o, Rules: rules(r.Rules, ""), labels: r.Labels}
		if r.AggregationRule != nil {
			role.selectors = r.AggregationRule.ClusterRoleSelectors
		}
		p.add(role)
	}
	for o, r := range snapshot.All[*rbacv1.Role](s, "Role") {
		p.add(&Role{Kind: "Role", Namespace: o.EffectiveNamespace(), Name: o.Name, Object: o, Rules: rules(r.Rules, "")})
	}
	for _, r := range builtin() {
		if len(p.roles[r.key()]) == 0 {
			own := *r
			p.add(&own)
		}
	}
	p.aggregate()
	return p
}

func (r *Role) key() roleKey { return roleKey{r.Kind, r.Namespace, r.Name} }

func (p *pool) add(r *Role) { p.roles[r.key()] = append(p.roles[r.key()], r) }

// resolve finds the role of a binding, or nil. Where files hold several of that name
// (overlays of one base), the one beside the binding is meant.
func (p *pool) resolve(o *snapshot.Object, namespace string, ref rbacv1.RoleRef) *Role {
	key := roleKey{ref.Kind, namespace, ref.Name}
	if ref.Kind == "ClusterRole" {
		key.namespace = ""
	}
	candidates := p.roles[key]
	var best *Role
	for _, c := range candidates {
		switch {
		case best == nil:
			best = c
		case c.Object != nil && c.Object.Source.File == o.Source.File && c.Object.Source.Root == o.Source.Root:
			return c
		case c.Object != nil && o.Source.Root != "" && c.Object.Source.Root == o.Source.Root &&
			best.Object.Source.Root != o.Source.Root:
			best = c
		}
	}
	return best
}

func sortRoles(roles []*Role) {
	slices.SortStableFunc(roles, func(a, b *Role) int { return cmp.Compare(a.Name, b.Name) })
}

// aggregate fills the aggregated ClusterRoles with the rules of the roles that their
// selectors match, to any depth. A live cluster holds them filled already.
func (p *pool) aggregate() {
	var parts, wholes []*Role
	for key, list := range p.roles {
		if key.kind != "ClusterRole" {
			continue
		}
		for _, r := range list {
			if len(r.labels) > 0 {
				parts = append(parts, r)
			}
			if len(r.selectors) > 0 {
				wholes = append(wholes, r)
			}
		}
	}
	sortRoles(parts)
	state := map[*Role]bool{} // present: visited
	var fill func(*Role)
	fill = func(r *Role) {
		if len(r.selectors) == 0 || state[r] {
			return
		}
		state[r] = true
		own := r.Rules
		r.Rules = nil
		for _, part := range parts {
			if part == r || !r.selects(part) {
				continue
			}
			fill(part)
			for _, rule := range part.Rules {
				if rule.From == "" {
					rule.From = part.Name
				}
				r.Rules = append(r.Rules, rule)
			}
		}
		// In a file these are leftovers that the controller replaces; in a cluster they
		// are the truth, even where a part could not be listed.
		if r.Object != nil && r.Object.Source.File == "" {
			r.Rules = append(r.Rules, own...)
		}
	}
	for _, r := range wholes {
		fill(r)
	}
}

func (r *Role) selects(part *Role) bool {
	for i := range r.selectors {
		s, err := metav1.LabelSelectorAsSelector(&r.selectors[i])
		if err == nil && !s.Empty() && s.Matches(part.labels) {
			return true
		}
	}
	return false
}

func rules(in []rbacv1.PolicyRule, from string) []Rule {
	out := make([]Rule, 0, len(in))
	for _, r := range in {
		if len(r.Resources) > 0 { // else it is about non-resource URLs
			out = append(out, Rule{r, from})
		}
	}
	return out
}

//go:embed builtin.yaml
var builtinYAML []byte

// builtin gives the roles that Kubernetes brings along. They are shared: copy before
// changing one.
var builtin = sync.OnceValue(func() []*Role {
	roles, err := parseBuiltin(builtinYAML)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return roles
})

func parseBuiltin(data []byte) ([]*Role, error) {
	var file []struct {
		Name, Namespace, Into string
		Aggregated            bool
		Rules                 []string
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("read builtin.yaml: %w", err)
	}
	const label = "rbac.authorization.k8s.io/aggregate-to-"
	var out []*Role
	for _, f := range file {
		r := &Role{Kind: "ClusterRole", Namespace: f.Namespace, Name: f.Name}
		if f.Namespace != "" {
			r.Kind = "Role"
		}
		if f.Into != "" {
			r.labels = labels.Set{label + f.Into: "true"}
		}
		if f.Aggregated {
			r.selectors = []metav1.LabelSelector{{MatchLabels: map[string]string{label + f.Name: "true"}}}
		}
		for _, text := range f.Rules {
			parts := strings.Split(text, " | ")
			if len(parts) < 3 || len(parts) > 4 {
				return nil, fmt.Errorf("read builtin.yaml: role %s: rule %q has %d parts", f.Name, text, len(parts))
			}
			rule := rbacv1.PolicyRule{
				Verbs: strings.Split(parts[0], ","), Resources: strings.Split(parts[2], ","),
				APIGroups: strings.Split(strings.ReplaceAll(parts[1], `""`, ""), ","),
			}
			if len(parts) == 4 {
				rule.ResourceNames = strings.Split(parts[3], ",")
			}
			r.Rules = append(r.Rules, Rule{PolicyRule: rule})
		}
		out = append(out, r)
	}
	return out, nil
}
