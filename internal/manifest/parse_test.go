// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "k8s.io/apimachinery/pkg/util/json"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// scalars are texts that the versions of YAML read differently, or that tools trip over.
var scalars = []string{
	"yes", "Yes", "YES", "no", "on", "Off", "y", "N", "true", "TRUE", "tRue", "null", "~", "Null", "",
	"0", "-0", "+1", "010", "08", "0o17", "0x1F", "0b101", "0b-11", "-0b11", "1_000", "1__0", "_1", "1_",
	"1e3", "1.0", "1.5", "-1.5e-3", ".5", "5.", ".", "..", "1.2.3", "1e400", "1e21", "123456789012345678901",
	"9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"1.2345678901234567e18", "9007199254740993.0", "-9223372036854775809", "1e19", "0.1e1",
	"2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43", "12:30:45", "190:20:30", "1:1",
	"- a", "100m", "1Gi", "0777", "0o8", "0xg", "+.inf", ".inf", "-.INF", ".nan", "+-1", "1e", "e1", "1e+3", "--1",
	"*", "a b", "'quoted'", `"double"`, `"\x41\u00e9\U0001F600"`, "'it''s'", "<<", "=", "!!str 1",
	"!!int '1'", "!!float 1", "!!bool yes", "!!null ''", "!!binary aGVsbG8=", "!!binary gICA", "!custom x",
	"!!str", "!!timestamp 2001-01-01", "|\n  a\n  b\n", ">-\n  a\n  b\n", "{a: 1}", "[1, 2]", "é", "\u2028",
	"Infinity", "NaN", "0b", "0x", "-", "+", "-_", "1_e3", "0x_1", "1-2", "127.0.0.1", "::1", "#", "a#b", "a #b",
}

// sameAsKubectl compares one document with what kubectl makes of it.
func sameAsKubectl(t *testing.T, doc []byte) {
	t.Helper()
	docs, err := parse(chunk{text: doc, line: 1}, DefaultLimits().withDefaults())
	var want any
	werr := kyaml.Unmarshal(doc, &want)
	switch {
	case err != nil && werr != nil:
		return
	case err != nil && len(docs) == 0: // kubectl does not see trouble after the first document
		var strict any
		if kyaml.UnmarshalStrict(doc, &strict) != nil {
			return // nor what a duplicate key hides
		}
		t.Fatalf("parse(%q): %v; kubectl reads %#v", doc, err, want)
	case werr != nil:
		return // what only we can read is judged
	}
	var got any
	dups := false
	if len(docs) > 0 {
		got, dups = docs[0].value, len(docs[0].dups) > 0
	}
	if diff := cmp.Diff(want, got); diff != "" && !dups {
		t.Errorf("parse(%q) differs from kubectl (-want +got):\n%s", doc, diff)
	}
}

func TestScalarsAsKubectl(t *testing.T) {
	for _, s := range scalars {
		sameAsKubectl(t, []byte("v: "+s+"\n"))
		sameAsKubectl(t, []byte("- "+s+"\n"))
		sameAsKubectl(t, []byte("v: ["+s+"]\n"))
		if !strings.Contains(s, "\n") {
			sameAsKubectl(t, []byte(s+": v\n"))
			sameAsKubectl(t, []byte("v: '"+s+"'\n"))
			sameAsKubectl(t, []byte("? "+s+"\n: v\n"))
		}
	}
}

func TestThroughJSON(t *testing.T) {
	for f, want := range map[float64]any{
		1: int64(1), 1.5: 1.5, math.Copysign(0, -1): int64(0), 1e20: 1e20, 1 << 53: int64(1 << 53),
		math.MaxFloat64: math.MaxFloat64, 1.2345678901234567e18: int64(1234567890123456800),
	} {
		if got := throughJSON(f); got != want {
			t.Errorf("throughJSON(%v) = %v, want %v", f, got, want)
		}
	}
}

