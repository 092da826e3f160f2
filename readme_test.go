// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

// testsRan is set by .ci/run when it has run the second command in a step of its own.
const testsRan = "SEAWORTHY_README_TESTS_RAN"

// testsTake is how long the README's second command may take on a slow machine.
const testsTake = 15 * time.Minute

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(readme(t), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, at most 150; details belong into docs/", n)
	}
}

var tryIt = regexp.MustCompile("(?s)\n## Try it\n.*?```sh\n(.*?)```")

// The commands under 'Try it' work as they stand there, on a machine that has only Go,
// git and make. The second runs the short tests, which run neither; what the first prints
// they hold to what the README shows.
func TestReadmeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED with -short: the commands build the program, and the second is these tests")
	}
	block := tryIt.FindStringSubmatch(readme(t))
	if block == nil {
		t.Fatal("README.md has no commands under 'Try it'")
	}
	var commands []string
	for line := range strings.Lines(block[1]) {
		command, _, _ := strings.Cut(line, "#")
		if command = strings.TrimSpace(command); command != "" {
			commands = append(commands, command)
		}
	}
	if len(commands) != 2 {
		t.Fatalf("'Try it' has the commands %q, want one for the example and one for the tests", commands)
	}
	for i, command := range commands {
		t.Run(strings.ReplaceAll(command, " ", "_"), func(t *testing.T) {
			if end, ok := t.Deadline(); ok && i > 0 && time.Until(end) < testsTake {
				t.Skipf("SKIPPED: the tests may take longer than is left; run this with -timeout 30m")
			}
			if i > 0 && os.Getenv(testsRan) != "" {
				t.Skipf("SKIPPED: %s is set, they ran in a step of their own", testsRan)
			}
			if _, err := exec.LookPath(strings.Fields(command)[0]); err != nil {
				t.Skipf("SKIPPED: %v", err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
			// Without the parts that only the whole suite is given: a fresh machine has none.
			cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
				return strings.HasPrefix(v, "SEAWORTHY_TEST_") || strings.HasPrefix(v, "SEAWORTHY_REQUIRE_")
			}), "MAKEFLAGS=")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
		})
	}
}

// What the README shows is what the program prints, shortened; -update writes it.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	const begin, end = "<!-- printed by make example -->\n", "<!-- end -->"
	before, rest, found := strings.Cut(readme(t), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("README.md has no place for what is printed (%q … %q)", begin, end)
	}
	var out, msg bytes.Buffer
	args := []string{"scan", "--config", "examples/shop/seaworthy.yaml", "--coverage", "--fail-on", "none", "--no-progress", "--color", "never"}
	if code := cli.Main(args, strings.NewReader(""), &out, &msg); code != 0 {
		t.Fatalf("seaworthy %s: exit %d\n%s", strings.Join(args, " "), code, msg.Bytes())
	}
	generated(t, "README.md", before+begin+"\n```\n"+excerpt(t, out.String())+"```\n\n"+end+after)
}

// excerpt shortens a report: the counts, one thing to fix, some criteria, the last word.
func excerpt(t *testing.T, report string) string {
	t.Helper()
	var b strings.Builder
	for i, part := range []struct {
		from  string
		lines int
	}{
		{"  critical ", 9},
		{"  Container runtime socket is mounted", 6},
		{"SOC 2 (", 11},
	} {
		_, rest, found := strings.Cut(report, part.from)
		if !found {
			t.Fatalf("the report has no line %q", part.from)
		}
		if i > 0 {
			b.WriteString("…\n")
		}
		lines := strings.SplitAfterN(part.from+rest, "\n", part.lines+1)
		b.WriteString(strings.TrimRight(strings.Join(lines[:len(lines)-1], ""), "\n") + "\n")
	}
	last := regexp.MustCompile(`(?m)^\d+ findings.*$`).FindString(report)
	fmt.Fprintf(&b, "…\n%s\n", last)
	return b.String()
}
