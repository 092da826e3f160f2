// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// oldestExport is the first version that serves admissionregistration.k8s.io/v1
// ValidatingAdmissionPolicies.
const oldestExport = "1.30"

// exportNamespace holds the params of exported policies.
const exportNamespace = "seaworthy"

type exportOptions struct {
	version, action, config string
	withoutBindings         bool
}

func (p *program) checksExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [CHECK…]",
		Short: "Write checks as plain Kubernetes objects, to be applied to a cluster",
		Long: "Export writes ValidatingAdmissionPolicies with bindings and, where the configuration sets\n" +
			"parameters, their ConfigMaps. Without names it writes every check that the configuration\n" +
			"runs and that a policy can express.\n\n" +
			"On update an exported check fails only on what the change makes worse. Bindings that deny\n" +
			"leave out kube-system and " + exportNamespace + ", so that no check can lock a cluster out. What a native\n" +
			"policy cannot honour (waivers, scopes by pattern) is said on standard error.",
		Example: "  seaworthy checks export --action Warn | kubectl apply -f -\n" +
			"  seaworthy checks export privileged-container --kubernetes-version 1.32",
		ValidArgsFunction: completeChecks,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.export(cmd.Context(), o, args) },
	}
	cmd.Flags().StringVar(&o.version, "kubernetes-version", newestKubernetes, "`VERSION` of the API server")
	cmd.Flags().StringVar(&o.action, "action", "Audit", "`ACTION` of bindings where the configuration sets no mode: Audit, Warn or Deny")
	cmd.Flags().StringVar(&o.config, "config", "", "Configuration `FILE` with parameters and modes")
	cmd.Flags().BoolVar(&o.withoutBindings, "without-bindings", false, "Write the policies alone")
	return cmd
}

func (p *program) export(ctx context.Context, o exportOptions, ids []string) error {
	e := exporter{bare: o.withoutBindings}
	var err error
	if e.target, err = version.ParseGeneric(o.version); err != nil {
		return usageError{fmt.Errorf("--kubernetes-version %q is not of the form 1.36", o.version)}
	}
	if e.target.LessThan(version.MustParseGeneric(oldestExport)) {
		return seaworthy.Invalid("Kubernetes %s does not serve admissionregistration.k8s.io/v1 ValidatingAdmissionPolicies; %s is the first that does", o.version, oldestExport)
	}
	if e.action, err = parseAction(o.action); err != nil {
		return err
	}
	if e.cfg, err = loadConfig(o.config, nil); err != nil {
		return err
	}
	sc, err := scanConfig(ctx, e.cfg)
	if err != nil {
		return err
	}
	sources, err := chosen(ids, sc.Catalogue.Runs)
	if err != nil {
		return err
	}
	for _, s := range sources {
		e.check(s, len(ids) > 0)
		e.waivers(s.ID, sc.Waivers)
	}
	if err := e.write(p.out); err != nil {
		return err
	}
	for _, note := range e.notes {
		p.warn("%s", note)
	}
	if e.refused {
		p.exit = scan.ExitInput
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

// chosen gives the checks to export: those that run, or those named.
func chosen(ids []string, runs func(id string) bool) ([]checks.Source, error) {
	all, err := checks.List()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return slices.DeleteFunc(slices.Clone(all), func(s checks.Source) bool { return !runs(s.ID) }), nil
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