// structures are documents whose shape is unusual.
var structures = []string{
	"a: &x {b: 1}\nc: *x\n",
	"base: &b\n  k: 1\n  l: 2\nmerged:\n  <<: *b\n  l: 3\n",
	"base: &b {k: 1}\nmerged: {k: 2, <<: *b}\n",
	"x: &x {a: 1, b: 1}\ny: &y {a: 2, c: 2}\nz: {<<: [*x, *y], d: 3}\n",
	"z: {<<: {a: 1}, b: 2}\n",
	"z: {'<<': {a: 1}, b: 2}\n",
	"? a\n: b\n",
	"? [a]\n: b\n",
	"a: {{ .Values.b }}\n",
	"# only a comment\n",
	"---\n",
	"--- # comment\na: 1\n",
	"--- {a: 1}\n",
	"%YAML 1.1\n---\na: 1\n",
	"%YAML 1.2\n---\na: 1\n",
	"%TAG ! tag:example.com,2000:\n---\na: !x 1\n",
	"a: 1\n...\n",
	"a: |\n  text\n   more\n\nb: >\n  folded\n  text\n\n  para\nc: |-\n  x\n\n\nd: |+\n  y\n\n\ne: 1\n",
	"a: |2\n    two\n  one\n",
	"a:\n- b\n- c:\n    d\n  e: f\n-\n  - g\n- - h\n  - i\n",
	"a: b: c\n",
	"a:\n\tb: 1\n",
	"a: 'multi\n  line\n\n  quoted'\nb: \"multi\n  line\\\n  joined\"\n",
	"a: plain\n  over lines\n  # comment\nb: 1\n",
	"a: [1,\n  2, # two\n  3,]\nb: {x: 1,\n y: 2,}\n",
	"a: [a b, c: d, {e: f}]\n",
	"key with spaces: 1\n\"quoted key\": 2\n'other': 3\n",
	"a: -1\nb: - 1\n",
	"-1\n", "- - - a\n", "[]\n", "{}\n", "\"x\"\n",
	"a: 1\na: 2\n",
	"a:1\n", "a :1\n", "a : 1\n", "a:\n", "a:   # c\n  b: 1\n",
	"\xef\xbb\xbfa: 1\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2\r", "a: \x00\n", "a: \xff\n", "a: \x85\n",
	"a: 'unclosed\n", "a: \"bad \\q\"\n", "a: @x\n", "a: `x`\n", "a: %x\n", "a: &b\n", "a: *unknown\n",
	"a: !!int x\n", "a: ! x\n", "!!map {a: 1}\n", "a: &x [*x]\n", "&a a: *a\n",
	"a: #c\n  b: 2\n#c\nc: 3 #c\n  #c\n",
	"a:\n  b: 1\n c: 2\n", "a:\n    b: 1\n  c: 2\n", "a: 1\n b: 2\n",
	"a: \"\\ud83d\\ude00\"\n",
	"a: 1 # c\n\n\n# d\n\nb: 2\n",
	"- a: 1\n  b: 2\n-  c: 3\n   d: 4\n",
	"a: ''\nb: \"\"\nc: ' '\n",
	"a: x#y\nb: x #y\nc: 'x #y'\nd: x:y\ne: x: \n",
	"a: {b: c:d, e: f:g}\n", "a: [x:y, 'p':q]\n", "{a, b: , c: }\n", "[a, , b]\n",
	"a: \"line one\\nline two\\ttab\\\\ \\\"q\\\" \\/ \\e \\0 \\_ \\N\\L\\P \\  x\"\n",
}

func TestStructuresAsKubectl(t *testing.T) {
	for _, s := range structures {
		sameAsKubectl(t, []byte(s))
	}
}

func TestJSONAsKubectl(t *testing.T) {
	for _, s := range []string{
		`{"a":1,"b":-2.5,"c":1.0,"d":1e3,"e":true,"f":null,"g":"x\n\u00e9\ud83d\ude00","h":[],"i":{},"j":[1,[2]]}`,
		`{"a":123456789012345678901,"b":9223372036854775807,"c":0.1,"d":-0}`, ` { "a" : "\/" } `, `[1,2]`,
		"{\"a\":\n\t\"tab\"\n}", `{"a":"é` + "\xff" + `"}`, `{"<<":{"a":1}}`, `{"yes":"no"}`, `{"1":1}`,
	} {
		var want any
		if err := kjson.Unmarshal([]byte(s), &want); err != nil {
			t.Fatalf("kubectl cannot read %s: %v", s, err)
		}
		docs, err := parse(chunk{text: []byte(s), line: 1}, DefaultLimits())
		if err != nil || len(docs) != 1 {
			t.Errorf("parse(%s) = %d documents, %v", s, len(docs), err)
			continue
		}
		if diff := cmp.Diff(want, docs[0].value); diff != "" {
			t.Errorf("parse(%s) (-want +got):\n%s", s, diff)
		}
	}
}

// loneTag is the tag "!", which makes yaml.v2 resolve quoted scalars and keep empty ones
// as strings; a node of yaml.v3 does not say that it was there.
var loneTag = regexp.MustCompile(`!(\s|\z|[,\]}\x{85}\x{2028}\x{2029}])`)

func FuzzValue(f *testing.F) {
	for _, s := range scalars {
		f.Add([]byte("v: " + s + "\n"))
		f.Add([]byte(s + ": v\n"))
	}
	for _, s := range structures {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) > 4<<10 || loneTag.Match(doc) {
			return
		}
		if jsonStart(doc) >= 0 {
			return // read as JSON first, as kubectl does
		}
		sameAsKubectl(t, doc)
	})
}
