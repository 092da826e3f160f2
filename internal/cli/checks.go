// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/fix"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

func (p *program) checksCommand() *cobra.Command {
	return p.group(&cobra.Command{Use: "checks", Short: "List, show, test and export the checks"},
		p.checksListCommand(), p.checksShowCommand(), p.checksTestCommand(), p.checksExportCommand())
}

func (p *program) checksListCommand() *cobra.Command {
	var asJSON bool
	var category, control string
	cmd := &cobra.Command{
		Use: "list", Short: "List every check", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := scan.Builtin()
			if err != nil {
				return err
			}
			if err := known(all, category, control); err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(c seaworthy.Check) bool {
				return category != "" && !strings.EqualFold(c.Category, category) || control != "" && !slices.Contains(c.Controls, control)
			})
			if asJSON {
				return p.json(all)
			}
			return p.listChecks(all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	cmd.Flags().StringVar(&category, "category", "", "Only checks of this `CATEGORY`")
	cmd.Flags().StringVar(&control, "control", "", "Only checks that support this `CONTROL`")
	return cmd
}

// known refuses a category or control that no check has: an empty list would look as if
// nothing were checked.
func known(all []seaworthy.Check, category, control string) error {
	var categories, controls []string
	for _, c := range all {
		categories, controls = append(categories, c.Category), append(controls, c.Controls...)
	}
	for _, list := range []*[]string{&categories, &controls} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	is := func(name string) func(string) bool { return func(k string) bool { return strings.EqualFold(k, name) } }
	if category != "" && !slices.ContainsFunc(categories, is(category)) {
		return seaworthy.Invalid("there is no category %q%s", category, suggestion(category, categories, "; there are "+strings.Join(categories, ", ")))
	}
	if control != "" && !slices.Contains(controls, control) {
		return seaworthy.Invalid("no check supports a control %q%s", control, suggestion(control, controls, ""))
	}
	return nil
}

func (p *program) json(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (p *program) listChecks(all []seaworthy.Check) error {
	category := ""
	for _, c := range all {
		if c.Category != category {
			category = c.Category
			fmt.Fprintf(p.out, "\n%s\n", category)
		}
		if _, err := fmt.Fprintf(p.out, "  %-8s  %-34s  %s\n", c.Severity, c.ID, c.Title); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.out, "\n%s. 'seaworthy checks show CHECK' explains one.\n", counted(len(all), "check"))
	return err
}

func (p *program) checksShowCommand() *cobra.Command {
	var policy bool
	cmd := &cobra.Command{
		Use: "show CHECK", Short: "Explain a check and how to fix what it finds",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("name one check; 'seaworthy checks list' lists them")}
			}
			c, err := findCheck(args[0])
			if err != nil {
				return err
			}
			if policy {
				return p.showPolicy(c.ID)
			}
			return p.showCheck(c)
		},
	}
	cmd.ValidArgsFunction = completeChecks
	cmd.Flags().BoolVar(&policy, "policy", false, "Print its ValidatingAdmissionPolicy")
	return cmd
}

func findCheck(id string) (seaworthy.Check, error) {
	all, err := scan.Builtin()
	if err != nil {
		return seaworthy.Check{}, err
	}
	names := make([]string, len(all))
	for i, c := range all {
		if c.ID == id || c.Formerly != "" && c.Formerly == id {
			return c, nil
		}
		names[i] = c.ID
	}
	return seaworthy.Check{}, seaworthy.Invalid("there is no check %q%s", id, suggestion(id, names, "; 'seaworthy checks list' lists them"))
}

// completeChecks completes the id of a check.
func completeChecks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	all, err := scan.Builtin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var out []string
	for _, c := range all {
		out = append(out, c.ID+"\t"+c.Title)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (p *program) showPolicy(id string) error {
	sources, err := checks.List()
	if err != nil {
		return err
	}
	for _, s := range sources {
		if s.ID == id {
			_, err := p.out.Write(s.Raw)
			return err
		}
	}
	return seaworthy.Invalid("%s needs more than one object, so it has no policy", id)
}

func (p *program) showCheck(c seaworthy.Check) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", c.Title, strings.Repeat("─", len([]rune(c.Title))))
	fmt.Fprintf(&b, "id        %s\nseverity  %s\ncategory  %s\nlooks at  %s\ncontrols  %s\n\n", c.ID, c.Severity, c.Category, scopeWords[c.Scope], strings.Join(c.Controls, ", "))
	fmt.Fprintf(&b, "%s\n\nFix: %s\n", fold(c.Rationale, 88), fold(c.Remediation, 83))
	if c.Snippet != "" {
		fmt.Fprintf(&b, "\n%s", indent(c.Snippet, "    "))
	}
	b.WriteString(remedyOf(c.ID))
	if len(c.Params) > 0 {
		b.WriteString("\nParameters\n")
		for _, q := range c.Params {
			def := ""
			if q.Default != "" {
				def = " (default " + q.Default + ")"
			}
			fmt.Fprintf(&b, "  %s: %s%s\n", q.Name, q.Doc, def)
		}
	}
	_, err := p.out.Write([]byte(b.String()))
	return err
}

