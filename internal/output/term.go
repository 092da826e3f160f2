// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// style is a terminal's rendition, in the sixteen colours that every user's theme
// defines. The empty style is plain.
type style string

const (
	bold  style = "1"
	faint style = "2"
	red   style = "31"
	green style = "32"
	cyan  style = "36"
)

// severityStyles colour the word and the bar of a severity.
var severityStyles = map[seaworthy.Severity]style{
	seaworthy.Critical: "1;31",
	seaworthy.High:     "31",
	seaworthy.Medium:   "33",
	seaworthy.Low:      "36",
	seaworthy.Info:     "2",
}

// span is a piece of a line in one style.
type span struct {
	text  string
	style style
}

// terminal writes lines of spans. Whatever it is given, a line stays one line and holds
// no escape but the terminal's own colours, and no line is a command to a build agent.
type terminal struct {
	w     *bufio.Writer
	width int
	color bool
	blank bool // the last line was empty
	err   error
}

func newTerminal(w io.Writer, o Options) *terminal {
	width := o.Width
	if width <= 0 {
		width = 100
	}
	return &terminal{w: bufio.NewWriter(w), width: max(width, 40), color: o.Color, blank: true}
}

// line writes one line, indented by n columns.
func (t *terminal) line(n int, spans ...span) {
	var painted, plain strings.Builder
	for _, s := range spans {
		text := cleanLine(s.text)
		plain.WriteString(text)
		painted.WriteString(t.paint(text, s.style))
	}
	text := strings.TrimRight(painted.String(), " ")
	t.blank = text == ""
	if strings.HasPrefix(strings.TrimLeft(plain.String(), " "), "::") {
		text = "· " + text // a build agent obeys ::command:: at the start of a line
	}
	if text != "" {
		text = strings.Repeat(" ", n) + text
	}
	t.write(text + "\n")
}

// flow writes spans as one line, or as several where the terminal is too narrow: it
// breaks at spaces and indents what follows by two columns more.
func (t *terminal) flow(n int, spans ...span) {
	var row []span
	used := 0
	for _, s := range spans {
		s.text = cleanLine(s.text)
		if used+width(s.text) <= t.width-n { // the usual case: as it is
			row, used = append(row, s), used+width(s.text)
			continue
		}
		for i, word := range wrap(s.text, t.width-n-2) {
			gap := " "
			if i == 0 {
				gap = s.text[:len(s.text)-len(strings.TrimLeft(s.text, " "))]
			}
			if used > 0 && used+len(gap)+width(word) > t.width-n {
				t.line(n, row...)
				row, used, gap = []span{{"  ", ""}}, 2, ""
			}
			row, used = append(row, span{gap + word, s.style}), used+len(gap)+width(word)
		}
	}
	t.line(n, row...)
}

func (t *terminal) paint(text string, s style) string {
	if !t.color || s == "" || strings.Trim(text, " ") == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (t *terminal) write(s string) {
	if t.err == nil {
		if _, err := t.w.WriteString(s); err != nil {
			t.err = fmt.Errorf("write the report: %w", err)
		}
	}
}

// gap writes an empty line unless there is one.
func (t *terminal) gap() {
	if !t.blank {
		t.line(0)
	}
}

// prose writes text, broken to the width of the terminal or of a comfortable line.
// The first line starts with lead, which the others are indented by.
func (t *terminal) prose(n int, lead span, text string, s style) {
	text = clean(text)
	for i, l := range wrap(text, min(t.width, 100)-n-width(lead.text)) {
		if i > 0 {
			lead.text = strings.Repeat(" ", width(lead.text))
		}
		t.line(n, lead, span{l, s})
	}
}

// pad fills s with spaces to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-width(s)))
}

// padLeft fills s with spaces before it to n columns.
func padLeft(s string, n int) string {
	return strings.Repeat(" ", max(0, n-width(s))) + s
}

// bar draws n of most over at most cols columns, in eighths of a column. What is not
// nothing shows.
func bar(n, most, cols int) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	eighths := max(1, n*cols*8/most)
	s := strings.Repeat("█", eighths/8)
	if r := eighths % 8; r > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[r-1])
	}
	return s
}

func (t *terminal) flush() error {
	if t.err != nil {
		return t.err
	}
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
