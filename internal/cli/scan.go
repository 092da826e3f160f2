// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// newestKubernetes is the version that this build's evaluator and tables are made for.
const newestKubernetes = "1.36"

// scanOptions are the flags of scan that are not settings of the configuration.
type scanOptions struct {
	configFile    string
	cluster       bool
	output        string
	outputFile    string
	coverage      bool
	all           bool
	color         string
	includePassed bool
	noProgress    bool
	fixes         fixOptions
	upload        uploadOptions
}

func (p *program) scanCommand() *cobra.Command {
	var o scanOptions
	flags := &config.Config{}
	cmd := &cobra.Command{
		Use:   "scan PATH…",
		Short: "Check manifests, charts, kustomizations or a live cluster",
		Long: "Scan checks files, folders, globs or standard input (-) by every check. Helm charts and\n" +
			"kustomizations are found and rendered. With --cluster it checks a live cluster instead.\n\n" +
			"Exit codes: 0 clean, 1 internal error, 2 an input could not be read or understood\n" +
			"(also when there are findings), 3 findings at or above --fail-on.",
		Example: "  seaworthy scan deploy/\n  helm template . | seaworthy scan -\n" +
			"  seaworthy scan --cluster --coverage\n  seaworthy scan . --output sarif --output-file seaworthy.sarif",
		RunE: func(cmd *cobra.Command, args []string) error { return p.scan(cmd, args, &o, flags) },
	}
	f := cmd.Flags()
	f.StringVar(&o.configFile, "config", "", "Configuration file. Default: "+config.FileName+" beside the first path or above it")
	f.BoolVar(&o.cluster, "cluster", false, "Scan the live cluster of the kubeconfig")
	f.StringVarP(&o.output, "output", "o", "text", "Format: "+strings.Join(output.Names(), ", "))
	f.StringVar(&o.outputFile, "output-file", "", "Write the report to this file")
	f.Var(coverageFlag{&o.coverage, &flags.Coverage}, "coverage", "Show what the scan says about each criterion of SOC 2, or of the frameworks that are named")
	f.Lookup("coverage").NoOptDefVal = asConfigured
	f.BoolVar(&o.all, "all", false, "Show every finding in text, not only examples of each check")
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	f.BoolVar(&o.includePassed, "include-passed", false, "Report also what passed")
	f.BoolVar(&o.noProgress, "no-progress", false, "Show no progress bar")
	o.fixes.flags(f)
	o.upload.flags(f)
	addSettings(f, flags)
	complete(cmd)
	return cmd
}

func (p *program) scan(cmd *cobra.Command, args []string, o *scanOptions, flags *config.Config) error {
	cfg, err := loadConfig(o.configFile, args)
	if err != nil {
		return err
	}
	override(cmd.Flags(), cfg, flags)
	if len(args) == 0 && !o.cluster {
		args = cfg.Paths
	}
	if err := o.validate(cmd, cfg, args); err != nil {
		return err
	}
	format, err := output.Named(o.output)
	if err != nil {
		return err
	}
	if o.cluster {
		return p.scanCluster(cmd.Context(), cfg, o, format)
	}
	sc, err := scanConfig(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if o.fixes.fix {
		return p.fix(cmd, cfg, sc, args, o)
	}
	in, err := p.input(cmd.Context(), cfg, sc, args, o.cluster)
	if err != nil {
		return err
	}
	return p.report(cmd.Context(), cfg, sc, in, o, format)
}

func (p *program) scanCluster(ctx context.Context, cfg *config.Config, o *scanOptions, format output.Format) error {
	l, err := openCluster(ctx, cfg)
	if err != nil {
		return err
	}
	sc, err := scanConfig(ctx, cfg)
	if err != nil {
		return err
	}
	return p.report(ctx, cfg, sc, l.input(), o, format)
}

// clusterFlags and fileFlags say nothing about the other kind of source.
var (
	clusterFlags = []string{"kubeconfig", "context", "namespace", "secrets"}
	fileFlags    = []string{"gitignore", "skip-vendored", "allow-network", "values", "set", "release", "release-namespace"}
)

// validate finds what does not go together.
func (o *scanOptions) validate(cmd *cobra.Command, cfg *config.Config, args []string) error {
	if err := cfg.Validate(flagNamed); err != nil {
		return err
	}
	bad := func(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
	switch {
	case o.cluster && len(args) > 0:
		return bad("give paths to scan or --cluster, not both")
	case !o.cluster && len(args) == 0:
		return bad("give paths to scan ('-' is standard input), or --cluster for a live cluster; 'seaworthy scan --help' has examples")
	case slices.Contains(args, ""):
		return bad("a path is empty")
	case !slices.Contains(colorModes, o.color):
		return bad("--color %q is not one of %s", o.color, strings.Join(colorModes, ", "))
	}
	flags, goes := clusterFlags, "goes with --cluster"
	if o.cluster {
		flags, goes = fileFlags, "goes with paths, not with --cluster"
	}
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			return bad("--%s %s", name, goes)
		}
	}
	return errors.Join(o.fixes.validate(cmd, args, o.cluster), o.upload.validate())
}

// report runs the scan and writes the report.
func (p *program) report(ctx context.Context, cfg *config.Config, sc *scan.Config, in *scan.Input, o *scanOptions, format output.Format) (err error) {
	out, finish, err := p.sink(o.outputFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish(err != nil)) }()
	options := output.Options{
		All: o.all, MoreHint: "--all", Coverage: o.coverage, Baseline: cfg.Baseline != "",
		Color: wantsColor(o.color, out), Width: width(out), Root: sc.Base,
	}
	if !o.noProgress {
		bar := output.NewProgress(p.err, isTerminal(p.err), "scanning")
		sc.Progress = bar.Set
		defer bar.Done()
		if isTerminal(out) {
			out = bar.Beside(out)
		}
	}
	sc.IncludePassed = o.includePassed
	up, err := o.upload.begin(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, up.close()) }()
	handler, watched, err := up.beside(format.New(out, options), *in)
	if err != nil {
		return err
	}
	summary, err := scan.Run(ctx, *sc, watched, handler)
	if err != nil {
		return errors.Join(err, output.Close(handler))
	}
	p.exit = summary.Exit
	return up.send(ctx, in.Source.Name)
}

func (p *program) progress(sc *scan.Config, o *scanOptions) (done func()) {
	if o.noProgress {
		return func() {}
	}
	bar := output.NewProgress(p.err, isTerminal(p.err), "scanning")
	sc.Progress = bar.Set
	return bar.Done
}

// complete tells shells what flags take.
func complete(cmd *cobra.Command) {
	formats := make([]string, len(output.Formats))
	for i, f := range output.Formats {
		formats[i] = f.Name + "\t" + f.Doc
	}
	for flag, values := range map[string][]string{
		"output": formats, "color": colorModes, "fail-on": {"critical", "high", "medium", "low", "info", "none"},
		"provider": append([]string{kube.SelfManaged}, analysis.Providers()...),
	} {
		fixed := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
		_ = cmd.RegisterFlagCompletionFunc(flag, fixed) // fails for a flag that is not there, which a test would see
	}
	for _, flag := range []string{"only", "except", "mode", "severity", "parameter"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, completeChecks)
	}
}
