// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// clock is a time that a test sets, and how much of it went by whatever the time was set to.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	gone time.Duration
}

func (c *clock) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// set sets the clock forward or back, in no time.
func (c *clock) set(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) moments() moments { return moments{c.time, c.elapsed} }

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.gone = c.now.Add(d), c.gone+d
}

func noon() *clock { return &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)} }

// TestGapsOfPlaces follows a place through a failure, a change of the leader and a restart.
func TestGapsOfPlaces(t *testing.T) {
	c, file := noon(), filepath.Join(t.TempDir(), "places.json")
	var gaps []seaworthy.AgentGap
	open := func() *places {
		p, err := openPlaces(file, c.moments(), func(g seaworthy.AgentGap) { gaps = append(gaps, g) })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const hook = seaworthy.SeenByWebhook
	p := open()
	p.lead(true)
	p.fails(hook, "it is being set up")
	if len(gaps) != 0 {
		t.Errorf("a gap before it ever worked: %+v", gaps)
	}
	p.works(hook)
	proved := c.time()
	c.forward(20 * time.Second)
	p.fails(hook, "nobody answers")
	p.fails(hook, "nobody answers")
	if len(gaps) != 1 || !gaps[0].From.Equal(proved) || !gaps[0].To.IsZero() || gaps[0].Reason != "nobody answers" {
		t.Fatalf("gaps %+v, want one that lasts from %s", gaps, proved)
	}
	if !p.away(hook, proved.Add(time.Second)) || p.away(hook, proved.Add(-time.Second)) {
		t.Error("it is not known when the place was away")
	}
	p.lead(false) // whoever began a gap ends it
	c.forward(20 * time.Second)
	p.works(hook)
	if len(gaps) != 2 || !gaps[1].From.Equal(proved) || !gaps[1].To.Equal(c.time()) {
		t.Fatalf("gaps %+v, want the same one ended at %s", gaps, c.time())
	}
	p.fails(hook, "nobody answers")
	if len(gaps) != 2 {
		t.Errorf("a follower tells of a gap: %+v", gaps[2:])
	}
	p.works(hook)
	proved = c.time()

	c.forward(time.Hour)
	gaps = nil
	p = open()
	p.lead(true)
	p.works(hook)
	if len(gaps) != 1 || !gaps[0].From.Equal(proved) || !gaps[0].To.Equal(c.time()) {
		t.Errorf("gaps %+v, want one over the restart", gaps)
	}
	c.forward(time.Minute)
	p.fails(hook, "nobody answers")
	began := gaps[len(gaps)-1].From
	p = open()
	p.works(hook)
	if last := gaps[len(gaps)-1]; !last.From.Equal(began) || last.To.IsZero() {
		t.Errorf("a gap that lasted when the agent ended has not ended: %+v", gaps)
	}
}

// TestWhyAGapLasts: that nobody is asked may be noticed before it is found what somebody did.
func TestWhyAGapLasts(t *testing.T) {
	c, hook := noon(), seaworthy.SeenByWebhook
	p, gaps := placesAt(t, c, filepath.Join(t.TempDir(), "places.json"))
	p.works(hook)
	began := c.time()
	c.forward(time.Second)
	p.fails(hook, "nobody is asked")
	p.caused(hook, "it was removed")
	p.caused(hook, "it was removed")
	p.fails(hook, "nobody is asked")
	c.forward(time.Second)
	p.works(hook)
	want := []seaworthy.AgentGap{
		{Place: hook, From: began, Reason: "nobody is asked"}, {Place: hook, From: began, Reason: "it was removed"},
		{Place: hook, From: began, To: c.time(), Reason: "it was removed"},
	}
	if diff := cmp.Diff(want, *gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// testAgent is one whose parts can be tried without a cluster.
func testAgent(t *testing.T, c *clock, s notify.Sender) *Agent {
	t.Helper()
	a, err := New(Config{
		Spool: t.TempDir(), Name: "seaworthy-agent", Namespace: "seaworthy", Now: c.time, Elapsed: c.elapsed, Log: slog.New(slog.DiscardHandler), Scan: &scan.Config{},
		Source: seaworthy.Source{Identity: "system:serviceaccount:seaworthy:seaworthy-agent"}, Notices: Notices{Senders: map[string]notify.Sender{"people": s}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.teller.configure(seaworthy.AgentConfiguration{Source: seaworthy.DeclaredSource{ID: "prod", Name: "production", Environment: seaworthy.Production}})
	return a
}

// people take notices, or do not.
type people struct {
	mu   sync.Mutex
	fail error
	got  []seaworthy.Notice
}

func (p *people) Send(_ context.Context, m *notify.Message) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return "", p.fail
	}
	p.got = append(p.got, m.Notices...)
	return "", nil
}

// titles lists what waits in the box, oldest first.
func (a *Agent) titles() []string {
	var out []string
	for _, l := range a.teller.boxes["people"].letters {
		out = append(out, string(l.Notice.Kind)+": "+l.Notice.Title)
	}
	return out
}

func workload(by, id string, replicas int, was int, at time.Time) *changes.Observation {
	object := func(n int, version string) map[string]any {
		return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": version}, "spec": map[string]any{"replicas": n}}
	}
	o := &changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: id, At: at}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown,
		Before: object(was, fmt.Sprint(was)), After: object(replicas, fmt.Sprint(replicas)),
	}
	if by != seaworthy.SeenByWatch {
		o.Actor.Username = "jane"
	}
	o.Describe()
	return o
}

// TestWhatIsTold has a change undone: that is told at once, that nobody approved it when
// nobody has claimed it in time, and each once however many places tell of it.
func TestWhatIsTold(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	a.teller.see(workload(seaworthy.SeenByWebhook, "1", 5, 2, c.time()))
	if got := a.titles(); len(got) != 0 {
		t.Errorf("told at once: %q", got)
	}
	c.forward(time.Second)
	a.teller.see(workload(seaworthy.SeenByWebhook, "2", 2, 5, c.time()))
	want := []string{"change-reverted: jane changed shop/Deployment/web in production: made and undone"}
	if got := a.titles(); !slices.Equal(got, want) {
		t.Errorf("told: %q, want %q", got, want)
	}
	a.teller.see(workload(seaworthy.SeenByAudit, "3", 2, 5, c.time()))
	c.forward(claimsTake)
	a.teller.judgeDue()
	a.teller.judgeDue()
	n := 0
	for _, l := range a.teller.boxes["people"].letters {
		if slices.Contains(l.Notice.Kinds(), seaworthy.NoticeOutOfBand) {
			n++
		}
	}
	if n != 2 || len(a.titles()) != 3 {
		t.Errorf("told: %q", a.titles())
	}
}

// TestClaimedIsNotTold has a deployment that covers the change reach the agent in time.
func TestClaimedIsNotTold(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	a.teller.see(workload(seaworthy.SeenByWebhook, "1", 5, 2, c.time()))
	a.teller.configure(seaworthy.AgentConfiguration{Source: seaworthy.DeclaredSource{ID: "prod", Name: "production"}, Deployments: []seaworthy.Deployment{{
		ID: "d", SourceID: "prod", Namespaces: []string{"shop"}, From: c.time(), Until: c.time().Add(time.Hour), By: "pipeline",
	}}})
	c.forward(claimsTake)
	a.teller.judgeDue()
	if got := a.titles(); len(got) != 0 {
		t.Errorf("told: %q", got)
	}
}

// TestOnlyTheWatch leaves what another replica's webhook may have seen to the server, and
// tells of it where the webhook is known to have been away.
func TestOnlyTheWatch(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	a.teller.see(workload(seaworthy.SeenByWatch, "5", 5, 2, c.time()))
	c.forward(claimsTake)
	a.teller.judgeDue()
	if got := a.titles(); len(got) != 0 {
		t.Errorf("told: %q", got)
	}
}

// TestWhoItWas has the watch alone show that somebody touched the trail itself while the webhook
// is away, and an audit event say who it was: that is told too, once.
func TestWhoItWas(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	of := func(by, who string) *changes.Observation {
		object := func(version, n string) map[string]any {
			return map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "seaworthy-agent-key", "namespace": "seaworthy", "uid": "u", "resourceVersion": version}, "data": map[string]any{"n": n}}
		}
		o := &changes.Observation{
			Sighting: seaworthy.Sighting{By: by, ID: by, At: c.time()}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted,
			Before: object("1", "a"), After: object("2", "b"), Actor: seaworthy.Actor{Username: who},
		}
		o.Describe()
		return o
	}
	a.cfg.Admission = &admission.Config{}
	a.places.proven(seaworthy.SeenByWebhook, 0)
	c.forward(time.Second)
	a.places.fails(seaworthy.SeenByWebhook, "it was removed")
	c.forward(time.Second)
	a.teller.see(of(seaworthy.SeenByWatch, ""))
	c.forward(claimsTake)
	a.teller.judgeDue()
	const it = "changed seaworthy/Secret/seaworthy-agent-key in production, which the change trail itself is made of"
	want := []string{"trail-configuration: Somebody unknown " + it}
	told := func() []string { // but for the gap
		return slices.DeleteFunc(a.titles(), func(s string) bool { return strings.HasPrefix(s, "gap") })
	}
	if got := told(); !slices.Equal(got, want) {
		t.Fatalf("told: %q, want %q", got, want)
	}
	want = append(want, "trail-configuration: It is known now who it was: jane "+it)
	a.teller.see(of(seaworthy.SeenByAudit, "jane"))
	a.teller.judgeDue()
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("told: %q, want %q", got, want)
	}
}

