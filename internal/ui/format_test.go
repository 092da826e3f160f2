// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

func TestRelative(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		off  time.Duration
		want string
	}{
		{0, "just now"}, {-30 * time.Second, "just now"}, {-90 * time.Second, "1 minute ago"}, {-5 * time.Hour, "5 hours ago"},
		{-24 * time.Hour, "1 day ago"}, {-59 * 24 * time.Hour, "59 days ago"}, {-61 * 24 * time.Hour, "2 months ago"},
		{-800 * 24 * time.Hour, "2 years ago"}, {3 * time.Hour, "in 3 hours"}, {20 * time.Second, "in less than a minute"},
	} {
		if got := relative(now.Add(c.off), now); got != c.want {
			t.Errorf("relative(%v) = %q, want %q", c.off, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "−1,000"} {
		if got := num(n); got != want {
			t.Errorf("num(%d) = %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		n          int
		noun, want string
	}{{1, "finding", "1 finding"}, {0, "finding", "0 findings"}, {2, "repository", "2 repositories"}, {2, "day", "2 days"}, {3, "switch", "3 switches"}} {
		if got := count(c.n, c.noun); got != c.want {
			t.Errorf("count(%d, %q) = %q, want %q", c.n, c.noun, got, c.want)
		}
	}
}

func TestExcerptMarksThePath(t *testing.T) {
	const text = "kind: Pod\nspec:\n  containers:\n  - name: a\n  - name: app\n    securityContext:\n      privileged: true\n      runAsUser: 0\n"
	for path, want := range map[string]string{
		"spec.containers[1].securityContext.privileged": "7",
		"spec.containers[1].securityContext":            "6,7,8",
		"spec.containers[1].resources.limits":           "5", // is not there: the container that lacks it
		"spec.containers[9].image":                      "3",
		"status.phase":                                  "",
		"":                                              "",
	} {
		var hits []string
		for i, l := range excerpt(text, path) {
			if l.Hit {
				hits = append(hits, num(i+1))
			}
		}
		if got := strings.Join(hits, ","); got != want {
			t.Errorf("excerpt(%q) marks lines %q, want %q", path, got, want)
		}
	}
	if got := excerpt("{[", "spec"); len(got) != 1 || got[0].Hit {
		t.Errorf("excerpt of what is no YAML = %v, want one line without a mark", got)
	}
}

func TestTrendBeginsAtZero(t *testing.T) {
	from := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	if got := newTrend("t", "T", "controls", from, series{Values: []int{4}}); got != nil {
		t.Error("a trend of one day is drawn")
	}
	got := newTrend("t", "T", "controls", from, series{Name: "A", Values: []int{40, 42, 44}})
	if got.Grid[0].Text != "0" || got.Grid[0].Y != got.Bottom {
		t.Errorf("the axis begins with %+v, want 0 at the bottom (%v)", got.Grid[0], got.Bottom)
	}
	if top := got.Grid[len(got.Grid)-1]; top.Text != "60" && top.Text != "50" {
		t.Errorf("the axis ends at %s, which does not hold 44 well", top.Text)
	}
	if len(got.Rows) != 3 || got.Rows[0][0] != "3 Jul 2026" || got.Rows[0][1] != "44" {
		t.Errorf("the table behind = %v, want three days, newest first", got.Rows)
	}
}

func TestStackFillsItsBar(t *testing.T) {
	s := newStack("x", part{1, "c-good", "good"}, part{0, "c-bad", "bad"}, part{3, "c-low", "low"})
	if len(s.Shapes) != 2 || s.Shapes[0].W != 25 || s.Shapes[1].X != 25 || s.Shapes[1].W != 75 {
		t.Errorf("newStack = %+v, want 25 and 75", s.Shapes)
	}
	if s := newStack("x", part{0, "c-good", "good"}); len(s.Shapes) != 0 {
		t.Errorf("newStack of nothing = %+v", s.Shapes)
	}
}

// TestLadderTakesTheSidesOfTheProof walks a ladder as a verifier does: the hash beside
// joins from the left where the ladder draws it there.
func TestLadderTakesTheSidesOfTheProof(t *testing.T) {
	for size := int64(1); size < 20; size++ {
		for index := range size {
			depth := 0
			for s := size - 1; s > 0; s >>= 1 {
				depth++
			}
			l := newLadder(index, size, tlog.Hash{}, make([]tlog.Hash, min(depth, 3)), tlog.Hash{})
			if last := l.Steps[len(l.Steps)-1]; !last.Last {
				t.Fatalf("the ladder of %d of %d does not end at the root", index, size)
			}
			if depth > 0 && size == 16 {
				if left := l.Steps[0].SX < l.Steps[0].X; left != (index&1 == 1) {
					t.Errorf("entry %d of %d: the first hash stands on the left: %v", index, size, left)
				}
			}
		}
	}
}

func TestLocal(t *testing.T) {
	for to, want := range map[string]bool{"/": true, "/findings?x=1": true, "": false, "//evil": false, `/\evil`: false, "https://evil": false} {
		if got := local(to); got != want {
			t.Errorf("local(%q) = %v, want %v", to, got, want)
		}
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"report.pdf": "report.pdf", "../../etc/passwd": "passwd", `C:\Users\x\list.csv`: "list.csv", "a\r\nSet-Cookie: x": "aSet-Cookie: x", "q\"uote": "quote",
	} {
		if got := fileName(name); got != want {
			t.Errorf("fileName(%q) = %q, want %q", name, got, want)
		}
	}
	if got := fileName(strings.Repeat("é", 300)); len(got) > 200 {
		t.Errorf("a long name stays %d bytes long", len(got))
	}
}

func TestVendoredFilesAreThePublishedOnes(t *testing.T) {
	for name, want := range map[string]string{
		"htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
		"inter.woff2": "3100e775e8616cd2611beecfa23a4263d7037586789b43f035236a2e6fbd4c62",
	} {
		data, err := files.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			t.Errorf("static/%s has the SHA-256 %x, want %s", name, sum, want)
		}
	}
}

// Times from the present have the moment itself for paper, where nobody knows the present.
func TestTimesForPaper(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	then := now.Add(-26 * time.Hour).In(time.FixedZone("", 2*60*60))
	for want, got := range map[string]template.HTML{"1 day ago": ago(then, now), "1 d": age(then, now)} {
		if !strings.Contains(string(got), `<span>`+want+`</span>`) || !strings.Contains(string(got), "data-at=\"30\u00a0Jun\u00a02026 10:00\u00a0UTC\"") {
			t.Errorf("%s, want %q and for paper 30 Jun 2026 10:00 UTC", got, want)
		}
	}
	if got := ago(time.Time{}, now); strings.Contains(string(got), "data-at") {
		t.Errorf("no time at all: %s", got)
	}
}
