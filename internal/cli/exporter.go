// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// exporter makes Kubernetes objects of checks.
type exporter struct {
	cfg       *config.Config
	target    *version.Version
	otherwise admission.Mode // of checks of which no setting speaks
	namespace string         // of the params
	agent     string         // that may keep them; empty: none
	bare      bool           // without bindings
	// cluster and environment are those of the modes; source is what the server calls the
	// cluster.
	cluster, environment, source string
	waivers                      []seaworthy.TrackedWaiver
	item                         func(seaworthy.Waiver) (string, bool)
	now                          time.Time

	params  []*corev1.ConfigMap
	objects []any
	notes   []string // what the reader must know
	refused bool     // something that was asked for is not there
}

func (e *exporter) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// check adds a check; named tells that somebody asked for this one.
func (e *exporter) check(s checks.Source, named bool) error {
	set := e.cfg.Checks[s.ID]
	if s.NeedsParams && len(set.Parameters) == 0 {
		e.note("%s is left out: its parameters are not set", s.ID)
		e.refused = e.refused || named
		return nil
	}
	here, modes, err := admission.NativeMode(&s.Check, e.settings(), e.cluster, e.environment, cmp.Or(admission.Mode(set.Mode), e.otherwise))
	if err != nil {
		return fmt.Errorf("agent.admission.modes: %w", err)
	}
	modes = slices.DeleteFunc(modes, func(m admission.Mode) bool { return m == admission.Off })
	if len(modes) == 0 && !named && !e.bare {
		return nil
	}
	policy := cel.WorseOnly(s.Policy)
	if !e.bare {
		policy = cel.Bound(s.Policy, &s.Check, here)
	}
	policy.Name = "seaworthy-" + s.ID
	if err := cel.CompilesOn(policy, e.target); err != nil {
		e.note("%s is left out: %v", s.ID, err)
		e.refused = true
		return nil
	}
	fail := admissionv1.Fail
	if !e.bare && !slices.Contains(modes, admission.Deny) {
		// An audit annotation that cannot be evaluated refuses, whatever a binding says.
		fail = admissionv1.Ignore
	}
	policy.Spec.FailurePolicy = cmp.Or(policy.Spec.FailurePolicy, &fail)
	e.objects = append(e.objects, policy)
	for _, m := range modes {
		if !e.bare {
			e.bind(s, m, policy.Name, len(modes) > 1)
		}
	}
	return nil
}

// settings are the modes of the configuration, with what scopes switch off before them.
func (e *exporter) settings() []admission.ModeIn {
	var out []admission.ModeIn
	for _, s := range e.cfg.Scopes {
		out = append(out, admission.ModeIn{Checks: s.Off, Namespaces: s.Namespaces, Mode: admission.Off})
	}
	return append(out, admissionConfig(e.cfg.Agent.Admission).Modes...)
}

var actions = map[admission.Mode]admissionv1.ValidationAction{
	admission.Audit: admissionv1.Audit, admission.Warn: admissionv1.Warn, admission.Deny: admissionv1.Deny,
}

// bind adds the binding of a policy for one mode, with the params that say what is waived.
func (e *exporter) bind(s checks.Source, mode admission.Mode, policy string, one bool) {
	b := &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: policy},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: policy, ValidationActions: []admissionv1.ValidationAction{actions[mode]},
		},
	}
	if one {
		b.Name += "-" + string(mode)
	}
	// A binding that does not refuse must not begin to where its params are gone.
	without := admissionv1.AllowAction
	if mode == admission.Deny {
		without = admissionv1.DenyAction
		b.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: e.spared()},
			},
		}}
	}
	b.Spec.ParamRef = &admissionv1.ParamRef{Name: e.paramsOf(s, b.Name, mode), Namespace: e.namespace, ParameterNotFoundAction: &without}
	e.objects = append(e.objects, b)
}

