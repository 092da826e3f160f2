// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// assisted is a catalogue with controls that people perform and machines test beside them,
// and with one of monitoring.
func assisted() audit.Catalogue {
	c := small()
	add := func(id, kind, cadence, trail string, sources ...string) {
		c.Controls = append(c.Controls, seaworthy.Control{ID: id, Title: id, Statement: "The company does " + id, Owner: "lead", Kind: kind,
			Cadence: cadence, Evidence: []string{"a record"}, Sources: sources, Trail: trail})
		c.Frameworks[0].Requirements = append(c.Frameworks[0].Requirements, seaworthy.Requirement{ID: "R-" + id, Title: id, Category: "security", Controls: []string{id}})
	}
	add("sessions", "detective", "weekly", seaworthy.TrailSessions, "records", "people")
	add("duties", "preventive", "quarterly", seaworthy.TrailDuties, "records", "people")
	add("watching", "detective", "daily", seaworthy.TrailMonitoring, "records")
	return c
}

// tested asserts what machines found in a window.
func (c *company) tested(control, from, result string, says ...string) seaworthy.Occurrence {
	c.t.Helper()
	o := c.dayOf(control, from)
	if o.Tested != result {
		c.t.Errorf("%s from %s: tested %q (%s); want %q", control, from, o.Tested, o.TestedSays, result)
	}
	for _, want := range says {
		if !strings.Contains(o.TestedSays, want) {
			c.t.Errorf("%s from %s does not say %q: %q", control, from, want, o.TestedSays)
		}
	}
	return o
}

// asked has the agent of a cluster say that the webhook works.
func (c *company) asked(source string) {
	c.t.Helper()
	c.must(c.store.Write(c.t.Context(), "agent:a", func(tx *store.Tx) error {
		return tx.PutInstance(&store.AgentInstance{AgentID: "a-" + source, SourceID: source, ReceivedAt: tx.At, Beat: seaworthy.Heartbeat{
			Instance: "i", Places: map[string]seaworthy.Place{seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks}},
		}})
	}))
}

func session(verb string, more ...func(*seaworthy.Change)) func(*seaworthy.Change) {
	return func(c *seaworthy.Change) {
		c.Verb, c.Outcome, c.Edits = verb, seaworthy.OutcomeConnected, nil
		c.Object.Object = seaworthy.Object{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "cart-1"}
		for _, f := range more {
			f(c)
		}
	}
}

