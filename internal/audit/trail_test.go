// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// trailed is a catalogue with controls that depend on the change trail.
func trailed() audit.Catalogue {
	c := small()
	for id, trail := range map[string]string{"approval": "changes", "detection": "changes", "releases": "changes", "admission": "admission", "audit-log": "audit"} {
		k := seaworthy.Control{ID: id, Title: id, Statement: "The company does " + id, Owner: "lead", Kind: "preventive", Cadence: "continuous",
			Evidence: []string{"a record"}, Sources: []string{"records"}, Trail: trail}
		switch id {
		case "detection":
			k.Kind = "detective"
		case "releases":
			k.Cadence = "event"
		case "admission", "audit-log":
			k.Sources = []string{"checks", "records"}
			c.Checks = append(c.Checks, seaworthy.Check{ID: "no-privileged", Controls: []string{id}})
		}
		c.Controls = append(c.Controls, k)
		c.Frameworks[0].Requirements = append(c.Frameworks[0].Requirements, seaworthy.Requirement{ID: "R-" + id, Title: id, Category: "security", Controls: []string{id}})
	}
	return c
}

// listens makes a cluster's audit events known from the start up to a time.
func (c *company) listens(source string, since, latest time.Time) {
	c.t.Helper()
	c.must(c.store.Write(c.t.Context(), "token:t", func(tx *store.Tx) error {
		return tx.PutAuditStream(&store.AuditStream{SourceID: source, Since: since, EventAt: latest, ReceivedAt: latest})
	}))
}

func (c *company) agent(source string, since time.Time) {
	c.t.Helper()
	c.must(c.store.Write(c.t.Context(), "user:meg", func(tx *store.Tx) error {
		return tx.PutAgent(&seaworthy.Agent{ID: "a-" + source, SourceID: source, EnrolledAt: since})
	}))
}

// judged asserts what a day of a control came to.
func (c *company) judged(control, day string, state seaworthy.OccurrenceState, result string, says ...string) seaworthy.Occurrence {
	c.t.Helper()
	o := c.dayOf(control, day)
	if o.State != state || o.Result != result {
		c.t.Errorf("%s on %s: %s, %s (%s); want %s, %s", control, day, o.State, o.Result, o.Reason, state, result)
	}
	for _, want := range says {
		if !strings.Contains(o.Reason, want) {
			c.t.Errorf("%s on %s does not say %q: %q", control, day, want, o.Reason)
		}
	}
	return o
}

func said(by string, at time.Time) func(*seaworthy.Change) {
	return func(c *seaworthy.Change) { c.Explained = &seaworthy.Explanation{By: by, At: at, Note: "INC-7"} }
}

const (
	performed = seaworthy.Performed
	missed    = seaworthy.Missed
	asIs      = seaworthy.ResultAsExpected
	deviates  = seaworthy.ResultDeviation
	noData    = seaworthy.ResultNoData
)

// What nobody approved reaches the controls: inside the time to explain it, and explained in
// it by another, it fails nothing; past it, it does, preventive and detective.
func TestOutOfBandReachesTheControls(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		p := c.program("prod")
		p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: "prod", Name: "playground", Reason: "no data"})
		p, err := c.ChangeProgram(c.t.Context(), manager, p)
		c.must(err)
		c.own()
		c.agent("prod", date("2026-01-01"))
		monday := date("2026-01-05T10:00")
		c.now = monday
		c.change("prod", "ok", verified("d1"), "audit", "watch")
		c.change("prod", "in-time", said("user:bo", monday.Add(3*time.Hour)), "watch")
		c.change("prod", "denied", func(v *seaworthy.Change) { v.Outcome = seaworthy.OutcomeDenied }, "webhook")
		c.change("prod", "out", func(v *seaworthy.Change) { v.Object.Namespace = "playground" }, "watch")
		c.at("2026-01-06T02:00")
		for _, control := range []string{"approval", "detection", "releases"} {
			o := c.judged(control, "2026-01-05", performed, asIs, "2 changes: 1 verified, 0 claimed, 1 out of band", "1 out of band explained in time by somebody else")
			if o.InScope != 2 || o.Passed != 1 || o.Failed != 1 || o.PerformedBy != "system" {
				c.t.Errorf("%s: %+v", control, o)
			}
		}
		c.judged("approval", "2026-01-05", performed, asIs, "went around it: 1 change")

		// Tuesday: one that nobody explains, one that its own actor does, and a session.
		c.now = date("2026-01-06T10:00")
		c.change("prod", "nobody", nil, "watch")
		c.change("prod", "self", func(v *seaworthy.Change) {
			v.Actor.Person = "eve"
			said("user:eve", c.now.Add(time.Hour))(v)
		}, "audit")
		c.change("prod", "exec", func(v *seaworthy.Change) {
			v.Verb, v.Outcome = seaworthy.VerbExec, seaworthy.OutcomeConnected
			said("user:bo", c.now.Add(30*time.Hour))(v) // too late
		}, "webhook")
		c.at("2026-01-07T02:00")
		c.judged("detection", "2026-01-06", performed, asIs, "3 changes", "3 out of band to be explained yet")
		c.judged("approval", "2026-01-06", performed, asIs, "2 changes", "2 out of band to be explained yet", "went around it")
		c.at("2026-01-08T02:00")
		c.judged("detection", "2026-01-07", performed, deviates, "2 changes out of band past the time to explain it", "1 change out of band explained too late")
		c.judged("approval", "2026-01-07", performed, deviates, "2 changes out of band past")
		c.judged("releases", "2026-01-07", performed, deviates)

		// Friday's is due on Monday.
		c.change("prod", "nobody", said("user:bo", c.now), "watch")
		c.change("prod", "self", said("user:bo", c.now), "watch")
		c.now = date("2026-01-09T10:00")
		c.change("prod", "friday", nil, "watch")
		c.at("2026-01-13T02:00")
		c.judged("detection", "2026-01-11", performed, asIs, "nothing was changed")
		c.judged("detection", "2026-01-12", performed, deviates, "1 change out of band past")
		if got := c.ready(p, "detection"); got.Standing != seaworthy.ControlNeedsYou || got.Tally.Deviations == 0 {
			c.t.Errorf("readiness: %+v", got)
		}
	})
}

