// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestEachGapIsTold by the rules that an agent begins with, once: when it begins, or when it is
// over, if that is when it becomes known. Who wants to know gets the end of what was told.
func TestEachGapIsTold(t *testing.T) {
	const hook = seaworthy.SeenByWebhook
	const lasts, was, ended = "gap: What happens in production may go unseen by its webhook", "gap: What happened in production may have gone unseen by its webhook",
		"gap-ended: What happens in production is seen by its webhook again"
	c := noon()
	a := testAgent(t, c, &people{})
	from := c.time()
	c.forward(time.Minute)
	over := func(g seaworthy.AgentGap) seaworthy.AgentGap { g.To = c.time(); return g }
	gap := seaworthy.AgentGap{Place: hook, From: from.Add(time.Nanosecond), Reason: "nobody is asked"}
	var want []string
	tells := func(g seaworthy.AgentGap, what ...string) {
		t.Helper()
		a.gap(g)
		if want = append(want, what...); !slices.Equal(a.titles(), want) {
			t.Fatalf("told %q, want %q", a.titles(), want)
		}
	}
	tells(over(gap), was)
	gap.From = from.Add(time.Second)
	tells(gap, lasts)
	tells(over(gap)) // which the rule does not want
	again := gap
	tells(over(again), was)

	// The end of what an earlier process told of is no news either.
	gap.From = from.Add(2 * time.Second)
	tells(gap, lasts)
	rules := a.teller.rules
	if err := a.teller.readLasting(); err != nil || len(a.teller.lasting) != 1 || filepath.Dir(a.teller.gaps) != a.cfg.Spool {
		t.Fatalf("kept: %v, %v", a.teller.lasting, err)
	}
	a.teller.rules = []seaworthy.NoticeRule{{ID: "all", Name: "all", Destinations: rules[0].Destinations}}
	tells(over(gap), ended)
	for n := range 2 * lastingKept {
		g := gap
		g.From = from.Add(time.Duration(n) * time.Minute)
		a.gap(g)
	}
	if n := len(a.teller.lasting); n != lastingKept {
		t.Errorf("%d gaps are kept", n)
	}
}
