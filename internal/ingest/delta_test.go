// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// state is what a cluster is made of at one moment.
type state struct {
	objects  map[string]seaworthy.SeenObject // by name
	findings map[string]seaworthy.Finding    // by fingerprint
}

func (s state) clone() state { return state{maps.Clone(s.objects), maps.Clone(s.findings)} }

func (s state) report(name string, started time.Time) []byte {
	list := slices.Collect(maps.Values(s.findings))
	slices.SortFunc(list, func(a, b seaworthy.Finding) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	r := cluster(list...)
	r.Source.Name, r.Source.ClusterUID, r.Source.Started = name, "uid-"+name, started
	r.Objects = []seaworthy.SeenObject{}
	for _, o := range s.objects {
		r.Objects = append(r.Objects, o)
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return data
}

func (s state) digest() seaworthy.FindingsState {
	return seaworthy.FindingsState{Findings: len(s.findings), Digest: seaworthy.FindingsDigest(slices.Collect(maps.Keys(s.findings)))}
}

// delta is what became different.
func (s state) delta(to state) seaworthy.Delta {
	var d seaworthy.Delta
	for print, f := range to.findings {
		if was, had := s.findings[print]; !had || !cmp.Equal(was, f) {
			d.Found = append(d.Found, f)
		}
	}
	for print := range s.findings {
		if _, has := to.findings[print]; !has {
			d.Gone = append(d.Gone, print)
		}
	}
	for name, o := range to.objects {
		if was, had := s.objects[name]; !had || !cmp.Equal(was, o) {
			d.Seen = append(d.Seen, o)
		}
	}
	for name, o := range s.objects {
		if _, has := to.objects[name]; !has {
			d.Vanished = append(d.Vanished, o.Object)
		}
	}
	return d
}

// step changes a few things: objects come, change and go; findings come and go with them,
// and some because of other objects.
func (s state) step(r *rand.Rand) state {
	to := s.clone()
	for range 1 + r.IntN(4) {
		name := fmt.Sprint("o", r.IntN(8))
		o, there := to.objects[name]
		forget := func() {
			for print, f := range to.findings {
				if f.Object.Name == name {
					delete(to.findings, print)
				}
			}
		}
		switch {
		case there && r.IntN(4) == 0:
			delete(to.objects, name)
			forget()
			continue
		case !there || r.IntN(3) == 0: // the object itself is new or other
			o = seaworthy.SeenObject{Object: deployment("shop", name), Workload: true, Labels: map[string]string{"team": fmt.Sprint("t", r.IntN(3))}}
			to.objects[name] = o
			forget()
		}
		for _, check := range []string{"privileged-container", "latest-tag"} {
			f := finding(check, o.Object)
			if r.IntN(2) == 0 {
				delete(to.findings, f.Fingerprint)
				continue
			}
			f.Message = fmt.Sprint("message ", r.IntN(2))
			if r.IntN(5) == 0 {
				f.Severity, f.WaiverRequested = seaworthy.Low, "please"
			}
			to.findings[f.Fingerprint] = f
		}
	}
	return to
}

// pair is one history of two clusters: one tells it in reports, the other in deltas.
type pair struct {
	*world
	reports, deltas seaworthy.DeclaredSource
	agent           seaworthy.Principal
	sequence        uint64
	sent            []seaworthy.AgentMessage
}

func newPair(t *testing.T, w *world, name string) *pair {
	t.Helper()
	p := &pair{world: w}
	p.reports = w.declare(seaworthy.DeclaredSource{ID: "r" + name, Kind: seaworthy.KindCluster, Name: "reports" + name})
	p.deltas = w.declare(seaworthy.DeclaredSource{ID: "d" + name, Kind: seaworthy.KindCluster, Name: "deltas" + name})
	p.agent = seaworthy.Principal{Actor: "agent:a" + name, Name: "agent", Role: seaworthy.Reporter, Source: p.deltas.ID}
	p.must(w.store.Write(t.Context(), "system", func(tx *store.Tx) error {
		return tx.PutAgent(&seaworthy.Agent{ID: "a" + name, SourceID: p.deltas.ID, EnrolledAt: tx.At})
	}))
	w.config.Owners = func(*store.Tx, seaworthy.DeclaredSource) (func(store.TrackedObject) string, error) {
		return func(o store.TrackedObject) string { return o.Labels["team"] }, nil
	}
	w.config.Waivers = func(*store.Tx, string) ([]seaworthy.TrackedWaiver, error) {
		v := seaworthy.TrackedWaiver{ID: "w", State: seaworthy.WaiverApproved}
		v.Check, v.Kind, v.Namespace, v.Name = "latest-tag", "Deployment", "shop", "o[0-3]"
		v.Expires = seaworthy.Date{Time: w.now.AddDate(1, 0, 0)}
		return []seaworthy.TrackedWaiver{v}, nil
	}
	return p
}

func (p *pair) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// whole sends a whole report and gives its digest.
func (p *pair) whole(who seaworthy.Principal, source seaworthy.DeclaredSource, s state) string {
	p.t.Helper()
	run, err := ingest.Report(p.t.Context(), p.config, who, source.ID, bytes.NewReader(s.report(source.Name, p.now)))
	p.must(err)
	return run.Digest
}

func (p *pair) message(kind string, body any) seaworthy.AgentMessage {
	data, err := json.Marshal(body)
	p.must(err)
	p.sequence++
	return seaworthy.AgentMessage{Instance: "i", Stream: seaworthy.StreamFindings, Sequence: p.sequence, At: p.now, Kind: kind, Body: data}
}

func (p *pair) send(list ...seaworthy.AgentMessage) {
	p.t.Helper()
	p.sent = append(p.sent, list...)
	taken, err := ingest.Findings(p.t.Context(), p.config, p.agent, list)
	p.must(err)
	if want := list[len(list)-1].Sequence; taken < want {
		p.t.Fatalf("taken up to %d, want %d", taken, want)
	}
}

func (p *pair) wanted() bool {
	p.t.Helper()
	live, err := p.store.LiveSource(p.t.Context(), p.deltas.ID)
	p.must(err)
	return !live.WantedAt.IsZero()
}

// told is what is on record of the findings of a source: each with its events.
func (p *pair) told(source string) map[string]any {
	p.t.Helper()
	page, err := p.store.Findings(p.t.Context(), store.FindingFilter{Sources: []string{source}, Limit: 1000})
	p.must(err)
	out := map[string]any{}
	for _, f := range page.Items {
		events, err := p.store.FindingEvents(p.t.Context(), f.ID)
		p.must(err)
		var steps []string
		for _, e := range events {
			steps = append(steps, fmt.Sprintf("%s (%s) %s", e.Kind, e.Cause, e.Note))
		}
		f.ID, f.SourceID, f.ObjectID, f.RunID = "", "", "", ""
		f.FirstSeenAt, f.OpenedAt, f.ClosedAt, f.DueAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		out[f.Fingerprint] = struct {
			seaworthy.TrackedFinding
			Steps []string
		}{f, steps}
	}
	return out
}

func (p *pair) compare(at string) {
	p.t.Helper()
	want := p.told(p.reports.ID)
	if diff := cmp.Diff(want, p.told(p.deltas.ID)); diff != "" {
		p.t.Fatalf("%s: told by deltas it is not as told by reports (-reports +deltas):\n%s", at, diff)
	}
	if len(want) == 0 {
		p.t.Fatalf("%s: nothing was found", at)
	}
}

// What came and went, told as it comes and goes, is on record as if whole reports had told
// it: the findings, what they are counted by, and each step with its cause; also when
// batches come again.
func TestDeltasSayWhatReportsSay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for seed := range map[bool]uint64{true: 1, false: 3}[testing.Short()] {
			t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
				outer := w.t
				w.t = t
				defer func() { w.t = outer }()
				history(t, w, seed)
			})
		}
	})
}

