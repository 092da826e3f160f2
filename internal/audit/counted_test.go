// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// pod-security has two checks; of each a report counts ten objects: six in shop, one in
// playground, three in no namespace.
func TestObjectsAreCountedThroughTheProgram(t *testing.T) {
	failedIn := func(namespace, lacking string) func(*seaworthy.Run) {
		return func(r *seaworthy.Run) {
			c := &r.Checks[1]
			n := c.ByNamespace[namespace].InScope
			c.Status, c.Failed, c.Passed, c.Lacking = seaworthy.StatusFailed, n, c.Passed-n, lacking
			c.ByNamespace[namespace] = seaworthy.NamespaceTally{InScope: n, Failed: n}
		}
	}
	undivided := func(r *seaworthy.Run) {
		for i := range r.Checks {
			r.Checks[i].ByNamespace = nil
		}
	}
	const whole = "is counted as a whole"
	for name, tt := range map[string]struct {
		scope                   []seaworthy.ScopeItem // of the control
		report                  func(*seaworthy.Run)  // change of what prod-eu says
		inScope, passed, failed int
		reason                  string
	}{
		"the namespace is left out":                  {nil, func(*seaworthy.Run) {}, 18 + 20, 38, 0, ""},
		"what failed there too":                      {nil, failedIn("playground", ""), 18 + 20, 38, 0, ""},
		"what failed elsewhere counts":               {nil, failedIn("shop", ""), 18 + 20, 32, 6, ""},
		"it failed there, and data is lacking":       {nil, failedIn("playground", "no scan"), 9 + 20, 29, 0, "no longer evaluated in prod-eu: no-host-path"},
		"the report does not count by namespace":     {nil, undivided, 40, 40, 0, "prod-eu " + whole},
		"nor where the control leaves out a cluster": {[]seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "prod-us", Reason: "r"}}, undivided, 20, 20, 0, "prod-eu " + whole},
		"the control narrows it to a namespace": {[]seaworthy.ScopeItem{{Kind: seaworthy.KindNamespace, Source: "prod-us", Name: "shop", In: true, Reason: "r"}},
			undivided, 18, 18, 0, ""},
		"the control leaves out another": {[]seaworthy.ScopeItem{{Kind: seaworthy.KindNamespace, Source: "prod-us", Name: "shop", Reason: "r"}},
			func(*seaworthy.Run) {}, 18 + 8, 26, 0, ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			each(t, small(), func(c *company) {
				c.clusters()
				v, err := c.store.Control(c.t.Context(), "pod-security")
				c.must(err)
				v.Scope = tt.scope
				_, err = c.ChangeControl(c.t.Context(), manager, v)
				c.must(err)
				c.now = date("2026-01-04T12:00")
				c.report("prod-eu")
				c.report("prod-us")
				c.now = date("2026-01-05T12:00")
				c.report("prod-eu", tt.report)
				c.report("prod-us")
				c.at("2026-01-06T02:00")
				o := c.dayOf("pod-security", "2026-01-05")
				if o.InScope != tt.inScope || o.Passed != tt.passed || o.Failed != tt.failed {
					c.t.Errorf("%d in scope, %d passed, %d failed, want %d, %d, %d (%s)", o.InScope, o.Passed, o.Failed, tt.inScope, tt.passed, tt.failed, o.Reason)
				}
				if !strings.Contains(o.Reason, tt.reason) || strings.Contains(o.Reason, whole) != strings.Contains(tt.reason, whole) {
					c.t.Errorf("it says %q, want %q", o.Reason, tt.reason)
				}
			})
		})
	}
}

// Each program counts what it alone looks at.
func TestProgramsCountTheirNamespaces(t *testing.T) {
	each(t, small(), func(c *company) {
		part := c.clusters() // without playground of prod-eu
		all := c.programOf("Everything", "prod-eu", "prod-us", "staging")
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.report("prod-us")
		c.at("2026-01-06T02:00")
		for program, want := range map[string]int{part.ID: 38, all.ID: 40} {
			found := false
			for _, o := range c.occurrences("pod-security") {
				if o.Of(program) && o.From.Equal(date("2026-01-05")) {
					found = true
					if o.InScope != want || o.Passed != want {
						c.t.Errorf("%d of %d, want %d", o.Passed, o.InScope, want)
					}
				}
			}
			if !found {
				c.t.Errorf("nothing was judged of the program that counts %d", want)
			}
		}
	})
}

// What a package says of each report is without the namespaces that are out of scope.
func TestResultsInAPackageAreOfTheProgram(t *testing.T) {
	eachArchive(t, func(c *archive) {
		p := c.year()
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: "prod", Name: "playground", Reason: "a game"})
		p, err := c.ChangeProgram(c.t.Context(), manager, p)
		c.must(err)
		c.now = date("2026-01-07")
		signer, _ := logKey(c.t)
		pkg := c.pack(manager, audit.PackageRequest{Program: p.ID}, signer)
		results := pkg.files["05_tests/results.jsonl"]
		if n := strings.Count(results, `"inScope":9,"passed":9`); n != 6 || strings.Contains(results, `"inScope":10`) || strings.Contains(results, "byNamespace") {
			c.t.Errorf("%d of 6 results count nine objects:\n%s", n, results)
		}
	})
}
