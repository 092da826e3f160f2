// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/seaworthy-dev/seaworthy"
)

// reachingOut lists the built-in functions that look beyond the input.
var reachingOut = map[string]struct{}{
	"http.send":          {},
	"net.lookup_ip_addr": {},
	"opa.runtime":        {},
}

// refuseRemoteSchemas keeps json.match_schema from fetching a schema by its $ref. OPA
// keeps that setting for the whole process and changes it only when a compiler loads a
// schema, so one is loaded here.
func refuseRemoteSchemas() {
	caps := *ast.CapabilitiesForThisVersion()
	caps.AllowNet = []string{}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, map[string]any{"type": "object"})
	ast.NewCompiler().WithCapabilities(&caps).WithSchemas(set).Compile(nil)
}

// modules is a set of Rego files that are compiled together.
type modules struct {
	data     map[string]any
	badData  [][]string
	parsed   map[string]*ast.Module
	broken   []broken
	problems []seaworthy.Problem
	// where translates a position in a module to one in a file.
	where    func(name string, row int) (string, int)
	compiler *ast.Compiler
}

// broken is a file that could not be loaded and what others may miss of it.
type broken struct {
	name  string
	pkg   []string
	names []string // of its rules
}

func newModules(src *sources) *modules {
	return &modules{
		data: src.data, badData: src.badData, parsed: map[string]*ast.Module{},
		where: func(name string, row int) (string, int) { return name, row },
	}
}

// add parses a file, as Rego v1 and, where that fails, as v0.
func (m *modules) add(name, text string, versions ...ast.RegoVersion) {
	var first ast.Errors
	for _, v := range versions {
		mod, errs := parse(name, text, v)
		if mod != nil {
			m.parsed[name] = mod
			return
		}
		// A file of the older syntax fails as v1 for want of its keywords; what is wrong
		// with it is what v0 says.
		if first == nil || onlyKeywords(first) {
			first = errs
		}
	}
	m.report(first)
	m.broken = append(m.broken, scanBroken(name, text))
}

func parse(name, text string, v ast.RegoVersion) (mod *ast.Module, errs ast.Errors) {
	opts := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: v}
	mod, err := ast.ParseModuleWithOpts(name, text, opts)
	if err == nil && mod == nil {
		err = ast.NewError(ast.ParseErr, ast.NewLocation(nil, name, 1, 1), "the file holds no policy")
	}
	if err != nil {
		var one *ast.Error
		if !errors.As(err, &errs) {
			if !errors.As(err, &one) {
				one = ast.NewError(ast.ParseErr, ast.NewLocation(nil, name, 1, 1), "%v", err)
			}
			errs = ast.Errors{one}
		}
		return nil, errs
	}
	return mod, nil
}

func onlyKeywords(errs ast.Errors) bool {
	for _, e := range errs {
		if !strings.Contains(e.Message, "keyword is required") && !strings.Contains(e.Message, "keyword must be used") {
			return false
		}
	}
	return true
}

var (
	packageLine = regexp.MustCompile(`(?m)^\s*package\s+([A-Za-z_][\w.]*)`)
	ruleLine    = regexp.MustCompile(`(?m)^(?:default\s+)?([A-Za-z_]\w*)`)
)

// scanBroken reads what it can of a file that does not parse.
func scanBroken(name, text string) broken {
	b := broken{name: name}
	if p := packageLine.FindStringSubmatch(text); p != nil {
		b.pkg = strings.Split(p[1], ".")
	}
	for _, r := range ruleLine.FindAllStringSubmatch(text, -1) {
		if r[1] != "package" && r[1] != "import" {
			b.names = append(b.names, r[1])
		}
	}
	return b
}

