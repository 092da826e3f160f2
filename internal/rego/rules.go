// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/seaworthy-dev/seaworthy"
)

// checkRule matches the names of rules that are checks, as conftest has them.
var checkRule = regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9]+)*$`)

// ruleSet is a set of checks that are evaluated by one query on the same input.
type ruleSet struct {
	modules  *modules
	review   bool      // the input is that of Gatekeeper, not the document
	params   ast.Value // its input.parameters
	cross    bool      // data.inventory is needed
	checks   []*ruleCheck
	programs *programs // nil where cross
}

// ruleCheck is the check of some rules of one name in one package.
type ruleCheck struct {
	seaworthy.Check
	ref        string // what is queried, "data.main.deny"
	exception  string // the package's exception rule, or empty
	suffix     string // what that calls the check
	kinds      []string
	incomplete string // why the check cannot pass
	params     ast.Value
	needs      *needs // what it reads of data.inventory, or nil
	breaker    breaker
}

// definition is one check rule as written.
type definition struct {
	module string
	rule   *ast.Rule
	meta   metadata
}

// loadRules makes checks of the .rego files of the folder.
func (b *Bundle) loadRules(src *sources, ids map[string]string) {
	if len(src.rego) == 0 {
		return
	}
	m := newModules(src)
	for _, f := range src.rego {
		m.add(f.name, f.text, ast.RegoV1, ast.RegoV0)
	}
	m.dropUnresolved()
	set, errs := ast.BuildAnnotationSet(slices.Collect(maps.Values(m.parsed)))
	m.report(errs)
	groups := m.groups(set)
	m.compile()
	b.files = append(b.files, src.files...)
	for name := range m.parsed {
		b.files = append(b.files, name)
	}
	t := m.tainted()
	sets := map[string]*ruleSet{}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		b.addRule(m, groups[key], t, sets, ids)
	}
	b.problems = append(b.problems, m.problems...)
	for _, key := range slices.Sorted(maps.Keys(sets)) {
		set := sets[key]
		if !set.cross {
			set.programs = newPrograms(m.compiler, newStore(m.data, nil), set.checks)
		}
		b.rules = append(b.rules, set)
	}
}

// group is the definitions of one check.
type group struct {
	pkg  []string
	name string // of the rules
	as   string // the name under which the compiled copies stand
	own  bool
	only bool // no other check has rules of this name
	sole bool // the package has no other check
	defs []definition
}

// groups sorts the check rules into checks: the rules of one name in one package are one
// check, but those that METADATA gives a title or an id are checks of their own. Where a
// name has several checks, each rule is compiled once more under a name of its own.
func (m *modules) groups(set *ast.AnnotationSet) map[string]*group {
	groups := map[string]*group{}
	byName := map[string]map[string]bool{}
	inPackage := map[string]map[*group]bool{}
	for _, name := range slices.Sorted(maps.Keys(m.parsed)) {
		for i, r := range m.parsed[name].Rules {
			rule := ruleName(r)
			if r.Default || len(r.Head.Args) > 0 || !checkRule.MatchString(rule) {
				continue
			}
			d := definition{name, r, metadataOf(set, r)}
			pkg := packagePath(m.parsed[name])
			base := joined(pkg) + " " + rule
			key := base
			if d.meta.own {
				if key += " " + d.meta.id; d.meta.id == "" || d.meta.wide {
					key += fmt.Sprintf("%s#%d", name, i)
				}
			}
			g := groups[key]
			if g == nil {
				g = &group{pkg: pkg, name: rule, as: rule, own: d.meta.own}
				groups[key] = g
			}
			g.defs = append(g.defs, d)
			if byName[base] == nil {
				byName[base] = map[string]bool{}
			}
			byName[base][key] = true
			if inPackage[joined(pkg)] == nil {
				inPackage[joined(pkg)] = map[*group]bool{}
			}
			inPackage[joined(pkg)][g] = true
		}
	}
	for _, of := range inPackage {
		for g := range of {
			g.sole = len(of) == 1
		}
	}
	for _, keys := range byName {
		for i, key := range slices.Sorted(maps.Keys(keys)) {
			g := groups[key]
			if g.only = len(keys) == 1; !g.only {
				g.as = fmt.Sprintf("%s__check_%d", g.name, i)
				m.copyRules(g)
			}
		}
	}
	return groups
}

// copyRules adds the rules of a group to their modules under the group's own name.
func (m *modules) copyRules(g *group) {
	for _, d := range g.defs {
		c := d.rule.Copy()
		c.Annotations = nil
		c.Head.Name = ast.Var(g.as)
		c.Head.Reference = c.Head.Reference.Copy()
		if len(c.Head.Reference) > 0 {
			c.Head.Reference[0] = ast.VarTerm(g.as)
		}
		mod := m.parsed[d.module]
		c.Module = mod
		mod.Rules = append(mod.Rules, c)
	}
}

// addRule makes the check of a group, as far as its files could be loaded.
func (b *Bundle) addRule(m *modules, g *group, t taint, sets map[string]*ruleSet, ids map[string]string) {
	first := g.defs[0]
	c := &ruleCheck{ref: queryRef(g.pkg, g.as), kinds: first.meta.list("kinds")}
	c.File = first.module
	c.ID = g.id()
	problem := func(format string, args ...any) {
		b.problems = append(b.problems, seaworthy.Problem{
			File: first.module, Line: first.rule.Loc().Row, Check: c.ID, Message: fmt.Sprintf(format, args...),
		})
	}
	severity := seaworthy.High
	if strings.HasPrefix(g.name, "warn") {
		severity = seaworthy.Low
	}
	if err := first.meta.describe(&c.Check, severity); err != nil {
		problem("%v", err)
	}
	if c.Title == "" {
		c.Title = g.name + " in package " + strings.Join(g.pkg, ".")
	}
	live := 0
	for _, d := range g.defs {
		if m.parsed[d.module] == nil {
			continue
		}
		if why := t.modules[d.module]; why != "" {
			problem("left out: it needs what %s would have provided", why)
			return
		}
		live++
	}
	if live == 0 {
		return // told of as a problem of the file
	}
	if live < len(g.defs) {
		c.incomplete = "another file with rules of this check could not be loaded"
	}
	if why := t.rules[joined(append(slices.Clone(g.pkg), g.name))]; why != "" && !g.own {
		c.incomplete = why + ", which adds to this check, could not be loaded"
	}
	form, err := m.inputForm(g)
	if err == nil && form.params {
		c.params, err = paramsOf(first.meta)
	}
	if err != nil {
		problem("%v", err)
		return
	}
	for _, d := range g.defs {
		c.needs = c.needs.and(needsOf(m.compiler, d.module))
	}
	if c.needs != nil {
		c.Scope = seaworthy.ScopeCross
	}
	m.exceptions(g, c)
	if !b.admit(c.Check, first.rule.Loc().Row, ids) {
		return
	}
	key := fmt.Sprint(form.review, c.needs != nil)
	if form.params {
		key += c.ID // parameters are part of the input
	}
	if sets[key] == nil {
		sets[key] = &ruleSet{modules: m, review: form.review, params: c.params, cross: c.needs != nil}
	}
	sets[key].checks = append(sets[key].checks, c)
}

// id is the check's id: custom.id, with the rule's name where it is that of a package with
// several checks; else package and rule, and the title where several checks share these.
func (g *group) id() string {
	meta := g.defs[0].meta
	parts := append(slices.Clone(g.pkg), g.name)
	switch {
	case meta.id != "" && (!meta.wide || g.sole):
		return meta.id
	case meta.id != "":
		parts = []string{meta.id, g.name}
	}
	if g.own && !g.only {
		parts = append(parts, meta.title)
	}
	return slug(parts...)
}

// exceptions notes conftest's exception rule of the package, which names the checks that
// do not concern an object.
func (m *modules) exceptions(g *group, c *ruleCheck) {
	for _, mod := range m.parsed {
		if !slices.Equal(packagePath(mod), g.pkg) {
			continue
		}
		for _, r := range mod.Rules {
			if ruleName(r) == "exception" && len(r.Head.Args) == 0 {
				c.exception = queryRef(g.pkg, "exception")
				_, c.suffix, _ = strings.Cut(g.name, "_")
			}
		}
	}
}

// inputForm is what a check expects as its input.
type inputForm struct {
	review bool // written for Gatekeeper: input.review
	params bool // and input.parameters
}

// inputForm finds out what the modules of a check read.
func (m *modules) inputForm(g *group) (inputForm, error) {
	var f inputForm
	other := false
	for _, d := range g.defs {
		mod := m.compiler.Modules[d.module]
		if mod == nil {
			continue
		}
		ast.WalkRefs(mod, func(ref ast.Ref) bool {
			if len(ref) == 0 || !ref[0].Equal(ast.InputRootDocument) {
				return false
			}
			switch p := constants(ref[1:]); {
			case len(p) > 0 && p[0] == "review":
				f.review = true
			case len(p) > 0 && p[0] == "parameters":
				f.params = true
			default:
				other = true
			}
			return false
		})
	}
	if other || !f.review {
		return inputForm{}, nil
	}
	return f, nil
}

func paramsOf(meta metadata) (ast.Value, error) {
	p, ok := meta.custom("parameters").(map[string]any)
	if !ok {
		return nil, seaworthy.Invalid("left out: it reads input.parameters as Gatekeeper's policies do; give them as custom.parameters in METADATA, or bring a ConstraintTemplate and a Constraint")
	}
	return ast.InterfaceToValue(p)
}

func queryRef(pkg []string, name string) string {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, p := range append(slices.Clone(pkg), name) {
		ref = append(ref, ast.StringTerm(p))
	}
	return ref.String()
}
