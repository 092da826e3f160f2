// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy/test/others"
)

// outline writes what positions and fixes need of a node tree.
func outline(n *yaml.Node) string {
	var b strings.Builder
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		merge := n.Tag == "!!merge"
		fmt.Fprintf(&b, "%*d:%d kind %d style %d merge %v %q\n", depth, n.Line, n.Column, n.Kind, n.Style, merge, n.Value)
		for _, c := range n.Content {
			walk(c, depth+1)
		}
	}
	walk(n, 0)
	return b.String()
}

// sameAsLibrary tells whether the fast reader takes a text, and fails the test when it
// then reads it otherwise than the YAML library does.
func sameAsLibrary(t testing.TB, text []byte) bool {
	t.Helper()
	limits := DefaultLimits()
	got, ok := parseFast(chunk{text: text, line: 7}, limits)
	if !ok {
		return false
	}
	docs, err := parseYAML(chunk{text: text, line: 7}, limits)
	if err != nil || len(docs) != 1 {
		t.Errorf("the library reads %d documents of %q: %v\nthe fast reader %#v", len(docs), text, err, got.value)
		return true
	}
	if docs[0].node == nil {
		t.Errorf("the library does not parse %q, kubectl does", text)
		return true
	}
	if diff := cmp.Diff(docs[0].value, got.value); diff != "" {
		t.Errorf("value of %q (-library +fast):\n%s", text, diff)
	}
	if diff := cmp.Diff(outline(docs[0].node), outline(got.node)); diff != "" {
		t.Errorf("nodes of %q (-library +fast):\n%s", text, diff)
	}
	if a, b := fmt.Sprint(ordered(docs[0].dups)), fmt.Sprint(ordered(got.dups)); a != b {
		t.Errorf("duplicates of %q: library %s, fast %s", text, a, b)
	}
	return true
}

// blocks are documents that the fast reader has to take.
var blocks = []string{
	"a: 1\n", "a: b\nc:\n  d: e\n  f:\n  - g\n  - h: i\n    j: k\n  l: m\n", "- a\n- - b\n  - c\n-\n  d: e\n-\n- f\n",
	"a:\n- b:\n  - c\n  d: e\n- f\n", "---\na: |\n  text\n\n   more\n\n\nb: |-\n    x\n\nc: |+\n  y\n\n# end\n", "--- # comment\n# more\n\n a:\n",
	"a: # c\n  # d\n  b: c # e\n\n  # f\nd: e#f\n", "a: {b: c, 'd': \"e\", f: [1, 2, x y], g: {}, h: []} # i\n",
	"a: \"x\\n\\\"y\\\"\\\\\\t\"\nb: 'it''s'\n\"c d\": ''\n'e': \"\"\n", "a: --x\nb: -1\nc: -x\nd: http://x:80/y?z#a\n", "yes: on\n1: 2\n0x10: 1\nnull1: x\n1.50: y\n",
	"a: |\n  x\ty\n  \tz\n# \tc\nb: 1\n", "a: 1\r\n\r\nb: |\r\n  x\r\n  y\r\n", "a: [--x, -y, -1]\n",
	"a: 1\nb:\n  a: 2\n  a: 3\na: 4\n", "a: é\nb: ü # ö\nc: [\"é\", x]\n", "a: |\n  é\nb: x", "a: |\n  x", "a: |+\n  x\n  ", "a:", "a:\n  b:\n", "-", "- \n- a: |\n    b\n  c: d\n",
	"a: b\n  c\n\n\n   d \n \n  e#f\n\n# g\nh: i\n", "- a\n  b\n-\n  - c\n   d\n- e: f\n   g\n  h: i\n    - j\n", "a: 1\n 2\nb: true\n  - x\n  {y}\n  'z\n", "a: b\n  c", "a: :b\n",
	"a: 'b: c\n  d # e\n\n  it''s\n  '\nf: \"g  \n\n   h\\n \n  \\\"i\\\"\" # j\n", "a: '\n\n  b'\nc: d\n", "a:\n- \"b\n   c\"\n- 'd\n\n  '\n", "a: é\n  ü\nb: 'é\n  ü'\n",
	"key with spaces: value with spaces   \nk/e.y_$: $(X)\n", "a: 2001-01-01\nb: 12:30:45\nc: ~\nd: .5\ne: 1e3\nf: 010\n",
}

func TestFastAsLibrary(t *testing.T) {
	for _, text := range blocks {
		if taken := sameAsLibrary(t, []byte(text)); !taken && !strings.Contains(text, "\n a:") {
			t.Errorf("the fast reader gives up on %q", text)
		}
	}
	for _, s := range scalars {
		for _, form := range []string{"v: %s\n", "- %s\n", "v: [%s]\n", "v: {a: %s}\n", "%s: v\n", "v: {%s: v}\n", "v: '%s'\n", "v: \"%s\"\n", "v: %s # c\n", "- v: %s\n  w: x\n", "v: %s"} {
			sameAsLibrary(t, fmt.Appendf(nil, form, s))
		}
	}
	for _, s := range structures {
		sameAsLibrary(t, []byte(s))
	}
}

