// SPDX-License-Identifier: Apache-2.0

// Package rbac answers who can do what by Kubernetes' role-based access control, and
// reports the bindings that hand out more than is prudent.
//
// [Reach] is the index under it: roles with their rules, aggregated ones resolved, the
// roles that Kubernetes brings along known offline; bindings with their subjects; and
// for each subject what reaches it, also through the groups that Kubernetes itself
// puts it in. It is built once, in time linear in bindings and rules.
package rbac

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// The groups that the API server puts requests in by itself.
const (
	Masters         = "system:masters" // may do anything, whatever the bindings say
	Authenticated   = "system:authenticated"
	Unauthenticated = "system:unauthenticated"
	ServiceAccounts = "system:serviceaccounts"

	anonymous     = "system:anonymous"
	accountPrefix = "system:serviceaccount:"
)

// Subject is a user, a group or a service account.
type Subject struct {
	Kind      string // User, Group or ServiceAccount
	Namespace string // of a ServiceAccount
	Name      string
}

// String names the subject: "User jane", "ServiceAccount shop/cart".
func (s Subject) String() string {
	if s.Namespace != "" {
		return s.Kind + " " + s.Namespace + "/" + s.Name
	}
	return s.Kind + " " + s.Name
}

// ServiceAccount is the subject of a service account.
func ServiceAccount(namespace, name string) Subject {
	return Subject{rbacv1.ServiceAccountKind, namespace, name}
}

// Groups lists the groups that Kubernetes itself puts the subject in. What an identity
// provider adds is not known here.
func (s Subject) Groups() []Subject {
	group := func(name string) Subject { return Subject{Kind: rbacv1.GroupKind, Name: name} }
	switch {
	case s.Kind == rbacv1.ServiceAccountKind:
		return []Subject{group(ServiceAccounts), group(ServiceAccounts + ":" + s.Namespace), group(Authenticated)}
	case s.Kind == rbacv1.UserKind && s.Name == anonymous:
		return []Subject{group(Unauthenticated)}
	case s.Kind == rbacv1.UserKind:
		return []Subject{group(Authenticated)}
	}
	return nil
}

// Binding is a RoleBinding or ClusterRoleBinding with its role resolved.
type Binding struct {
	Object    *snapshot.Object
	Namespace string // what it is limited to; empty: the whole cluster
	RoleRef   rbacv1.RoleRef
	Role      *Role     // nil where the snapshot does not hold the role
	Subjects  []Subject // in the order of the object, with duplicates
}

// Grant says by which way a subject comes to a right.
type Grant struct {
	Subject Subject // as bound: the group, where the right comes through one
	Binding *Binding
	Rule    *Rule
}

// Reach is who can do what. It is read-only once built.
type Reach struct {
	pool     *pool
	bindings []*Binding
	of       map[Subject][]*Binding
}

// NewReach builds the index of a snapshot.
func NewReach(s *snapshot.Snapshot) *Reach {
	r := &Reach{pool: newPool(s), of: map[Subject][]*Binding{}}
	for o, b := range snapshot.All[*rbacv1.ClusterRoleBinding](s, "ClusterRoleBinding") {
		r.bind(o, "", b.RoleRef, b.Subjects)
	}
	for o, b := range snapshot.All[*rbacv1.RoleBinding](s, "RoleBinding") {
		r.bind(o, o.EffectiveNamespace(), b.RoleRef, b.Subjects)
	}
	return r
}

func (r *Reach) bind(o *snapshot.Object, namespace string, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
	b := &Binding{Object: o, Namespace: namespace, RoleRef: ref, Role: r.pool.resolve(o, namespace, ref)}
	for _, s := range subjects {
		subject := normal(s, namespace)
		b.Subjects = append(b.Subjects, subject)
		if list := r.of[subject]; len(list) == 0 || list[len(list)-1] != b {
			r.of[subject] = append(list, b)
		}
	}
	r.bindings = append(r.bindings, b)
}

// normal gives one form to each subject: a user that is named as the API server names
// service accounts is one.
func normal(s rbacv1.Subject, namespace string) Subject {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		if s.Namespace == "" {
			s.Namespace = namespace
		}
		return ServiceAccount(s.Namespace, s.Name)
	case rbacv1.UserKind:
		if rest, ok := strings.CutPrefix(s.Name, accountPrefix); ok {
			if ns, name, ok := strings.Cut(rest, ":"); ok {
				return ServiceAccount(ns, name)
			}
		}
	}
	return Subject{Kind: s.Kind, Name: s.Name}
}

// Bindings lists all bindings, cluster-wide ones first.
func (r *Reach) Bindings() []*Binding { return r.bindings }

// Grants lists every rule that reaches the subject, by itself or through a group that
// Kubernetes puts it in, with the way that it takes.
func (r *Reach) Grants(who Subject) []Grant {
	var out []Grant
	for _, s := range append([]Subject{who}, who.Groups()...) {
		for _, b := range r.of[s] {
			if b.Role == nil {
				continue
			}
			for i := range b.Role.Rules {
				out = append(out, Grant{s, b, &b.Role.Rules[i]})
			}
		}
	}
	return out
}

// Can tells whether the subject may do what is asked in the namespace, where an empty
// one means in all of them, and gives the first way found. Members of system:masters
// may do anything, by no binding.
func (r *Reach) Can(who Subject, namespace string, a Ask) (Grant, bool) {
	if who == (Subject{Kind: rbacv1.GroupKind, Name: Masters}) {
		return Grant{Subject: who}, true
	}
	for _, g := range r.Grants(who) {
		if g.Binding.reaches(namespace, a) && g.Rule.Allows(a) {
			return g, true
		}
	}
	return Grant{}, false
}

// WhoCan lists the subjects as they are bound that may do what is asked in the
// namespace, where an empty one means in all of them: one grant for each subject and
// binding. Everyone in a group that is listed may too, and so may system:masters.
func (r *Reach) WhoCan(namespace string, a Ask) []Grant {
	rules := map[*Role]*Rule{}
	var out []Grant
	for _, b := range r.bindings {
		if b.Role == nil || !b.reaches(namespace, a) {
			continue
		}
		rule, ok := rules[b.Role]
		if !ok {
			rule = b.Role.allowing(a)
			rules[b.Role] = rule
		}
		if rule == nil {
			continue
		}
		for _, s := range b.Subjects {
			out = append(out, Grant{s, b, rule})
		}
	}
	return out
}

// reaches tells whether the binding's scope holds what is asked.
func (b *Binding) reaches(namespace string, a Ask) bool {
	return b.Namespace == "" || !a.ClusterScoped && b.Namespace == namespace
}