// Of sessions machines tell which nobody else looked at; people perform the review, and
// cannot say a deviation away.
func TestSessionsAreTestedBesideTheReview(t *testing.T) {
	each(t, assisted(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		p := c.program("prod")
		c.own()
		c.agent("prod", date("2026-01-01"))
		c.asked("prod")
		c.now = date("2026-01-05T10:00")
		c.change("prod", "looked-at", session(seaworthy.VerbExec, said("user:bo", c.now.Add(4*day))), "webhook")
		c.change("prod", "read", session(seaworthy.VerbRead), "audit")
		c.change("prod", "write", nil, "watch")
		c.change("prod", "denied", session(seaworthy.VerbAttach, func(v *seaworthy.Change) { v.Outcome = seaworthy.OutcomeDenied }), "webhook")
		c.change("prod", "debug", func(v *seaworthy.Change) {
			verified("d1")(v)
			v.Object.Subresource = "ephemeralcontainers"
		}, "webhook")
		c.now = date("2026-01-08T10:00")
		c.change("prod", "open", session(seaworthy.VerbPortForward), "webhook")
		c.at("2026-01-12T02:00")
		o := c.tested("sessions", "2026-01-05", asIs, "3 sessions: 1 verified, 0 claimed, 2 out of band", "1 out of band explained in time", "1 out of band to be explained yet")
		if o.State != missed || o.Result != "" || o.InScope != 3 || o.Passed != 2 || o.Failed != 1 {
			c.t.Errorf("what machines saw performed something: %+v", o)
		}
		_, err := c.minutes(o, "2026-01-12T01:00", audit.Performance{})
		c.must(err)
		if o = c.dayOf("sessions", "2026-01-05"); o.State != late || o.Result != asIs || o.Tested != asIs {
			c.t.Errorf("the review: %+v", o)
		}

		// Nobody looks at the other; the next review says as expected all the same.
		c.at("2026-01-19T02:00")
		o = c.tested("sessions", "2026-01-12", deviates, "1 session out of band past the time to explain it")
		_, err = c.minutes(o, "2026-01-19T01:00", audit.Performance{})
		c.must(err)
		if o = c.dayOf("sessions", "2026-01-12"); o.Result != deviates || !strings.Contains(o.Reason, "machines found a deviation") {
			c.t.Errorf("the review says the deviation away: %+v", o)
		}

		// Nor does it help to be first.
		c.now = date("2026-01-20T12:00")
		_, err = c.minutes(c.dayOf("sessions", "2026-01-19"), "2026-01-20T10:00", audit.Performance{})
		c.must(err)
		c.at("2026-01-26T02:00")
		o = c.tested("sessions", "2026-01-19", deviates, "1 session out of band past")
		if o.State != performed || o.Result != deviates {
			c.t.Errorf("a review before the test: %+v", o)
		}
		if got := c.ready(p, "sessions"); got.Tally.Deviations != 2 || got.Standing != seaworthy.ControlNeedsYou {
			c.t.Errorf("readiness: %+v", got)
		}
		before := o.UpdatedAt
		c.change("prod", "open", session(seaworthy.VerbPortForward, said("user:bo", c.now)), "webhook")
		c.at("2026-01-27T02:00")
		if o = c.dayOf("sessions", "2026-01-19"); o.UpdatedAt != before || o.Tested != deviates {
			c.t.Errorf("what was tested is tested again: %+v", o)
		}
	})
}

// No watch shows a session: without the webhook and without audit events nothing is known of
// them, and a time without either is told.
func TestSessionsThatNothingSees(t *testing.T) {
	each(t, assisted(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		c.program("prod")
		c.own()
		c.agent("prod", date("2025-12-01"))
		c.now = date("2026-01-06T10:00")
		c.change("prod", "write", nil, "watch")
		c.at("2026-01-12T02:00")
		o := c.tested("sessions", "2026-01-05", noData, "no change trail: prod (nothing observed its sessions)")
		if o.State != missed || o.Result != "" {
			c.t.Errorf("no data of machines is what people came to: %+v", o)
		}
		c.now = date("2026-01-13T10:00")
		c.change("prod", "asked", nil, "webhook")
		c.gapOf(store.GapWebhook, "prod", date("2026-01-13T12:00"), date("2026-01-14T12:00"))
		c.at("2026-01-19T02:00")
		c.tested("sessions", "2026-01-12", deviates, "prod: its sessions were not observed from 2026-01-13T12:00:00Z to 2026-01-14T12:00:00Z", "no session began")
		c.asked("prod")
		c.at("2026-01-26T02:00")
		c.tested("sessions", "2026-01-19", asIs, "no session began")
	})
}

