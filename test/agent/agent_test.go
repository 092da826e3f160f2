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
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// TestUndoneWithinAMinute has somebody change a workload and undo that: two changes on
// record with who did it, seen from everywhere, both told of by the agent itself.
func TestUndoneWithinAMinute(t *testing.T) {
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
			if s := sighted(&c); !strings.Contains(s, "webhook") || !strings.Contains(s, "watch") || !strings.Contains(s, "audit") || len(c.Sightings) != 3 {
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
	w.until("the agent tells of both", time.Minute, func() error {
		if n := len(w.receiver.got(seaworthy.NoticeOutOfBand, "jane changed")); n != 2 {
			return fmt.Errorf("%d notices of changes that nobody approved:\n%s", n, w.receiver.all())
		}
		if n := len(w.receiver.got(seaworthy.NoticeReverted, "jane changed")); n == 0 {
			return fmt.Errorf("no notice of what was undone")
		}
		return nil
	})
	w.intact()
}

// intact stops everything and holds the log against everything on record.
func (w *world) intact() {
	w.t.Helper()
	for _, a := range w.agents {
		a.stop()
	}
	w.server.stop()
	s, err := server.Open(w.t.Context(), server.Config{Data: w.data, BaseURL: "http://" + w.address})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Close()
	got, err := s.SelfCheck(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if !got.Intact() {
		w.t.Errorf("the log does not verify: %q", got.Problems)
	}
	for _, a := range w.agents {
		for line := range strings.Lines(a.printed()) {
			if strings.Contains(line, "forbidden") || strings.Contains(line, "level=ERROR") && strings.Contains(line, "panic") {
				w.t.Errorf("an agent says: %s", line)
			}
		}
	}
}
