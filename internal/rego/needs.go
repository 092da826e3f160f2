// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// needs is what a policy reads of data.inventory. A nil *needs reads nothing of it.
type needs struct {
	all   bool            // kinds that only the evaluation knows
	kinds map[string]bool // else
}

func (n *needs) and(o *needs) *needs {
	switch {
	case n == nil:
		return o
	case o == nil:
		return n
	}
	sum := &needs{all: n.all || o.all, kinds: maps.Clone(n.kinds)}
	maps.Copy(sum.kinds, o.kinds)
	return sum
}

func (n *needs) has(kind string) bool { return n != nil && (n.all || n.kinds[kind]) }

// missing says which of the kinds that could not be listed the policy would have read.
func (n *needs) missing(unlisted map[string]string) string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(unlisted)) {
		if n.has(kind) {
			out = append(out, kind+" ("+unlisted[kind]+")")
		}
	}
	return strings.Join(out, ", ")
}

// needsOf finds the references into data.inventory of a module and of what it uses.
func needsOf(c *ast.Compiler, module string) *needs {
	var n *needs
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] || c.Modules[name] == nil {
			return
		}
		seen[name] = true
		ast.WalkRefs(c.Modules[name], func(ref ast.Ref) bool {
			p, ok := dataPath(ref)
			if !ok {
				return false
			}
			if len(p) > 0 && p[0] == "inventory" {
				n = n.and(inventoryKind(ref))
				return false
			}
			for other, mod := range c.Modules {
				pkg := joined(packagePath(mod))
				if len(p) > 0 && (within(joined(p), pkg) || within(pkg, joined(p))) {
					visit(other)
				}
			}
			return false
		})
	}
	visit(module)
	return n
}

// inventoryKind reads the kind of data.inventory.namespace[ns][version][kind] and
// data.inventory.cluster[version][kind].
func inventoryKind(ref ast.Ref) *needs {
	place := 0
	if len(ref) > 2 {
		switch ref[2].Value.Compare(ast.String("cluster")) {
		case 0:
			place = 4
		default:
			if ref[2].Value.Compare(ast.String("namespace")) == 0 {
				place = 5
			}
		}
	}
	if place > 0 && len(ref) > place {
		if kind, ok := ref[place].Value.(ast.String); ok {
			return &needs{kinds: map[string]bool{string(kind): true}}
		}
	}
	return &needs{all: true, kinds: map[string]bool{}}
}
