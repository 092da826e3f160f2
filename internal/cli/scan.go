// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
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
	f.BoolVar(&o.coverage, "coverage", false, "Show what the scan says about each criterion of SOC 2")
	f.BoolVar(&o.all, "all", false, "Show every finding in text, not only examples of each check")
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	f.BoolVar(&o.includePassed, "include-passed", false, "Report also what passed")
	f.BoolVar(&o.noProgress, "no-progress", false, "Show no progress bar")
	o.fixes.flags(f)
	addSettings(f, flags)
	return cmd
}

func (p *program) scan(cmd *cobra.Command, args []string, o *scanOptions, flags *config.Config) error {
	cfg, err := loadConfig(o.configFile, args)
	if err != nil {
		return err
	}
	override(cmd.Flags(), cfg, flags)
	if len(args) == 0 {
		args = cfg.Paths
	}
	if o.cluster == (len(args) > 0) {
		return usageError{errors.New("give paths to scan ('-' is standard input), or --cluster for a live cluster; 'seaworthy scan --help' has examples")}
	}
	if err := o.fixes.validate(cmd, args, o.cluster); err != nil {
		return err
	}
	format, err := output.Named(o.output)
	if err != nil {
		return err
	}
	sc, err := scanConfig(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if o.fixes.fix {
		return p.fix(cmd, cfg, sc, args, o)
	}
	sc.IncludePassed = o.includePassed
	in, err := p.input(cmd.Context(), cfg, sc, args, o.cluster)
	if err != nil {
		return err
	}
	return p.report(cmd.Context(), cfg, sc, in, o, format)
}

// report runs the scan and writes the report.
func (p *program) report(ctx context.Context, cfg *config.Config, sc *scan.Config, in *scan.Input, o *scanOptions, format output.Format) (err error) {
	out := p.out
	if o.outputFile != "" {
		f, err := os.Create(o.outputFile)
		if err != nil {
			return seaworthy.Invalid("write the report: %v", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	handler := format.New(out, output.Options{
		All: o.all, MoreHint: "--all", Coverage: o.coverage, Baseline: cfg.Baseline != "",
		Color: wantsColor(o.color, out), Width: width(out), Root: sc.Base,
	})
	done := p.progress(sc, o)
	summary, err := scan.Run(ctx, *sc, *in, handler)
	done()
	if err != nil {
		return errors.Join(err, output.Close(handler))
	}
	p.exit = summary.Exit
	return nil
}

func (p *program) progress(sc *scan.Config, o *scanOptions) (done func()) {
	if o.noProgress {
		return func() {}
	}
	bar := output.NewProgress(p.err, isTerminal(p.err), "scanning")
	sc.Progress = bar.Set
	return bar.Done
}

func loadConfig(file string, args []string) (*config.Config, error) {
	if file != "" {
		return config.Load(file)
	}
	start := "."
	if len(args) > 0 && args[0] != "-" {
		start = args[0]
	}
	return config.Find(start)
}

// scanConfig turns settings into what a scan needs.
func scanConfig(ctx context.Context, cfg *config.Config) (*scan.Config, error) {
	failOn, err := config.ParseFailOn(cfg.FailOn)
	if err != nil {
		return nil, seaworthy.Invalid("--fail-on: %v", err)
	}
	settings := map[string]scan.Setting{}
	for id, k := range cfg.Checks {
		settings[id] = scan.Setting{Off: k.Mode == "off", Severity: seaworthy.Severity(k.Severity), Parameters: k.Parameters}
	}
	catalogue, err := scan.NewCatalogue(ctx, scan.Selection{Settings: settings, Only: cfg.Only, Except: cfg.Except, Policies: cfg.Policies, Target: cfg.KubernetesVersion})
	if err != nil {
		return nil, err
	}
	sc := &scan.Config{
		Catalogue: catalogue, Tool: seaworthy.Tool{Name: "seaworthy", Version: Version()},
		Target: cmp.Or(cfg.KubernetesVersion, newestKubernetes), Cover: cfg.Coverage, Categories: cfg.Categories,
		HonourAnnotations: cfg.HonourAnnotations, FailOn: failOn, SkipUnreadable: cfg.Inputs.SkipUnreadable,
	}
	if len(cfg.Scopes) > 0 {
		sc.Modes = cfg.Runs
	}
	if sc.Controls, sc.Frameworks, err = programme(cfg); err != nil {
		return nil, err
	}
	for _, file := range cfg.Waivers {
		w, err := config.LoadWaivers(file)
		if err != nil {
			return nil, err
		}
		sc.Waivers = append(sc.Waivers, w...)
	}
	if cfg.Baseline != "" {
		if sc.Baseline, err = baseline(cfg.Baseline); err != nil {
			return nil, err
		}
	}
	return sc, nil
}

// programme loads controls and frameworks, the built-in ones and the user's.
func programme(cfg *config.Config) ([]seaworthy.Control, []seaworthy.Framework, error) {
	cs, err := controls.List()
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range cfg.Controls {
		if cs, _, err = controls.Load(dir, cs); err != nil {
			return nil, nil, err
		}
	}
	fs, err := frameworks.List()
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range cfg.Frameworks {
		if fs, _, err = frameworks.Load(dir, fs, cs); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range cfg.Coverage {
		if !slices.ContainsFunc(fs, func(f seaworthy.Framework) bool { return f.ID == id }) {
			return nil, nil, seaworthy.Invalid("coverage: there is no framework %q", id)
		}
	}
	return cs, fs, nil
}

func baseline(file string) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, seaworthy.Invalid("read the baseline: %v", err)
	}
	defer f.Close()
	known := map[string]bool{}
	for fp, err := range output.Fingerprints(f) {
		if err != nil {
			return nil, seaworthy.Invalid("read the baseline %s: %v", file, err)
		}
		known[fp] = true
	}
	return known, nil
}

// input plans what to read.
func (p *program) input(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string, cluster bool) (*scan.Input, error) {
	if cluster {
		return p.clusterInput(ctx, cfg, sc)
	}
	plan, dec, err := p.manifests(ctx, cfg, sc, args)
	if err != nil {
		return nil, err
	}
	in := scan.Files(source(cfg, sc, args), plan, dec)
	return &in, nil
}

// manifests plans what to read of paths, and learns the custom kinds that they define.
func (p *program) manifests(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string) (*manifest.Plan, *snapshot.Decoder, error) {
	sc.Base, _ = sourceOf(args[0])
	plan, err := manifest.NewPlan(ctx, manifest.Options{
		Paths: args, Stdin: p.in, ValuesFiles: cfg.Helm.Values, Set: cfg.Helm.Set, ReleaseName: cfg.Helm.Release,
		Namespace: cfg.Helm.Namespace, KubernetesVersion: sc.Target, AllowNetwork: cfg.Inputs.AllowNetwork,
		RespectGitignore: cfg.Inputs.Gitignore, SkipVendored: cfg.Inputs.SkipVendored,
	})
	if err != nil {
		return nil, nil, err
	}
	dec := snapshot.NewDecoder()
	plan.Learn(ctx, dec)
	return plan, dec, nil
}

// source is what the report says of the paths.
func source(cfg *config.Config, sc *scan.Config, args []string) seaworthy.Source {
	_, name := sourceOf(args[0])
	return seaworthy.Source{
		Kind: seaworthy.SourceFiles, Name: cmp.Or(cfg.Source, name), Provider: cfg.Provider,
		KubernetesVersion: sc.Target, Asked: args,
	}
}

// sourceOf finds the root of the repository of a path and a name for it that does not
// depend on where it was checked out: the address of its origin, else the folder's name.
func sourceOf(path string) (root, name string) {
	if path == "-" {
		path = "."
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", "files"
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = filepath.Dir(dir)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, cmp.Or(originOf(at), filepath.Base(at))
		}
		if filepath.Dir(at) == at {
			return dir, filepath.Base(dir)
		}
	}
}

// originOf reads the address of remote "origin" as host/owner/name.
func originOf(root string) string {
	raw, err := os.ReadFile(filepath.Join(root, ".git", "config"))
	if err != nil || len(raw) > 1<<20 {
		return ""
	}
	inOrigin := false
	for line := range strings.SplitSeq(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inOrigin = line == `[remote "origin"]`
		} else if key, value, ok := strings.Cut(line, "="); ok && inOrigin && strings.TrimSpace(key) == "url" {
			return address(strings.TrimSpace(value))
		}
	}
	return ""
}

// address strips scheme, user, password and .git from a Git address, so that no
// credential reaches a report.
func address(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	} else if host, p, ok := strings.Cut(url, ":"); ok && !strings.Contains(host, "/") {
		url = host + "/" + p // git@host:owner/name
	}
	if i := strings.LastIndexByte(url, '@'); i >= 0 {
		url = url[i+1:]
	}
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func wantsColor(mode string, w io.Writer) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}

func (p *program) warn(format string, args ...any) {
	fmt.Fprintf(p.err, "seaworthy: "+format+"\n", args...)
}
