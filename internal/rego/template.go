// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The target and the engines of ConstraintTemplates,
// https://open-policy-agent.github.io/gatekeeper/website/docs/constrainttemplates.
const (
	templateGroup   = "templates.gatekeeper.sh"
	constraintGroup = "constraints.gatekeeper.sh"
	target          = "admission.k8s.gatekeeper.sh"
	engineRego      = "Rego"
	engineCEL       = "K8sNativeValidation"
)

// template is a ConstraintTemplate, compiled.
type template struct {
	document
	kind     string // of its Constraints
	schema   map[string]any
	used     bool
	failed   bool
	compiler *ast.Compiler
	ref      string
	program  *program // nil where inventory is needed
	needs    *needs
	cel      *celSource
}

// templateSpec is the part of a template that is read here.
type templateSpec struct {
	CRD struct {
		Spec struct {
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
			Validation struct {
				OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
			} `json:"validation"`
		} `json:"spec"`
	} `json:"crd"`
	Targets []struct {
		Target string       `json:"target"`
		Rego   string       `json:"rego"`
		Libs   []string     `json:"libs"`
		Code   []engineCode `json:"code"`
	} `json:"targets"`
}

type engineCode struct {
	Engine string          `json:"engine"`
	Source json.RawMessage `json:"source"`
}

// regoSource is one engine's code, and where in the file it stands.
type regoSource struct {
	Version string   `json:"version"`
	Rego    string   `json:"rego"`
	Libs    []string `json:"libs"`
	at      []any
}

// loadTemplate compiles a template; the problems are the bundle's.
func (b *Bundle) loadTemplate(d document) *template {
	t := &template{document: d, failed: true}
	var spec templateSpec
	if err := convert(d.object["spec"], &spec); err != nil {
		b.problem(d, "read the ConstraintTemplate %s: %v", d.str("metadata", "name"), err)
		return t
	}
	t.kind = spec.CRD.Spec.Names.Kind
	t.schema = spec.CRD.Spec.Validation.OpenAPIV3Schema
	rego, err := t.choose(spec)
	if err != nil {
		b.problem(d, "ConstraintTemplate %s: %v", d.str("metadata", "name"), err)
		return t
	}
	t.failed = t.cel == nil && !b.compileTemplate(t, rego)
	return t
}

// choose picks the engine: CEL where the template has it, as Gatekeeper does.
func (t *template) choose(spec templateSpec) (*regoSource, error) {
	if t.kind == "" {
		return nil, errors.New("spec.crd.spec.names.kind is missing")
	}
	if len(spec.Targets) != 1 || spec.Targets[0].Target != target {
		return nil, fmt.Errorf("spec.targets must hold one target, %s", target)
	}
	tg := spec.Targets[0]
	var engines []string
	var rego *regoSource
	for i, code := range tg.Code {
		engines = append(engines, code.Engine)
		switch code.Engine {
		case engineCEL:
			t.cel = &celSource{}
			return nil, errors.Join(json.Unmarshal(code.Source, t.cel), t.cel.validate())
		case engineRego:
			rego = &regoSource{at: []any{"code", i, "source"}}
			if err := json.Unmarshal(code.Source, rego); err != nil {
				return nil, fmt.Errorf("spec.targets[0].code[%d].source: %w", i, err)
			}
		}
	}
	switch {
	case rego == nil && tg.Rego != "":
		rego = &regoSource{Rego: tg.Rego, Libs: tg.Libs}
	case rego == nil && len(engines) > 0:
		return nil, fmt.Errorf("its code is for %s, which is not known here (only %s and %s)", strings.Join(engines, ", "), engineRego, engineCEL)
	case rego == nil || rego.Rego == "":
		return nil, errors.New("it holds no Rego")
	}
	if v := rego.Version; v != "" && v != "v0" && v != "v1" {
		return nil, fmt.Errorf("its Rego is of version %q, which is not known (v0 or v1)", v)
	}
	return rego, nil
}

// compileTemplate compiles the Rego of a template on its own: packages of other templates
// and files are not seen.
func (b *Bundle) compileTemplate(t *template, src *regoSource) bool {
	m := newModules(&sources{})
	base := map[string]int{}
	m.where = func(name string, row int) (string, int) {
		if row == 0 {
			return t.file, t.node.Line
		}
		return t.file, base[name] + row
	}
	version := ast.RegoV0
	if src.Version == "v1" {
		version = ast.RegoV1
	}
	tg := at(t.node, "spec", "targets", 0)
	add := func(name, text string, steps ...any) {
		base[name] = lineBefore(at(tg, append(append([]any{}, src.at...), steps...)...))
		m.add(name, text, version)
	}
	add("template", src.Rego, "rego")
	for i, lib := range src.Libs {
		add(fmt.Sprintf("lib %d", i), lib, "libs", i)
	}
	m.dropUnresolved()
	m.compile()
	entry := m.parsed["template"]
	if len(m.problems) == 0 && (entry == nil || !hasRule(entry, "violation")) {
		m.problem("template", 1, "package has no violation rule")
	}
	for i := range m.problems {
		m.problems[i].Message = "ConstraintTemplate " + t.str("metadata", "name") + ": " + m.problems[i].Message
	}
	b.problems = append(b.problems, m.problems...)
	if len(m.problems) > 0 {
		return false
	}
	t.compiler, t.ref = m.compiler, queryRef(packagePath(entry), "violation")
	t.needs = needsOf(t.compiler, "template")
	if t.needs == nil {
		p, err := prepare(context.Background(), t.compiler, newStore(nil, nil), t.ref)
		if err != nil {
			b.problem(t.document, "ConstraintTemplate %s: %v", t.str("metadata", "name"), err)
			return false
		}
		t.program = p
	}
	return true
}

func hasRule(mod *ast.Module, name string) bool {
	for _, r := range mod.Rules {
		if ruleName(r) == name && len(r.Head.Args) == 0 {
			return true
		}
	}
	return false
}

// convert reads a decoded value into a struct by its JSON form.
func convert(v, into any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// fill gives parameters the defaults of the template's schema, as the API server does
// for custom resources.
func fill(v any, schema map[string]any) any {
	switch v := v.(type) {
	case map[string]any:
		props, _ := schema["properties"].(map[string]any)
		out := maps.Clone(v)
		for name, p := range props {
			sub, _ := p.(map[string]any)
			if _, ok := out[name]; !ok && sub["default"] != nil {
				out[name] = sub["default"]
			}
			if e, ok := out[name]; ok {
				out[name] = fill(e, sub)
			}
		}
		if extra, ok := schema["additionalProperties"].(map[string]any); ok {
			for name, e := range out {
				if props[name] == nil {
					out[name] = fill(e, extra)
				}
			}
		}
		return out
	case []any:
		items, _ := schema["items"].(map[string]any)
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = fill(e, items)
		}
		return out
	}
	return v
}
