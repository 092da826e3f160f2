// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"testing"

	kyaml "sigs.k8s.io/yaml"
)

// Whatever the text, an edit is refused or changes what it should and nothing else;
// nothing breaks.
func FuzzEdit(f *testing.F) {
	for _, seed := range []string{
		"a:\n  b: 1 # one\n\n# c\nc: [x, {y: z}]\n", "l:\n- name: a\n  s: {}\n-\n  - b\n", "a: &a {b: ~}\nc: *a\n<<: *a\n",
		"a: |\n  x\n\nb: >+2\n    y\n\n", "a: 'it''s'\nb: \"\\\"\"\n? c\n: - d\n", "a:\r\n  b: {c: 1,\r\n    d: }\r\n", "--- !!map\n\"a\": !!str b\n...\n",
		"a: b\n  c\n\n  d\ne: {}", "ü: [ä, 'ö'] # €\n", "%YAML 1.1\n---\na:\n  - b: |-\n      c",
	} {
		for n := range uint(8) {
			f.Add(seed, n)
		}
	}
	f.Fuzz(func(t *testing.T, text string, n uint) {
		if len(text) > 4<<10 {
			t.Skip()
		}
		for _, c := range split([]byte(text)) {
			s, err := parse(c.text)
			var v any
			if err != nil || kyaml.Unmarshal(c.text, &v) != nil || editable(c.text) != nil {
				continue
			}
			if _, ok := v.(map[string]any); !ok {
				continue
			}
			all := everyEdit(v, 200)
			e := all[n%uint(len(all))]
			got, err := editText(string(c.text), []edit{e})
			if err == nil && !onlyChanges(string(c.text), got, replaced(s, e)) {
				t.Errorf("edit %v of %q changes other text: %q", e.path, c.text, got)
			}
		}
	})
}

// The documents of a file are its text, whole and in order.
func FuzzSplit(f *testing.F) {
	f.Add("a: 1\n---\nb: 2\n...\nc: 3")
	f.Add("# c\n---\n%YAML 1.1\n---\na: |\n  ---\n")
	f.Fuzz(func(t *testing.T, text string) {
		whole, line := "", 1
		for _, c := range split([]byte(text)) {
			whole += string(c.text)
			if c.line != line {
				t.Fatalf("document %q begins in line %d, want %d", c.text, c.line, line)
			}
			for _, r := range c.text {
				if r == '\n' {
					line++
				}
			}
		}
		if whole != text {
			t.Fatalf("split(%q) gives %q", text, whole)
		}
	})
}