func history(t *testing.T, w *world, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	p := newPair(t, w, fmt.Sprint(seed))
	now := state{map[string]seaworthy.SeenObject{}, map[string]seaworthy.Finding{}}
	for range 5 {
		now = now.step(r)
	}
	p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: p.whole(p.agent, p.deltas, now)}))
	p.whole(robot, p.reports, now)
	p.compare("after the first report")
	var waiting []seaworthy.AgentMessage
	for i := range 40 {
		w.now = w.now.Add(time.Minute)
		next := now.step(r)
		waiting = append(waiting, p.message(seaworthy.MessageDelta, now.delta(next)))
		p.whole(robot, p.reports, next)
		if now = next; r.IntN(3) > 0 && i < 39 {
			continue
		}
		waiting = append(waiting, p.message(seaworthy.MessageDigest, now.digest()))
		p.send(waiting...)
		p.send(waiting...) // the answer was lost
		waiting = nil
		p.compare(fmt.Sprint("after step ", i))
		if p.wanted() {
			t.Fatalf("after step %d a report is asked for", i)
		}
		if r.IntN(5) == 0 { // and so it goes on after a whole report
			p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: p.whole(p.agent, p.deltas, now)}))
			p.compare(fmt.Sprint("after a whole report in step ", i))
		}
	}
	p.send(p.sent...)
	p.compare("after all of it once more")
	p.intact()
}

