// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

var colour = regexp.MustCompile("\x1b\\[[0-9;]+m")

func largeText(t *testing.T, n int, o output.Options) string {
	t.Helper()
	text, err := output.Named("text")
	if err != nil {
		t.Fatal(err)
	}
	r, all := largeReport(n)
	return string(replay(t, text, r, all, o))
}

func TestTextOfAFirstRun(t *testing.T) {
	golden.Compare(t, "text/first_run.golden", []byte(largeText(t, 2000, output.Options{MoreHint: "--all"})))
}

// TestTextSaysFirstWhatToDo: the counts and the three worst checks, with where and how,
// stand on the first two screens.
func TestTextSaysFirstWhatToDo(t *testing.T) {
	lines := strings.Split(largeText(t, 2000, output.Options{}), "\n")
	top := strings.Join(lines[:60], "\n")
	for _, want := range []string{"2,000 findings", "critical  ", "Fix these first", "\n  1  ", "\n  2  ", "\n  3  ", "Fix: ", "clusters/prod/"} {
		if !strings.Contains(top, want) {
			t.Errorf("%q is not on the first 60 lines:\n%s", want, top)
		}
	}
	if n := len(lines); n > 500 {
		t.Errorf("%d lines are too many to read", n)
	}
	if last := lines[len(lines)-3]; !strings.HasPrefix(last, "2,000 findings: 671 at or above high  exit 3") {
		t.Errorf("the result does not come last again: %q", last)
	}
}

// TestTextColourIsOnlyColour: without its colours, coloured text is the plain one.
func TestTextColourIsOnlyColour(t *testing.T) {
	for _, r := range []*seaworthy.Report{rich(), clear(), hostileReport()} {
		plain := string(render(t, "text", r, output.Options{Coverage: true}))
		coloured := string(render(t, "text", r, output.Options{Coverage: true, Color: true}))
		if !strings.Contains(coloured, "\x1b[") || strings.Contains(plain, "\x1b[") {
			t.Error("colour is not where it should be")
		}
		stripped := colour.ReplaceAllString(coloured, "")
		var trimmed []string // padding inside a colour stays
		for _, l := range strings.Split(stripped, "\n") {
			trimmed = append(trimmed, strings.TrimRight(l, " "))
		}
		if diff := cmp.Diff(plain, strings.Join(trimmed, "\n")); diff != "" {
			t.Errorf("without colours (-plain +coloured):\n%s", diff)
		}
	}
}

func TestTextKeepsToTheWidth(t *testing.T) {
	for _, width := range []int{40, 60, 80, 100, 160} {
		for name, r := range map[string]*seaworthy.Report{"rich": rich(), "hostile": hostileReport()} {
			t.Run(fmt.Sprintf("%s_%d", name, width), func(t *testing.T) {
				got := string(render(t, "text", r, output.Options{Coverage: true, Width: width}))
				for line := range strings.Lines(got) {
					line = strings.TrimSuffix(line, "\n")
					if n := utf8.RuneCountInString(line); n > width && !strings.Contains(line, "│") && !strings.HasPrefix(line, "catalogue") {
						t.Errorf("%d columns of %d: %q", n, width, line)
					}
				}
			})
		}
	}
}

func TestTextShowsAllWhenAsked(t *testing.T) {
	few, all := largeText(t, 3000, output.Options{}), largeText(t, 3000, output.Options{All: true})
	if n := strings.Count(all, "clusters/prod/"); n < 3000 {
		t.Errorf("%d places of 3,000 findings", n)
	}
	if strings.Contains(all, "… and ") && !strings.Contains(all[:strings.Index(all, "critical ──")], "… and ") {
		t.Error("findings are missing though all were asked for")
	}
	if len(few) > len(all)/4 {
		t.Errorf("examples are %d bytes of %d", len(few), len(all))
	}
}

func TestTextNeverConcludes(t *testing.T) {
	for _, kind := range []string{seaworthy.SourceFiles, seaworthy.SourceCluster} {
		r := rich()
		r.Covered = []seaworthy.FrameworkCoverage{seaworthy.Cover(framework, controls, r.Checks, kind, nil)}
		text := string(render(t, "text", r, output.Options{Coverage: true}))
		neverConcludes(t, kind, text)
		if want := map[string]string{"files": "Files show design", "cluster": "shows operation"}[kind]; !strings.Contains(text, want) {
			t.Errorf("the coverage of %s does not say %q", kind, want)
		}
		neverConcludes(t, "markdown", string(render(t, "markdown", r, output.Options{})))
	}
}

// TestTextHidesNothing: what is no finding is in the text all the same.
func TestTextHidesNothing(t *testing.T) {
	got := string(render(t, "text", rich(), output.Options{}))
	for _, want := range []string{
		"deploy/broken.yaml:12", "mapping values are not allowed", "image-vulnerable", "images were not scanned", "etcd-encryption",
		"run by the provider", "team-naming", "undefined function upper_case", "node_modules", "expired on 2026-01-31", "dana@shop.example",
		"formats the volume once", "starts in 40 ms", "1 known from the baseline",
	} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("the text does not say %q", want)
		}
	}
}
