// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// finding puts a finding into the store as reports would.
func (c *company) finding(id, source, namespace, check string, status seaworthy.FindingStatus, opened, due, closed time.Time) {
	c.t.Helper()
	f := seaworthy.TrackedFinding{ID: id, SourceID: source, Fingerprint: id, Check: check, Severity: seaworthy.High, Status: status,
		Object: seaworthy.Object{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "p"}, Message: "it is",
		FirstSeenAt: opened, OpenedAt: opened, DueAt: due, ClosedAt: closed}
	c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
		return tx.ChangeFindings([]store.FindingChange{{After: f, Kind: seaworthy.EventOpened, Cause: seaworthy.CauseObjectNew}})
	}))
}

// dayOf gives the occurrence of a control on a day.
func (c *company) dayOf(control, day string) seaworthy.Occurrence {
	c.t.Helper()
	for _, o := range c.occurrences(control) {
		if o.From.Equal(date(day)) {
			return o
		}
	}
	c.t.Fatalf("%s has no occurrence on %s", control, day)
	return seaworthy.Occurrence{}
}

func TestContinuousControlsAreJudgedByDay(t *testing.T) {
	none := time.Time{}
	tests := []struct {
		name    string
		control string
		prepare func(*company) // on 2026-01-05, beside a report of both clusters
		state   seaworthy.OccurrenceState
		result  string
		reason  string
	}{
		{"all passed", "pod-security", func(c *company) {}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"an open finding inside its due date fails nothing", "pod-security", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now, c.now.Add(7*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, "went around it: 1 finding open, 1 opened"},
		{"a detective control found something", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "image-current", seaworthy.FindingOpen, c.now, c.now.Add(7*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, "1 finding open"},
		{"a finding past its due date", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "image-current", seaworthy.FindingOpen, c.now.Add(-40*day), c.now.Add(-10*day), none)
		}, seaworthy.Performed, seaworthy.ResultDeviation, "1 finding past the due date"},
		{"a waived finding is not past its due date", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "image-current", seaworthy.FindingWaived, c.now.Add(-40*day), c.now.Add(-10*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"what was fixed the next day was open then", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "image-current", seaworthy.FindingFixed, c.now.Add(-40*day), c.now.Add(-10*day), c.now.Add(day))
		}, seaworthy.Performed, seaworthy.ResultDeviation, "past the due date"},
		{"what was opened and fixed that day went around it", "pod-security", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "no-host-path", seaworthy.FindingFixed, c.now.Add(-time.Hour), c.now.Add(7*day), c.now)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, "0 findings open, 1 opened"},
		{"a finding of another check", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now.Add(-40*day), c.now.Add(-10*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"a finding of a namespace out of scope", "vulnerability-scan", func(c *company) {
			c.finding("f1", "prod-eu", "playground", "image-current", seaworthy.FindingOpen, c.now.Add(-40*day), c.now.Add(-10*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"a finding of a cluster out of scope", "vulnerability-scan", func(c *company) {
			c.finding("f1", "staging", "shop", "image-current", seaworthy.FindingOpen, c.now.Add(-40*day), c.now.Add(-10*day), none)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, ""},
		{"a check that could not be judged", "pod-security", func(c *company) {
			c.now = c.now.Add(time.Hour)
			c.report("prod-eu", status("no-host-path", seaworthy.StatusError))
		}, seaworthy.Performed, seaworthy.ResultDeviation, "no-host-path could not be judged in prod-eu"},
		{"a check that is judged no longer", "pod-security", func(c *company) {
			c.now = c.now.Add(time.Hour)
			c.report("prod-eu", status("no-host-path", seaworthy.StatusNotEvaluated))
		}, seaworthy.Performed, seaworthy.ResultDeviation, "no longer evaluated in prod-eu: no-host-path"},
		{"no check was evaluated", "vulnerability-scan", func(c *company) {
			c.now = c.now.Add(time.Hour)
			c.report("prod-eu", status("image-current", seaworthy.StatusNotEvaluated))
		}, seaworthy.Missed, seaworthy.ResultNoData, "prod-eu (none of its checks was evaluated)"},
		{"a gap under a detective control", "vulnerability-scan", func(c *company) {
			c.gap("prod-us", c.now.Add(-2*time.Hour), c.now)
		}, seaworthy.Performed, seaworthy.ResultDeviation, "prod-us: silent from 2026-01-05T10:00:00Z to 2026-01-05T12:00:00Z"},
		{"a gap under a preventive control", "pod-security", func(c *company) {
			c.gap("prod-us", c.now.Add(-2*time.Hour), c.now)
		}, seaworthy.Performed, seaworthy.ResultAsExpected, "prod-us: silent from 2026-01-05T10:00:00Z to 2026-01-05T12:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, small(), func(c *company) {
				c.clusters()
				c.now = date("2026-01-04T12:00")
				c.report("prod-eu")
				c.report("prod-us")
				c.now = date("2026-01-05T12:00")
				c.report("prod-eu")
				c.report("prod-us")
				tt.prepare(c)
				c.at("2026-01-06T02:00")
				got := c.dayOf(tt.control, "2026-01-05")
				if got.State != tt.state || got.Result != tt.result || !strings.Contains(got.Reason, tt.reason) || tt.reason == "" && got.Reason != "" {
					t.Errorf("%s, %q, %q; want %s, %q, %q", got.State, got.Result, got.Reason, tt.state, tt.result, tt.reason)
				}
			})
		})
	}
}