// intact has the store check itself: counters too.
func (w *world) intact() {
	w.t.Helper()
	_, public, err := note.GenerateKey(nil, "test")
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		w.t.Fatal(err)
	}
	if got, err := w.store.Verify(w.t.Context(), key); err != nil || !got.Intact() {
		w.t.Fatalf("the self-check tells %q, %v", got.Problems, err)
	}
}

// Where the server does not hold what the agent holds, it asks for a whole report until it
// has one.
func TestWhatDiffersIsAskedFor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := newPair(t, w, "")
		o := seenAll(deployment("shop", "api"), deployment("shop", "web"))
		a, b := finding("privileged-container", o[0].Object), finding("privileged-container", o[1].Object)
		one := state{map[string]seaworthy.SeenObject{"api": o[0], "web": o[1]}, map[string]seaworthy.Finding{a.Fingerprint: a}}
		both := one.clone()
		both.findings[b.Fingerprint] = b

		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{Found: []seaworthy.Finding{a}}))
		if !p.wanted() || len(p.told(p.deltas.ID)) != 0 {
			t.Fatal("a delta before the first report counts")
		}
		p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: strings.Repeat("0", 64)}))
		if !p.wanted() {
			t.Fatal("a report that nobody took is enough")
		}
		settle := func(s state) {
			t.Helper()
			w.now = w.now.Add(time.Minute)
			p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: p.whole(p.agent, p.deltas, s)}), p.message(seaworthy.MessageDigest, s.digest()))
			if p.wanted() {
				t.Fatal("the report does not settle it")
			}
		}
		settle(one)
		p.sequence++ // a message that is lost
		p.send(p.message(seaworthy.MessageDigest, one.digest()))
		if !p.wanted() {
			t.Error("a hole is not noticed")
		}
		settle(one)
		p.send(p.message(seaworthy.MessageDelta, one.delta(both)), p.message(seaworthy.MessageDigest, one.digest()))
		if !p.wanted() {
			t.Error("a difference is not noticed")
		}
		// The report is what it was before the delta; yet it is not what stands.
		settle(one)
		if got, _ := w.store.Findings(t.Context(), store.FindingFilter{Sources: []string{p.deltas.ID}, Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}}); len(got.Items) != 1 {
			t.Errorf("after the report of what was before, %d findings stand, want 1", len(got.Items))
		}
		// Somebody else reports otherwise: asked once an hour, not at once.
		p.whole(robot, p.deltas, both)
		p.send(p.message(seaworthy.MessageDigest, one.digest()))
		if p.wanted() {
			t.Error("right after a report another one is asked for")
		}
		w.now = w.now.Add(61 * time.Minute)
		p.send(p.message(seaworthy.MessageDigest, one.digest()))
		if !p.wanted() {
			t.Error("after an hour no report is asked for")
		}
	})
}

