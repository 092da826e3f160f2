// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

func TestWindows(t *testing.T) {
	for _, tt := range []struct{ cadence, from, to, want string }{
		{"daily", "2026-02-27", "2026-03-02", "02-27/02-28 02-28/03-01 03-01/03-02"},
		{"continuous", "2026-03-01", "2026-03-02", "03-01/03-02"},
		{"weekly", "2026-01-01", "2026-01-13", "12-29/01-05 01-05/01-12 01-12/01-19"}, // from Monday on
		{"weekly", "2026-01-05", "2026-01-06", "01-05/01-12"},
		{"weekly", "2026-01-04", "2026-01-05", "12-29/01-05"}, // a Sunday belongs to the week before
		{"monthly", "2026-01-15", "2026-03-15", "01-01/02-01 02-01/03-01 03-01/04-01"},
		{"quarterly", "2026-02-15", "2026-08-15", "01-01/04-01 04-01/07-01 07-01/10-01"},
		{"quarterly", "2026-01-01", "2026-07-01", "01-01/04-01 04-01/07-01"},
		{"semi-annual", "2026-01-01", "2026-07-02", "01-01/07-01 07-01/01-01"},
		{"annual", "2026-06-01", "2026-07-01", "01-01/01-01"},
		{"event", "2026-01-01", "2027-01-01", ""},
		{"once", "2026-01-01", "2027-01-01", ""},
		{"daily", "2026-01-02", "2026-01-02", ""},
	} {
		var got []string
		for _, w := range seaworthy.Windows(tt.cadence, day(tt.from), day(tt.to)) {
			got = append(got, w.From.Format("01-02")+"/"+w.DueAt.Format("01-02"))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("Windows(%s, %s, %s) = %v, want %s", tt.cadence, tt.from, tt.to, got, tt.want)
		}
	}
}

func TestWindowsAreInUTC(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*60*60)
	got := seaworthy.Windows("daily", time.Date(2026, 1, 2, 3, 0, 0, 0, tokyo), time.Date(2026, 1, 2, 4, 0, 0, 0, tokyo))
	if len(got) != 1 || !got[0].From.Equal(day("2026-01-01")) {
		t.Errorf("Windows = %v, want the day that it is in UTC", got)
	}
}

func TestEvidenceCurrent(t *testing.T) {
	for _, tt := range []struct {
		cadence, speaksTo, at string
		want                  bool
	}{
		{"daily", "2026-03-09", "2026-03-10", true},
		{"daily", "2026-03-08", "2026-03-10", false},
		{"weekly", "2026-03-02", "2026-03-10", true},
		{"weekly", "2026-03-01", "2026-03-10", false},
		{"quarterly", "2026-01-01", "2026-06-30", true},
		{"quarterly", "2026-01-01", "2026-07-01", false},
		{"annual", "2025-01-01", "2026-12-31", true},
		{"annual", "2024-12-31", "2026-01-01", false},
		{"event", "2025-03-11", "2026-03-10", true},
		{"event", "2025-03-09", "2026-03-10", false},
	} {
		e := seaworthy.Evidence{EffectiveTo: day(tt.speaksTo)}
		if got := e.Current(tt.cadence, day(tt.at)); got != tt.want {
			t.Errorf("%s evidence of %s on %s: current %t, want %t", tt.cadence, tt.speaksTo, tt.at, got, tt.want)
		}
		e.ErasedAt = day(tt.at)
		if e.Current(tt.cadence, day(tt.at)) {
			t.Errorf("%s evidence of %s is current after it was erased", tt.cadence, tt.speaksTo)
		}
		e.ErasedAt, e.LoggedAt = time.Time{}, day(tt.at).Add(time.Second)
		if e.Current(tt.cadence, day(tt.at)) {
			t.Errorf("%s evidence of %s is current before the log had it", tt.cadence, tt.speaksTo)
		}
	}
}

func TestEvidenceSpeaksOfThePast(t *testing.T) {
	good := seaworthy.Evidence{Kind: seaworthy.EvidenceLink, URL: "https://example.com", Title: "t", Shows: seaworthy.Design, Collector: "user:u",
		EffectiveFrom: day("2026-01-01"), EffectiveTo: day("2026-01-02"), CollectedAt: day("2026-01-03"), ReceivedAt: day("2026-01-04")}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*seaworthy.Evidence){
		"from and to":          func(e *seaworthy.Evidence) { e.EffectiveFrom = day("2026-01-03") },
		"after it was collect": func(e *seaworthy.Evidence) { e.EffectiveTo = day("2027-01-01") },
		"before it was coll":   func(e *seaworthy.Evidence) { e.ReceivedAt = day("2026-01-01") },
		"neither design nor":   func(e *seaworthy.Evidence) { e.Shows = "hope" },
		"who or what":          func(e *seaworthy.Evidence) { e.Collector = "" },
		"no address":           func(e *seaworthy.Evidence) { e.URL = "" },
		"attests nothing":      func(e *seaworthy.Evidence) { e.Kind = seaworthy.EvidenceAttestation },
		"no SHA-256":           func(e *seaworthy.Evidence) { e.Kind, e.Digest = seaworthy.EvidenceUpload, "abc" },
		"is not known":         func(e *seaworthy.Evidence) { e.Kind = "rumour" },
	} {
		e := good
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want it to say %q", err, want)
		}
	}
}

