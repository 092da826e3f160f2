// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/rego"
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
	// Only, when not empty, lists the checks to run (ids or categories); Except those
	// to leave out.
	Only, Except []string
	// Policies are folders of the user's own checks.
	Policies []string
	// Target is the Kubernetes version to judge against; checks that follow versions
	// take it as their parameter kubernetes-version. Empty: the newest.
	Target string
}

// targetParam is the parameter by which a check follows Kubernetes versions.
const targetParam = "kubernetes-version"

// Catalogue is every check that a scan runs: built-in policies, analyzers, and the
// user's own policies.
type Catalogue struct {
	// Checks that run, by id.
	Checks []seaworthy.Check
	// Problems are policies of the user that could not be read; Skipped, what their
	// folders hold that is no policy.
	Problems, Skipped []seaworthy.Problem

	engine    *cel.Engine
	policies  []string             // check ids by index of the engine's policies
	natives   []*rego.Native       // by the same index: constraints in CEL; nil for others
	analyzers []*analysis.Analyzer // of the whole snapshot
	perObject []*analysis.Analyzer // of each object, as it is read
	bundles   []*rego.Bundle
	settings  map[string]Setting
	index     map[string]int // id → index in Checks
	files     []string
	digest    string
}

// NewCatalogue assembles the catalogue. What the user brings and cannot be read is a
// problem of the report; an error is a mistake in the selection.
func NewCatalogue(ctx context.Context, s Selection) (*Catalogue, error) {
	c := &Catalogue{settings: maps.Clone(s.Settings), index: map[string]int{}}
	if c.settings == nil {
		c.settings = map[string]Setting{}
	}
	known, policies, err := builtin()
	if err != nil {
		return nil, err
	}
	for _, dir := range s.Policies {
		own, err := c.load(ctx, dir, known)
		if err != nil {
			return nil, err
		}
		policies = append(policies, own...)
	}
	if err := c.choose(known, s); err != nil {
		return nil, err
	}
	constraints := map[string]*rego.Native{}
	for _, b := range c.bundles {
		for i, n := range b.Natives() {
			constraints[n.Check.ID] = &b.Natives()[i]
		}
	}
	var wanted []cel.Policy
	for _, p := range policies {
		if c.Runs(p.ID) {
			if params := c.params(p.ID); len(params) > 0 && len(p.Bindings) == 0 && constraints[p.ID] == nil {
				p.Params = []map[string]any{paramsObject(p.ID, params)}
			}
			wanted = append(wanted, p)
			c.policies = append(c.policies, p.ID)
			c.natives = append(c.natives, constraints[p.ID])
		}
	}
	c.engine = cel.New(wanted)
	for _, a := range all.Analyzers {
		if slices.ContainsFunc(a.Checks, func(k seaworthy.Check) bool { return c.Runs(k.ID) }) {
			if a.PerObject {
				c.perObject = append(c.perObject, a)
			} else {
				c.analyzers = append(c.analyzers, a)
			}
		}
	}
	c.digest, err = digest(c.Checks, wanted)
	return c, err
}

// builtin gives the built-in checks by id and the policies behind those of single
// objects. A check that is policy and analyzer at once keeps the policy's description.
func builtin() (map[string]seaworthy.Check, []cel.Policy, error) {
	sources, err := checks.List()
	if err != nil {
		return nil, nil, err
	}
	known := make(map[string]seaworthy.Check, 200)
	policies := make([]cel.Policy, 0, len(sources))
	for _, s := range sources {
		known[s.ID] = s.Check
		policies = append(policies, cel.Policy{ID: s.ID, Spec: &s.Policy.Spec, Linear: true})
	}
	for _, a := range all.Analyzers {
		for _, k := range a.Checks {
			if _, ok := known[k.ID]; !ok {
				known[k.ID] = k
			}
		}
	}
	return known, policies, nil
}

// Builtin lists every built-in check, by category and id.
func Builtin() ([]seaworthy.Check, error) {
	known, _, err := builtin()
	if err != nil {
		return nil, err
	}
	return sorted(known), nil
}

