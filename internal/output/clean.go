// SPDX-License-Identifier: Apache-2.0

package output

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes one line of s that is safe to show: it holds no control character, so
// no terminal escape, no text direction override and nothing invisible, and it is
// valid UTF-8. White space of any kind becomes single spaces. What is hostile is made
// visible and never dropped, so that nothing hides: ESC becomes ␛.
func clean(s string) string {
	if plain(s) {
		return s
	}
	return visible(strings.Join(strings.Fields(s), " "))
}

// cleanLine is clean for a line whose spaces matter, such as a line of YAML. It may be
// printed as a line of its own, where "::" begins a command.
func cleanLine(s string) string {
	s = visible(strings.ReplaceAll(s, "\t", "  "))
	if in := strings.TrimLeft(s, " "); strings.HasPrefix(in, "::") {
		return s[:len(s)-len(in)] + "∷" + in[2:]
	}
	return s
}

// visible puts something to see in the place of every rune that shows as nothing.
func visible(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r > ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r < ' ':
			b.WriteRune('\u2400' + r)
		case r == 0x7f:
			b.WriteRune('\u2421')
		case invisible(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return neutral(b.String())
}

// plain tells whether clean would give s back, for printable ASCII, which is nearly all.
func plain(s string) bool {
	last := byte(' ')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || c == last && (c == ' ' || c == '#') {
			return false
		}
		last = c
	}
	return s == "" || last != ' '
}

// invisible tells whether r controls how its neighbours are shown, or shows as nothing.
// The two joiners are left: scripts need them.
func invisible(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return false
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800': // blanks that count as letters or symbols
		return true
	}
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs) || r&0xfffe == 0xfffe
}

// Pipelines read commands from what a step prints: ##[group] and ##vso[task.x]
// anywhere in a line (Azure Pipelines, older GitHub runners), ##teamcity[x].
var command = regexp.MustCompile(`##+([a-z]*\[)`)

// neutral takes the effect from what a build agent would take for its own command.
func neutral(s string) string {
	if !strings.Contains(s, "##") {
		return s
	}
	return command.ReplaceAllString(s, "# #$1")
}

// wide holds the ranges of runes that fill two columns of a terminal.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0xa4cf, 1},
		{0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// columns is how many columns of a terminal a rune fills.
func columns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me) || r == '\u200c' || r == '\u200d':
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// width is how many columns s fills.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// cut splits s after as many runes as fit n columns.
func cut(s string, n int) (head, rest string) {
	for i, r := range s {
		if n -= columns(r); n < 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// clip cuts s to n columns and marks the cut with an ellipsis.
func clip(s string, n int) string {
	if len(s) <= n || width(s) <= n {
		return s
	}
	head, _ := cut(s, n-1)
	return head + "…"
}

// clipStart cuts the start of s, for paths, whose end tells more.
func clipStart(s string, n int) string {
	over := width(s) - n
	if over <= 0 {
		return s
	}
	over++ // for the ellipsis
	for i, r := range s {
		if over <= 0 {
			return "…" + s[i:]
		}
		over -= columns(r)
	}
	return "…"
}

// clipMiddle cuts the middle of s, for names, whose two ends tell them apart.
func clipMiddle(s string, n int) string {
	if width(s) <= n {
		return s
	}
	head, rest := cut(s, n/2)
	return head + clipStart(rest, n-width(head))
}

// wrap breaks s into lines of at most n columns, at spaces where there are any.
func wrap(s string, n int) []string {
	n = max(n, 2) // room for any rune
	var lines []string
	line, used := "", 0
	flush := func() {
		if line != "" {
			lines = append(lines, line)
		}
		line, used = "", 0
	}
	for _, word := range strings.Fields(s) {
		w := width(word)
		if used > 0 && used+1+w <= n {
			line, used = line+" "+word, used+1+w
			continue
		}
		flush()
		for w > n { // too long for any line
			head, rest := cut(word, n)
			lines, word = append(lines, head), rest
			w -= width(head)
		}
		line, used = word, w
	}
	flush()
	return lines
}