// compile compiles all files that can be compiled together; the others end in broken.
func (m *modules) compile() {
	for {
		//lint:ignore SA1019 without the capability OPA says "undefined function", which hides that it was refused
		c := ast.NewCompiler().SetErrorLimit(0).WithUnsafeBuiltins(reachingOut).
			WithPathConflictsCheck(func(p []string) (bool, error) { return dig(m.data, p...) != nil, nil })
		c.Compile(m.parsed)
		if !c.Failed() {
			m.compiler = c
			return
		}
		bad := map[string]bool{}
		for _, e := range c.Errors {
			if e.Location != nil && m.parsed[e.Location.File] != nil {
				bad[e.Location.File] = true
			}
		}
		m.report(c.Errors)
		if len(bad) == 0 { // no file to blame: nothing of it can be trusted
			bad = map[string]bool{}
			for name := range m.parsed {
				bad[name] = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(bad)) {
			m.drop(name)
		}
	}
}

func (m *modules) drop(name string) {
	mod := m.parsed[name]
	b := broken{name: name, pkg: packagePath(mod)}
	for _, r := range mod.Rules {
		b.names = append(b.names, ruleName(r))
	}
	m.broken = append(m.broken, b)
	delete(m.parsed, name)
}

// dropUnresolved drops files that import what nothing provides: in Rego that is merely
// undefined, and their checks would pass everything.
func (m *modules) dropUnresolved() {
	provided := map[string]bool{}
	provide := func(pkg, names []string) {
		for i := range pkg {
			provided[strings.Join(pkg[:i+1], ".")] = true
		}
		for _, n := range names {
			provided[strings.Join(append(slices.Clone(pkg), n), ".")] = true
		}
	}
	for _, mod := range m.parsed {
		var names []string
		for _, r := range mod.Rules {
			names = append(names, ruleName(r))
		}
		provide(packagePath(mod), names)
	}
	for _, b := range m.broken {
		provide(b.pkg, b.names)
	}
	for _, name := range slices.Sorted(maps.Keys(m.parsed)) {
		for _, imp := range m.parsed[name].Imports {
			ref, _ := imp.Path.Value.(ast.Ref)
			p, ok := dataPath(ref)
			if !ok || len(p) == 0 || p[0] == "inventory" || provided[strings.Join(p, ".")] || dig(m.data, p...) != nil {
				continue
			}
			m.problem(name, imp.Location.Row, "imports data.%s, which no file of the policies provides", strings.Join(p, "."))
			m.drop(name)
			break
		}
	}
}

func (m *modules) report(errs ast.Errors) {
	seen := map[string]bool{}
	for _, e := range errs {
		name, row := "", 0
		if e.Location != nil {
			name, row = e.Location.File, e.Location.Row
		}
		if key := fmt.Sprint(name, row, e.Message); !seen[key] {
			seen[key] = true
			m.problem(name, row, "%s", explain(e.Message))
		}
	}
}

func (m *modules) problem(name string, row int, format string, args ...any) {
	file, line := m.where(name, row)
	m.problems = append(m.problems, seaworthy.Problem{File: file, Line: line, Message: "Rego: " + fmt.Sprintf(format, args...)})
}

// explain words what policies must not do here.
func explain(msg string) string {
	if _, name, ok := strings.Cut(msg, "unsafe built-in function calls in expression: "); ok {
		return "calls " + name + ", which is refused: policies may not reach out"
	}
	if strings.HasSuffix(msg, "undefined function external_data") {
		return "calls external_data, which is refused: policies may not reach out"
	}
	return strings.ReplaceAll(msg, "\n", " ")
}

func packagePath(mod *ast.Module) []string {
	p, _ := dataPath(mod.Package.Path)
	return p
}

// ruleName is the first name of a rule: deny for deny, deny[x] and deny.x.
func ruleName(r *ast.Rule) string {
	if ref := r.Head.Ref(); len(ref) > 0 {
		if v, ok := ref[0].Value.(ast.Var); ok {
			return string(v)
		}
	}
	return string(r.Head.Name)
}

// dataPath gives the constant steps of a reference into data, and false for other
// references.
func dataPath(ref ast.Ref) ([]string, bool) {
	if len(ref) == 0 || !ref[0].Equal(ast.DefaultRootDocument) {
		return nil, false
	}
	return constants(ref[1:]), true
}

func constants(ref ast.Ref) []string {
	var p []string
	for _, t := range ref {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		p = append(p, string(s))
	}
	return p
}