func sorted(known map[string]seaworthy.Check) []seaworthy.Check {
	out := make([]seaworthy.Check, 0, len(known))
	for _, k := range known {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b seaworthy.Check) int {
		return cmp.Or(cmp.Compare(slices.Index(seaworthy.Categories, a.Category), slices.Index(seaworthy.Categories, b.Category)),
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// choose fills Checks with those that the selection wants.
func (c *Catalogue) choose(known map[string]seaworthy.Check, s Selection) error {
	names := map[string]bool{}
	for id, k := range known {
		names[id], names[k.Category] = true, true
	}
	for _, list := range [][]string{s.Only, s.Except, slices.Collect(maps.Keys(s.Settings))} {
		for _, name := range list {
			if !names[name] {
				return seaworthy.Invalid("there is no check %q%s; 'seaworthy checks list' lists them", name, nearest(name, names))
			}
		}
	}
	for _, k := range sorted(known) {
		set := s.Settings[k.ID]
		listed := func(list []string) bool { return slices.Contains(list, k.ID) || slices.Contains(list, k.Category) }
		if set.Off || listed(s.Except) || len(s.Only) > 0 && !listed(s.Only) {
			continue
		}
		k.Severity = cmp.Or(set.Severity, k.Severity)
		for name := range set.Parameters {
			if !k.Custom && !slices.ContainsFunc(k.Params, func(p seaworthy.Param) bool { return p.Name == name }) {
				return seaworthy.Invalid("check %s has no parameter %q", k.ID, name)
			}
		}
		follows := slices.ContainsFunc(k.Params, func(p seaworthy.Param) bool { return p.Name == targetParam })
		if _, given := set.Parameters[targetParam]; follows && !given && s.Target != "" {
			set.Parameters = maps.Clone(set.Parameters)
			if set.Parameters == nil {
				set.Parameters = map[string]string{}
			}
			set.Parameters[targetParam] = s.Target
			c.settings[k.ID] = set
		}
		c.index[k.ID] = len(c.Checks)
		c.Checks = append(c.Checks, k)
	}
	if len(c.Checks) == 0 {
		return seaworthy.Invalid("no check is left to run")
	}
	return nil
}

// nearest suggests the name that was probably meant.
func nearest(name string, names map[string]bool) string {
	if near := seaworthy.Nearest(name, slices.Sorted(maps.Keys(names))); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Runs tells whether the check is part of this scan.
func (c *Catalogue) Runs(id string) bool { _, ok := c.index[id]; return ok }

// params gives the parameters set for a check, never nil.
func (c *Catalogue) params(id string) map[string]string {
	if p := c.settings[id].Parameters; p != nil {
		return p
	}
	return map[string]string{}
}

// paramsObject is the ConfigMap that brings parameters to a policy.
func paramsObject(check string, values map[string]string) map[string]any {
	data := make(map[string]any, len(values))
	for k, v := range values {
		data[k] = v
	}
	return map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": check, "namespace": "seaworthy"}, "data": data,
	}
}

// Describe is what the report says of the catalogue.
func (c *Catalogue) Describe(version string) seaworthy.Catalogue {
	h := sha256.New()
	enc := json.NewEncoder(h)
	_ = enc.Encode(c.settings) // a map of strings always encodes, in key order
	return seaworthy.Catalogue{
		Version: version, Digest: c.digest, ParametersDigest: "sha256:" + hex.EncodeToString(h.Sum(nil)),
		Checks: len(c.Checks), Policies: append([]string{}, c.files...),
	}
}

// digest identifies what decides verdicts: descriptions and policies.
func digest(list []seaworthy.Check, policies []cel.Policy) (string, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	if err := enc.Encode(list); err != nil {
		return "", fmt.Errorf("digest the catalogue: %w", err)
	}
	for _, p := range policies {
		if err := enc.Encode(p); err != nil {
			return "", fmt.Errorf("digest policy %s: %w", p.ID, err)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// load reads a folder of the user's own policies.
func (c *Catalogue) load(ctx context.Context, dir string, known map[string]seaworthy.Check) ([]cel.Policy, error) {
	if st, err := os.Stat(dir); err != nil {
		return nil, seaworthy.Invalid("policies: %v", err)
	} else if !st.IsDir() {
		return nil, seaworthy.Invalid("policies: %s is not a folder", dir)
	}
	bundle, err := rego.Load(ctx, rego.Config{FS: os.DirFS(dir), Dir: dir})
	if err != nil {
		return nil, fmt.Errorf("read policies in %s: %w", dir, err)
	}
	c.Problems = append(c.Problems, bundle.Problems()...)
	c.Skipped = append(c.Skipped, bundle.Skipped()...)
	c.files = append(c.files, bundle.Files()...)
	c.bundles = append(c.bundles, bundle)
	own := loadPolicies(dir)
	c.Problems = append(c.Problems, own.problems...)
	c.files = append(c.files, own.files...)
	add := func(k seaworthy.Check) bool {
		if old, ok := known[k.ID]; ok && !old.Custom {
			c.Problems = append(c.Problems, seaworthy.Problem{File: k.File, Check: k.ID, Message: "a built-in check has this id; rename the policy"})
			return false
		}
		known[k.ID] = k
		return true
	}
	var out []cel.Policy
	for _, k := range bundle.Checks() {
		add(k)
	}
	for _, n := range bundle.Natives() {
		p, err := native(n)
		if err != nil {
			c.Problems = append(c.Problems, seaworthy.Problem{File: n.Check.File, Check: n.Check.ID, Message: err.Error()})
			continue
		}
		out = append(out, p)
	}
	for i, k := range own.checks {
		if add(k) {
			out = append(out, own.policies[i])
		}
	}
	return out, nil
}