// remedyOf says what 'scan --fix' writes for a check; nothing where it writes nothing.
func remedyOf(id string) string {
	r, ok := fix.For(id)
	if !ok {
		return ""
	}
	when := "only with --fix-checks " + id
	if r.Safe != "" {
		when = r.Safe + "; elsewhere only with --fix-checks " + id
	}
	var b strings.Builder
	b.WriteString("\nWhat 'seaworthy scan --fix' does\n")
	for _, row := range [][2]string{{"writes", r.Change}, {"when", when}, {"caution", r.Caution}} {
		text := indent(fold(row[1], 77), "           ")
		fmt.Fprintf(&b, "  %-9s%s", row[0], strings.TrimLeft(text, " "))
	}
	return b.String()
}

var scopeWords = map[seaworthy.Scope]string{
	seaworthy.ScopeSingle:      "one object; runs in CI, admission, cluster and natively",
	seaworthy.ScopeSingleCross: "one object natively; with its bindings in a scan",
	seaworthy.ScopeCross:       "objects together",
	seaworthy.ScopeEngine:      "one object, by code that no policy can express",
	seaworthy.ScopeCluster:     "the control plane",
}

func fold(text string, width int) string {
	var b strings.Builder
	line := 0
	for word := range strings.FieldsSeq(text) {
		if line > 0 && line+1+len(word) > width {
			b.WriteByte('\n')
			line = 0
		} else if line > 0 {
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
}

func (p *program) checksTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [CHECK|PATH]…",
		Short: "Run the cases that stand beside checks",
		Long: "Test runs testdata/<id>.yaml of each check: of all built-in ones, of those that are named,\n" +
			"or of policy files and folders of policy files that are given.",
		Example: "  seaworthy checks test host-pid\n  seaworthy checks test policies/",
		RunE:    func(_ *cobra.Command, args []string) error { return p.testChecks(args) },
	}
}

func (p *program) testChecks(args []string) error {
	n, bad := 0, 0
	run := func(tree fs.FS, s checks.Source) error {
		results, err := checktest.Run(tree, s)
		if err != nil {
			return seaworthy.Invalid("%v", err)
		}
		for _, r := range results {
			n++
			if r.Problem != "" {
				bad++
				fmt.Fprintf(p.out, "FAIL %s %s (line %d): %s\n", r.Check, r.Case.Name, r.Case.Line, r.Problem)
			}
		}
		return nil
	}
	builtin, err := checks.List()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		for _, s := range builtin {
			if err := run(checks.Cases(), s); err != nil {
				return err
			}
		}
	}
	for _, arg := range args {
		test := testPath
		if _, err := os.Stat(arg); errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(arg, `/\.`) {
			test = func(id string, run func(fs.FS, checks.Source) error) error { return testNamed(id, builtin, run) }
		}
		if err := test(arg, run); err != nil {
			return err
		}
	}
	failed := "none failed"
	if bad > 0 {
		failed = fmt.Sprintf("%d failed", bad)
		p.exit = scan.ExitFindings
	}
	_, err = fmt.Fprintf(p.out, "%s, %s\n", counted(n, "case"), failed)
	return err
}

// testNamed runs the cases of a built-in check.
func testNamed(id string, builtin []checks.Source, run func(fs.FS, checks.Source) error) error {
	c, err := findCheck(id)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(builtin, func(s checks.Source) bool { return s.ID == c.ID })
	if i < 0 {
		return seaworthy.Invalid("%s is no policy about one object, so no cases stand beside it", c.ID)
	}
	return run(checks.Cases(), builtin[i])
}

// testPath runs the cases of a policy file, or of the policy files of a folder.
func testPath(path string, run func(fs.FS, checks.Source) error) error {
	files := []string{path}
	if st, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return seaworthy.Invalid("%s does not exist", path)
	} else if err != nil {
		return seaworthy.Invalid("%v", err)
	} else if st.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
			return seaworthy.Invalid("%s: %v", path, err)
		}
	}
	policies := 0
	for _, file := range files {
		own, err := scan.OwnPolicies(file)
		if err != nil {
			return err
		}
		policies += len(own)
		for _, s := range own {
			s.File = filepath.Base(file)
			if err := run(os.DirFS(filepath.Dir(file)), s); err != nil {
				return err
			}
		}
	}
	if policies == 0 {
		return seaworthy.Invalid("%s holds no ValidatingAdmissionPolicy (*.yaml)", path)
	}
	return nil
}