// Without a trail there is no data; where one place was blind and another saw, that is a
// note; where none saw, a deviation; and a day that none saw is no data.
func TestBlindDaysOfTheTrail(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		c.cluster("bare", seaworthy.Production)
		p := c.program("prod")
		c.own()
		c.at("2026-01-02T02:00")
		c.agent("prod", date("2026-01-03"))
		c.gapOf(store.GapWatch, "prod", date("2026-01-04T10:00"), date("2026-01-04T11:30"))
		c.gapOf(store.GapAgent, "prod", date("2026-01-05T22:00"), date("2026-01-07T01:00"))
		c.listens("prod", date("2026-01-08"), date("2026-02-01"))
		c.gapOf(store.GapWatch, "prod", date("2026-01-08T10:00"), date("2026-01-08T11:00"))
		c.gapOf(store.GapAudit, "prod", date("2026-01-09T10:00"), date("2026-01-09T12:00"))
		c.gapOf(store.GapAgent, "prod", date("2026-01-09T11:00"), date("2026-01-09T13:00"))
		c.at("2026-01-11T02:00")
		for _, control := range []string{"approval", "detection", "releases"} {
			c.judged(control, "2026-01-02", missed, noData, "no change trail: prod (nothing observed its changes)")
			c.judged(control, "2026-01-03", performed, asIs)
			c.judged(control, "2026-01-04", performed, deviates, "not observed from 10:00:00 to 11:30:00", "prod was not watched from")
			c.judged(control, "2026-01-05", performed, deviates, "from 22:00:00 to 00:00:00")
			c.judged(control, "2026-01-06", missed, noData)
			c.judged(control, "2026-01-07", performed, deviates, "from 00:00:00 to 01:00:00")
			c.judged(control, "2026-01-08", performed, asIs, "prod was not watched from")
			c.judged(control, "2026-01-09", performed, deviates, "not observed from 11:00:00 to 12:00:00")
			c.judged(control, "2026-01-10", performed, asIs)
		}
		got := c.ready(p, "detection")
		if past := strings.Join(got.Past, "; "); !strings.Contains(past, "5 gaps of the change trail that it depends on, the last on 2026-01-09: a source had agents") || !got.Degraded {
			c.t.Errorf("readiness: %+v", got)
		}
		// As of a moment before it was known, it is not there.
		if got := c.readyAt(p, "detection", date("2026-01-02T01:00")); len(got.Past) > 1 || strings.Contains(strings.Join(got.Past, ""), "gaps of the change trail") {
			c.t.Errorf("as of before: %+v", got)
		}
	})
}

// Controls that reports judge, and that a part of the trail is needed for, deviate in the
// days that a gap of it touches; other parts are noted.
func TestGapsReachTheControlsThatDependOnThem(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		p := c.program("prod")
		c.own()
		for d := range 4 {
			c.now = date("2026-01-02T12:00").Add(time.Duration(d) * day)
			c.report("prod")
			c.must(c.Advance(c.t.Context()))
		}
		c.gapOf(store.GapWebhook, "prod", date("2026-01-03T08:00"), date("2026-01-03T09:00"))
		c.gapOf(store.GapAudit, "prod", date("2026-01-04T00:00"), date("2026-01-05T09:00"))
		c.at("2026-01-06T02:00")
		for control, days := range map[string][4]string{ // the 2nd was judged on the 3rd, before any gap
			"admission": {asIs, deviates, asIs, asIs}, "audit-log": {asIs, asIs, noData, deviates}, "pod-security": {asIs, asIs, asIs, asIs},
		} {
			for i, want := range days {
				d := fmt.Sprintf("2026-01-%02d", 2+i)
				if o := c.dayOf(control, d); o.Result != want && !(i < 2 && o.UpdatedAt.Before(date("2026-01-05"))) {
					c.t.Errorf("%s on %s: %s, %s (%s); want %s", control, d, o.State, o.Result, o.Reason, want)
				}
			}
		}
		if got := c.ready(p, "audit-log"); !strings.Contains(strings.Join(got.Past, "; "), "1 gap of the change trail") || !strings.Contains(strings.Join(got.Past, "; "), "lacked audit events") {
			c.t.Errorf("readiness of audit-log: %+v", got)
		}
		if got := c.ready(p, "pod-security"); strings.Contains(strings.Join(got.Past, "; "), "change trail") {
			c.t.Errorf("readiness of pod-security: %+v", got)
		}
	})
}

