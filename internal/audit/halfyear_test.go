// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// everything is the whole catalogue with the checks that it speaks of.
func everything(t testing.TB) audit.Catalogue {
	t.Helper()
	catalogue := whole(t)
	all, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		catalogue.Checks = append(catalogue.Checks, s.Check)
	}
	return catalogue
}

// halfYear has three clusters report every day on every check, and judges them at the end.
func (c *company) halfYear(catalogue audit.Catalogue) seaworthy.Program {
	c.t.Helper()
	clusters := []string{"prod-eu", "prod-us", "prod-ap"}
	for _, id := range clusters {
		c.cluster(id, seaworthy.Production)
	}
	p := c.program(clusters...)
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
	c.at("2026-06-30T12:00")
	return p
}

// readyOfHalfYear asks how ready the half year is, and looks whether the answer is whole.
func (c *company) readyOfHalfYear(p seaworthy.Program) {
	c.t.Helper()
	r, err := c.Readiness(c.t.Context(), p.ID, c.now)
	c.must(err)
	if got, _ := r.Control("pod-security-admission"); len(r.Requirements) != 36 || got.Tally.Performed < 178 {
		c.t.Fatalf("%d requirements, want 33 of security and 3 of availability; %+v", len(r.Requirements), got)
	}
}

// TestReadinessOfHalfYear counts half a year of the whole catalogue.
func TestReadinessOfHalfYear(t *testing.T) {
	if testing.Short() {
		t.Skip("half a year of the whole catalogue takes a while")
	}
	catalogue := everything(t)
	each(t, catalogue, func(c *company) { c.readyOfHalfYear(c.halfYear(catalogue)) })
}
