// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

func TestPlan(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, berlin) }
	rule := func(f func(r *seaworthy.NoticeRule)) seaworthy.NoticeRule {
		r := seaworthy.NoticeRule{ID: "r", Name: "r", Destinations: []string{"d"}, Zone: "Europe/Berlin"}
		f(&r)
		return r
	}
	none := func(*seaworthy.NoticeRule) {}
	quiet := func(r *seaworthy.NoticeRule) { r.QuietFrom, r.QuietTo = 22*60, 7*60 }
	noon := func(r *seaworthy.NoticeRule) { r.QuietFrom, r.QuietTo = 12*60, 13*60+30 }
	daily := func(r *seaworthy.NoticeRule) { r.Digest = seaworthy.DigestDaily }
	weekly := func(r *seaworthy.NoticeRule) { r.Digest = seaworthy.DigestWeekly }
	opened, exec := seaworthy.NoticeFinding, seaworthy.NoticeSession
	for name, test := range map[string]struct {
		rule   func(*seaworthy.NoticeRule)
		kind   seaworthy.NoticeKind
		now    time.Time
		want   time.Time
		digest string
	}{
		"at once":                             {none, opened, at(2, 10, 0), at(2, 10, 0), ""},
		"in the night it waits":               {quiet, opened, at(2, 23, 30), at(3, 7, 0), ""},
		"after midnight too":                  {quiet, opened, at(3, 6, 59), at(3, 7, 0), ""},
		"and then no more":                    {quiet, opened, at(3, 7, 0), at(3, 7, 0), ""},
		"over noon":                           {noon, opened, at(3, 12, 0), at(3, 13, 30), ""},
		"what is urgent never waits":          {quiet, exec, at(2, 23, 30), at(2, 23, 30), ""},
		"nor for a digest":                    {weekly, exec, at(2, 10, 0), at(2, 10, 0), ""},
		"a gap never waits":                   {quiet, seaworthy.NoticeGap, at(2, 23, 30), at(2, 23, 30), ""},
		"the next morning":                    {daily, opened, at(2, 8, 0), at(3, 8, 0), "r 2026-03-03"},
		"this morning":                        {daily, opened, at(2, 7, 59), at(2, 8, 0), "r 2026-03-02"},
		"on Monday":                           {weekly, opened, at(3, 9, 0), at(9, 8, 0), "r 2026-03-09"},
		"through the change of clocks":        {weekly, opened, at(23, 9, 0), at(30, 8, 0), "r 2026-03-30"},
		"in the night in which clocks change": {quiet, opened, at(28, 23, 0), at(29, 7, 0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := notify.Plan(&seaworthy.Notice{Kind: test.kind}, []seaworthy.NoticeRule{rule(test.rule)}, test.now)
			if len(got) != 1 || !got[0].At.Equal(test.want) || got[0].Digest != test.digest {
				t.Errorf("planned %+v, want at %s in %q", got, test.want, test.digest)
			}
		})
	}
}

func TestRulesChoose(t *testing.T) {
	n := &seaworthy.Notice{Kind: seaworthy.NoticeFinding, Severity: "high", SourceID: "c1", Namespace: "shop-eu", Team: "t1"}
	for name, test := range map[string]struct {
		rule seaworthy.NoticeRule
		want bool
	}{
		"everything":        {seaworthy.NoticeRule{}, true},
		"its kind":          {seaworthy.NoticeRule{Kinds: []seaworthy.NoticeKind{seaworthy.NoticeGap, seaworthy.NoticeFinding}}, true},
		"another kind":      {seaworthy.NoticeRule{Kinds: []seaworthy.NoticeKind{seaworthy.NoticeGap}}, false},
		"severe enough":     {seaworthy.NoticeRule{Severity: "medium"}, true},
		"not severe enough": {seaworthy.NoticeRule{Severity: "critical"}, false},
		"another cluster":   {seaworthy.NoticeRule{Sources: []string{"c2"}}, false},
		"its namespaces":    {seaworthy.NoticeRule{Namespaces: []string{"shop-*"}}, true},
		"other namespaces":  {seaworthy.NoticeRule{Namespaces: []string{"web"}}, false},
		"another team":      {seaworthy.NoticeRule{Teams: []string{"t2"}}, false},
	} {
		if got := notify.Wants(&test.rule, n); got != test.want {
			t.Errorf("%s: wanted %t, want %t", name, got, test.want)
		}
	}
	now := time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	got := notify.Plan(n, []seaworthy.NoticeRule{
		{ID: "slow", Destinations: []string{"a", "b"}, Digest: seaworthy.DigestDaily}, {ID: "fast", Destinations: []string{"b", "c", "c"}},
	}, now)
	want := []notify.Planned{
		{"a", "slow", time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC), "slow 2026-03-03"}, {"b", "fast", now, ""}, {"c", "fast", now, ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("each destination once, as soon as any rule says: %s", d)
	}
}

func TestValidate(t *testing.T) {
	good := seaworthy.NoticeRule{Name: "r", Destinations: []string{"d"}, Zone: "Europe/Berlin", QuietFrom: 60, Kinds: []seaworthy.NoticeKind{seaworthy.NoticeGap}}
	if err := notify.Validate(&good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(r *seaworthy.NoticeRule){
		"no name":        func(r *seaworthy.NoticeRule) { r.Name = "" },
		"no destination": func(r *seaworthy.NoticeRule) { r.Destinations = nil },
		"a digest":       func(r *seaworthy.NoticeRule) { r.Digest = "hourly" },
		"quiet hours":    func(r *seaworthy.NoticeRule) { r.QuietTo = 1440 },
		"a zone":         func(r *seaworthy.NoticeRule) { r.Zone = "Mars/Base" },
		"a kind":         func(r *seaworthy.NoticeRule) { r.Kinds = []seaworthy.NoticeKind{"x"} },
		"a pattern":      func(r *seaworthy.NoticeRule) { r.Namespaces = []string{"["} },
	} {
		r := good
		if spoil(&r); notify.Validate(&r) == nil {
			t.Errorf("%s: a rule that is wrong is taken", name)
		}
	}
}

func TestPauses(t *testing.T) {
	last := time.Duration(0)
	for attempt := 1; attempt < 60; attempt++ {
		p := notify.Pause("a delivery", attempt)
		if p < last || p < 4*time.Second || p > 36*time.Minute {
			t.Errorf("attempt %d waits %s after %s", attempt, p, last)
		}
		last = p
	}
	if notify.Pause("one", 5) == notify.Pause("another", 5) {
		t.Error("two deliveries come back at the same moment")
	}
}