// clusters declares two production clusters in scope, and one that is not.
func (c *company) clusters() seaworthy.Program {
	c.t.Helper()
	for _, id := range []string{"prod-eu", "prod-us"} {
		c.cluster(id, seaworthy.Production)
	}
	c.cluster("staging", seaworthy.Staging)
	p := c.program("prod-eu", "prod-us", "staging")
	p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: "prod-eu", Name: "playground", Reason: "holds no customer data"})
	p, err := c.ChangeProgram(c.t.Context(), manager, p)
	c.must(err)
	return p
}

func (c *company) gap(source string, from, to time.Time) { c.gapOf(store.GapSilent, source, from, to) }

func (c *company) gapOf(kind, source string, from, to time.Time) {
	c.t.Helper()
	c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutGap(&seaworthy.Gap{ID: tx.NewID(), SourceID: source, Kind: kind, From: from, To: to, Reason: "none came"})
	}))
}

// Gaps of the change trail are told of wherever a control looks at the source, and while
// one lasts somebody has to see to it; the reports of the day count all the same.
func TestGapsOfTheTrailAreTold(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.own()
		for d := range 3 {
			c.now = date("2026-01-02T12:00").Add(time.Duration(d) * day)
			c.report("prod-eu")
			c.report("prod-us")
			c.must(c.Advance(c.t.Context()))
		}
		from := date("2026-01-04T08:00")
		for _, kind := range store.GapKinds {
			if kind != store.GapSilent && kind != store.GapIncomplete {
				c.gapOf(kind, "prod-us", from, from.Add(time.Hour))
			}
		}
		c.at("2026-01-05T02:00")
		o := c.dayOf("pod-security", "2026-01-04")
		if o.State != seaworthy.Performed || o.Result != seaworthy.ResultAsExpected {
			c.t.Errorf("the day: %s, %s (%s)", o.State, o.Result, o.Reason)
		}
		for _, want := range []string{"agents of which nothing is heard", "was not watched from 2026-01-04T08:00:00Z to 2026-01-04T09:00:00Z", "did not reach the admission webhook", "lacked audit events", "lacked messages of its agent"} {
			if !strings.Contains(o.Reason, want) {
				c.t.Errorf("the day does not say %q: %q", want, o.Reason)
			}
		}
		if got := c.ready(p, "pod-security"); got.Degraded && got.Tally.NoData == 0 {
			c.t.Errorf("what is over degrades it: %+v", got)
		}
		c.gapOf(store.GapAudit, "prod-us", date("2026-01-05T01:00"), time.Time{})
		got := c.ready(p, "pod-security")
		if !got.Degraded || got.Standing != seaworthy.ControlNeedsYou || !strings.Contains(strings.Join(got.Reasons, "; "), "a source lacks audit events since 2026-01-05") {
			c.t.Errorf("while it lasts: %+v", got)
		}
	})
}

