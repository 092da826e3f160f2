// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Container runs as root", "Container runs as root"},
		{"empty", "", ""},
		{"only_space", " \n\t ", ""},
		{"lines", " two\r\n lines\there ", "two lines here"},
		{"colour", "\x1b[31mred\x1b[0m", "␛[31mred␛[0m"},
		{"title", "\x1b]0;gone\x07", "␛]0;gone␇"},
		{"c1", "a\u009b31mb\u0085c", "a�31mb c"},
		{"direction", "\u202egnp.exe", "�gnp.exe"},
		{"nothing_to_see", "a\u200bb\ufeffc\u00add", "a�b�c�d"},
		{"not_utf8", "a\xffb", "a�b"},
		{"null", "a\x00b\x7f", "a␀b␡"},
		{"agent_command", "##[group]x ##vso[task.y]", "# #[group]x # #vso[task.y]"},
		{"heading", "## not a command", "## not a command"},
		{"scripts", "日本語 עברית नमस्ते", "日本語 עברית नमस्ते"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := clean(c.in); got != c.want {
				t.Errorf("clean(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// FuzzClean holds clean to its promise: one line of valid, visible text, and the same
// when cleaned again.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "plain", "a  b", "\x1b[2J", "\u202e", "\xff\xfe", "##[x]", "###vso[", "\u2028", "\U000e0041", "é", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) {
			t.Errorf("clean(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if r != '\u200c' && r != '\u200d' && (unicode.In(r, unicode.Cc, unicode.Cf) || r == '\u2028' || r == '\u2029') {
				t.Errorf("clean(%q) = %q holds %U", s, got, r)
			}
		}
		if strings.TrimSpace(got) != got || strings.Contains(got, "##[") {
			t.Errorf("clean(%q) = %q", s, got)
		}
		if again := clean(got); again != got {
			t.Errorf("clean(%q) = %q, and again %q", s, got, again)
		}
		if plain(s) && got != s {
			t.Errorf("%q is plain, yet clean gives %q", s, got)
		}
		for _, n := range []int{2, 7, 40} {
			fits(t, s, got, n)
		}
	})
}

func fits(t *testing.T, s, got string, n int) {
	t.Helper()
	for _, cut := range []string{clip(got, n), clipStart(got, n), clipMiddle(got, n)} {
		if width(cut) > n || !utf8.ValidString(cut) {
			t.Errorf("%q cut to %d columns is %q", s, n, cut)
		}
	}
	lines := wrap(got, n)
	for _, l := range lines {
		if width(l) > n {
			t.Errorf("%q wrapped to %d columns has the line %q", s, n, l)
		}
	}
	if a, b := strings.Join(lines, ""), strings.ReplaceAll(got, " ", ""); strings.ReplaceAll(a, " ", "") != b {
		t.Errorf("%q wrapped to %d columns loses text: %q", s, n, lines)
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "…": 1, "🚢": 2} {
		if got := width(s); got != want {
			t.Errorf("width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 300000: "300,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		n, most, cols int
		want          string
	}{{0, 10, 8, ""}, {1, 1000, 8, "▏"}, {10, 10, 4, "████"}, {5, 10, 4, "██"}, {3, 10, 4, "█▏"}, {1, 0, 4, ""}} {
		if got := bar(c.n, c.most, c.cols); got != c.want {
			t.Errorf("bar(%d, %d, %d) = %q, want %q", c.n, c.most, c.cols, got, c.want)
		}
	}
}
