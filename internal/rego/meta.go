// SPDX-License-Identifier: Apache-2.0

package rego

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/seaworthy-dev/seaworthy"
)

// defaultCategory is that of checks which name none.
const defaultCategory = "Governance"

// metadata is what METADATA comments say of a rule, the nearest comment first.
type metadata struct {
	own   bool // the rule itself has a title or an id
	title string
	id    string
	wide  bool // the id is that of the package
	doc   string
	chain []map[string]any // custom
}

func metadataOf(set *ast.AnnotationSet, r *ast.Rule) metadata {
	var m metadata
	for _, ref := range set.Chain(r) {
		a := ref.Annotations
		if a == nil {
			continue
		}
		if m.title == "" {
			m.title = a.Title
		}
		if m.doc == "" {
			m.doc = a.Description
		}
		if a.Custom != nil {
			m.chain = append(m.chain, a.Custom)
		}
		if id, ok := a.Custom["id"]; ok && m.id == "" {
			m.id, m.wide = slug(fmt.Sprint(id)), a.Scope != "rule" && a.Scope != "document"
		}
		if a.Scope == "rule" && (a.Title != "" || a.Custom["id"] != nil) {
			m.own = true
		}
	}
	return m
}

func (m metadata) custom(key string) any {
	for _, c := range m.chain {
		if v, ok := c[key]; ok {
			return v
		}
	}
	return nil
}

func (m metadata) text(key string) string {
	switch v := m.custom(key).(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	default:
		return fmt.Sprint(v)
	}
}

// list reads a list of text, or text with commas.
func (m metadata) list(key string) []string { return textList(m.custom(key)) }

func textList(v any) []string {
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	switch v := v.(type) {
	case string:
		for _, s := range strings.Split(v, ",") {
			add(s)
		}
	case []any:
		for _, e := range v {
			add(fmt.Sprint(e))
		}
	}
	return out
}

// describe fills a check in. A severity that is not known is told of and replaced by the
// default.
func (m metadata) describe(c *seaworthy.Check, severity seaworthy.Severity) error {
	c.Custom, c.Scope = true, seaworthy.ScopeEngine
	c.Title = oneLine(m.title)
	c.Rationale = strings.TrimSpace(m.doc)
	c.Remediation = m.text("remediation")
	c.Snippet = m.text("snippet")
	c.Controls = nonNil(m.list("controls"))
	if c.Category = m.text("category"); c.Category == "" {
		c.Category = defaultCategory
	}
	c.Severity = severity
	if s := m.text("severity"); s != "" {
		v, err := seaworthy.ParseSeverity(s)
		if err != nil {
			return fmt.Errorf("%w; it counts as %s", err, severity)
		}
		c.Severity = v
	}
	return nil
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// slug makes a kebab-case id of names in any case: K8sRequiredLabels becomes
// k8s-required-labels.
func slug(parts ...string) string {
	var b strings.Builder
	dash := false
	for _, part := range parts {
		dash = true
		runes := []rune(part)
		for i, r := range runes {
			lower := unicode.ToLower(r)
			if (lower < 'a' || lower > 'z') && (r < '0' || r > '9') {
				dash = true
				continue
			}
			if unicode.IsUpper(r) && i > 0 {
				prev := runes[i-1]
				next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
				if unicode.IsLower(prev) || unicode.IsDigit(prev) || unicode.IsUpper(prev) && next {
					dash = true
				}
			}
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(lower)
		}
	}
	return b.String()
}
