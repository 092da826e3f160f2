// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// exporter makes Kubernetes objects of checks.
type exporter struct {
	cfg     *config.Config
	target  *version.Version
	action  admissionv1.ValidationAction
	bare    bool // without bindings
	objects []any
	params  bool     // some object holds parameters
	notes   []string // what the reader must know
	refused bool     // something that was asked for is not there
}

func (e *exporter) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// check adds a check; named tells that somebody asked for this one.
func (e *exporter) check(s checks.Source, named bool) {
	set := e.cfg.Checks[s.ID]
	if s.NeedsParams && len(set.Parameters) == 0 {
		e.note("%s is left out: its parameters are not set", s.ID)
		e.refused = e.refused || named
		return
	}
	policy := cel.WorseOnly(s.Policy)
	policy.Name = "seaworthy-" + s.ID
	if err := cel.CompilesOn(policy, e.target); err != nil {
		e.note("%s is left out: %v", s.ID, err)
		e.refused = true
		return
	}
	fail := admissionv1.Fail
	policy.Spec.FailurePolicy = cmp.Or(policy.Spec.FailurePolicy, &fail)
	e.objects = append(e.objects, policy)
	if !e.bare {
		e.bind(s, set)
	}
}

// bind adds the binding of a policy and the ConfigMap of its parameters.
func (e *exporter) bind(s checks.Source, set config.Check) {
	action := map[string]admissionv1.ValidationAction{
		"audit": admissionv1.Audit, "warn": admissionv1.Warn, "deny": admissionv1.Deny,
	}[set.Mode]
	name := "seaworthy-" + s.ID
	b := &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{cmp.Or(action, e.action)},
		},
	}
	if without := e.without(s.Check, b.Spec.ValidationActions[0]); len(without) > 0 {
		b.Spec.MatchResources = &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
			MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: without},
			},
		}}
	}
	if params := e.parameters(s, set); s.Policy.Spec.ParamKind != nil && len(params) > 0 {
		deny := admissionv1.DenyAction
		b.Spec.ParamRef = &admissionv1.ParamRef{Name: name, Namespace: exportNamespace, ParameterNotFoundAction: &deny}
		e.params = true
		e.objects = append(e.objects, &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: exportNamespace},
			Data:       params,
		})
	}
	e.objects = append(e.objects, b)
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

// without lists the namespaces that a binding leaves out: those of scopes, and where it
// denies those without which nobody could mend anything.
func (e *exporter) without(k seaworthy.Check, action admissionv1.ValidationAction) []string {
	var out []string
	if action == admissionv1.Deny {
		out = append(out, "kube-system", exportNamespace)
	}
	for _, s := range e.cfg.Scopes {
		if !slices.ContainsFunc(s.Off, func(name string) bool { return name == k.ID || strings.EqualFold(name, k.Category) }) {
			continue
		}
		for _, pattern := range s.Namespaces {
			if strings.ContainsAny(pattern, `*?[\`) {
				e.note("%s runs in namespaces %s too: a native policy has no patterns of names", k.ID, pattern)
			} else {
				out = append(out, pattern)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// waivers says which waivers a native policy does not know.
func (e *exporter) waivers(id string, all []seaworthy.Waiver) {
	n := 0
	for _, w := range all {
		if ok, err := path.Match(w.Check, id); err == nil && ok {
			n++
		}
	}
	if n > 0 {
		e.note("%s has %s, which a native policy does not know", id, counted(n, "waiver"))
	}
}

// write writes everything as one stream, the namespace of parameters first.
func (e *exporter) write(w io.Writer) error {
	objects := e.objects
	if e.params {
		objects = slices.Insert(slices.Clone(objects), 0, any(map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": exportNamespace},
		}))
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
