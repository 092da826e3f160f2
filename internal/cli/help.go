// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seaworthy-dev/seaworthy"
)

// groups order the flags of scan by what they are about, each with what it takes.
var groups = []struct {
	title string
	flags []string
}{
	{"What to scan", []string{
		"config FILE", "source NAME", "kubernetes-version VERSION", "provider NAME", "gitignore", "skip-vendored",
		"allow-network", "skip-unreadable",
	}},
	{"Helm charts", []string{"values FILE,…", "set KEY=VALUE", "release NAME", "release-namespace NAMESPACE"}},
	{"A live cluster", []string{"cluster", "kubeconfig FILE", "context NAME", "namespace NAMESPACE,…", "secrets"}},
	{"Checks", []string{
		"only CHECK,…", "except CHECK,…", "mode CHECK=MODE", "severity CHECK=SEVERITY", "parameter CHECK.NAME=VALUE",
		"scope NAMESPACES:CHECKS:REASON", "policies FOLDER,…", "controls FOLDER,…", "frameworks FOLDER,…",
	}},
	{"What counts", []string{"fail-on SEVERITY", "baseline FILE", "waivers FILE,…", "honour-annotations"}},
	{"The report", []string{
		"output FORMAT", "output-file FILE", "all", "coverage FRAMEWORK,…", "categories CATEGORY,…", "include-passed",
		"color WHEN", "no-progress",
	}},
	{"A server", []string{"upload URL", "token-file FILE"}},
	{"Fixes", []string{"fix", "dry-run", "fix-checks CHECK,…"}},
}

// help writes the help of a command: what it does, how it is called, what it takes.
func (p *program) help(cmd *cobra.Command, _ []string) {
	var b strings.Builder
	columns := min(cmp.Or(width(p.out), 100), 100)
	fmt.Fprintf(&b, "%s\n\nUsage\n", cmp.Or(cmd.Long, cmd.Short))
	if cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	} else {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				entry(&b, "  "+sub.Name(), sub.Short, 14, columns)
			}
		}
	}
	p.flagHelp(&b, cmd, columns)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' says more about a command.\n", cmd.CommandPath())
	}
	fmt.Fprint(p.out, b.String())
}

// flagHelp lists the flags of a command, in groups where it has many.
func (p *program) flagHelp(b *strings.Builder, cmd *cobra.Command, columns int) {
	shown := map[string]bool{}
	if cmd.Name() == "scan" {
		for _, g := range groups {
			fmt.Fprintf(b, "\n%s\n", g.title)
			for _, one := range g.flags {
				name, takes, _ := strings.Cut(one, " ")
				if f := cmd.Flags().Lookup(name); f != nil {
					shown[name] = true
					flagEntry(b, f, takes, columns)
				}
			}
		}
	}
	b.WriteString("\nFlags\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !shown[f.Name] && !f.Hidden {
			flagEntry(b, f, "", columns)
		}
	})
}

func flagEntry(b *strings.Builder, f *pflag.Flag, takes string, columns int) {
	own, doc := pflag.UnquoteUsage(f)
	takes = cmp.Or(takes, own)
	name := "      --" + f.Name
	if f.Shorthand != "" {
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	switch {
	case f.NoOptDefVal != "" && f.Value.Type() != "bool":
		name += "[=" + takes + "]"
	case takes != "":
		name += " " + takes
	}
	entry(b, name, doc, 36, columns)
}

// entry writes a name and beside it what it is, broken to the width of the screen.
func entry(b *strings.Builder, name, doc string, column, columns int) {
	lines := strings.Split(fold(doc, columns-column), "\n")
	if utf8.RuneCountInString(name)+2 > column {
		fmt.Fprintf(b, "%s\n", name)
		name = ""
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%-*s%s\n", column, name, line)
		name = ""
	}
}

// flagError says what is wrong with a flag, and what was likely meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{fmt.Errorf("%w; '%s --help' lists the flags", err, cmd.CommandPath())}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name := unknown.GetSpecifiedName()
	if near := seaworthy.Nearest(name, names); near != "" {
		return usageError{fmt.Errorf("there is no flag --%s (did you mean --%s?)", name, near)}
	}
	dash := "--"
	if unknown.GetSpecifiedShortnames() != "" {
		dash = "-"
	}
	return usageError{fmt.Errorf("there is no flag %s%s; '%s --help' lists them", dash, name, cmd.CommandPath())}
}

// group makes a command of commands, which by itself shows its help.
func (p *program) group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error { return unknownCommand(cmd, args) }
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(commands...)
	return cmd
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	hint := "; there are " + strings.Join(names, ", ")
	if near := seaworthy.Nearest(args[0], names); near != "" {
		hint = fmt.Sprintf(" (did you mean '%s %s'?)", cmd.CommandPath(), near)
	} else if _, err := os.Stat(args[0]); err == nil && !cmd.HasParent() {
		hint = fmt.Sprintf(" (did you mean 'seaworthy scan %s'?)", args[0])
	}
	return usageError{fmt.Errorf("there is no command '%s %s'%s", cmd.CommandPath(), args[0], hint)}
}