func TestWhoShowsAControl(t *testing.T) {
	for _, tt := range []struct {
		sources, checks []string
		class           string
		machine         bool
	}{
		{[]string{"checks"}, []string{"c"}, seaworthy.ByMachine, true},
		{[]string{"checks", "records"}, []string{"c"}, seaworthy.ByMachine, true},
		{[]string{"checks", "records"}, nil, seaworthy.ByMachine, false}, // no check to report
		{[]string{"records"}, nil, seaworthy.ByMachine, false},
		{[]string{"people", "records"}, nil, seaworthy.ByMixed, false},
		{[]string{"checks", "people"}, []string{"c"}, seaworthy.ByMixed, false},
		{[]string{"people"}, nil, seaworthy.ByPeople, false},
	} {
		c := seaworthy.TrackedControl{Control: seaworthy.Control{Sources: tt.sources}, Checks: tt.checks}
		if c.Class() != tt.class || c.Machine() != tt.machine {
			t.Errorf("%v with checks %v: %s, machine %t; want %s, %t", tt.sources, tt.checks, c.Class(), c.Machine(), tt.class, tt.machine)
		}
	}
}

func TestReadinessSentence(t *testing.T) {
	for _, tt := range []struct {
		r    seaworthy.Readiness
		want string
	}{
		{seaworthy.Readiness{Type: seaworthy.TypeII, Counts: seaworthy.Standings{AsExpected: 40, NeedsYou: 3, Waiting: 10}}, "40 of 53 controls performed as expected in this period; 3 need you"},
		{seaworthy.Readiness{Type: seaworthy.TypeII, Counts: seaworthy.Standings{AsExpected: 40, Deviated: 5, NeedsYou: 3}}, "40 of 48 controls performed as expected in this period, 5 deviated; 3 need you"},
		{seaworthy.Readiness{Type: seaworthy.TypeII, Counts: seaworthy.Standings{AsExpected: 1, NeedsYou: 1}}, "1 of 2 controls performed as expected in this period; 1 needs you"},
	} {
		if got := tt.r.Sentence(); got != tt.want {
			t.Errorf("Sentence = %q, want %q", got, tt.want)
		}
	}
	for _, word := range []string{"satisf", "effective", "compliant", "%"} {
		if s := fmt.Sprint((seaworthy.Readiness{Type: seaworthy.TypeI}).Sentence()); strings.Contains(s, word) {
			t.Errorf("Sentence %q says %q", s, word)
		}
	}
}

// Who shows a control: machines alone, people alone, or people with machines beside them.
func TestTrailBesideWhoShowsAControl(t *testing.T) {
	for _, tt := range []struct {
		trail, cadence, sources  string
		machine, daily, assisted bool
	}{
		{"", "weekly", "records people", false, false, false},
		{"changes", "continuous", "records", true, false, false},
		{"changes", "event", "records", false, true, false},
		{"monitoring", "daily", "records", true, false, false},
		{"sessions", "weekly", "records people", false, false, true},
		{"duties", "quarterly", "records people", false, false, true},
		{"sessions", "weekly", "records", true, false, false},
		{"admission", "continuous", "records", false, false, false},
		{"admission", "continuous", "records people", false, false, false},
	} {
		c := seaworthy.TrackedControl{Control: seaworthy.Control{Trail: tt.trail, Cadence: tt.cadence, Sources: strings.Fields(tt.sources)}}
		if c.Machine() != tt.machine || c.Daily() != tt.daily || c.Assisted() != tt.assisted {
			t.Errorf("%+v: Machine %t, Daily %t, Assisted %t", tt, c.Machine(), c.Daily(), c.Assisted())
		}
	}
}

// A deviation that machines found stands, whatever people say; nothing else is changed.
func TestReconcile(t *testing.T) {
	for _, tt := range []struct{ before, after seaworthy.Occurrence }{
		{seaworthy.Occurrence{State: seaworthy.Performed, Result: seaworthy.ResultAsExpected, Tested: seaworthy.ResultDeviation, Reason: "in a hurry"},
			seaworthy.Occurrence{State: seaworthy.Performed, Result: seaworthy.ResultDeviation, Tested: seaworthy.ResultDeviation,
				Reason: "in a hurry; who performed it says as expected, and machines found a deviation"}},
		{seaworthy.Occurrence{State: seaworthy.Late, Result: seaworthy.ResultDeviation, Tested: seaworthy.ResultDeviation, Reason: "two shells"},
			seaworthy.Occurrence{State: seaworthy.Late, Result: seaworthy.ResultDeviation, Tested: seaworthy.ResultDeviation, Reason: "two shells"}},
		{seaworthy.Occurrence{State: seaworthy.Missed, Tested: seaworthy.ResultDeviation}, seaworthy.Occurrence{State: seaworthy.Missed, Tested: seaworthy.ResultDeviation}},
		{seaworthy.Occurrence{State: seaworthy.Performed, Result: seaworthy.ResultAsExpected, Tested: seaworthy.ResultNoData},
			seaworthy.Occurrence{State: seaworthy.Performed, Result: seaworthy.ResultAsExpected, Tested: seaworthy.ResultNoData}},
	} {
		got := tt.before
		if got.Reconcile(); got != tt.after {
			t.Errorf("Reconcile = %+v, want %+v", got, tt.after)
		}
	}
}
