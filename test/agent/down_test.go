// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// TestTheWebhookIsDown cuts the way from the API server to the agent, and nothing else: what
// is written meanwhile is on record all the same, as having bypassed admission, and so is the
// time.
func TestTheWebhookIsDown(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	w.heard()
	jane.must(http.MethodPost, deployments, deployment("before", 1))
	w.door.cut()
	began := time.Now()
	jane.must(http.MethodPost, deployments, deployment("around", 1))
	jane.must(http.MethodPatch, deployments+"/around", scaled(4))
	w.noticed(w.begun(store.GapWebhook, began.Add(-time.Minute)))
	w.until("the agent tells of it by itself", time.Minute, func() error {
		if len(w.receiver.got(seaworthy.NoticeGap, "webhook")) == 0 || !w.receiver.slacked("webhook") {
			return fmt.Errorf("notices:\n%s", w.receiver.all())
		}
		return nil
	})
	ended := time.Now()
	w.door.join()
	w.until("the gap has ended", time.Minute, func() error {
		return w.covered([]blind{{store.GapWebhook, began, ended, "the door was cut"}})
	})
	jane.must(http.MethodPost, deployments, deployment("after", 1))
	w.until("what went around the webhook is marked", 2*time.Minute, func() error {
		list := w.of("Deployment", "shop", "around")
		if len(list) != 2 {
			return fmt.Errorf("%s", told1(list))
		}
		for _, c := range list {
			if c.Actor.Username != "jane" || c.Outcome != seaworthy.OutcomePersisted || c.Match != seaworthy.MatchOutOfBand || sighted(&c) != "audit watch" && sighted(&c) != "watch audit" {
				return fmt.Errorf("%s", told1(list))
			}
			if !slices.Contains(c.Flags, seaworthy.FlagBypassed) || !slices.Equal(c.Unseen, []string{seaworthy.SeenByWebhook}) {
				return fmt.Errorf("not marked: %s", told1(list))
			}
		}
		return nil
	})
	for _, name := range []string{"before", "after"} {
		w.until("what came "+name+" is not marked", time.Minute, func() error {
			list := w.of("Deployment", "shop", name)
			if len(list) != 1 || len(list[0].Sightings) != 3 || len(list[0].Unseen) != 0 || slices.Contains(list[0].Flags, seaworthy.FlagBypassed) {
				return fmt.Errorf("%s", told1(list))
			}
			return nil
		})
	}
	others := slices.DeleteFunc(w.gaps(), func(g seaworthy.Gap) bool {
		return g.Kind == store.GapWebhook || !g.To.IsZero() && g.To.Before(began) // the agent may have taken its time to begin
	})
	const much = 10 * time.Second // of standing still, in which neither a Lease is renewed nor a watch kept
	if stood := w.stalls.total(); len(others) > 0 && stood > much {
		t.Logf("the machine stood still for %s, and on record is:\n%s", stood, listed(others))
	} else if len(others) > 0 {
		t.Errorf("the agent watched all the time, and on record is:\n%s", listed(others))
	}
	w.intact()
}

// TestTheAgentIsKilled has nobody watch: the server notices that by itself and tells people,
// and when the agent is back, what audit events tell of meanwhile goes on record, as having
// bypassed admission.
func TestTheAgentIsKilled(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	w.heard()
	jane := w.admin()
	_ = r.Kill()
	began := time.Now()
	jane.must(http.MethodPost, deployments, deployment("unseen", 1))
	w.noticed(w.begun(store.GapAgent, began.Add(-time.Minute)))
	ended := time.Now()
	r.Start()
	w.ready(r)
	w.until("all that nobody saw is on record", time.Minute, func() error {
		for _, place := range []string{store.GapAgent, store.GapWebhook, store.GapWatch} {
			if err := w.covered([]blind{{place, began, ended, "the agent was killed"}}); err != nil {
				return err
			}
		}
		if w.gap(store.GapWebhook, "", began.Add(-time.Minute)) == nil {
			return fmt.Errorf("nothing says that the webhook was not asked:\n%s", listed(w.gaps()))
		}
		return nil
	})
	w.until("what was written meanwhile is on record and marked", 2*time.Minute, func() error {
		list := w.of("Deployment", "shop", "unseen")
		if len(list) != 1 || list[0].Actor.Username != "jane" || sighted(&list[0]) != "audit" || !slices.Equal(list[0].Unseen, []string{seaworthy.SeenByWebhook}) ||
			!slices.Contains(list[0].Flags, seaworthy.FlagBypassed) {
			return fmt.Errorf("%s", told1(list))
		}
		return nil
	})
	w.until("people were told of that too, by the server and by the agent", time.Minute, func() error {
		if len(w.told.got(seaworthy.NoticeOutOfBand, "jane")) == 0 || len(w.receiver.got(seaworthy.NoticeOutOfBand, "jane")) == 0 || len(w.told.got(seaworthy.NoticeGapEnded, "(agent)")) == 0 {
			return fmt.Errorf("the server told:\n%s\nthe agent told:\n%s", w.told.all(), w.receiver.all())
		}
		return nil
	})
	w.intact()
}
