// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/fix"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// fixOptions are the flags of scan that change files.
type fixOptions struct {
	fix, dryRun bool
	checks      []string
}

func (o *fixOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.fix, "fix", false, "Write the safe remediations into the YAML files, then scan again")
	f.BoolVar(&o.dryRun, "dry-run", false, "With --fix: show a diff and write nothing")
	f.StringSliceVar(&o.checks, "fix-checks", nil, "With --fix: fix these checks also where that needs a test (see docs/fix.md)")
}

// validate finds flags that contradict one another.
func (o *fixOptions) validate(cmd *cobra.Command, args []string, cluster bool) error {
	bad := func(text string) error { return usageError{errors.New(text)} }
	switch {
	case !o.fix && o.dryRun:
		return bad("--dry-run goes with --fix")
	case !o.fix && len(o.checks) > 0:
		return bad("--fix-checks goes with --fix")
	case !o.fix:
		return nil
	case cluster:
		return bad("--fix changes files, not clusters")
	case slices.Contains(args, "-"):
		return bad("--fix changes files; standard input is none")
	case o.dryRun && (cmd.Flags().Changed("output") || cmd.Flags().Changed("output-file")):
		return bad("--dry-run prints a diff; leave out --output and --output-file")
	}
	return nil
}

// fix scans, writes what can be fixed and scans again.
func (p *program) fix(cmd *cobra.Command, cfg *config.Config, sc *scan.Config, args []string, o *scanOptions) error {
	ctx := cmd.Context()
	plan, summary, err := p.planFixes(ctx, cfg, sc, args, o)
	if err != nil {
		return err
	}
	p.exit = summary.Exit
	if o.fixes.dryRun {
		for _, f := range plan.Files {
			show := output.DiffOptions{Terminal: isTerminal(p.out), Color: wantsColor(o.color, p.out)}
			if err := output.Diff(p.out, f.Diff(), show); err != nil {
				return err
			}
		}
		return summarize(p.err, plan, o)
	}
	failed, err := plan.Write(ctx)
	if err != nil {
		return err
	}
	report := cmd.Flags().Changed("output") || o.outputFile != ""
	if report || len(plan.Files) > 0 {
		if err := p.again(ctx, cfg, sc, args, o, report); err != nil {
			return err
		}
	}
	if failed > 0 {
		p.exit = scan.ExitInput
	}
	out := p.out
	if report {
		out = p.err
	}
	return summarize(out, plan, o)
}

func (p *program) planFixes(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string, o *scanOptions) (*fix.Plan, *seaworthy.Summary, error) {
	plan, dec, err := p.manifests(ctx, cfg, sc, args)
	if err != nil {
		return nil, nil, err
	}
	collector, err := fix.NewCollector(fix.Config{Paths: args, Named: o.fixes.checks, Judge: judge(*sc, dec)})
	if err != nil {
		return nil, nil, err
	}
	done := p.progress(sc, o)
	summary, err := scan.Run(ctx, *sc, scan.Files(source(cfg, sc, args), plan, dec), collector)
	done()
	sc.Progress = nil
	if err != nil {
		return nil, nil, err
	}
	fixes, err := collector.Plan(ctx)
	return fixes, summary, err
}

// again scans what was written, with a report where one was asked for.
func (p *program) again(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string, o *scanOptions, report bool) error {
	plan, dec, err := p.manifests(ctx, cfg, sc, args)
	if err != nil {
		return err
	}
	in := scan.Files(source(cfg, sc, args), plan, dec)
	if report {
		format, err := output.Named(o.output)
		if err != nil {
			return err
		}
		return p.report(ctx, cfg, sc, &in, o, format)
	}
	summary, err := scan.Run(ctx, *sc, in, &findings{})
	if err != nil {
		return err
	}
	p.exit = summary.Exit
	return nil
}

// findings keeps what a scan finds, or only lets it pass where keep is not set.
type findings struct {
	keep     bool
	all      []seaworthy.Finding
	problems []seaworthy.Problem
}

