// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// TestMarkdownFitsAComment: whatever the report holds, GitHub takes the comment, every
// section is closed and the end is there.
func TestMarkdownFitsAComment(t *testing.T) {
	md, err := output.Named("markdown")
	if err != nil {
		t.Fatal(err)
	}
	big, all := largeReport(5000)
	long := poisoned(rich(), strings.Repeat(hostile, 50))
	for range 400 {
		long.Errors = append(long.Errors, long.Errors[0])
		long.Skipped = append(long.Skipped, long.Skipped[0])
		long.Waivers = append(long.Waivers, long.Waivers[0])
		long.Checks = append(long.Checks, long.Checks[7], long.Checks[8])
	}
	wide := rich()
	for i := range wide.Covered[0].Requirements {
		wide.Covered[0].Requirements[i].Title = strings.Repeat("語", 4000)
	}
	for name, c := range map[string]struct {
		r      *seaworthy.Report
		checks []seaworthy.Check
	}{"large": {big, all}, "long": {long, hostileChecks(hostile)}, "wide": {wide, checks}, "rich": {rich(), checks}} {
		t.Run(name, func(t *testing.T) {
			got := string(replay(t, md, c.r, c.checks, output.Options{}))
			if n := len(got); n >= 60_000 {
				t.Errorf("%d bytes, want less than 60,000", n)
			}
			if opened, closed := strings.Count(textOnly(got), "<details"), strings.Count(textOnly(got), "</details>"); opened != closed {
				t.Errorf("%d sections are opened and %d closed", opened, closed)
			}
			if !strings.HasPrefix(got, "<!-- seaworthy-report -->\n") || !strings.HasSuffix(got, "</sub>\n") {
				t.Error("the beginning or the end is missing")
			}
		})
	}
}

// TestMarkdownSaysWhatItLeavesOut adds up findings shown and said to be left out.
func TestMarkdownSaysWhatItLeavesOut(t *testing.T) {
	md, err := output.Named("markdown")
	if err != nil {
		t.Fatal(err)
	}
	big, all := largeReport(20_000)
	got := string(replay(t, md, big, all, output.Options{}))
	if !strings.Contains(got, "not shown here for want of room") && !strings.Contains(got, " more\n") {
		t.Error("nothing says that findings are missing")
	}
	for _, s := range seaworthy.Severities {
		if !strings.Contains(got, "<b>"+string(s)+"</b>") {
			t.Errorf("no section for %s", s)
		}
	}
}

var (
	backticks = regexp.MustCompile("`+")
	mdCellEnd = regexp.MustCompile(`(?:\\.|[^|\\])*\|`)
)

// withoutCode takes the code spans out of a line: a run of backticks ends at the next
// run of the same length. A backtick after a backslash opens nothing.
func withoutCode(line string) string {
	var out strings.Builder
	for {
		open := backticks.FindStringIndex(line)
		if open == nil {
			return out.String() + line
		}
		if open[0] > 0 && line[open[0]-1] == '\\' {
			out.WriteString(line[:open[0]+1])
			line = line[open[0]+1:]
			continue
		}
		out.WriteString(line[:open[0]])
		fence, rest := line[open[0]:open[1]], line[open[1]:]
		line = fence + rest
		closed := false
		for at := 0; ; {
			run := backticks.FindStringIndex(rest[at:])
			if run == nil {
				break
			}
			if run[1]-run[0] == len(fence) {
				line, closed = rest[at+run[1]:], true
				break
			}
			at += run[1]
		}
		if !closed {
			return out.String() + line
		}
	}
}

func textOnly(doc string) string {
	var b strings.Builder
	for line := range strings.Lines(doc) {
		b.WriteString(withoutCode(line))
	}
	return b.String()
}

// TestMarkdownKeepsItsTables counts cells as GitHub splits them: a backslash takes the
// next character with it, code spans count for nothing.
func TestMarkdownKeepsItsTables(t *testing.T) {
	md, err := output.Named("markdown")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{hostile, `a|b`, `a\|b`, `a\\|b`, `\`, "`", "``|``", "|", "a\n| b |"} {
		got := string(replay(t, md, poisoned(rich(), s), hostileChecks(s), output.Options{}))
		cells := 0
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := len(mdCellEnd.FindAllString(line[1:], -1))
			if cells == 0 {
				cells = n
			}
			if n != cells {
				t.Errorf("%q: a row has %d cells and its table %d: %s", s, n, cells, line)
			}
		}
	}
}

// TestMarkdownLeaksNoMarkup looks at what stands outside code.
func TestMarkdownLeaksNoMarkup(t *testing.T) {
	md, err := output.Named("markdown")
	if err != nil {
		t.Fatal(err)
	}
	own := regexp.MustCompile(`<!-- seaworthy-report -->|</?(details|summary|b|sub)( open)?>`)
	got := string(replay(t, md, hostileReport(), hostileChecks(hostile), output.Options{}))
	for line := range strings.Lines(got) {
		rest := own.ReplaceAllString(withoutCode(line), "")
		rest = strings.TrimPrefix(rest, "> ")
		for _, bad := range []string{"<", ">", "](", "@t", "#1", "www."} {
			if strings.Contains(rest, bad) {
				t.Fatalf("%q stands in %q of %q", bad, rest, line)
			}
		}
	}
}
