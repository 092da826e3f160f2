// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/seaworthy-dev/seaworthy"
)

// constraint is one use of a template: a check.
type constraint struct {
	seaworthy.Check
	document document
	template *template
	match    *match
	params   ast.Value
	breaker  breaker
}

// The annotations that describe a check on a Constraint or its template; those of
// Gatekeeper's policy library are the second choice.
const (
	annotationPrefix = "seaworthy.dev/"
	libraryTitle     = "metadata.gatekeeper.sh/title"
)

// loadGatekeeper makes checks of the ConstraintTemplates and Constraints of the folder.
func (b *Bundle) loadGatekeeper(src *sources, ids map[string]string) {
	templates := map[string]*template{}
	var constraints []document
	for _, d := range src.docs {
		group, _, _ := strings.Cut(d.str("apiVersion"), "/")
		switch {
		case group == templateGroup && d.str("kind") == "ConstraintTemplate":
			t := b.loadTemplate(d)
			if have := templates[t.kind]; have != nil && t.kind != "" {
				b.problem(d, "ConstraintTemplate %s: Constraints of kind %s are also defined in %s; only the latter counts", d.str("metadata", "name"), t.kind, have.file)
				continue
			}
			templates[t.kind] = t
		case group == constraintGroup:
			constraints = append(constraints, d)
		default:
			b.skip(d, "%s %s of Gatekeeper is not used here", d.str("kind"), d.str("metadata", "name"))
		}
	}
	for _, d := range constraints {
		b.loadConstraint(d, templates[d.str("kind")], ids)
	}
	for _, kind := range slices.Sorted(maps.Keys(templates)) {
		if t := templates[kind]; !t.used && !t.failed {
			b.skip(t.document, "no Constraint of kind %s uses this ConstraintTemplate", kind)
		}
	}
}

func (b *Bundle) problem(d document, format string, args ...any) {
	b.problems = append(b.problems, seaworthy.Problem{File: d.file, Line: d.node.Line, Message: fmt.Sprintf(format, args...)})
}

func (b *Bundle) skip(d document, format string, args ...any) {
	b.skipped = append(b.skipped, seaworthy.Problem{File: d.file, Line: d.node.Line, Message: fmt.Sprintf(format, args...)})
}

func (b *Bundle) loadConstraint(d document, t *template, ids map[string]string) {
	name := d.str("kind") + "/" + d.str("metadata", "name")
	if t == nil {
		b.problem(d, "Constraint %s: no ConstraintTemplate in the folder defines its kind", name)
		return
	}
	t.used = true
	if t.failed {
		b.problem(d, "Constraint %s: its ConstraintTemplate in %s could not be loaded", name, t.file)
		return
	}
	c := &constraint{document: d, template: t, match: &match{}}
	err := convert(dig(d.object, "spec", "match"), c.match)
	if err == nil {
		err = c.match.prepare()
	}
	if err == nil {
		err = c.describe()
	}
	if err != nil {
		b.problem(d, "Constraint %s: %v", name, err)
		return
	}
	params, _ := dig(d.object, "spec", "parameters").(map[string]any)
	if params == nil {
		params = map[string]any{}
	}
	if unknown := unknownParams(params, t.schema); len(unknown) > 0 {
		b.problem(d, "Constraint %s: its template knows no parameter %s", name, strings.Join(unknown, ", "))
	}
	filled, _ := fill(params, t.schema).(map[string]any)
	if c.params, err = ast.InterfaceToValue(filled); err != nil {
		b.problem(d, "Constraint %s: read its parameters: %v", name, err)
		return
	}
	if !b.admit(c.Check, d.node.Line, ids) {
		return
	}
	b.files = append(b.files, d.file, t.file)
	if t.cel != nil {
		b.natives = append(b.natives, c.native(filled))
		return
	}
	b.constraints = append(b.constraints, c)
}

// unknownParams lists parameters that the API server would drop, for want of a place in
// the template's schema.
func unknownParams(params, schema map[string]any) []string {
	props, ok := schema["properties"].(map[string]any)
	if !ok || schema["additionalProperties"] != nil || schema["x-kubernetes-preserve-unknown-fields"] == true {
		return nil
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		if _, ok := props[k]; !ok {
			out = append(out, k)
		}
	}
	return out
}

// describe fills the check in from annotations of the Constraint, then of the template.
func (c *constraint) describe() error {
	d, t := c.document, c.template
	name := d.str("metadata", "name")
	if name == "" {
		return fmt.Errorf("metadata.name is missing")
	}
	note := func(keys ...string) string {
		for _, k := range keys {
			for _, doc := range []document{d, t.document} {
				if v := strings.TrimSpace(doc.str("metadata", "annotations", k)); v != "" {
					return v
				}
			}
		}
		return ""
	}
	own := func(key string) string { return note(annotationPrefix + key) }
	id := d.str("metadata", "annotations", annotationPrefix+"id")
	c.Check = seaworthy.Check{
		ID:          cmp.Or(slug(id), slug(d.str("kind"), name)),
		Title:       oneLine(cmp.Or(own("title"), note(libraryTitle), d.str("kind"))),
		Category:    cmp.Or(own("category"), defaultCategory),
		Scope:       seaworthy.ScopeEngine,
		Rationale:   note(annotationPrefix+"rationale", "description"),
		Remediation: own("remediation"),
		Snippet:     own("snippet"),
		Controls:    nonNil(textList(own("controls"))),
		Custom:      true,
		File:        d.file,
	}
	if t.needs != nil {
		c.Scope = seaworthy.ScopeCross
	}
	severity, err := c.severity(own("severity"))
	c.Severity = severity
	return err
}

// severity is what the annotation says, else what Gatekeeper would do: deny is high, warn
// low, dryrun info.
func (c *constraint) severity(annotation string) (seaworthy.Severity, error) {
	if annotation != "" {
		return seaworthy.ParseSeverity(annotation)
	}
	of := func(action string) (seaworthy.Severity, error) {
		switch strings.ToLower(action) {
		case "", "deny":
			return seaworthy.High, nil
		case "warn":
			return seaworthy.Low, nil
		case "dryrun":
			return seaworthy.Info, nil
		}
		return "", fmt.Errorf("enforcement action %q is not one of deny, warn, dryrun, scoped", action)
	}
	action := c.document.str("spec", "enforcementAction")
	if action != "scoped" {
		return of(action)
	}
	worst := seaworthy.Info
	scoped, _ := dig(c.document.object, "spec", "scopedEnforcementActions").([]any)
	for _, s := range scoped {
		a, _ := dig(s, "action").(string)
		v, err := of(a)
		if err != nil {
			return "", err
		}
		if v.AtLeast(worst) {
			worst = v
		}
	}
	return worst, nil
}