func (*findings) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (*findings) Pass(*seaworthy.Pass) error                       { return nil }

func (f *findings) Finding(one *seaworthy.Finding) error {
	if f.keep {
		f.all = append(f.all, *one)
	}
	return nil
}

func (f *findings) End(t *seaworthy.Trailer) error {
	f.problems = t.Errors
	return nil
}

// judge scans texts as the files that they shall become.
func judge(sc scan.Config, dec *snapshot.Decoder) fix.Judge {
	sc.Waivers, sc.Baseline, sc.Cover, sc.Progress = nil, nil, nil, nil
	sc.HonourAnnotations, sc.IncludePassed, sc.SkipUnreadable = false, false, false
	source := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "fix", KubernetesVersion: sc.Target}
	return func(ctx context.Context, texts []fix.Text) ([]seaworthy.Finding, []seaworthy.Problem, error) {
		in := make([]scan.Text, len(texts))
		for i, t := range texts {
			in[i] = scan.Text(t)
		}
		f := &findings{keep: true}
		_, err := scan.Run(ctx, sc, scan.Texts(source, in, dec), f)
		return f.all, f.problems, err
	}
}

// summarize tells what was fixed and what is left to people.
func summarize(w io.Writer, plan *fix.Plan, o *scanOptions) error {
	var b strings.Builder
	verb := "fixed"
	if o.fixes.dryRun {
		verb = "would fix"
	}
	fmt.Fprintf(&b, "%s %s in %s\n", verb, counted(plan.Fixed(), "finding"), counted(len(plan.Files), "file"))
	for i, f := range plan.Files {
		if i == 20 && !o.all {
			fmt.Fprintf(&b, "        and %s (--all lists them)\n", counted(len(plan.Files)-i, "more file"))
			break
		}
		fmt.Fprintf(&b, "%6d  %s\n", len(f.Fixed), shown(f.Path))
	}
	if again := plan.Replaced(); len(again) > 0 {
		which := again[0].String()
		if len(again) > 1 {
			which += " and " + counted(len(again)-1, "other object")
		}
		fmt.Fprintf(&b, "\ndelete %s before you apply: a cluster does not change Pods and Jobs in place\n", shown(which))
	}
	if len(plan.ByName) > 0 {
		b.WriteString("\nfixed by --fix-checks ID, after a test:\n")
		for _, id := range slices.Sorted(maps.Keys(plan.ByName)) {
			r, _ := fix.For(id)
			fmt.Fprintf(&b, "%6d  %s writes %s\n        caution: %s\n", plan.ByName[id], id, r.Change, r.Caution)
		}
	}
	if len(plan.Refused) > 0 || plan.NoRemedy > 0 {
		b.WriteString("\nleft to people:\n")
		refusals(&b, plan.Refused, o.all)
		if plan.NoRemedy > 0 {
			fmt.Fprintf(&b, "%6d  no program can fix; 'seaworthy scan' says what to do\n", plan.NoRemedy)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// refusals groups what was not fixed by the reason, the most frequent first.
func refusals(b *strings.Builder, list []fix.Refusal, all bool) {
	groups := map[string][]seaworthy.Finding{}
	for _, r := range list {
		groups[r.Reason] = append(groups[r.Reason], r.Finding)
	}
	reasons := slices.SortedFunc(maps.Keys(groups), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(groups[y]), len(groups[x])), cmp.Compare(x, y))
	})
	for _, reason := range reasons {
		fmt.Fprintf(b, "%6d  %s\n", len(groups[reason]), reason)
		for i, f := range groups[reason] {
			if i == 3 && !all {
				fmt.Fprintf(b, "        and %d more (--all lists them)\n", len(groups[reason])-i)
				break
			}
			fmt.Fprintf(b, "        %s:%d %s\n", shown(f.File), f.Line, f.Check)
		}
	}
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// shown is a file name that is safe to print.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
