// SPDX-License-Identifier: Apache-2.0

// Package checks holds the built-in checks about single objects: one plain Kubernetes
// ValidatingAdmissionPolicy a file, in a folder for its category. README.md beside this
// file describes the anatomy of a check and how to add one.
//
// The description of a check is in annotations of its policy, so that the file that a
// cluster is given is the file that is scanned by. Checks that need more than one object
// are analyzers (internal/analysis).
package checks

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
)

// Prefix is the prefix of every annotation that Seaworthy reads.
const Prefix = "seaworthy.dev/"

// Source is a check with its policy.
type Source struct {
	seaworthy.Check
	Policy *admissionv1.ValidatingAdmissionPolicy
	Raw    []byte // the file
}

//go:embed */*.yaml */testdata/*.yaml
var files embed.FS

// Cases holds the policies, a folder for each category, with their cases in testdata.
func Cases() fs.FS { return files }

var list = sync.OnceValues(func() ([]Source, error) { return Load(files) })

// List gives every built-in check about a single object, by id.
func List() ([]Source, error) { return list() }

// Load reads the policies of a tree: */*.yaml, without testdata.
func Load(tree fs.FS) ([]Source, error) {
	names, err := fs.Glob(tree, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	out := make([]Source, 0, len(names))
	for _, name := range names {
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		s, err := Parse(raw)
		if err != nil {
			return nil, fmt.Errorf("read check %s: %w", name, err)
		}
		if want := strings.TrimSuffix(path.Base(name), ".yaml"); s.ID != want {
			return nil, fmt.Errorf("read check %s: its name is %q", name, s.ID)
		}
		s.File = name
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Source) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// Parse reads one built-in policy with its description.
func Parse(raw []byte) (*Source, error) {
	p := &admissionv1.ValidatingAdmissionPolicy{}
	if err := yaml.UnmarshalStrict(raw, p); err != nil {
		return nil, err
	}
	s := &Source{Policy: p, Raw: raw}
	var err error
	if s.Check, err = Describe(p); err != nil {
		return nil, err
	}
	return s, s.Validate()
}

// Describe reads the description of a check from the annotations of its policy. What is
// absent stays empty.
func Describe(p *admissionv1.ValidatingAdmissionPolicy) (seaworthy.Check, error) {
	get := func(key string) string { return strings.TrimSpace(p.Annotations[Prefix+key]) }
	c := seaworthy.Check{
		ID: p.Name, Title: get("title"), Severity: seaworthy.Severity(get("severity")), Category: get("category"),
		Scope: seaworthy.Scope(get("scope")), Rationale: get("rationale"), Remediation: get("remediation"),
		Snippet: p.Annotations[Prefix+"snippet"], Formerly: get("formerly"), NeedsParams: get("needs-params") == "true",
	}
	if c.Scope == "" {
		c.Scope = seaworthy.ScopeSingle
	}
	for id := range strings.SplitSeq(get("controls"), ",") {
		if id = strings.TrimSpace(id); id != "" {
			c.Controls = append(c.Controls, id)
		}
	}
	if params := get("params"); params != "" {
		if err := yaml.UnmarshalStrict([]byte(params), &c.Params); err != nil {
			return c, fmt.Errorf("annotation %sparams: %w", Prefix, err)
		}
	}
	return c, nil
}