// TestOwnWork is not told of, unless somebody else does it.
func TestOwnWork(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	own := func(user string) *changes.Observation {
		o := &changes.Observation{Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: user, At: c.time()}, Verb: seaworthy.VerbUpdate, Actor: seaworthy.Actor{Username: user}}
		o.Object.Kind, o.Object.APIVersion, o.Object.Name, o.Object.Namespace = "Secret", "v1", "seaworthy-agent-key", "seaworthy"
		return o
	}
	a.teller.see(own(a.cfg.Source.Identity))
	if got := a.titles(); len(got) != 0 {
		t.Errorf("told: %q", got)
	}
	a.teller.see(own("jane"))
	if got := a.titles(); len(got) != 1 || got[0] != "trail-configuration: jane changed seaworthy/Secret/seaworthy-agent-key in production, which the change trail itself is made of" {
		t.Errorf("told: %q", got)
	}
}

// TestNoticesOutliveTheAgent keeps what a destination did not take through a restart.
func TestNoticesOutliveTheAgent(t *testing.T) {
	c, p := noon(), &people{fail: fmt.Errorf("closed")}
	a := testAgent(t, c, p)
	a.teller.ownConfiguration("first")
	box := a.teller.boxes["people"]
	box.try(t.Context(), box.next())
	if box.next() != nil || box.waiting() != 1 {
		t.Error("what did not arrive is gone, or is tried again without a pause")
	}
	p.fail = nil
	c.forward(time.Hour)
	box, err := openOutbox(a.teller, "people", p, box.dir)
	if err != nil {
		t.Fatal(err)
	}
	box.try(t.Context(), box.next())
	if len(p.got) != 1 || p.got[0].Title != "first" || box.waiting() != 0 {
		t.Errorf("%d notices arrived, %d wait", len(p.got), box.waiting())
	}
	if left, _ := os.ReadDir(box.dir); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

// TestTheAuditLogIsFollowed through a rotation, a restart, and one that came too late.
func TestTheAuditLogIsFollowed(t *testing.T) {
	c := noon()
	a := testAgent(t, c, &people{})
	var gaps []seaworthy.AgentGap
	dir := t.TempDir()
	log := filepath.Join(dir, "audit.log")
	seen := func(f *follower) int {
		t.Helper()
		before := counted(t, a)
		for range 20 {
			more, err := f.read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
		return counted(t, a) - before
	}
	line := func(i int) string {
		return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%d","stage":"ResponseComplete","verb":"create","user":{"username":"jane"},"objectRef":{"resource":"configmaps","namespace":"shop","name":"c%d","apiVersion":"v1"},"responseStatus":{"code":201},"requestReceivedTimestamp":"2026-05-04T11:00:00Z","stageTimestamp":"2026-05-04T11:00:00Z"}`, i, i) + "\n"
	}
	write := func(name, text string) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f := &follower{a: a, file: log, keep: filepath.Join(dir, "mark")}
	write(log, line(1)+line(2)+line(3)[:40])
	if n := seen(f); n != 2 {
		t.Errorf("%d events of two whole lines", n)
	}
	write(log, line(3)[40:])
	if err := os.Rename(log, filepath.Join(dir, "audit-2026-05-04T12-00-00.000.log")); err != nil {
		t.Fatal(err)
	}
	write(log, line(4))
	f = &follower{a: a, file: log, keep: f.keep}
	if err := f.load(); err != nil {
		t.Fatal(err)
	}
	if n := seen(f); n != 2 {
		t.Errorf("%d events after a rotation and a restart, want the rest of one file and the other", n)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "audit-2026-05-04T12-00-00.000.log")); err != nil {
		t.Fatal(err)
	}
	write(log, line(9))
	f.gap = func(g seaworthy.AgentGap) { gaps = append(gaps, g) }
	if n := seen(f); n != 1 || len(gaps) != 1 || gaps[0].Place != seaworthy.SeenByAudit {
		t.Errorf("%d events, gaps %+v, want a gap for what was rotated away", n, gaps)
	}
}

// counted is how many audit events were read.
func counted(t *testing.T, a *Agent) int {
	t.Helper()
	families, err := a.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "seaworthy_agent_audit_events_total" {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatal("there is no count of audit events")
	return 0
}
