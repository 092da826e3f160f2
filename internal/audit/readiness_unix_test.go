// SPDX-License-Identifier: Apache-2.0

//go:build unix

package audit_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/test/processor"
)

// TestReadinessIsFast counts half a year of the whole catalogue, with three clusters that
// report every day.
func TestReadinessIsFast(t *testing.T) {
	if testing.Short() {
		t.Skip("half a year of the whole catalogue takes a while")
	}
	catalogue := whole(t)
	all, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		catalogue.Checks = append(catalogue.Checks, s.Check)
	}
	each(t, catalogue, func(c *company) {
		clusters := []string{"prod-eu", "prod-us", "prod-ap"}
		for _, id := range clusters {
			c.cluster(id, seaworthy.Production)
		}
		p := c.program(clusters...)
		start := time.Now()
		for d := date("2026-01-02T00:30"); d.Before(p.To); d = d.Add(day) {
			c.now = d
			for _, id := range clusters {
				c.report(id, func(r *seaworthy.Run) {
					r.Checks = nil
					for _, k := range catalogue.Checks {
						r.Checks = append(r.Checks, seaworthy.CheckResult{ID: k.ID, Status: seaworthy.StatusPassed, InScope: 10, Passed: 10})
					}
				})
			}
		}
		c.t.Logf("%d reports taken in %s", c.runs, time.Since(start))
		start = time.Now()
		c.at("2026-06-30T12:00")
		c.t.Logf("half a year judged in %s", time.Since(start))
		best := time.Hour
		for range 5 {
			before := processor.Used()
			r, err := c.Readiness(c.t.Context(), p.ID, c.now)
			c.must(err)
			best = min(best, processor.Used()-before)
			if got, _ := r.Control("pod-security-admission"); len(r.Requirements) != 36 || got.Tally.Performed < 178 {
				c.t.Fatalf("%d requirements, want 33 of security and 3 of availability; %+v", len(r.Requirements), got)
			}
		}
		c.t.Logf("readiness took %s of the processor", best)
		if best > 250*time.Millisecond {
			c.t.Errorf("readiness took %s of the processor, want less than 50 ms on an idle machine", best)
		}
	})
}
