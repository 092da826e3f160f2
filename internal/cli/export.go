// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// oldestExport is the first version that serves admissionregistration.k8s.io/v1
// ValidatingAdmissionPolicies.
const oldestExport = "1.30"

// exportNamespace holds the params of exported policies.
const exportNamespace = "seaworthy"

type exportOptions struct {
	version, action, config string
	only                    []string
	withoutBindings         bool
}

func (p *program) checksExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [ID…]",
		Short: "Write checks as plain Kubernetes objects, to be applied to a cluster",
		Long: "Export writes ValidatingAdmissionPolicies with bindings and, where the configuration sets\n" +
			"parameters, their ConfigMaps:\n\n  seaworthy checks export --action Warn | kubectl apply -f -\n\n" +
			"On update an exported check fails only on what the change makes worse. Waivers do not reach\n" +
			"native policies; the output says which checks have some.",
		RunE: func(_ *cobra.Command, args []string) error {
			o.only = args
			return p.export(o)
		},
	}
	cmd.Flags().StringVar(&o.version, "kubernetes-version", newestKubernetes, "`VERSION` of the API server")
	cmd.Flags().StringVar(&o.action, "action", "Audit", "What bindings do where the configuration sets no mode: `ACTION` Audit, Warn or Deny")
	cmd.Flags().StringVar(&o.config, "config", "", "Configuration `FILE` with parameters and modes")
	cmd.Flags().BoolVar(&o.withoutBindings, "without-bindings", false, "Write the policies alone")
	return cmd
}

func (p *program) export(o exportOptions) error {
	target, err := version.ParseGeneric(o.version)
	if err != nil {
		return usageError{fmt.Errorf("--kubernetes-version %q is not of the form 1.36", o.version)}
	}
	if target.LessThan(version.MustParseGeneric(oldestExport)) {
		return seaworthy.Invalid("Kubernetes %s does not serve admissionregistration.k8s.io/v1 ValidatingAdmissionPolicies; %s is the first that does", o.version, oldestExport)
	}
	cfg, err := loadConfig(o.config, nil)
	if err != nil {
		return err
	}
	action, err := parseAction(o.action)
	if err != nil {
		return err
	}
	sources, err := chosen(o.only)
	if err != nil {
		return err
	}
	e := exporter{out: p.out, cfg: cfg, target: target, action: action, bare: o.withoutBindings}
	for _, s := range sources {
		if err := e.check(s); err != nil {
			return err
		}
	}
	for _, note := range e.refused {
		p.warn("left out: %s", note)
	}
	if len(e.refused) > 0 {
		p.exit = 2
	}
	return nil
}

func parseAction(s string) (admissionv1.ValidationAction, error) {
	for _, a := range []admissionv1.ValidationAction{admissionv1.Audit, admissionv1.Warn, admissionv1.Deny} {
		if strings.EqualFold(string(a), s) {
			return a, nil
		}
	}
	return "", usageError{fmt.Errorf("--action %q is not one of Audit, Warn, Deny", s)}
}

// chosen gives the checks to export: all, or those named.
func chosen(ids []string) ([]checks.Source, error) {
	all, err := checks.List()
	if err != nil || len(ids) == 0 {
		return all, err
	}
	out := make([]checks.Source, 0, len(ids))
	for _, id := range ids {
		c, err := findCheck(id)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(s checks.Source) bool { return s.ID == c.ID })
		if i < 0 {
			return nil, seaworthy.Invalid("%s needs more than one object, so no policy can express it", id)
		}
		out = append(out, all[i])
	}
	return out, nil
}

type exporter struct {
	out     io.Writer
	cfg     *config.Config
	target  *version.Version
	action  admissionv1.ValidationAction
	bare    bool
	refused []string
}

func (e *exporter) check(s checks.Source) error {
	set := e.cfg.Checks[s.ID]
	if set.Mode == "off" || s.NeedsParams && len(set.Parameters) == 0 {
		return nil
	}
	policy := cel.WorseOnly(s.Policy)
	policy.Name = "seaworthy-" + s.ID
	if err := cel.CompilesOn(policy, e.target); err != nil {
		e.refused = append(e.refused, err.Error())
		return nil
	}
	fail := admissionv1.Fail
	policy.Spec.FailurePolicy = cmp.Or(policy.Spec.FailurePolicy, &fail)
	objects := []any{policy}
	if !e.bare {
		objects = append(objects, e.binding(s, set)...)
	}
	for _, o := range objects {
		raw, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("export %s: %w", s.ID, err)
		}
		if _, err := fmt.Fprintf(e.out, "---\n%s", raw); err != nil {
			return err
		}
	}
	return nil
}

// binding makes the binding of a policy and the ConfigMap of its parameters.
func (e *exporter) binding(s checks.Source, set config.Check) []any {
	action := map[string]admissionv1.ValidationAction{
		"audit": admissionv1.Audit, "warn": admissionv1.Warn, "deny": admissionv1.Deny,
	}[set.Mode]
	b := &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: "seaworthy-" + s.ID},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "seaworthy-" + s.ID, ValidationActions: []admissionv1.ValidationAction{cmp.Or(action, e.action)},
		},
	}
	if s.Policy.Spec.ParamKind == nil || len(set.Parameters) == 0 {
		return []any{b}
	}
	deny := admissionv1.DenyAction
	b.Spec.ParamRef = &admissionv1.ParamRef{Name: "seaworthy-" + s.ID, Namespace: exportNamespace, ParameterNotFoundAction: &deny}
	return []any{&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "seaworthy-" + s.ID, Namespace: exportNamespace},
		Data:       set.Parameters,
	}, b}
}