// spared are the namespaces without which nobody could mend anything.
func (e *exporter) spared() []string {
	out := []string{"kube-system", e.namespace}
	slices.Sort(out)
	return slices.Compact(out)
}

// paramsOf gives the name of the params of a binding. Checks without parameters share
// those of their mode.
func (e *exporter) paramsOf(s checks.Source, binding string, mode admission.Mode) string {
	given := e.parameters(s, e.cfg.Checks[s.ID])
	name := binding
	if s.Policy.Spec.ParamKind == nil || len(given) == 0 {
		name = "seaworthy-" + string(mode)
	}
	i := slices.IndexFunc(e.params, func(p *corev1.ConfigMap) bool { return p.Name == name })
	if i < 0 {
		i = len(e.params)
		e.params = append(e.params, &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: e.namespace, Labels: map[string]string{
				admission.NativeLabel: admission.NativeParams,
			}},
			Data: map[string]string{cel.BoundMode: string(mode)},
		})
	}
	p := e.params[i]
	if name == binding {
		maps.Copy(p.Data, given)
	}
	waived, left := admission.NativeWaivers([]string{s.ID}, e.waivers, e.source, e.now, e.item)
	maps.Copy(p.Data, waived)
	for _, why := range left {
		if text := s.ID + " does not know " + why; !slices.Contains(e.notes, text) {
			e.notes = append(e.notes, text)
		}
	}
	return name
}

// parameters are those of the configuration, and the version of the server for checks
// that follow it.
func (e *exporter) parameters(s checks.Source, set config.Check) map[string]string {
	params := maps.Clone(set.Parameters)
	if params == nil {
		params = map[string]string{}
	}
	follows := slices.ContainsFunc(s.Params, func(p seaworthy.Param) bool { return p.Name == scan.TargetParam })
	if _, given := params[scan.TargetParam]; follows && !given {
		params[scan.TargetParam] = fmt.Sprintf("%d.%d", e.target.Major(), e.target.Minor())
	}
	return params
}

// approved takes waivers of files, of which those count that somebody approved.
func (e *exporter) approved(list []seaworthy.Waiver) {
	for i, w := range list {
		switch {
		case w.Approver == "":
			e.note("the waiver of %s by %s has no approver, and is left out", w.Check, w.Owner)
		case w.File != "":
			e.note("the waiver of %s by %s is of a file, and a cluster has none", w.Check, w.Owner)
		default:
			e.waivers = append(e.waivers, seaworthy.TrackedWaiver{ID: fmt.Sprint(i), Waiver: w, State: seaworthy.WaiverApproved})
		}
	}
}

// keeping lets the agent bring waivers up to date: in these ConfigMaps, and no others.
func (e *exporter) keeping() []any {
	if e.agent == "" || len(e.params) == 0 {
		return nil
	}
	const group, name = "rbac.authorization.k8s.io", "seaworthy-native"
	meta := metav1.ObjectMeta{Name: name, Namespace: e.namespace}
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"update"}}
	for _, p := range e.params {
		rule.ResourceNames = append(rule.ResourceNames, p.Name)
	}
	return []any{
		&rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: group + "/v1", Kind: "Role"}, ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: group + "/v1", Kind: "RoleBinding"}, ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: group, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: e.agent, Namespace: e.namespace}},
		},
	}
}

// write writes everything as one stream, the namespace of the params and these first;
// onlyParams leaves out the rest.
func (e *exporter) write(w io.Writer, onlyParams bool) error {
	var objects []any
	if len(e.params) > 0 && !onlyParams {
		objects = append(objects, map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": e.namespace},
		})
	}
	for _, p := range e.params {
		objects = append(objects, p)
	}
	if !onlyParams {
		objects = append(append(objects, e.keeping()...), e.objects...)
	}
	for _, o := range objects {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("export a check: %w", err)
		}
		text := strings.TrimSuffix(string(raw), "status: {}\n")
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return fmt.Errorf("write the policies: %w", err)
		}
	}
	return nil
}