// samples are real documents, where they are at hand, and our own.
func samples(t testing.TB) [][]byte {
	var out [][]byte
	add := func(text []byte) {
		s := newSplitter(bytes.NewReader(text), nil, DefaultLimits())
		for {
			c, err := s.next()
			if err != nil {
				return
			}
			out = append(out, bytes.Clone(c.text))
		}
	}
	typical, err := os.ReadFile("testdata/typical.yaml")
	if err != nil {
		t.Fatal(err)
	}
	add(typical)
	for _, b := range blocks {
		add([]byte(b))
	}
	for _, name := range []string{"corpus", "acceptance/inputs"} {
		dir, ok := others.Have(t, name)
		if !ok {
			continue
		}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && (strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")) {
				if text, err := os.ReadFile(path); err == nil {
					add(text)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestFastOnRealManifests(t *testing.T) {
	all, taken, bytes, takenBytes := 0, 0, 0, 0
	for _, s := range samples(t) {
		all++
		bytes += len(s)
		if sameAsLibrary(t, s) {
			taken++
			takenBytes += len(s)
		}
	}
	t.Logf("the fast reader takes %d of %d documents, %d of %d KB", taken, all, takenBytes>>10, bytes>>10)
}

// mutate changes a document a little, in the ways in which YAML changes its meaning.
func mutate(r *rand.Rand, doc []byte) []byte {
	bits := []string{" ", "  ", "\n", "\n\n", "#", " #", ": ", ":", "- ", "-", "'", "\"", "\\", "\t", "|", "|-\n", ">", "{", "}", "[", "]", ",", ", ", "&a ", "*a", "!", "!!str ", "<<: ", "?", "? ",
		"é", "\u0085", "\u2028", "\ufeff", "\r", "~", "null", "yes", "0", "1e3", "---", "\n---\n", "...", "%", "@", "`", "a", "a: b\n", "x: y", "\x00", "|+\n", "\\n", "''", "\n  ", "\n- ", "\n# c\n", "=", ".", "$", "0x", "_"}
	doc = bytes.Clone(doc)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(doc) + 1)
		switch r.IntN(5) {
		case 0:
			j := min(len(doc), i+1+r.IntN(4))
			doc = append(doc[:i:i], doc[j:]...)
		case 1: // indentation of a line
			if k := bytes.LastIndexByte(doc[:i], '\n') + 1; r.IntN(2) == 0 {
				doc = append(doc[:k:k], append([]byte(" "), doc[k:]...)...)
			} else if k < len(doc) && doc[k] == ' ' {
				doc = append(doc[:k:k], doc[k+1:]...)
			}
		case 2: // a line twice
			k := bytes.LastIndexByte(doc[:i], '\n') + 1
			e := bytes.IndexByte(doc[i:], '\n') + i + 1
			if e > i {
				doc = append(doc[:e:e], append(bytes.Clone(doc[k:e]), doc[e:]...)...)
			}
		default:
			doc = append(doc[:i:i], append([]byte(bits[r.IntN(len(bits))]), doc[i:]...)...)
		}
	}
	return doc
}

// mutations calls f with small changes of real documents and parts of them, until the
// test fails.
func mutations(t *testing.T, n int, f func(doc []byte)) {
	var docs [][]byte
	for _, s := range samples(t) {
		if len(s) < 2<<10 {
			docs = append(docs, s)
		}
	}
	for _, s := range slices.Concat(structures, blocks) {
		docs = append(docs, []byte(s), []byte(s))
	}
	r := rand.New(rand.NewPCG(1, 7))
	for i := 0; i < n && !t.Failed(); i++ {
		doc := docs[r.IntN(len(docs))]
		if len(doc) > 300 && r.IntN(4) > 0 { // short ones fail more tellingly
			i := r.IntN(len(doc) - 200)
			doc = doc[bytes.LastIndexByte(doc[:i], '\n')+1 : i+200]
		}
		f(mutate(r, doc))
	}
}

// amount is how many mutations a test makes; SEAWORTHY_MUTATIONS asks for more.
func amount(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("SEAWORTHY_MUTATIONS")); err == nil {
		return n
	}
	if testing.Short() {
		return 5_000
	}
	return 60_000
}

func TestMutationsAsKubectl(t *testing.T) {
	mutations(t, amount(t), func(doc []byte) {
		if jsonStart(doc) < 0 && !loneTag.Match(doc) {
			sameAsKubectl(t, doc)
		}
	})
}

func TestFastOnMutations(t *testing.T) {
	n, taken := amount(t), 0
	mutations(t, n, func(doc []byte) {
		if sameAsLibrary(t, doc) {
			taken++
		}
	})
	t.Logf("%d of %d mutations are taken", taken, n)
	if taken < n/10 {
		t.Errorf("only %d of %d mutations are taken: the test says little", taken, n)
	}
}

func FuzzFast(f *testing.F) {
	for _, s := range slices.Concat(structures, blocks) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) < 4<<10 {
			sameAsLibrary(t, text)
		}
	})
}