func TestAgentLostForThreeDaysIsNoData(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.own()
		for d := range 10 {
			c.now = date("2026-01-02T12:00").Add(time.Duration(d) * day)
			c.report("prod-eu")
			if d < 4 || d > 6 { // lost for three days
				c.report("prod-us")
			}
			c.must(c.Advance(c.t.Context()))
		}
		c.gap("prod-us", date("2026-01-05T12:00"), date("2026-01-09T12:00"))
		c.at("2026-01-12T02:00")
		for d := 2; d <= 11; d++ {
			o := c.dayOf("pod-security", fmt.Sprintf("2026-01-%02d", d))
			want, result := seaworthy.Performed, seaworthy.ResultAsExpected
			if d >= 6 && d <= 8 {
				want, result = seaworthy.Missed, seaworthy.ResultNoData
			}
			if o.State != want || o.Result != result {
				c.t.Errorf("day %d: %s, %s (%s); want %s, %s", d, o.State, o.Result, o.Reason, want, result)
			}
		}
		got := c.ready(p, "pod-security")
		if !got.Degraded || got.Tally.NoData != 4 || got.Standing != seaworthy.ControlDeviated || len(got.Past) != 1 { // and the first, before any cluster
			c.t.Errorf("readiness = %+v, want degraded, with four days without data", got)
		}
		r, err := c.Readiness(c.t.Context(), p.ID, c.now)
		c.must(err)
		for _, req := range r.Requirements {
			if want := req.ID == "CC6.1" || req.ID == "CC6.3"; req.Degraded != want {
				c.t.Errorf("requirement %s: degraded %t, want %t", req.ID, req.Degraded, want)
			}
		}
	})
}

func TestOnlyLiveProductionShowsOperation(t *testing.T) {
	each(t, small(), func(c *company) {
		c.clusters()
		c.now = date("2026-01-05T12:00")
		for _, s := range []string{"prod-eu", "prod-us", "staging"} {
			c.report(s)
		}
		c.at("2026-01-06T02:00")
		c.at("2026-01-06T03:00")
		list, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{})
		c.must(err)
		shows := map[string]string{}
		for _, e := range list {
			shows[e.SourceID] += e.Shows
			if e.SourceID == "staging" && len(e.Occurrences) > 0 {
				c.t.Errorf("staging is evidence of %v", e.Occurrences)
			}
			if e.Shows == seaworthy.Operation && (len(e.Occurrences) != 2 || !e.CollectedAt.Equal(date("2026-01-05T12:00")) || !e.LoggedAt.Equal(date("2026-01-06T02:00"))) {
				c.t.Errorf("evidence of operation: %+v, want it for two occurrences, with its own times", e)
			}
		}
		if want := "map[prod-eu:operation prod-us:operation staging:design]"; fmt.Sprint(shows) != want {
			c.t.Errorf("evidence shows %v, want %s", shows, want)
		}
	})
}

func TestStagingAloneIsNoData(t *testing.T) {
	each(t, small(), func(c *company) {
		c.cluster("staging", seaworthy.Staging)
		c.program("staging")
		c.now = date("2026-01-05T12:00")
		c.report("staging")
		c.at("2026-01-06T02:00")
		if o := c.dayOf("pod-security", "2026-01-05"); o.Result != seaworthy.ResultNoData {
			c.t.Errorf("occurrence = %+v, want no data: staging shows no operation", o)
		}
	})
}

