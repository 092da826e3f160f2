// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Setting is what the configuration says of one check.
type Setting struct {
	Off        bool
	Severity   seaworthy.Severity // empty: the check's own
	Parameters map[string]string
}

// Selection says which checks run and how.
type Selection struct {
	Settings map[string]Setting
	// Only, when not empty, lists the checks to run (ids, categories, or custom for those
	// of Policies); Except those to leave out.
	Only, Except []string
	// Scopes switch checks off in some namespaces.
	Scopes []Scope
	// Policies are folders of the user's own checks.
	Policies []string
	// Target is the Kubernetes version to judge against; checks that follow versions
	// take it as their parameter kubernetes-version. Empty: the newest.
	Target string
}

// TargetParam is the parameter by which a check follows Kubernetes versions.
const TargetParam = "kubernetes-version"

// choose fills Checks with those that the selection wants.
func (c *Catalogue) choose(known map[string]seaworthy.Check, s Selection) error {
	if err := c.names(known, s); err != nil {
		return err
	}
	for _, k := range sorted(known) {
		set := s.Settings[k.ID]
		if err := parameters(k, set.Parameters); err != nil {
			return err
		}
		if set.Off || listed(s.Except, k) || len(s.Only) > 0 && !listed(s.Only, k) {
			continue
		}
		k.Severity = cmp.Or(set.Severity, k.Severity)
		c.follow(k, set, s.Target)
		c.index[k.ID] = len(c.Checks)
		c.Checks = append(c.Checks, k)
		c.limit(k)
	}
	if len(c.Checks) == 0 {
		return seaworthy.Invalid("no check is left to run")
	}
	return nil
}

// names holds every name of the selection to what is known.
func (c *Catalogue) names(known map[string]seaworthy.Check, s Selection) error {
	categories := map[string]bool{}
	for id, k := range known {
		c.known[id] = true
		categories[strings.ToLower(k.Category)] = true
		if k.Custom {
			categories[custom] = true
		}
	}
	ids, both := slices.Sorted(maps.Keys(c.known)), slices.Sorted(maps.Keys(categories))
	both = append(both, ids...)
	for id := range s.Settings {
		if !c.known[id] {
			return unknownCheck(id, ids)
		}
	}
	lists := [][]string{s.Only, s.Except}
	for _, scope := range s.Scopes {
		lists = append(lists, scope.Off)
	}
	for _, name := range slices.Concat(lists...) {
		if !c.known[name] && !categories[strings.ToLower(name)] {
			return unknownCheck(name, both)
		}
	}
	return nil
}

func unknownCheck(name string, known []string) error {
	hint := ""
	if near := seaworthy.Nearest(name, known); near != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", near)
	}
	return seaworthy.Invalid("there is no check %q%s; 'seaworthy checks list' lists them", name, hint)
}

// custom names every check that the user brought, as if it were a category.
const custom = "custom"

// listed tells whether a list of ids and categories names the check.
func listed(list []string, k seaworthy.Check) bool {
	return slices.ContainsFunc(list, func(name string) bool {
		return name == k.ID || strings.EqualFold(name, k.Category) || k.Custom && strings.EqualFold(name, custom)
	})
}

// parameters refuses what a check does not take.
func parameters(k seaworthy.Check, given map[string]string) error {
	if k.Custom {
		return nil // its policy says what it reads, in its own language
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.ContainsFunc(k.Params, func(p seaworthy.Param) bool { return p.Name == name }) {
			continue
		}
		if len(k.Params) == 0 {
			return seaworthy.Invalid("check %s has no parameter %q: it takes none", k.ID, name)
		}
		hint := "it takes " + paramNames(k)
		var names []string
		for _, p := range k.Params {
			names = append(names, p.Name)
		}
		if near := seaworthy.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return seaworthy.Invalid("check %s has no parameter %q (%s)", k.ID, name, hint)
	}
	return nil
}

// follow gives a check that follows Kubernetes versions the one to judge against.
func (c *Catalogue) follow(k seaworthy.Check, set Setting, target string) {
	follows := slices.ContainsFunc(k.Params, func(p seaworthy.Param) bool { return p.Name == TargetParam })
	if _, given := set.Parameters[TargetParam]; !follows || given || target == "" {
		return
	}
	set.Parameters = maps.Clone(set.Parameters)
	if set.Parameters == nil {
		set.Parameters = map[string]string{}
	}
	set.Parameters[TargetParam] = target
	c.settings[k.ID] = set
}
