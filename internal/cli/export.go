// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// oldestExport is the first version that serves admissionregistration.k8s.io/v1
// ValidatingAdmissionPolicies.
const oldestExport = "1.30"

// exportNamespace holds the params of exported policies.
const exportNamespace = "seaworthy"

type exportOptions struct {
	version, action, config, namespace  string
	withoutBindings, onlyParams, chosen bool
	waivers                             []string
	cluster, environment                string
	server, tokenFile                   string
	agent                               string
}

func (p *program) checksExportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [CHECK…]",
		Short: "Write checks as plain Kubernetes objects, to be applied to a cluster",
		Long: "Export writes ValidatingAdmissionPolicies with bindings and the ConfigMaps that these take\n" +
			"parameters and waivers from. Without names it writes every check that the configuration\n" +
			"runs and that a policy can express.\n\n" +
			"There is a binding for each mode that a check has somewhere: agent.admission.modes and\n" +
			"scopes say where, then the mode of the check, then --action. On update an exported check\n" +
			"fails only on what the change makes worse. Bindings that deny leave out kube-system and\n" +
			"the namespace of the ConfigMaps, so that no check can lock a cluster out.\n\n" +
			"Approved waivers come from files or from a server (--server, --cluster). A policy sees no\n" +
			"clock but the times that the API server writes into objects: a waiver ends by itself for\n" +
			"what is created, and for what is updated where its fields are tracked. What is revoked\n" +
			"before its end ends with the next export of the params, or with an agent in their namespace\n" +
			"that --agent lets keep them. What a policy cannot honour is said on standard error.",
		Example: "  seaworthy checks export --action Warn | kubectl apply -f -\n" +
			"  seaworthy checks export privileged-container --kubernetes-version 1.32\n" +
			"  seaworthy checks export --server https://seaworthy.example.com --cluster production --only-params | kubectl apply -f -",
		ValidArgsFunction: completeChecks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.chosen = cmd.Flags().Changed("action")
			return p.export(cmd.Context(), o, args)
		},
	}
	cmd.Flags().StringVar(&o.version, "kubernetes-version", newestKubernetes, "`VERSION` of the API server")
	cmd.Flags().StringVar(&o.action, "action", "Audit", "`ACTION` of bindings where the configuration sets no mode: Audit, Warn or Deny")
	cmd.Flags().StringVar(&o.config, "config", "", "Configuration `FILE` with parameters and modes")
	cmd.Flags().BoolVar(&o.withoutBindings, "without-bindings", false, "Write the policies alone, which then know no waivers")
	cmd.Flags().BoolVar(&o.onlyParams, "only-params", false, "Write the ConfigMaps alone, to bring waivers up to date")
	cmd.Flags().StringVar(&o.namespace, "namespace", exportNamespace, "Namespace of the ConfigMaps")
	cmd.Flags().StringArrayVar(&o.waivers, "waivers", nil, "`FILE` of waivers, beside those of the configuration; those with an approver count")
	cmd.Flags().StringVar(&o.cluster, "cluster", "", "`NAME` of the cluster, for modes, and for the waivers of a server")
	cmd.Flags().StringVar(&o.environment, "environment", "", "What the cluster is used for, for modes. Default: what the server says")
	cmd.Flags().StringVar(&o.agent, "agent", "", "`NAME` of the agent's ServiceAccount in the namespace of the ConfigMaps, to let it keep their waivers")
	cmd.Flags().StringVar(&o.server, "server", "", "`URL` of the server whose approved waivers count")
	cmd.Flags().StringVar(&o.tokenFile, "token-file", "", "File with the API token for --server. Default: the environment variable "+tokenVariable)
	return cmd
}

