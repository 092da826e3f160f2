// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// globRegexp translates a glob with slashes to a regular expression on whole paths: *
// and ? stay within a name, ** stands for any number of folders.
func globRegexp(glob string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`\A`)
	parts := strings.Split(glob, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "**" && last && i > 0:
			b.WriteString(`.+`)
		case part == "**" && last:
			b.WriteString(`.*`)
		case part == "**":
			b.WriteString(`(?:[^/]+/)*`)
		default:
			b.WriteString(nameRegexp(part))
			if !last {
				b.WriteByte('/')
			}
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile("(?s)" + b.String())
}

// nameRegexp translates the pattern of one name.
func nameRegexp(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; c {
		case '*':
			b.WriteString(`[^/]*`)
		case '?':
			b.WriteString(`[^/]`)
		case '\\':
			if i+1 < len(p) {
				i++
			}
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		case '[':
			if n := classEnd(p[i:]); n > 0 {
				class := p[i+1 : i+n]
				if strings.HasPrefix(class, "!") || strings.HasPrefix(class, "^") {
					b.WriteString(`[^/` + classBody(class[1:]) + `]`)
				} else {
					b.WriteString(`[` + classBody(class) + `]`)
				}
				i += n
				continue
			}
			b.WriteString(`\[`)
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	return b.String()
}

// classEnd gives the offset of the bracket that closes the class at the start of p, 0
// when none does. A bracket that comes first is part of the class.
func classEnd(p string) int {
	i := 1
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		i++
	}
	if i < len(p) && p[i] == ']' {
		i++
	}
	for i < len(p) {
		switch {
		case p[i] == ']':
			return i
		case p[i] == '\\':
			i++
		case strings.HasPrefix(p[i:], "[:"):
			if n := strings.Index(p[i:], ":]"); n > 0 {
				i += n + 1
			}
		}
		i++
	}
	return 0
}

// classBody quotes what would mean more inside a class of a regular expression than in
// a glob; ranges, escapes and named classes mean the same.
func classBody(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteString(regexp.QuoteMeta(s[i : i+1]))
		case strings.HasPrefix(s[i:], "[:"):
			if n := strings.Index(s[i:], ":]"); n > 0 {
				b.WriteString(s[i : i+n+2])
				i += n + 1
				continue
			}
			b.WriteString(`\[`)
		case c == '[' || c == ']' || c == '^' || c == '&' || c == '~':
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hasMeta tells whether a path is a glob.
func hasMeta(p string) bool { return strings.ContainsAny(p, "*?[") }

// globBase splits a glob into the folder that holds all of its matches and the pattern
// of their paths below it.
func globBase(glob string) (dir, pattern string) {
	glob = filepath.ToSlash(glob)
	i := strings.IndexAny(glob, "*?[")
	j := strings.LastIndexByte(glob[:i], '/')
	if j < 0 {
		return ".", glob
	}
	if j == 0 {
		return "/", glob[1:]
	}
	return path.Clean(glob[:j]), glob[j+1:]
}
