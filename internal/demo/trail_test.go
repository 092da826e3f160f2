// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/demo"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// trail looks at what the change trail, agents and notices have to show.
func (f *filled) trail(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	list, err := f.Store.Changes(ctx, store.ChangeFilter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for what, there := range map[string]func(*seaworthy.Change) bool{
		"verified":        func(c *seaworthy.Change) bool { return c.Match == seaworthy.MatchVerified },
		"claimed":         func(c *seaworthy.Change) bool { return c.Match == seaworthy.MatchClaimed },
		"contradicted":    func(c *seaworthy.Change) bool { return c.Match == seaworthy.MatchOutOfBand && c.MatchID != "" },
		"explained":       func(c *seaworthy.Change) bool { return c.Explained != nil },
		"to be explained": (*seaworthy.Change).Unexplained,
		"denied, and for what": func(c *seaworthy.Change) bool {
			return c.Outcome == seaworthy.OutcomeDenied && len(c.Sightings[0].Judged) > 0
		},
		"with controllers' work": func(c *seaworthy.Change) bool { return c.Folded > 0 },
		"made by Argo CD": func(c *seaworthy.Change) bool {
			return c.MatchID != "" && c.Actor.Username == "system:serviceaccount:argocd:argocd-application-controller"
		},
		"of an image with a digest": func(c *seaworthy.Change) bool {
			return slices.ContainsFunc(c.Images, func(i string) bool { return len(i) > 70 })
		},
		"of an unknown person": func(c *seaworthy.Change) bool { return c.Actor.Person == "" },
	} {
		if !slices.ContainsFunc(list.Items, func(c seaworthy.Change) bool { return there(&c) }) {
			t.Errorf("no change is %s", what)
		}
	}
	for _, flag := range []seaworthy.Flag{seaworthy.FlagReverted, seaworthy.FlagBypassed, seaworthy.FlagSession, seaworthy.FlagWidened, seaworthy.FlagSecretRead} {
		if !slices.ContainsFunc(list.Items, func(c seaworthy.Change) bool { return slices.Contains(c.Flags, flag) }) {
			t.Errorf("no change has the flag %q", flag)
		}
	}
	for _, kind := range []string{store.GapAgent, store.GapWebhook} {
		gaps, err := f.Store.Gaps(ctx, store.GapFilter{Kind: kind, Limit: 10})
		open := slices.ContainsFunc(gaps.Items, func(g seaworthy.Gap) bool { return g.To.IsZero() })
		if err != nil || len(gaps.Items) == 0 || open {
			t.Errorf("gaps of kind %s: %v, %v; want some, which ended", kind, gaps.Items, err)
		}
		for i, g := range gaps.Items[1:] { // newest first
			if n := gaps.Items[i]; n.SourceID == g.SourceID && n.From.Before(g.To) {
				t.Errorf("of one place and time there are two gaps: %+v and %+v", g, n)
			}
		}
	}
	for control, want := range map[string]bool{"production-session-review": true, "separation-of-duties": true, "control-monitoring": false} {
		days, err := f.Store.AllOccurrences(ctx, store.OccurrenceFilter{Control: control})
		tested := slices.ContainsFunc(days, func(o seaworthy.Occurrence) bool { return o.Tested != "" })
		judged := slices.ContainsFunc(days, func(o seaworthy.Occurrence) bool { return o.PerformedBy == "system" && o.InScope > 0 })
		if err != nil || tested != want || judged == want {
			t.Errorf("%s: tested beside people %t, judged by machine %t, %v; want %t, %t", control, tested, judged, err, want, !want)
		}
	}
	agents, err := f.Store.Agents(ctx, store.AgentFilter{Limit: 10})
	if err != nil || len(agents.Items) != 2 {
		t.Errorf("Agents = %v, %v; want two", agents.Items, err)
	}
	for _, a := range agents.Items {
		beats, err := f.Store.AgentInstances(ctx, a.SourceID)
		if err != nil || len(beats) != 2 || now.Sub(beats[0].ReceivedAt) > seaworthy.HeartbeatSilence {
			t.Errorf("of agent %s there are %v, %v; want two replicas that are heard of at the end", a.ID, beats, err)
		}
	}
	for _, state := range []string{seaworthy.DeliveryDelivered, seaworthy.DeliveryPending} {
		sent, err := f.Store.Deliveries(ctx, store.DeliveryFilter{State: state, Limit: 10})
		if want := state == seaworthy.DeliveryDelivered; err != nil || len(sent.Items) > 0 != want {
			t.Errorf("%d deliveries are %s, %v", len(sent.Items), state, err)
		}
	}
}

// Nothing of the example goes to anybody.
func TestReceiversGoNowhere(t *testing.T) {
	if _, err := demo.Receivers().Get("https://harbourlane.com/"); err == nil {
		t.Error("the example answers for somebody who may be there")
	}
	if r, err := demo.Receivers().Get("https://hooks.slack.example/services/x"); err != nil || r.StatusCode != 200 {
		t.Errorf("Get = %v, %v; want an answer of the example's own", r, err)
	}
}