func TestLateReportsAreJudgedAndStayLate(t *testing.T) {
	each(t, small(), func(c *company) {
		c.clusters()
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.at("2026-01-08T02:00")
		if o := c.dayOf("pod-security", "2026-01-05"); o.Result != seaworthy.ResultNoData {
			c.t.Fatalf("without a report of prod-us: %+v, want no data", o)
		}
		c.report("prod-us", func(r *seaworthy.Run) { r.FinishedAt = date("2026-01-05T13:00") })
		c.at("2026-01-08T03:00")
		o := c.dayOf("pod-security", "2026-01-05")
		if o.State != seaworthy.Late || !o.PerformedAt.Equal(date("2026-01-05T13:00")) || !strings.Contains(o.Reason, "came in") {
			c.t.Errorf("after the report that came in three days later: %+v, want late with its own time", o)
		}
		history, err := c.store.OccurrenceHistory(c.t.Context(), o.ID)
		c.must(err)
		if len(history) < 2 || !strings.Contains(history[len(history)-2].Content, seaworthy.ResultNoData) {
			c.t.Errorf("%d states in the history, want 'no data' before 'late'", len(history))
		}
	})
}

func TestAdvanceTwiceChangesNothing(t *testing.T) {
	each(t, small(), func(c *company) {
		c.clusters()
		c.now = date("2026-02-05T12:00")
		c.report("prod-eu")
		c.report("prod-us")
		c.at("2026-02-06T02:00")
		c.addsNothing(c.Advance)
	})
}

// addsNothing does what has nothing left to do: the log stays as long as it is.
func (c *company) addsNothing(do func(context.Context) error) {
	c.t.Helper()
	before, _, err := c.store.LogHead(c.t.Context())
	c.must(err)
	c.must(do(c.t.Context()))
	after, _, err := c.store.LogHead(c.t.Context())
	c.must(err)
	if before != after {
		c.t.Errorf("the log grew from %d to %d entries when nothing had changed", before, after)
	}
}

func TestLateEvidenceStaysLate(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-04-15")
		q1 := c.occurrences("access-review")[0]
		if q1.State != seaworthy.Missed {
			c.t.Fatalf("occurrence = %+v, want missed", q1)
		}
		// The minutes say March; they came in April.
		e, err := c.minutes(q1, "2026-03-20", audit.Performance{})
		c.must(err)
		got := c.occurrences("access-review")[0]
		if got.State != seaworthy.Late || !got.PerformedAt.Equal(date("2026-03-20")) || !strings.Contains(got.Reason, "came in 2026-04-15") {
			c.t.Errorf("occurrence = %+v, want late, performed on 2026-03-20", got)
		}
		if !e.Late(got.Window()) || !e.ReceivedAt.Equal(c.now) || !e.LoggedAt.Equal(c.now) || !e.CollectedAt.Equal(date("2026-03-20")) {
			c.t.Errorf("evidence = %+v, want its true times", e)
		}
		if r := c.readyAt(p, "access-review", date("2026-04-14")); r.Tally.Late != 0 {
			c.t.Errorf("as of the day before: %+v, want nothing of what came later", r.Tally)
		}
		// More evidence does not make it better.
		_, err = c.minutes(got, "2026-03-20", audit.Performance{})
		c.must(err)
		if again := c.occurrences("access-review")[0]; again != got {
			c.t.Errorf("occurrence = %+v, want it as it was", again)
		}
	})
}

func TestRecordsCoverTheDaysOfWhichTheySpeak(t *testing.T) {
	each(t, small(), func(c *company) {
		c.program()
		c.at("2026-02-01T00:30")
		_, err := c.AddEvidence(c.t.Context(), manager, seaworthy.Evidence{
			Kind: seaworthy.EvidenceLink, Title: "Backup runs of January", Shows: seaworthy.Operation, URL: "https://backup.example/runs",
			Controls: []string{"backup-monitoring"}, EffectiveFrom: date("2026-01-10"), EffectiveTo: date("2026-02-01"), CollectedAt: c.now,
		}, audit.Performance{})
		c.must(err)
		c.at("2026-02-20")
		for d, want := range map[string]seaworthy.OccurrenceState{"2026-01-09": seaworthy.Missed, "2026-01-10": seaworthy.Performed,
			"2026-01-31": seaworthy.Performed, "2026-02-01": seaworthy.Expected} {
			if o := c.dayOf("backup-monitoring", d); o.State != want {
				c.t.Errorf("%s: %s (%s), want %s", d, o.State, o.Reason, want)
			}
		}
	})
}
