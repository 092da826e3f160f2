// SPDX-License-Identifier: Apache-2.0

package charts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// dashboard is as much of one of Grafana as is looked at.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct{ Name, Query string }
	}
}

var metric = regexp.MustCompile(`\bseaworthy_[a-z_]+`)

// Every metric of a dashboard is one that the program has, every metric that the program
// has is on the dashboard, and no panel lies over another one.
func TestDashboardsShowWhatIsMeasured(t *testing.T) {
	for chart, source := range map[string]string{"seaworthy": "../../internal/server/metrics.go", "seaworthy-agent": "../../internal/agent/health.go"} {
		t.Run(chart, func(t *testing.T) {
			objects := render(t, chart, cases(t, chart)[0], "metrics.dashboard.enabled=true")
			var d dashboard
			for name, text := range convert[corev1.ConfigMap](t, one(t, objects, "ConfigMap", chart+"-dashboard")).Data {
				if err := json.Unmarshal([]byte(text), &d); err != nil || !strings.HasSuffix(name, ".json") {
					t.Fatalf("%s: %v", name, err)
				}
			}
			code, err := os.ReadFile(filepath.FromSlash(source))
			if err != nil {
				t.Fatal(err)
			}
			has := map[string]bool{}
			for _, m := range regexp.MustCompile(`"(seaworthy_[a-z_]+)"`).FindAllStringSubmatch(string(code), -1) {
				has[m[1]] = false
			}
			if len(has) < 8 {
				t.Fatalf("%s names %d metrics: too few to mean anything", source, len(has))
			}
			taken := map[[2]int]string{}
			for _, p := range d.Panels {
				for _, q := range p.Targets {
					for _, m := range metric.FindAllString(q.Expr, -1) {
						m = strings.TrimSuffix(m, "_bucket")
						if _, ok := has[m]; !ok {
							t.Errorf("%q asks for %s, which nobody measures", p.Title, m)
						}
						has[m] = true
					}
				}
				for x := range p.GridPos.W {
					for y := range p.GridPos.H {
						at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
						if other := taken[at]; other != "" || at[0] > 23 {
							t.Fatalf("%q lies over %q, or outside", p.Title, other)
						}
						taken[at] = p.Title
					}
				}
			}
			for m, shown := range has {
				if !shown {
					t.Errorf("%s is on no panel", m)
				}
			}
			for _, v := range d.Templating.List {
				for _, m := range metric.FindAllString(v.Query, -1) {
					if _, ok := has[m]; !ok {
						t.Errorf("the variable %s asks for %s, which nobody measures", v.Name, m)
					}
				}
			}
		})
	}
}