// What the trail says of a day is evidence of operation, with how it was collected and what
// it counts; of what was not observed there is none, and nobody can bring it by hand.
func TestTrailBecomesEvidence(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		c.cluster("stage", seaworthy.Staging)
		c.program("prod", "stage")
		c.own()
		c.listens("prod", date("2026-01-02T06:00"), date("2026-02-01"))
		c.listens("stage", date("2026-01-01"), date("2026-02-01"))
		c.now = date("2026-01-02T10:00")
		c.change("prod", "ok", verified("d1"), "audit", "watch")
		c.change("prod", "bad", nil, "audit")
		c.change("stage", "test", nil, "audit")
		c.at("2026-01-03T02:00")
		c.judged("detection", "2026-01-02", performed, deviates, "not observed from 00:00:00 to 06:00:00")
		page, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Limit: 100})
		c.must(err)
		var found []seaworthy.Evidence
		for _, e := range page {
			if e.Kind == seaworthy.EvidenceTrail {
				found = append(found, e)
			}
		}
		if len(found) != 1 || found[0].SourceID != "prod" || found[0].Shows != seaworthy.Operation || len(found[0].Occurrences) != 3 || found[0].Rows != 2 {
			c.t.Fatalf("evidence of the trail: %+v", found)
		}
		e := found[0]
		for _, want := range []string{"2 changes", "1 interval in which nothing observed it", "audit saw 2", "watch saw 1", "webhook told of none", "1 change out of band", "audit events sent here since 2026-01-02T06:00"} {
			if !strings.Contains(e.Statement, want) {
				c.t.Errorf("the statement lacks %q: %s", want, e.Statement)
			}
		}
		r, err := c.blobs.Open(c.t.Context(), e.Digest)
		c.must(err)
		text, err := io.ReadAll(r)
		c.must(errors.Join(err, r.Close()))
		var v struct {
			OutOfBand   []struct{ Change string }
			NotObserved []struct{ From, To time.Time }
			Counts      []struct {
				Match string
				Count int
			}
		}
		c.must(json.Unmarshal(text, &v))
		if len(v.OutOfBand) != 1 || v.OutOfBand[0].Change != "bad" || len(v.NotObserved) != 1 || len(v.Counts) != 2 {
			c.t.Errorf("the bytes say %s", text)
		}
		e.ID, e.Occurrences = "", nil
		if _, err := c.AddEvidence(c.t.Context(), manager, e, audit.Performance{}); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("evidence of the trail by hand: %v", err)
		}
		before := len(c.occurrences("detection"))
		c.must(c.Advance(c.t.Context()))
		if again := len(c.occurrences("detection")); again != before {
			c.t.Errorf("%d occurrences, then %d", before, again)
		}
	})
}

// A control that events ask for is tested by day too; what people owe of it is what events
// asked for, and is theirs to show.
func TestEventsBesideTheDays(t *testing.T) {
	each(t, trailed(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		p := c.program("prod")
		c.own()
		c.agent("prod", date("2026-01-01"))
		c.at("2026-01-05T02:00")
		o, err := c.Expect(c.t.Context(), manager, "releases", "cart 2.0", date("2026-01-05"), date("2026-01-07"))
		c.must(err)
		due, err := c.DueUntil(c.t.Context(), p, date("2026-02-01"))
		c.must(err)
		n := 0
		for _, d := range due {
			if d.Control == "releases" && d.Kind == audit.DueOccurrence {
				n += d.Count
				if d.Occurrence != o.ID {
					c.t.Errorf("due: %+v, want the event alone", d)
				}
			}
		}
		if n != 1 {
			c.t.Errorf("%d performances of it are due, want that of the event", n)
		}
		c.now = date("2026-01-06")
		_, err = c.minutes(o, "2026-01-05T12:00", audit.Performance{})
		c.must(err)
		c.at("2026-01-10T02:00")
		for _, got := range c.occurrences("releases") {
			if got.Event == "" && got.DueAt.Before(date("2026-01-09")) && got.State != performed || got.Event != "" && got.State != performed {
				c.t.Errorf("%+v", got)
			}
		}
		if _, err := c.minutes(c.dayOf("releases", "2026-01-09"), "2026-01-09T12:00", audit.Performance{}); err == nil {
			c.t.Log("a day that was judged takes further evidence")
		}
	})
}
