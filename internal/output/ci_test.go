// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

var (
	githubCommand = regexp.MustCompile(`^::(error|warning|notice) ((?:file|line|title)=[^:,]*(?:,(?:file|line|title)=[^:,]*)*)::(.*)$`)
	percent       = regexp.MustCompile(`%(?:25|0D|0A|3A|2C)?`)
)

// readGitHub parses every line as the runner does and gives the commands by level and
// the last line.
func readGitHub(t *testing.T, doc []byte) (levels map[string][]string, last string) {
	t.Helper()
	levels = map[string][]string{}
	lines := strings.Split(strings.TrimSuffix(string(doc), "\n"), "\n")
	for _, l := range lines[:len(lines)-1] {
		m := githubCommand.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("not a command: %q", l)
			continue
		}
		for _, p := range percent.FindAllString(l, -1) {
			if p == "%" {
				t.Errorf("a per cent sign is not escaped: %q", l)
			}
		}
		levels[m[1]] = append(levels[m[1]], l)
	}
	return levels, lines[len(lines)-1]
}

func TestGitHubShowsTheWorst(t *testing.T) {
	gh, err := output.Named("github")
	if err != nil {
		t.Fatal(err)
	}
	big, all := largeReport(2000)
	big.Errors = append(big.Errors, seaworthy.Problem{File: "a.yaml", Line: 3, Message: "not YAML"})
	levels, last := readGitHub(t, replay(t, gh, big, all, output.Options{}))
	for level, lines := range levels {
		if len(lines) != 10 {
			t.Errorf("%d annotations of level %s, want 10", len(lines), level)
		}
	}
	if !strings.Contains(levels["error"][0], "file=a.yaml,line=3,title=Could not be read or judged::not YAML") {
		t.Errorf("the error does not come first: %q", levels["error"][0])
	}
	critical := map[string]bool{}
	for _, c := range all {
		critical[c.ID] = c.Severity == seaworthy.Critical
	}
	for _, l := range levels["error"][1:] {
		id := l[strings.LastIndex(l[:strings.Index(l[2:], "::")+2], "(")+1:]
		if id = id[:strings.Index(id, ")")]; !critical[id] {
			t.Errorf("%q is shown though there are critical findings enough", l)
		}
	}
	if want := "Seaworthy: 2,000 findings, 1 error; 1,971 not shown here, because GitHub shows 10 annotations of a level."; last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
}

func TestGitHubLeavesOutWhatDoesNotCount(t *testing.T) {
	levels, last := readGitHub(t, render(t, "github", rich(), output.Options{Baseline: true}))
	n := 0
	for _, lines := range levels {
		n += len(lines)
		for _, l := range lines {
			if strings.Contains(l, "(setup)") || strings.Contains(l, "nginx has no tag") {
				t.Errorf("a waived or known finding is annotated: %q", l)
			}
		}
	}
	if want := 16 + 2; n != want {
		t.Errorf("%d annotations, want %d", n, want)
	}
	if want := "Seaworthy: 16 findings, 2 waived or known, 2 errors."; last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
	readGitHub(t, render(t, "github", hostileReport(), output.Options{}))
	if _, last := readGitHub(t, render(t, "github", clear(), output.Options{})); last != "Seaworthy: 0 findings." {
		t.Errorf("last line %q", last)
	}
}

type codeQuality struct {
	Description string
	CheckName   string `json:"check_name"`
	Fingerprint string
	Severity    string
	Location    struct {
		Path  string
		Lines struct{ Begin int }
	}
}

func TestGitLabEntriesAreWhole(t *testing.T) {
	big, _ := largeReport(100)
	for name, r := range map[string]*seaworthy.Report{"rich": rich(), "large": big, "hostile": hostileReport(), "clear": clear()} {
		t.Run(name, func(t *testing.T) {
			var all []codeQuality
			if err := json.Unmarshal(render(t, "gitlab", r, output.Options{}), &all); err != nil {
				t.Fatal(err)
			}
			if want := len(r.Findings) + len(r.Errors); len(all) != want {
				t.Errorf("%d entries, want %d", len(all), want)
			}
			seen := map[string]bool{}
			for _, e := range all {
				if e.Description == "" || e.CheckName == "" || e.Fingerprint == "" || e.Location.Path == "" || e.Location.Lines.Begin < 1 ||
					!slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, e.Severity) {
					t.Errorf("entry %+v lacks something", e)
				}
				if seen[e.Fingerprint] && name != "hostile" {
					t.Errorf("two entries have fingerprint %s", e.Fingerprint)
				}
				seen[e.Fingerprint] = true
			}
		})
	}
}

func TestCSVIsATable(t *testing.T) {
	for name, r := range map[string]*seaworthy.Report{"rich": rich(), "clear": clear(), "hostile": hostileReport(), "formula": poisoned(rich(), "=1+1")} {
		t.Run(name, func(t *testing.T) {
			got := string(render(t, "csv", r, output.Options{}))
			rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			notJudged := 0
			for _, c := range r.Checks {
				if c.Status != seaworthy.StatusPassed && c.Status != seaworthy.StatusFailed && c.Status != seaworthy.StatusError {
					notJudged++
				}
			}
			if want := 1 + len(r.Findings) + len(r.Errors) + notJudged; len(rows) != want {
				t.Errorf("%d rows, want %d", len(rows), want)
			}
			for _, row := range rows {
				for _, cell := range row {
					if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
						t.Errorf("a spreadsheet runs %q", cell)
					}
				}
			}
			if strings.Count(got, "\r\n") != strings.Count(got, "\n") {
				t.Error("a line does not end as RFC 4180 says")
			}
		})
	}
}
