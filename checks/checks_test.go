// SPDX-License-Identifier: Apache-2.0

package checks_test

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// each runs f on every built-in policy.
func each(t *testing.T, f func(t *testing.T, s checks.Source)) {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatal("there are no checks")
	}
	for _, s := range sources {
		t.Run(s.ID, func(t *testing.T) { f(t, s) })
	}
}

// casesOf reads the cases of a check.
func casesOf(t *testing.T, s checks.Source) []checktest.Case {
	t.Helper()
	cases, err := checktest.Of(checks.Cases(), s)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// TestCases holds every check to the objects beside it.
func TestCases(t *testing.T) {
	each(t, func(t *testing.T, s checks.Source) {
		results, err := checktest.Run(checks.Cases(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Problem != "" {
				t.Errorf("%s:%d: %s: %s", checktest.Path(s.File), r.Case.Line, r.Case.Name, r.Problem)
			}
		}
	})
}

// TestCasesSuffice wants a case that fails and one that passes, names that tell them
// apart, a failing case for every resource that the policy asks for, and one for every
// list of containers that it names.
func TestCasesSuffice(t *testing.T) {
	each(t, func(t *testing.T, s checks.Source) {
		names, fails := map[string]bool{}, map[string]bool{}
		items, passes := "", 0
		for _, c := range casesOf(t, s) {
			name := fmt.Sprintf("%s, which %s", c.Name, map[bool]string{true: "passes", false: "fails"}[len(c.Want) == 0])
			if names[name] {
				t.Errorf("there are two cases %s", name)
			}
			names[name] = true
			if len(c.Want) == 0 {
				passes++
				continue
			}
			fails[c.Object.Resource.Resource] = true
			items += strings.Join(c.Want, "\n") + "\n"
		}
		if passes == 0 {
			t.Error("no case passes")
		}
		for _, resource := range resourcesOf(s) {
			if !fails[resource] {
				t.Errorf("no case of %s fails", resource)
			}
		}
		for _, list := range containerLists(s) {
			if !strings.Contains(items, list) {
				t.Errorf("no case fails on an item of %s", list)
			}
		}
	})
}

// resourcesOf lists what a policy judges, without subresources. Groups do not matter: a
// kind may be named under a second group for manifests that leave the right one out.
func resourcesOf(s checks.Source) []string {
	set := map[string]bool{}
	for _, rule := range s.Policy.Spec.MatchConstraints.ResourceRules {
		for _, r := range rule.Resources {
			if !strings.Contains(r, "/") {
				set[r] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

var containerList = regexp.MustCompile(`\.(containers|initContainers|ephemeralContainers)\[`)

// containerLists gives the lists of containers whose elements the policy names in the
// items of its own words.
func containerLists(s checks.Source) []string {
	var out []string
	for _, v := range s.Policy.Spec.Variables {
		for _, m := range containerList.FindAllString(v.Expression, -1) {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// TestEveryCaseBelongsToACheck finds cases that nothing runs.
func TestEveryCaseBelongsToACheck(t *testing.T) {
	files, err := fs.Glob(checks.Cases(), "*/testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		policy := path.Join(path.Dir(path.Dir(file)), path.Base(file))
		if _, err := fs.Stat(checks.Cases(), policy); err != nil {
			t.Errorf("%s: there is no %s", file, policy)
		}
	}
}

// TestDescriptions holds the annotations to what readers are promised.
func TestDescriptions(t *testing.T) {
	known := map[string]bool{}
	all, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		known[c.ID] = true
	}
	each(t, func(t *testing.T, s checks.Source) {
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		if want := strings.ReplaceAll(strings.ToLower(s.Category), " ", "-"); path.Dir(s.File) != want {
			t.Errorf("category %s belongs into %s/, the file is in %s/", s.Category, want, path.Dir(s.File))
		}
		if s.Scope != seaworthy.ScopeSingle && s.Scope != seaworthy.ScopeSingleCross {
			t.Errorf("scope %s cannot be a policy", s.Scope)
		}
		for _, id := range s.Controls {
			if !known[id] {
				t.Errorf("there is no control %s", id)
			}
		}
		if strings.HasSuffix(s.Title, ".") {
			t.Error("the title ends with a period")
		}
		if !strings.HasSuffix(s.Rationale, ".") {
			t.Error("the rationale does not end with a period")
		}
		if strings.TrimSpace(s.Snippet) == "" {
			t.Error("no snippet")
		}
		var snippet any
		if err := yaml.UnmarshalStrict([]byte(s.Snippet), &snippet); err != nil {
			t.Errorf("the snippet is no YAML: %v", err)
		} else if line, ok := snippet.(string); ok && !strings.HasPrefix(line, "kubectl ") {
			t.Errorf("the snippet is neither YAML nor a command: %q", line)
		}
		if !strings.HasPrefix(string(s.Raw), "# ") || !strings.Contains(string(s.Raw), "\n# Reads: ") {
			t.Error("no comment says why the check is there and what it reads (# Reads: …)")
		}
	})
}

// TestParams wants parameters described where they are read, and nowhere else.
func TestParams(t *testing.T) {
	each(t, func(t *testing.T, s checks.Source) {
		kind := s.Policy.Spec.ParamKind
		switch {
		case len(s.Params) == 0 && (kind != nil || s.NeedsParams):
			t.Error("the policy takes parameters that seaworthy.dev/params does not describe")
		case len(s.Params) > 0 && (kind == nil || kind.APIVersion != "v1" || kind.Kind != "ConfigMap"):
			t.Error("a policy with parameters has paramKind {apiVersion: v1, kind: ConfigMap}")
		}
		text := ""
		for _, v := range s.Policy.Spec.Variables {
			text += v.Expression
		}
		set := map[string]bool{}
		for _, c := range casesOf(t, s) {
			for name := range c.Params {
				set[name] = true
			}
		}
		for _, p := range s.Params {
			if p.Doc == "" {
				t.Errorf("parameter %s is not described", p.Name)
			}
			if !strings.Contains(text, p.Name) {
				t.Errorf("nothing reads parameter %s", p.Name)
			}
			if !set[p.Name] {
				t.Errorf("no case sets parameter %s", p.Name)
			}
		}
	})
}

// TestForm holds the policies to the form that exports, the webhook and reports build on.
func TestForm(t *testing.T) {
	each(t, func(t *testing.T, s checks.Source) {
		spec := s.Policy.Spec
		if n := len(spec.Variables); n == 0 || spec.Variables[n-1].Name != cel.Offending {
			t.Errorf("the last variable is not %s", cel.Offending)
		}
		if len(spec.Validations) != 1 {
			t.Fatalf("%d validations, want one", len(spec.Validations))
		}
		v := spec.Validations[0]
		if v.Expression != "variables.offending.size() == 0" {
			t.Errorf("the validation is %q", v.Expression)
		}
		if !strings.Contains(v.MessageExpression, "variables.offending.join(', ')") {
			t.Errorf("the message %q does not list the items", v.MessageExpression)
		}
		if spec.MatchConstraints == nil || len(spec.MatchConstraints.ResourceRules) == 0 {
			t.Error("the policy does not say what it judges")
		}
		if strings.Contains(string(s.Raw), "authorizer") {
			t.Error("an authorizer is not there when files are scanned")
		}
	})
}

// shared are the variables that several checks define. They have the same text
// everywhere, so that a reader knows them and each is evaluated once for an object.
var shared = []string{
	"podPath", "podSpec", "podMetadata", "podMetadataPath", "containers", "lastingContainers", "sizedContainers",
	"podAndContainers", "replicas", "controlled",
}

// TestSharedBlocks wants one text for what several checks share.
func TestSharedBlocks(t *testing.T) {
	first, uses := map[string]string{}, map[string]int{}
	same := func(t *testing.T, name, file, text string) {
		t.Helper()
		if _, ok := first[name]; !ok {
			first[name] = text
		}
		if first[name] != text {
			t.Errorf("%s: %s differs from that of the checks before it:\n%s\nwant\n%s", file, name, text, first[name])
		}
		uses[name]++
	}
	each(t, func(t *testing.T, s checks.Source) {
		match := block(t, s, "  matchConstraints:\n")
		same(t, "matchConstraints of "+strings.Join(resourcesOf(s), ", "), s.File, match)
		for _, v := range s.Policy.Spec.Variables {
			if slices.Contains(shared, v.Name) {
				same(t, v.Name, s.File, block(t, s, "  - name: "+v.Name+"\n"))
			}
			if v.Name == "containers" && !strings.HasPrefix(match, workloads(t)) {
				t.Errorf("%s judges every container but not every workload", s.File)
			}
		}
	})
	for _, name := range shared {
		if uses[name] < 2 {
			t.Errorf("%s is used %d times: it is not shared", name, uses[name])
		}
	}
}

// block is the text of the policy from a line up to the next of the same depth.
func block(t *testing.T, s checks.Source, line string) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(s.Raw), "\n"+line)
	if !ok {
		t.Fatalf("%s does not hold the line %q", s.File, line)
	}
	out := line
	for l := range strings.Lines(rest) {
		if !strings.HasPrefix(l, "    ") {
			break
		}
		out += l
	}
	return out
}

// workloads is what a check matches that judges every workload.
func workloads(t *testing.T) string {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(sources, func(s checks.Source) bool { return s.ID == "privileged-container" })
	if i < 0 {
		t.Fatal("there is no check privileged-container")
	}
	return block(t, sources[i], "  matchConstraints:\n")
}

// TestReadmeExample holds the policy and the case of README.md to each other.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var policy, cases string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		switch {
		case strings.Contains(m[1], "kind: ValidatingAdmissionPolicy"):
			policy = m[1]
		case strings.HasPrefix(m[1], "# want "):
			cases = m[1]
		}
	}
	s, err := checks.Parse([]byte(policy))
	if err != nil {
		t.Fatal(err)
	}
	s.File = "reliability/" + s.ID + ".yaml"
	results, err := checktest.Run(fstest.MapFS{checktest.Path(s.File): {Data: []byte(cases)}}, *s)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || results[0].Problem != "" {
		t.Errorf("the case of the example does not hold: %+v", results)
	}
}

// TestCatalogue wants the checks that were agreed on, as they were agreed on.
func TestCatalogue(t *testing.T) {
	agreed := catalogue(t)
	there := map[string]checks.Source{}
	each(t, func(t *testing.T, s checks.Source) {
		there[s.ID] = s
		row, ok := agreed[s.ID]
		if !ok {
			t.Skip("not in the catalogue that was agreed on")
		}
		got := []string{s.Category, string(s.Severity), string(s.Scope)}
		want := []string{row["category"], row["severity"], row["scope"]}
		if !slices.Equal(got, want) {
			t.Errorf("category, severity and scope are %q, want %q", got, want)
		}
	})
	for _, id := range slices.Sorted(maps.Keys(agreed)) {
		row := agreed[id]
		scope := seaworthy.Scope(row["scope"])
		policy := scope == seaworthy.ScopeSingle || scope == seaworthy.ScopeSingleCross
		if _, ok := there[id]; !ok && policy && row["wave"] == "1" {
			t.Errorf("%s (%s) is missing", id, row["category"])
		}
	}
}

// catalogue reads the table of checks that were agreed on, which is no part of the
// repository.
func catalogue(t *testing.T) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(others.Need(t, "checks.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("read checks.tsv: %v", err)
	}
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out[m["id"]] = m
	}
	if len(out) == 0 {
		t.Fatal("checks.tsv lists no checks")
	}
	return out
}
