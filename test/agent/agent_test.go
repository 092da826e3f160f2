// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestUndoneWithinAMinute has somebody change a workload and undo that: two changes on
// record with who did it, seen from everywhere, both told of by the agent itself and by the
// server.
func TestUndoneWithinAMinute(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	jane.must(http.MethodPost, deployments, deployment("web", 2))
	jane.must(http.MethodPatch, deployments+"/web", scaled(5))
	jane.must(http.MethodPatch, deployments+"/web", scaled(2))
	w.until("three changes are on record, seen from everywhere", time.Minute, func() error {
		list := w.of("Deployment", "shop", "web")
		if len(list) != 3 {
			return fmt.Errorf("%d changes", len(list))
		}
		for _, c := range list {
			if s := sighted(&c); !strings.Contains(s, "webhook") || strings.Count(s, "watch") != 1 || strings.Count(s, "audit") != 1 { // the webhook may be asked again
				return fmt.Errorf("%s was seen by %s", c.Verb, s)
			}
		}
		return nil
	})
	list := w.of("Deployment", "shop", "web")
	for i, verb := range []string{"create", "update", "update"} {
		c := list[i]
		if c.Verb != verb || c.Actor.Username != "jane" || c.Outcome != seaworthy.OutcomePersisted || c.Match != seaworthy.MatchOutOfBand {
			t.Errorf("change %d is %s by %s, %s, %s", i, c.Verb, c.Actor.Username, c.Outcome, c.Match)
		}
		if reverted := slices.Contains(c.Flags, seaworthy.FlagReverted); reverted != (i > 0) {
			t.Errorf("change %d is flagged %q", i, c.Flags)
		}
	}
	w.until("the agent tells of both, and so does the server", time.Minute, func() error {
		for _, r := range []*receiver{w.receiver, w.told} {
			if n := len(r.got(seaworthy.NoticeOutOfBand, "jane changed")); n != 2 {
				return fmt.Errorf("%d notices of changes that nobody approved:\n%s", n, r.all())
			}
			if n := len(r.got(seaworthy.NoticeReverted, "jane changed")); n == 0 {
				return fmt.Errorf("no notice of what was undone:\n%s", r.all())
			}
		}
		return nil
	})
	w.intact()
}

// intact stops everything and holds the log against everything on record.
func (w *world) intact() {
	w.t.Helper()
	for _, a := range w.agents {
		_ = a.Stop()
	}
	w.server.Intact()
	for _, a := range w.agents {
		for line := range strings.Lines(a.Printed()) {
			if w.restarted && strings.Contains(line, "level=DEBUG") {
				continue // an API server that has just started knows no rights yet; what is asked again is told so
			}
			if strings.Contains(line, "forbidden") || strings.Contains(line, "level=ERROR") && strings.Contains(line, "panic") {
				w.t.Errorf("an agent says: %s", line)
			}
		}
	}
}

// TestTheConfigurationIsPutBack takes the webhook's configuration away from an agent that
// runs: it is put back, told of, and the time in between is a gap.
func TestTheConfigurationIsPutBack(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	began := time.Now()
	jane.must(http.MethodDelete, hooks+"/"+name, nil)
	jane.must(http.MethodPost, deployments, deployment("quick", 1))
	w.until("it is there again", time.Minute, func() error {
		_, err := jane.try(http.MethodGet, hooks+"/"+name, nil)
		return err
	})
	w.until("the gap is on record and has ended", time.Minute, func() error {
		g := w.gap("webhook", "was removed", began.Add(-time.Minute))
		if g == nil || g.To.IsZero() {
			return fmt.Errorf("gaps: %+v", w.gaps())
		}
		return nil
	})
	// The API server may still have asked, or ask again, since the agent is quick: the webhook
	// saw it, or it is told that it did not.
	w.until("what was written meanwhile is on record, as seen by the webhook or not", 2*time.Minute, func() error {
		list := w.of("Deployment", "shop", "quick")
		if len(list) != 1 {
			return fmt.Errorf("%+v", list)
		}
		saw := slices.ContainsFunc(list[0].Sightings, func(s seaworthy.Sighting) bool { return s.By == seaworthy.SeenByWebhook })
		if bypassed := slices.Contains(list[0].Flags, seaworthy.FlagBypassed); bypassed == saw || bypassed != slices.Equal(list[0].Unseen, []string{seaworthy.SeenByWebhook}) {
			return fmt.Errorf("%+v", list)
		}
		return nil
	})
	w.until("the agent tells of it, once", time.Minute, func() error {
		if got := w.receiver.got(seaworthy.NoticeOwnConfig, "was removed, and the agent put it back"); len(got) != 1 {
			return fmt.Errorf("notices:\n%s", w.receiver.all())
		}
		return nil
	})
	// A session goes through the webhook and is told of, although nobody runs the pod here.
	jane.must(http.MethodPost, "/api/v1/namespaces/shop/serviceaccounts", object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": "default", "namespace": "shop"}})
	jane.must(http.MethodPost, "/api/v1/namespaces/shop/pods", object{
		"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "entered", "namespace": "shop"},
		"spec": object{"nodeName": "nowhere", "containers": []any{object{"name": "app", "image": "registry.example/app:1"}}},
	})
	if _, err := jane.try(http.MethodPost, "/api/v1/namespaces/shop/pods/entered/exec?command=sh&stdout=true", nil); err == nil {
		t.Error("a command ran in a pod that nobody runs")
	}
	w.until("the session is on record and told of", time.Minute, func() error {
		list := w.of("Pod", "shop", "entered")
		if !slices.ContainsFunc(list, func(c seaworthy.Change) bool {
			return c.Verb == seaworthy.VerbExec && c.Actor.Username == "jane" && slices.Contains(c.Flags, seaworthy.FlagSession)
		}) {
			return fmt.Errorf("%+v", list)
		}
		if len(w.receiver.got(seaworthy.NoticeSession, "jane")) == 0 {
			return fmt.Errorf("notices:\n%s", w.receiver.all())
		}
		return nil
	})
	w.intact()
}
