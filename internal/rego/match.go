// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// match is the spec.match of a Constraint: what it concerns, as
// https://open-policy-agent.github.io/gatekeeper/website/docs/howto#the-match-field says.
// All of it must hold; what is not given always does.
type match struct {
	Source             string                `json:"source"`
	Kinds              []groupKinds          `json:"kinds"`
	Scope              string                `json:"scope"`
	Namespaces         []string              `json:"namespaces"`
	ExcludedNamespaces []string              `json:"excludedNamespaces"`
	LabelSelector      *metav1.LabelSelector `json:"labelSelector"`
	NamespaceSelector  *metav1.LabelSelector `json:"namespaceSelector"`
	Name               string                `json:"name"`

	labels, namespaceLabels labels.Selector // nil where not given
}

type groupKinds struct {
	APIGroups []string `json:"apiGroups"`
	Kinds     []string `json:"kinds"`
}

// prepare parses the selectors and refuses values that would silently match nothing or
// everything.
func (m *match) prepare() error {
	for _, s := range []struct {
		name string
		from *metav1.LabelSelector
		to   *labels.Selector
	}{{"labelSelector", m.LabelSelector, &m.labels}, {"namespaceSelector", m.NamespaceSelector, &m.namespaceLabels}} {
		if s.from == nil {
			continue
		}
		parsed, err := metav1.LabelSelectorAsSelector(s.from)
		if err != nil {
			return fmt.Errorf("spec.match.%s: %w", s.name, err)
		}
		*s.to = parsed
	}
	if !slices.Contains([]string{"", "*", "Cluster", "Namespaced"}, m.Scope) {
		return fmt.Errorf("spec.match.scope %q is not one of *, Cluster, Namespaced", m.Scope)
	}
	if !slices.Contains([]string{"", "All", "Original", "Generated"}, m.Source) {
		return fmt.Errorf("spec.match.source %q is not one of All, Original, Generated", m.Source)
	}
	return nil
}

// matches tells whether the constraint concerns the object.
func (m *match) matches(r *Request) bool {
	return m.Source != "Generated" && // nothing here was expanded from a template
		m.matchesKind(r) && m.matchesScope(r) && m.matchesNamespace(r) &&
		(m.Name == "" || glob(m.Name, r.Name)) && m.matchesLabels(r)
}

func (m *match) matchesKind(r *Request) bool {
	if len(m.Kinds) == 0 {
		return true
	}
	has := func(list []string, v string) bool {
		return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, v)
	}
	return slices.ContainsFunc(m.Kinds, func(k groupKinds) bool {
		return has(k.Kinds, r.Kind) && has(k.APIGroups, r.Group)
	})
}

func (m *match) matchesScope(r *Request) bool {
	namespaced := r.Namespace != "" && !r.isNamespace()
	switch m.Scope {
	case "Cluster":
		return !namespaced
	case "Namespaced":
		return namespaced
	}
	return true
}

// matchesNamespace looks at the namespace that an object is in or is; other objects of
// the cluster's scope always match.
func (m *match) matchesNamespace(r *Request) bool {
	namespace := r.Namespace
	if r.isNamespace() {
		namespace = r.Name
	}
	if namespace == "" {
		return true
	}
	in := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, namespace) })
	}
	return (len(m.Namespaces) == 0 || in(m.Namespaces)) && !in(m.ExcludedNamespaces)
}

// matchesLabels looks at the labels of the object, or of the object before the change,
// and at those of its namespace.
func (m *match) matchesLabels(r *Request) bool {
	if m.labels != nil {
		now := m.labels.Matches(labelSet(dig(r.object(), "metadata", "labels")))
		before := r.Old != nil && m.labels.Matches(labelSet(dig(r.Old, "metadata", "labels")))
		if !now && !before {
			return false
		}
	}
	if m.namespaceLabels != nil {
		if l, ok := r.namespaceLabels(); ok && !m.namespaceLabels.Matches(labelSet(l)) {
			return false
		}
	}
	return true
}

func labelSet(v any) labels.Set {
	m, _ := v.(map[string]any)
	set := make(labels.Set, len(m))
	for k, v := range m {
		if s, ok := v.(string); ok {
			set[k] = s
		}
	}
	return set
}

// glob matches a name that may start and end with a star.
func glob(pattern, name string) bool {
	inner, any := strings.CutPrefix(pattern, "*")
	inner, more := strings.CutSuffix(inner, "*")
	switch {
	case any && more:
		return strings.Contains(name, inner)
	case any:
		return strings.HasSuffix(name, inner)
	case more:
		return strings.HasPrefix(name, inner)
	}
	return name == inner
}