func (p *program) export(ctx context.Context, o exportOptions, ids []string) error {
	e, catalogue, err := p.exporter(ctx, o)
	if err != nil {
		return err
	}
	sources, err := chosen(ids, catalogue.Runs)
	if err != nil {
		return err
	}
	for _, s := range sources {
		if err := e.check(s, len(ids) > 0); err != nil {
			return err
		}
	}
	if err := e.write(p.out, o.onlyParams); err != nil {
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

// exporter makes what exports, with the waivers that count.
func (p *program) exporter(ctx context.Context, o exportOptions) (*exporter, *scan.Catalogue, error) {
	e := &exporter{bare: o.withoutBindings, namespace: o.namespace, agent: o.agent, cluster: o.cluster, environment: o.environment, now: time.Now()}
	var err error
	if e.target, err = version.ParseGeneric(o.version); err != nil {
		return nil, nil, usageError{fmt.Errorf("--kubernetes-version %q is not of the form 1.36", o.version)}
	}
	if e.target.LessThan(version.MustParseGeneric(oldestExport)) {
		return nil, nil, seaworthy.Invalid("Kubernetes %s does not serve admissionregistration.k8s.io/v1 ValidatingAdmissionPolicies; %s is the first that does", o.version, oldestExport)
	}
	if o.server != "" && o.cluster == "" {
		return nil, nil, usageError{errors.New("--server needs --cluster: waivers are those of a cluster")}
	}
	if o.onlyParams && o.withoutBindings {
		return nil, nil, usageError{errors.New("--only-params and --without-bindings leave nothing to write")}
	}
	action, err := parseAction(o.action)
	if err != nil {
		return nil, nil, err
	}
	if e.cfg, err = loadConfig(o.config, nil); err != nil {
		return nil, nil, err
	}
	e.otherwise = admission.Mode(strings.ToLower(string(action)))
	if m := e.cfg.Agent.Admission.Mode; m != "" && !o.chosen {
		e.otherwise = admission.Mode(m)
	}
	e.cfg.Waivers = append(e.cfg.Waivers, o.waivers...)
	if err := e.cfg.Validate(func(path, _ string) string { return path }); err != nil {
		return nil, nil, err
	}
	sc, err := scanConfig(ctx, e.cfg)
	if err != nil {
		return nil, nil, err
	}
	e.approved(sc.Waivers)
	if o.server != "" {
		err = e.ask(ctx, o)
	}
	return e, sc.Catalogue, err
}

// ask takes the approved waivers of a server for the cluster.
func (e *exporter) ask(ctx context.Context, o exportOptions) error {
	c, err := clientOf(o.server, o.tokenFile)
	if err != nil {
		return err
	}
	var sources struct { // all of them, in one page
		Items []seaworthy.DeclaredSource `json:"items"`
	}
	if err := c.Get(ctx, "/api/v1/sources", nil, &sources); err != nil {
		return fmt.Errorf("ask the server for the cluster: %w", err)
	}
	i := slices.IndexFunc(sources.Items, func(s seaworthy.DeclaredSource) bool {
		return s.Kind == seaworthy.KindCluster && (s.ID == o.cluster || s.Name == o.cluster)
	})
	if i < 0 {
		return seaworthy.NotFound("the server knows no cluster %q", o.cluster)
	}
	source := sources.Items[i]
	e.source, e.cluster, e.environment = source.ID, source.Name, cmp.Or(o.environment, source.Environment)
	e.item = func(w seaworthy.Waiver) (string, bool) {
		var f seaworthy.TrackedFinding
		if err := c.Get(ctx, "/api/v1/findings/"+store.FindingID(source.ID, w.Fingerprint), nil, &f); err != nil {
			return "", false
		}
		return admission.NativeItem(source.Name, &seaworthy.Finding{
			Check: f.Check, Object: f.Object, Container: f.Container, Path: f.Path, Fingerprint: f.Fingerprint,
		})
	}
	waivers, err := listed[seaworthy.TrackedWaiver](ctx, c, "/api/v1/waivers", url.Values{"state": {seaworthy.WaiverApproved}})
	if err != nil {
		return fmt.Errorf("ask the server for waivers: %w", err)
	}
	e.waivers = append(e.waivers, waivers...)
	return nil
}

// listed reads all pages of a list of the API.
func listed[T any](ctx context.Context, c *client.Client, path string, query url.Values) ([]T, error) {
	var out []T
	q := url.Values{"limit": {"1000"}}
	maps.Copy(q, query)
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := c.Get(ctx, path, q, &page); err != nil {
			return nil, err
		}
		if out = append(out, page.Items...); page.Next == "" {
			return out, nil
		}
		q.Set("cursor", page.Next)
	}
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
