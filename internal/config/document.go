// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Schema is the JSON Schema of seaworthy.yaml (draft 2020-12).
func Schema() ([]byte, error) {
	s := schemaOf(reflect.TypeFor[Config]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["$id"] = "https://seaworthy.dev/schema/config.schema.json"
	s["title"] = "Seaworthy configuration"
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(s)
	return b.Bytes(), err
}

func schemaOf(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		props, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("yaml")
			if name == "" {
				continue
			}
			p := schemaOf(f.Type)
			p["description"] = f.Tag.Get("doc")
			if values := f.Tag.Get("oneOf"); values != "" {
				p["enum"] = strings.Fields(values)
			}
			if f.Tag.Get("required") == "true" {
				required = append(required, name)
				p[map[bool]string{true: "minItems", false: "minLength"}[f.Type.Kind() == reflect.Slice]] = 1
			}
			props[name] = p
		}
		s := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
		if len(required) > 0 {
			s["required"] = required
		}
		return s
	}
	return map[string]any{"type": "string"}
}

// Table is the Markdown table of every setting.
func Table() string {
	var b strings.Builder
	b.WriteString("| setting | flag of `seaworthy scan` | what it does |\n|---|---|---|\n")
	table(&b, reflect.TypeFor[Config](), "")
	return b.String()
}

func table(b *strings.Builder, t reflect.Type, prefix string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		flag := "–"
		if n := f.Tag.Get("flag"); n != "" {
			flag = "`--" + n + "`"
		}
		full := prefix + name
		if f.Type.Kind() != reflect.Struct {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", full, flag, f.Tag.Get("doc"))
		}
		switch elem := f.Type; {
		case elem.Kind() == reflect.Struct:
			table(b, elem, full+".")
		case elem.Kind() == reflect.Map && elem.Elem().Kind() == reflect.Struct:
			table(b, elem.Elem(), full+".<id>.")
		case elem.Kind() == reflect.Slice && elem.Elem().Kind() == reflect.Struct:
			table(b, elem.Elem(), full+"[].")
		}
	}
}

// FlagDoc is what a flag does, in the words of the setting that it overrides.
func FlagDoc(flag string) string { return flagDoc(reflect.TypeFor[Config](), flag) }

func flagDoc(t reflect.Type, flag string) string {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("flag") == flag {
			return f.Tag.Get("doc")
		}
		of := f.Type
		if of.Kind() == reflect.Map {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct {
			if doc := flagDoc(of, flag); doc != "" {
				return doc
			}
		}
	}
	return ""
}
