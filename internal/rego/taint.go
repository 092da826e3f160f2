// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// taint finds out what else a file that could not be loaded spoils. A rule that is
// missing is merely undefined in Rego, so a check that asks for it would pass everything.
type taint struct {
	// modules maps the name of a module to that of the file that it misses.
	modules map[string]string
	// rules maps data paths of rules to the file that would have added to them.
	rules map[string]string
}

// tainted follows references from the broken files through the compiled modules.
func (m *modules) tainted() taint {
	t := taint{modules: map[string]string{}, rules: map[string]string{}}
	if len(m.broken) == 0 && len(m.badData) == 0 {
		return t
	}
	for _, b := range m.broken {
		for _, n := range b.names {
			t.rules[joined(append(slices.Clone(b.pkg), n))] = b.name
		}
	}
	uses := map[string][][]string{}
	packages := map[string]bool{}
	for name, mod := range m.compiler.Modules {
		packages[joined(packagePath(mod))] = true
		uses[name] = dataRefs(mod)
	}
	names := slices.Sorted(maps.Keys(uses))
	for changed := true; changed; {
		changed = false
		for _, name := range names {
			if _, done := t.modules[name]; done {
				continue
			}
			why := m.missing(uses[name], t.rules, packages)
			if why == "" {
				continue
			}
			t.modules[name], changed = why, true
			mod := m.compiler.Modules[name]
			for _, r := range mod.Rules {
				if p := joined(append(packagePath(mod), ruleName(r))); t.rules[p] == "" {
					t.rules[p] = why
				}
			}
		}
	}
	return t
}

// missing names the file that one of the references misses, or is empty.
func (m *modules) missing(refs [][]string, rules map[string]string, packages map[string]bool) string {
	for _, ref := range refs {
		p := joined(ref)
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			if within(p, rule) || within(rule, p) {
				return rules[rule]
			}
		}
		for _, bad := range m.badData {
			d := joined(bad)
			if (within(p, d) || within(d, p)) && !packages[packageOf(p, packages)] && dig(m.data, ref...) == nil && (len(ref) == 0 || ref[0] != "inventory") {
				return "a data file"
			}
		}
	}
	return ""
}

// dataRefs lists the constant paths of all references into data.
func dataRefs(mod *ast.Module) [][]string {
	var out [][]string
	ast.WalkRefs(mod, func(ref ast.Ref) bool {
		if p, ok := dataPath(ref); ok && !ref.Equal(mod.Package.Path) {
			out = append(out, p)
		}
		return false
	})
	return out
}

// packageOf gives the longest of the packages that holds the path.
func packageOf(p string, packages map[string]bool) string {
	for p != "" && !packages[p] {
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return ""
		}
		p = p[:i]
	}
	return p
}

// joined joins steps; names of packages hold no slash that matters here.
func joined(steps []string) string { return strings.Join(steps, "/") }

// within tells whether p is outer or below it; everything is within "".
func within(p, outer string) bool {
	return outer == "" || p == outer || strings.HasPrefix(p, outer+"/")
}
