// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What editors say of a file is what the program says of it.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := schema(t)
	quoted := strings.NewReplacer("1.30", `"1.30"`, "count: 3", `count: "3"`).Replace(whole)
	for text, want := range map[string]bool{
		quoted:                            true,
		"{}":                              true,
		"failOn: none":                    true,
		"failOn: worst":                   false,
		"fail-on: high":                   false,
		"checks: {a: {mode: warn}}":       true,
		"checks: {a: {mode: block}}":      false,
		"checks: {a: {severity: bad}}":    false,
		"checks: {a: {modus: off}}":       false,
		"waivers: w.yaml":                 false,
		"inputs: {gitignore: true}":       true,
		"inputs: {gitignore: perhaps}":    false,
		"scopes: [{namespaces: [a]}]":     false,
		"scopes: [{reason: c, off: [b]}]": false,
		"scopes: [{namespaces: [], off: [b], reason: c}]":   false,
		"scopes: [{namespaces: [a], off: [b], reason: ''}]": false,
		"scopes: [{namespaces: [a], off: [b], reason: c}]":  true,
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != want {
			t.Errorf("schema of %q: %v, want valid: %t", text, err, want)
		}
		t.Chdir(write(t, map[string]string{"seaworthy.yaml": text}))
		if _, err := config.Load("seaworthy.yaml"); (err == nil) != want {
			t.Errorf("Load of %q: %v, want valid: %t", text, err, want)
		}
	}
}

// Every setting is described, in the table and where it has a flag.
func TestEverySettingIsDescribed(t *testing.T) {
	table := config.Table()
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 3 || cells[2] == "" {
			t.Errorf("row %q does not say what the setting does", row)
		}
	}
	for _, flag := range []string{"fail-on", "mode", "parameter", "scope", "namespace", "gitignore"} {
		if config.FlagDoc(flag) == "" {
			t.Errorf("--%s is not described", flag)
		}
		if !strings.Contains(table, "`--"+flag+"`") {
			t.Errorf("the table does not name --%s", flag)
		}
	}
	for i := range reflect.TypeFor[config.Config]().NumField() {
		f := reflect.TypeFor[config.Config]().Field(i)
		if name := f.Tag.Get("yaml"); name != "" && f.Type.Kind() != reflect.Struct && !strings.Contains(table, "| `"+name+"` |") {
			t.Errorf("the table does not name %s", name)
		}
	}
	if doc := config.FlagDoc("no-such-flag"); doc != "" {
		t.Errorf("FlagDoc of no flag = %q", doc)
	}
}