// What stands because the report could not look is no difference: the agent cannot name it.
func TestWhatCouldNotBeSeenIsNotCompared(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := newPair(t, w, "")
		a, b := finding("privileged-container", deployment("shop", "api")), finding("privileged-container", deployment("shop", "web"))
		send := func(errors []seaworthy.Problem, list ...seaworthy.Finding) {
			t.Helper()
			w.now = w.now.Add(time.Minute)
			r := cluster(list...)
			r.Source.Name, r.Errors = "deltas", errors
			r.Objects = []seaworthy.SeenObject{}
			run, err := ingest.Report(t.Context(), w.config, p.agent, p.deltas.ID, bytes.NewReader(text(t, r)))
			p.must(err)
			p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: run.Digest}))
		}
		holds := func(list ...string) seaworthy.AgentMessage {
			return p.message(seaworthy.MessageDigest, seaworthy.FindingsState{Findings: len(list), Digest: seaworthy.FindingsDigest(list)})
		}
		send([]seaworthy.Problem{}, a, b)
		send([]seaworthy.Problem{{Object: "deployments.apps shop/web", Message: "not readable"}}, a)
		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{}), holds(a.Fingerprint))
		if p.wanted() {
			t.Fatal("what could not be seen is asked for")
		}
		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{Found: []seaworthy.Finding{b}}), holds(a.Fingerprint, b.Fingerprint))
		if p.wanted() {
			t.Fatal("what was seen again is not compared")
		}
		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{Gone: []string{b.Fingerprint}, Vanished: []seaworthy.Object{b.Object}}), holds(a.Fingerprint))
		if p.wanted() {
			t.Error("what is gone is compared")
		}
		if f := p.told(p.deltas.ID)[b.Fingerprint]; !strings.Contains(fmt.Sprint(f), string(seaworthy.CauseObjectDeleted)) {
			t.Errorf("it went with its object: %+v", f)
		}
	})
}

// A delta that is no delta changes nothing, and does not keep back what follows.
func TestDeltasThatCannotBeRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := newPair(t, w, "")
		one := state{map[string]seaworthy.SeenObject{}, map[string]seaworthy.Finding{}}
		p.send(p.message(seaworthy.MessageReport, seaworthy.ReportSent{Digest: p.whole(p.agent, p.deltas, one)}))
		good, bad := finding("privileged-container", deployment("shop", "api")), finding("privileged-container", deployment("shop", "web"))
		bad.Severity = "dreadful"
		p.send(
			p.message(seaworthy.MessageDelta, seaworthy.Delta{Found: []seaworthy.Finding{good, bad}}),
			p.message(seaworthy.MessageDelta, "nothing"),
			p.message(seaworthy.MessageDelta, map[string]any{"found": []any{map[string]any{"check": "a b"}}}),
			p.message("poem", []string{"roses"}),
		)
		if len(p.told(p.deltas.ID)) != 0 || !p.wanted() {
			t.Errorf("findings of what cannot be read: %v", p.told(p.deltas.ID))
		}
		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{Found: []seaworthy.Finding{good}}))
		if len(p.told(p.deltas.ID)) != 1 {
			t.Errorf("what follows does not count: %v", p.told(p.deltas.ID))
		}
		if gaps, err := w.store.Gaps(t.Context(), store.GapFilter{Source: p.deltas.ID, Kind: store.GapMessages}); err != nil || len(gaps.Items) != 4 {
			t.Errorf("gaps %+v, %v, want 4", gaps.Items, err)
		}
		p.intact()
	})
}

// What an agent could not have signed as its own has no way in: another source's findings
// stay what they are.
func TestDeltasAreOfTheAgentsSource(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := newPair(t, w, "")
		a := finding("privileged-container", deployment("shop", "api"))
		s := state{map[string]seaworthy.SeenObject{}, map[string]seaworthy.Finding{a.Fingerprint: a}}
		p.whole(robot, p.reports, s)
		p.whole(p.agent, p.deltas, s)
		p.send(p.message(seaworthy.MessageDelta, seaworthy.Delta{Gone: []string{a.Fingerprint}, Vanished: []seaworthy.Object{a.Object}}))
		page, err := w.store.Findings(t.Context(), store.FindingFilter{Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}})
		if err != nil || len(page.Items) != 1 || page.Items[0].SourceID != p.reports.ID {
			t.Errorf("open: %+v, %v", page.Items, err)
		}
		for _, who := range []seaworthy.Principal{robot, {Actor: "user:u", UserID: "u", Role: seaworthy.Owner}} {
			if _, err := ingest.Findings(t.Context(), w.config, who, p.sent); err == nil {
				t.Errorf("%s may send deltas", who.Actor)
			}
		}
	})
}
