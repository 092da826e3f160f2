// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kyaml "sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// editText makes edits of a document and proves them as a fix does.
func editText(text string, edits []edit) (string, error) {
	s, err := parse([]byte(text))
	if err != nil {
		return "", err
	}
	var want any
	if err := kyaml.Unmarshal([]byte(text), &want); err != nil {
		return "", errYAML
	}
	object, ok := want.(map[string]any)
	if !ok {
		return "", errShape
	}
	for _, e := range edits {
		if _, _, err := s.edit(e); err != nil {
			return "", err
		}
		if err := e.apply(object); err != nil {
			return "", err
		}
	}
	out, err := splicing(s, edits)
	if err != nil {
		return "", err
	}
	var got any
	if err := kyaml.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, want) {
		return string(out), errMoved
	}
	return string(out), nil
}

// edits reads "a.b=true", "a.b+=X": one edit a word.
func editsOf(words string) []edit {
	var out []edit
	for _, w := range strings.Fields(words) {
		path, value, _ := strings.Cut(w, "=")
		e := edit{value: value}
		path, e.add = strings.CutSuffix(path, "+")
		e.path = snapshot.Steps(path)
		if value == "true" || value == "false" {
			e.value = value == "true"
		}
		out = append(out, e)
	}
	return out
}

func TestEdit(t *testing.T) {
	tests := map[string]struct{ in, edits, want string }{
		"after_the_last_entry": {
			"a:\n  b: 1 # one\n\n# about c\nc: 2\n", "a.x=true",
			"a:\n  b: 1 # one\n  x: true\n\n# about c\nc: 2\n",
		},
		"nested_by_the_documents_own_step": {
			"a:\n    b:\n        c: 1\n", "a.x.w.z=true",
			"a:\n    b:\n        c: 1\n    x:\n        w:\n            z: true\n",
		},
		"in_a_list_element": {
			"l:\n- name: a\n  image: x\n- name: b\n", "l[0].s.p=true l[1].s.p=true",
			"l:\n- name: a\n  image: x\n  s:\n    p: true\n- name: b\n  s:\n    p: true\n",
		},
		"in_an_indented_list_element": {
			"l:\n  -   name: a\n      m: {}\n", "l[0].s=false",
			"l:\n  -   name: a\n      m: {}\n      s: false\n",
		},
		"list_as_the_document_indents": {
			"l:\n  - name: a\n", "l[0].drop+=ALL",
			"l:\n  - name: a\n    drop:\n      - ALL\n",
		},
		"list_below_its_key": {
			"l:\n- name: a\n", "l[0].c.drop+=ALL",
			"l:\n- name: a\n  c:\n    drop:\n    - ALL\n",
		},
		"append_to_block_list": {
			"drop:\n- A # why\n- B\nx: 1\n", "drop+=ALL",
			"drop:\n- A # why\n- B\n- ALL\nx: 1\n",
		},
		"append_to_flow_list":  {"drop: [A, B] # c\n", "drop+=ALL", "drop: [A, B, ALL] # c\n"},
		"append_to_empty_list": {"c:\n  drop: []\n  x: 1\n", "c.drop+=ALL", "c:\n  drop:\n    - ALL\n  x: 1\n"},
		"append_to_long_flow_list": {
			"drop: [\n  A,\n  B, # b\n]\n", "drop+=ALL", "drop: [\n  A,\n  B,\n  ALL, # b\n]\n",
		},
		"list_and_key_at_one_place": {
			"c:\n- s:\n    drop:\n    - A\n", "c[0].x=true c[0].s.w=true c[0].s.drop+=ALL",
			"c:\n- s:\n    drop:\n    - A\n    - ALL\n    w: true\n  x: true\n",
		},
		"edits_below_one_new_key": {
			"c:\n- name: a\n", "c[0].s.x=true c[0].s.w=false c[0].s.t.d+=ALL",
			"c:\n- name: a\n  s:\n    x: true\n    w: false\n    t:\n      d:\n      - ALL\n",
		},
		"flow_mapping":        {"a: {b: 1}\n", "a.x=true", "a: {b: 1, x: true}\n"},
		"flow_mapping_nested": {"a: {b: {}}\n", "a.b.c.d=true", "a: {b: {c: {d: true}}}\n"},
		"flow_mapping_lines":  {"a: {\n  b: 1,\n  c: 2\n}\n", "a.x=true", "a: {\n  b: 1,\n  c: 2,\n  x: true\n}\n"},
		"flow_in_flow_list":   {"a: [{name: x}, {name: y}]\n", "a[0].s.t=Always", "a: [{name: x, s: {t: Always}}, {name: y}]\n"},
		"flow_with_quotes":    {"a: {b: 'x}'', {', c: \"}\\\"\"}\n", "a.x=true", "a: {b: 'x}'', {', c: \"}\\\"\", x: true}\n"},
		"key_without_value":   {"a:\n  s: # none yet\n  b: 1\n", "a.s.x=true", "a:\n  s: # none yet\n    x: true\n  b: 1\n"},
		"empty_mapping":       {"a:\n  s: {} # none\n", "a.s.x.w=true", "a:\n  s: # none\n    x:\n      w: true\n"},
		"null":                {"a:\n  s: ~\n  t: null\n", "a.s.x=true a.t=Always", "a:\n  s:\n    x: true\n  t: Always\n"},
		"last_key_without_value": {
			"a:\n  b:\n  c:\n", "a.x=true", "a:\n  b:\n  c:\n  x: true\n",
		},
		"replace_plain":  {"a: false # why\n", "a=true", "a: true # why\n"},
		"replace_quoted": {"a: 'x/v1'\nb: \"x/v1\"\n", "a=apps/v1 b=apps/v1", "a: 'apps/v1'\nb: \"apps/v1\"\n"},
		"replace_long":   {"a: b\n  c\n\n  d\ne: 1\n", "a=Always", "a: Always\ne: 1\n"},
		"replace_nothing": {
			"a:\nb: 1\n", "a=Always", "a: Always\nb: 1\n",
		},
		"value_that_needs_quotes": {"a: 1\n", "b=yes", "a: 1\nb: \"yes\"\n"},
		"crlf":                    {"a:\r\n  b: 1\r\nc: 2\r\n", "a.x.w=true", "a:\r\n  b: 1\r\n  x:\r\n    w: true\r\nc: 2\r\n"},
		"no_last_line_break":      {"a:\n  b: 1", "a.x=true w=true", "a:\n  b: 1\n  x: true\nw: true"},
		"crlf_no_last_line_break": {"a:\r\n  b: 1", "a.x=true", "a:\r\n  b: 1\r\n  x: true"},
		"after_block_scalar": {
			"a:\n  b: |\n    x: 1\n    # no comment\n\n  # comment\nc: 1\n", "a.x=true",
			"a:\n  b: |\n    x: 1\n    # no comment\n  x: true\n\n  # comment\nc: 1\n",
		},
		"after_kept_blank_lines": {
			"a:\n  b: |+\n    x\n\n\nc: 1\n", "a.x=true", "a:\n  b: |+\n    x\n\n\n  x: true\nc: 1\n",
		},
		"after_indented_block_scalar": {
			"a:\n  b: |1-\n     x\n    y\nc: 1\n", "a.x=true", "a:\n  b: |1-\n     x\n    y\n  x: true\nc: 1\n",
		},
		"block_scalar_at_the_very_end": {
			"a:\n  n: 1\n  b: |\n    x", "a.x=true", "a:\n  n: 1\n  x: true\n  b: |\n    x",
		},
		"after_folded_text": {
			"a:\n  b: one\n    two\n\n    three\nc: 1\n", "a.x=true", "a:\n  b: one\n    two\n\n    three\n  x: true\nc: 1\n",
		},
		"after_quoted_lines": {
			"a:\n  b: \"one\n    # two\n    three\"\nc: 1\n", "a.x=true", "a:\n  b: \"one\n    # two\n    three\"\n  x: true\nc: 1\n",
		},
		"after_an_alias":        {"x: &a {b: 1}\na:\n  b: *a\n", "a.x=true", "x: &a {b: 1}\na:\n  b: *a\n  x: true\n"},
		"unused_anchor":         {"a: &a\n  b: 1\n", "a.x=true", "a: &a\n  b: 1\n  x: true\n"},
		"merge_of_other_fields": {"x: &x {b: 1}\na:\n  <<: *x\n  c: 1\n", "a.d=true", "x: &x {b: 1}\na:\n  <<: *x\n  c: 1\n  d: true\n"},
		"beyond_ascii":          {"ä: {ö: 'ü€'} # 🙂\n", "ä.x=true", "ä: {ö: 'ü€', x: true} # 🙂\n"},
		"document_marks":        {"--- # first\na:\n  b: 1\n...\n", "a.x=true", "--- # first\na:\n  b: 1\n  x: true\n...\n"},
		"comments_below_stay":   {"a:\n  b: 1\n  # c: 2\n  # d: 3\n", "a.x=true", "a:\n  b: 1\n  x: true\n  # c: 2\n  # d: 3\n"},
		"explicit_key":          {"? a\n: b: 1\n", "a.x=true", "? a\n: b: 1\n  x: true\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := editText(tt.in, editsOf(tt.edits))
			if err != nil {
				t.Fatalf("edit %s: %v\n%s", tt.edits, err, got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("edit %s (-want +got):\n%s", tt.edits, diff)
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	tests := map[string]struct {
		in, edits string
		want      error
	}{
		"through_an_alias":       {"x: &a {b: 1}\na: *a\n", "a.c=true", errAlias},
		"the_alias_itself":       {"x: &a 1\na: *a\n", "a=true", errAlias},
		"an_anchor_in_use":       {"x: &a {b: 1}\na: *a\n", "x.c=true", errAlias},
		"below_an_anchor_in_use": {"x: &a\n  b:\n    c: 1\na: *a\n", "x.b.d=true", errAlias},
		"a_merged_field":         {"x: &x {b: {d: 1}}\na:\n  <<: *x\n", "a.b.c=true", errAlias},
		"a_field_written_twice":  {"a:\n  b: 1\n  b: 2\n", "a.b=true", errTwice},
		"a_tagged_value":         {"a: !!str true\n", "a=true", errTag},
		"an_anchored_value":      {"a: &x true\n", "a=false", errTag},
		"a_block_value":          {"a: |\n  x\n", "a=true", errTag},
		"below_a_scalar":         {"a: 1\n", "a.b=true", errShape},
		"a_mapping":              {"a: {b: 1}\n", "a=true", errShape},
		"an_element_not_there":   {"a: [{b: 1}]\n", "a[1].b=true", errShape},
		"an_element_of_nothing":  {"a: 1\n", "b[0].c=true", errShape},
		"append_to_a_mapping":    {"a: {b: 1}\n", "a+=ALL", errShape},
		"two_documents":          {"a: 1\n---\nb: 1\n", "a=true", errYAML},
		"no_yaml":                {"a: [\n", "a=true", errYAML},
		"a_comment_in_the_way":   {"a: { # none\n  }\n", "a.b=true", errBlock},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := editText(tt.in, editsOf(tt.edits)); !errors.Is(err, tt.want) {
				t.Errorf("edit %s: error %v, want %v\n%s", tt.edits, err, tt.want, got)
			}
		})
	}
}
