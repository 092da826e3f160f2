// SPDX-License-Identifier: Apache-2.0

package output

import (
	"html"
	"regexp"
	"strings"
)

// Zero-width space, after which neither GitHub nor GitLab sees a name or a number.
const unlinked = "\u200b"

var (
	mdMention = regexp.MustCompile(`@([\w\[(-])|#(\d)`)
	mdStart   = regexp.MustCompile(`^(\d+)([.)])`)
	mdEscapes = strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "www.", `www\.`,
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "{", `\{`, "}", `\}`, "[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`,
		"#", `\#`, "+", `\+`, "!", `\!`, "|", `\|`, "~", `\~`, ":", `\:`, "$", `\$`, "^", `\^`, "=", `\=`,
	)
)

// mdText is s as one line of Markdown text: no markup, no HTML, no link, nobody
// mentioned.
func mdText(s string) string {
	s = mdEscapes.Replace(clean(s))
	s = mdMention.ReplaceAllStringFunc(s, func(m string) string { return m[:1] + unlinked + m[1:] })
	s = mdStart.ReplaceAllString(s, `$1\$2`)
	if strings.HasPrefix(s, "-") {
		s = `\` + s
	}
	return s
}

// mdSummary is s as text where only HTML counts.
func mdSummary(s string) string {
	s = html.EscapeString(clean(s))
	return mdMention.ReplaceAllStringFunc(s, func(m string) string { return m[:1] + unlinked + m[1:] })
}

// mdCode is s as code in a line of text.
func mdCode(s string) string {
	s = clean(s)
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// mdCell is s as code in a cell of a table, where a bar ends the cell even in code
// unless there is exactly one backslash before it.
func mdCell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(mdCode(s), `\|`, `\ |`), "|", `\|`)
}

// mdBlock is a fenced block of code.
func mdBlock(language, code string) string {
	fence := strings.Repeat("`", max(3, longestRun(code, '`')+1))
	var b strings.Builder
	b.WriteString(fence + language + "\n")
	for _, l := range strings.Split(strings.TrimRight(code, "\n"), "\n") {
		b.WriteString(strings.TrimRight(cleanLine(l), " ") + "\n")
	}
	b.WriteString(fence + "\n")
	return b.String()
}

// longestRun is the length of the longest run of c in s.
func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := 0; i < len(s); i++ {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
