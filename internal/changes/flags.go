// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Own tells which objects make up the trail itself: the agent, what it runs as, its
// webhook, its policies.
type Own func(o *seaworthy.ChangedObject) bool

// Flags says what is remarkable about an observation for itself. production tells whether
// the cluster is one.
func Flags(o *Observation, own Own, production bool) []seaworthy.Flag {
	var out []seaworthy.Flag
	if own != nil && o.Verb != seaworthy.VerbRead && own(&o.Object) {
		out = append(out, seaworthy.FlagOwnConfig)
		if o.Verb == seaworthy.VerbDelete && o.Object.Group() == "admissionregistration.k8s.io" {
			out = append(out, seaworthy.FlagAuditRemoved)
		}
	}
	switch o.Verb {
	case seaworthy.VerbExec, seaworthy.VerbAttach, seaworthy.VerbPortForward, seaworthy.VerbProxy:
		if production {
			out = append(out, seaworthy.FlagSession)
		}
	case seaworthy.VerbRead:
		if o.Object.Kind == "Secret" {
			out = append(out, seaworthy.FlagSecretRead)
		}
	case seaworthy.VerbCreate, seaworthy.VerbUpdate:
		if Widens(o.Before, o.After) {
			out = append(out, seaworthy.FlagWidened)
		}
	}
	return out
}

// Undoes finds the change that a later one of the same object undoes: what people mean by
// the object is again what it was before it. The recorded changes are of objects of that
// name, oldest first; -1 for none within the window.
func Undoes(c *seaworthy.Change, recorded []seaworthy.Change, window time.Duration) int {
	for i, r := range slices.Backward(recorded) {
		apart := c.At.Sub(r.At)
		switch {
		case apart > window:
			return -1
		case apart < 0 || r.Outcome == seaworthy.OutcomeDenied || r.Outcome == seaworthy.OutcomeFailed || r.ID == c.ID:
		case r.Verb == seaworthy.VerbCreate && c.Verb == seaworthy.VerbDelete && r.Object.UID == c.Object.UID:
			return i
		case c.Verb != seaworthy.VerbDelete && r.Verb != seaworthy.VerbCreate && c.Object.Intent != "" && was(recorded[:i+1]) == c.Object.Intent && r.Object.Intent != c.Object.Intent:
			return i
		}
	}
	return -1
}

// was is what people meant by the object before the last of its recorded changes: what that
// change tells, or, as audit events of patches do not, what the last one before it left.
func was(recorded []seaworthy.Change) string {
	last := &recorded[len(recorded)-1]
	if last.Object.Was != "" {
		return last.Object.Was
	}
	for _, r := range slices.Backward(recorded[:len(recorded)-1]) {
		switch {
		case r.Outcome == seaworthy.OutcomeDenied || r.Outcome == seaworthy.OutcomeFailed || r.At.After(last.At):
		case r.Verb == seaworthy.VerbDelete:
			return ""
		case r.Object.Intent != "":
			return r.Object.Intent
		}
	}
	return ""
}

// Widens tells whether a role or a binding grants more after than before, as far as the
// object itself shows: a right that no rule granted, a subject that was not bound, a label
// by which roles are gathered into others.
func Widens(before, after map[string]any) bool {
	group, _ := after["apiVersion"].(string)
	if group != "rbac.authorization.k8s.io/v1" {
		return false
	}
	switch after["kind"] {
	case "Role", "ClusterRole":
		had, ok := rules(before)
		has, readable := rules(after)
		if !ok || !readable {
			return true // cannot be compared: said rather than missed
		}
		return slices.ContainsFunc(has, func(r rule) bool { return !granted(r, had) }) || aggregates(before) != aggregates(after)
	case "RoleBinding", "ClusterRoleBinding":
		bound := subjects(before)
		return slices.ContainsFunc(subjects(after), func(s string) bool { return !slices.Contains(bound, s) })
	}
	return false
}

// rule is what a rule of a role says; see [rbac.authorization.k8s.io/v1.PolicyRule].
type rule struct {
	Verbs           []string `json:"verbs"`
	APIGroups       []string `json:"apiGroups"`
	Resources       []string `json:"resources"`
	ResourceNames   []string `json:"resourceNames"`
	NonResourceURLs []string `json:"nonResourceURLs"`
}

func rules(role map[string]any) (out []rule, ok bool) {
	text, err := json.Marshal(role["rules"])
	if err != nil {
		return nil, false
	}
	return out, json.Unmarshal(text, &out) == nil
}

// granted tells whether every right of a rule was granted by one of the others. It may
// call a rule wider that several others granted together only at the level of single
// rights, which it takes apart.
func granted(r rule, had []rule) bool {
	one := func(s string) []string { return []string{s} }
	for _, verb := range r.Verbs {
		for _, url := range r.NonResourceURLs {
			if !slices.ContainsFunc(had, func(h rule) bool { return covers(h.Verbs, verb) && covers(h.NonResourceURLs, url) }) {
				return false
			}
		}
		for _, g := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, name := range orAll(r.ResourceNames) {
					right := rule{Verbs: one(verb), APIGroups: one(g), Resources: one(resource)}
					if name != "" {
						right.ResourceNames = one(name)
					}
					if !slices.ContainsFunc(had, func(h rule) bool { return h.grants(right) }) {
						return false
					}
				}
			}
		}
	}
	return true
}

// orAll gives the names, or one empty name that stands for all of them.
func orAll(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// grants tells whether the rule grants a single right.
func (h rule) grants(right rule) bool {
	if !covers(h.Verbs, right.Verbs[0]) || !covers(h.APIGroups, right.APIGroups[0]) || !covers(h.Resources, right.Resources[0]) {
		return false
	}
	return len(h.ResourceNames) == 0 || len(right.ResourceNames) == 1 && slices.Contains(h.ResourceNames, right.ResourceNames[0])
}

func covers(list []string, one string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, one)
}

func aggregates(role map[string]any) string { return fmt.Sprint(role["aggregationRule"]) }

// subjects lists who is bound, each with what it is bound to.
func subjects(binding map[string]any) []string {
	list, _ := binding["subjects"].([]any)
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprint(s, binding["roleRef"]))
	}
	return out
}
