// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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
	scopes    []Scope
	off       [][]string      // by index in Checks: patterns of namespaces that a scope takes out
	index     map[string]int  // id → index in Checks
	known     map[string]bool // ids of all checks, also of those that do not run
	files     []string
	digest    string
}

// NewCatalogue assembles the catalogue. What the user brings and cannot be read is a
// problem of the report; an error is a mistake in the selection.
func NewCatalogue(ctx context.Context, s Selection) (*Catalogue, error) {
	c := &Catalogue{settings: maps.Clone(s.Settings), scopes: s.Scopes, index: map[string]int{}, known: map[string]bool{}}
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
	var wanted, plain []cel.Policy
	for _, p := range policies {
		if c.Runs(p.ID) {
			plain = append(plain, p) // parameters have a digest of their own
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
	c.digest, err = digest(c.Checks, plain)
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
	_ = enc.Encode(c.settings) // maps and lists of strings always encode, in key order
	if len(c.scopes) > 0 {
		_ = enc.Encode(c.scopes)
	}
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
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "policies: " + dir, Err: errors.Unwrap(err)}
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
	c.Problems, c.Skipped = append(c.Problems, own.problems...), append(c.Skipped, own.skipped...)
	if len(own.checks)+len(bundle.Checks())+len(bundle.Natives()) == 0 && len(own.problems)+len(bundle.Problems()) == 0 {
		c.Problems = append(c.Problems, seaworthy.Problem{File: dir, Message: "holds no policy: no ValidatingAdmissionPolicy, no Rego rule and no Gatekeeper constraint"})
	}
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