// Machines tell of a quarter who approved what others wrote, and who touched the record
// alone; whether rights would allow more stays with people.
func TestDutiesAreTestedBesideThePeople(t *testing.T) {
	each(t, assisted(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		c.program("prod")
		c.own()
		c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
			return tx.PutUser(&seaworthy.User{ID: "olu", Email: "olu@example.com", Name: "Olu", Role: seaworthy.Owner})
		}))
		c.agent("prod", date("2026-01-01"))
		c.now = date("2026-02-03T10:00")
		c.deployed("prod", "d1", "c1")
		c.must(c.store.Write(c.t.Context(), "token:ci", func(tx *store.Tx) error {
			for id, a := range map[string]seaworthy.Approval{
				"d2": {Author: "al", Approvers: []string{"bo"}, MergedBy: "Al"}, "d3": {Author: "al", Refusal: "nobody but the author approved it"},
			} {
				d := seaworthy.Deployment{ID: id, SourceID: "prod", From: c.now, Until: c.now.Add(time.Hour), By: "pipeline", Verified: &a}
				if err := tx.PutDeployment(&d); err != nil {
					return err
				}
			}
			return nil
		}))
		c.change("prod", "ok", verified("d1"), "webhook", "watch")
		c.change("prod", "says-so", func(v *seaworthy.Change) { v.Match, v.MatchID = seaworthy.MatchClaimed, "d3" }, "watch")
		c.change("prod", "by-hand", func(v *seaworthy.Change) {
			v.Actor.Person = "olu"
			said("user:bo", c.now.Add(time.Hour))(v)
		}, "webhook")
		touch := func(v *seaworthy.Change) {
			v.Flags = []seaworthy.Flag{seaworthy.FlagOwnConfig}
			said("user:bo", c.now.Add(time.Hour))(v)
		}
		c.change("prod", "touched", touch, "webhook")
		c.change("prod", "session", session(seaworthy.VerbExec, said("user:bo", c.now.Add(time.Hour))), "webhook")
		c.at("2026-04-01T02:00")
		o := c.tested("duties", "2026-01-01", asIs, "4 changes: 1 verified, 1 claimed, 2 out of band", "2 releases approved by another than the author",
			"1 of these merged by the author", "1 release of which the git host knows no approval by another", "1 change of what records changes, approved or explained",
			"1 person that made changes by hand and may also set what this server keeps", "went around it: 2 changes")
		if o.InScope != 3 || o.Passed != 1 || o.Failed != 2 || o.State == performed {
			c.t.Errorf("%+v", o)
		}
		c.statement(o)

		c.now = date("2026-05-05T10:00")
		c.change("prod", "alone", func(v *seaworthy.Change) { v.Flags = []seaworthy.Flag{seaworthy.FlagAuditRemoved} }, "audit")
		c.at("2026-07-01T02:00")
		c.tested("duties", "2026-04-01", deviates, "1 change of what records changes that nobody else approved or explained", "1 change out of band past the time")
	})
}

// statement reads what was kept of who did what.
func (c *company) statement(o seaworthy.Occurrence) {
	c.t.Helper()
	list, err := c.store.EvidenceList(c.t.Context(), store.EvidenceFilter{Occurrence: o.ID, Limit: 10})
	c.must(err)
	if len(list) != 1 || list[0].Kind != seaworthy.EvidenceTrail || list[0].Title != "Change trail of prod, 2026-01-01 to 2026-03-31" {
		c.t.Fatalf("evidence of the quarter: %+v", list)
	}
	r, err := c.blobs.Open(c.t.Context(), list[0].Digest)
	c.must(err)
	text, err := io.ReadAll(r)
	c.must(errors.Join(err, r.Close()))
	var v struct {
		Releases       []struct{ Author, MergedBy, Refusal string }
		TouchedRecords []struct{ Change string }
	}
	c.must(json.Unmarshal(text, &v))
	if len(v.Releases) != 3 || len(v.TouchedRecords) != 1 || v.TouchedRecords[0].Change != "touched" {
		c.t.Errorf("the bytes say %s", text)
	}
}

// Nothing is tested of what is not required, and no program's scope is left for another's.
func TestNothingIsTestedOfWhatIsNotRequired(t *testing.T) {
	each(t, assisted(), func(c *company) {
		c.cluster("prod", seaworthy.Production)
		c.program("prod")
		c.own()
		c.at("2026-01-06")
		o, err := c.NotRequired(c.t.Context(), manager, c.dayOf("sessions", "2026-01-05").ID, "the cluster stands still")
		c.must(err)
		c.at("2026-01-12T02:00")
		if got := c.tested("sessions", "2026-01-05", ""); got != o {
			c.t.Errorf("%+v, want %+v", got, o)
		}
	})
}

const late = seaworthy.Late
