// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// reportedAt takes a report of a source at a time.
func (c *company) reportedAt(source, when string) {
	c.t.Helper()
	c.now = date(when)
	c.report(source)
}

// Monitoring is performed where reports come, or where it is noticed that they do not; what
// nobody noticed, noticed too late or did not end in time deviates.
func TestMonitoringIsJudgedByDay(t *testing.T) {
	each(t, assisted(), func(c *company) {
		p := c.clusters()
		c.own()
		gap := func(kind, source, from, to, noticed string) {
			end := date("0001-01-01")
			if to != "" {
				end = date(to)
			}
			c.now = date(noticed)
			c.gapOf(kind, source, date(from), end)
		}
		c.reportedAt("prod-eu", "2026-01-02T12:00")
		c.reportedAt("prod-us", "2026-01-02T12:00")
		c.reportedAt("prod-eu", "2026-01-03T12:00")
		gap(store.GapSilent, "prod-us", "2026-01-03T12:00", "2026-01-04T10:00", "2026-01-03T18:00")
		c.at("2026-01-04T02:00")
		o := c.judged("watching", "2026-01-02", performed, asIs)
		if o.InScope != 2 || o.Passed != 2 || o.PerformedBy != "system" {
			c.t.Errorf("a day on which all reported: %+v", o)
		}
		o = c.judged("watching", "2026-01-03", performed, asIs, "no complete report of prod-us, which was noticed", "1 gap noticed and to be ended yet")
		if o.InScope != 2 || o.Passed != 1 || o.Failed != 1 {
			c.t.Errorf("a day on which one was silent: %+v", o)
		}
		c.reportedAt("prod-us", "2026-01-04T10:00")
		c.reportedAt("prod-eu", "2026-01-04T12:00")
		c.reportedAt("prod-eu", "2026-01-05T12:00")
		c.at("2026-01-06T02:00")
		c.judged("watching", "2026-01-04", performed, asIs, "1 gap noticed and ended")
		c.judged("watching", "2026-01-05", performed, deviates, "no complete report of prod-us, and nothing noticed it")

		gap(store.GapWatch, "prod-eu", "2026-01-06T08:00", "", "2026-01-06T08:01")
		c.reportedAt("prod-eu", "2026-01-06T12:00")
		c.reportedAt("prod-us", "2026-01-06T23:30")
		c.reportedAt("prod-eu", "2026-01-07T12:00")
		c.at("2026-01-08T02:00")
		c.judged("watching", "2026-01-06", performed, asIs, "1 gap noticed and to be ended yet")
		o = c.judged("watching", "2026-01-07", performed, deviates, "not ended in time: prod-eu is not watched since 2026-01-06T08:00:00Z", "nor overdue at its end: prod-us")
		if strings.Contains(o.Reason, "nothing noticed") {
			c.t.Errorf("a report that was not overdue: %s", o.Reason)
		}
		for _, day := range []string{"2026-01-08", "2026-01-09", "2026-01-10", "2026-01-11"} {
			c.reportedAt("prod-eu", day+"T12:00")
			c.reportedAt("prod-us", day+"T12:00")
		}
		gap(store.GapAudit, "prod-us", "2026-01-09T01:00", "2026-01-09T02:00", "2026-01-12T01:00")
		c.at("2026-01-12T02:00")
		c.judged("watching", "2026-01-09", performed, deviates, "prod-us lacks audit events since 2026-01-09T01:00:00Z, noticed only at 2026-01-12T01:00")
		c.mindedEvidence(p)
	})
}

// mindedEvidence looks at what shows days of monitoring.
func (c *company) mindedEvidence(p seaworthy.Program) {
	c.t.Helper()
	for day, want := range map[string]string{
		"2026-01-02": "Report of prod-eu, 2026-01-02; Report of prod-us, 2026-01-02",
		"2026-01-03": "Monitoring of prod-us, 2026-01-03; Report of prod-eu, 2026-01-03",
		"2026-01-05": "Monitoring of prod-us, 2026-01-05; Report of prod-eu, 2026-01-05",
	} {
		list, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Occurrence: c.dayOf("watching", day).ID, Limit: 10})
		c.must(err)
		var titles []string
		for _, e := range list {
			titles = append(titles, e.Title)
			if !p.HasEvidence(e) || e.Shows != seaworthy.Operation {
				c.t.Errorf("%s: %+v", day, e)
			}
		}
		if got := sorted(titles); got != want {
			c.t.Errorf("evidence of %s: %s; want %s", day, got, want)
		}
	}
}

// A source of which nothing is expected is not counted, and with none there is no data.
func TestMonitoringOfNothing(t *testing.T) {
	each(t, assisted(), func(c *company) {
		c.cluster("stage", seaworthy.Staging)
		c.program("stage")
		c.own()
		c.at("2026-01-03T02:00")
		c.judged("watching", "2026-01-02", missed, noData, "nothing to watch over: no production cluster in scope was known")
		c.must(c.store.Write(c.t.Context(), "user:meg", func(tx *store.Tx) error {
			return tx.PutSource(&seaworthy.DeclaredSource{ID: "seldom", Kind: seaworthy.KindCluster, Name: "seldom", Environment: seaworthy.Production, Declared: true, CreatedAt: tx.At})
		}))
		p, err := c.store.Programs(c.t.Context())
		c.must(err)
		p[0].Scope = append(p[0].Scope, seaworthy.ScopeItem{Kind: seaworthy.KindCluster, Source: "seldom", In: true})
		_, err = c.ChangeProgram(c.t.Context(), manager, p[0])
		c.must(err)
		c.at("2026-01-05T02:00")
		if o := c.judged("watching", "2026-01-04", performed, asIs, "1 source of which no report is expected each day"); o.InScope != 0 {
			c.t.Errorf("%+v", o)
		}
	})
}

func sorted(list []string) string {
	slices.Sort(list)
	return strings.Join(list, "; ")
}
