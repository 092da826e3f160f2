// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/live"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// Notices are whom the agent tells by itself, with credentials of its own: a server that
// was stopped silences nothing.
type Notices struct {
	// Senders are by the names that rules have for them.
	Senders map[string]notify.Sender
	// Rules say which notices go where; none: all that cannot wait, to every destination.
	Rules []seaworthy.NoticeRule
}

const (
	// window is how long a change is kept for others to be held against: undoing one within
	// it is remarkable.
	window = time.Hour
	// claimsTake is how long a change waits for somebody to claim it before it counts as one
	// that nobody approved: deployments reach the agent with its heartbeats.
	claimsTake = 2*seaworthy.HeartbeatEvery + 5*time.Second
	// objectsKept bounds the objects whose changes are kept.
	objectsKept = 20_000
)

// teller joins what this replica sees, in memory, and tells people what is remarkable. It
// knows less than the server: it is there for when the server is not.
type teller struct {
	a     *Agent
	rules []seaworthy.NoticeRule
	boxes map[string]*outbox

	gaps string // the file of lasting

	mu     sync.Mutex
	config seaworthy.AgentConfiguration
	// lasting are the gaps whose beginning was told, by when that was.
	lasting map[string]time.Time
	first   time.Time // what happened before is no news
	recent  map[string]*recent
	due     []*told
	breaks  []seaworthy.AgentGap // of the watch, of late
}

// recent is what is known of the objects of one name.
type recent struct {
	changes.Ledger
	told   []*told // of each change
	latest time.Time
}

// told is what was told of a change.
type told struct {
	key, id string
	at      time.Duration // when it is judged whether somebody claims it, by a clock that nobody sets
	kinds   []seaworthy.NoticeKind
	unnamed bool // it was told without who did it
	missed  bool // nothing came of it, as far as the watch shows
	// what it was made of, while it is not known whether its owner says so
	seen *changes.Observation
}

func newTeller(a *Agent) (*teller, error) {
	t := &teller{a: a, rules: a.cfg.Notices.Rules, boxes: map[string]*outbox{}, recent: map[string]*recent{}, gaps: filepath.Join(a.cfg.Spool, "gaps-told.json")}
	if err := t.readLasting(); err != nil {
		return nil, err
	}
	names := []string{}
	for name, sender := range a.cfg.Notices.Senders {
		box, err := openOutbox(t, name, sender, filepath.Join(a.cfg.Spool, "notices", name))
		if err != nil {
			return nil, err
		}
		t.boxes[name] = box
		names = append(names, name)
	}
	if len(t.rules) == 0 && len(names) > 0 {
		slices.Sort(names)
		r := seaworthy.NoticeRule{ID: "default", Name: "what cannot wait", Destinations: names}
		for _, k := range seaworthy.NoticeKinds {
			if k.Urgent() {
				r.Kinds = append(r.Kinds, k)
			}
		}
		t.rules = append(t.rules, r)
	}
	return t, nil
}

func (t *teller) configure(c seaworthy.AgentConfiguration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.config = c
}

// since says from when on the agent is there for the cluster: an audit log holds more.
func (t *teller) since(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.first = at
}

// run judges changes when they are due and sends what there is to send.
func (t *teller) run(ctx context.Context) error {
	if len(t.boxes) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, box := range t.boxes {
		g.Go(func() error { return box.run(ctx) })
	}
	g.Go(func() error {
		for sleep(ctx, time.Second) {
			t.judgeDue()
		}
		return ctx.Err()
	})
	return g.Wait()
}

// see takes an observation of this replica.
func (t *teller) see(o *changes.Observation) {
	if len(t.boxes) == 0 || t.ownWork(o) || triedInVain(o) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.At.Before(t.first) {
		return
	}
	of := t.of(keyOf(&o.Object.Object))
	for _, i := range changes.Refuted(o, of.Changes) {
		of.Changes[i].Outcome = seaworthy.OutcomeFailed
	}
	e := of.Enter(t.config.Source.ID, o, t.around(o))
	of.Folded = slices.DeleteFunc(of.Folded, func(c seaworthy.Change) bool { return t.a.now().Sub(c.At) > changes.FoldedFor })
	of.latest = t.a.now()
	if e.Change < 0 {
		return
	}
	c := &of.Changes[e.Change]
	if e.Joined == changes.IsNew {
		c.ID = strings.ToLower(rand.Text())
		of.told = append(of.told, &told{key: keyOf(&o.Object.Object), id: c.ID, at: t.a.elapsed() + claimsTake})
		t.due = append(t.due, of.told[e.Change])
	}
	of.told[e.Change].seen = nil
	t.cameAfterAll(c, of.told[e.Change])
	if e.Verdict == changes.Undecided {
		of.told[e.Change].seen = o
	}
	for _, f := range changes.Flags(o, t.a.own, t.config.Source.Environment == seaworthy.Production) {
		mark1(c, f)
	}
	if changes.Settle(c, e.Verdict) {
		return
	}
	if k := changes.Undoes(c, of.Changes, window); k >= 0 && of.Changes[k].Match != seaworthy.MatchFolded {
		mark1(c, seaworthy.FlagReverted)
		mark1(&of.Changes[k], seaworthy.FlagReverted)
	}
	c.Match, c.MatchWhy = "", "" // nobody was asked yet
	if named(c) {
		t.remarkable(c, of.told[e.Change], false)
	}
}

func keyOf(o *seaworthy.Object) string {
	return strings.Join([]string{o.Group(), o.Kind, o.Namespace, o.Name}, "/")
}

// around is what this replica knows around an object: what owns it, as far as it watches,
// and whether that was changed of late.
func (t *teller) around(o *changes.Observation) changes.Known {
	k := changes.Known{Owner: o.Owner, Own: t.a.own(&o.Object)}
	var names []seaworthy.Object
	if by := o.Object.OwnedBy; by != nil {
		names = append(names, seaworthy.Object{APIVersion: by.APIVersion, Kind: by.Kind, Namespace: o.Object.Namespace, Name: by.Name})
	}
	if k.Owner != nil && k.Owner.Above != nil {
		by := k.Owner.Above
		names = append(names, seaworthy.Object{APIVersion: by.APIVersion, Kind: by.Kind, Namespace: o.Object.Namespace, Name: by.Name})
	}
	if o.Verb == seaworthy.VerbDelete && o.Object.Namespace != "" {
		names = append(names, seaworthy.Object{APIVersion: "v1", Kind: "Namespace", Name: o.Object.Namespace})
	}
	for i := range names {
		of := t.recent[keyOf(&names[i])]
		k.Cause = k.Cause || of != nil && slices.ContainsFunc(of.Changes, func(c seaworthy.Change) bool {
			gone := c.Verb == seaworthy.VerbDelete
			return c.Match != seaworthy.MatchFolded && (gone || changes.Made(&o.Object.Object) && names[i].Kind != "Namespace" && o.At.Sub(c.At) < window)
		})
	}
	return k
}

func mark1(c *seaworthy.Change, f seaworthy.Flag) {
	if !slices.Contains(c.Flags, f) {
		c.Flags = append(c.Flags, f)
	}
}

// named tells whether some place that knows who asked has told of the change. What only a
// watch shows may have been seen by the webhook of another replica.
func named(c *seaworthy.Change) bool {
	return slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By != seaworthy.SeenByWatch })
}

// ownWork tells of what the agent itself writes of its own, again and again.
func (t *teller) ownWork(o *changes.Observation) bool {
	return o.Actor.Username != "" && o.Actor.Username == t.a.cfg.Source.Identity && o.Actor.Impersonator == "" &&
		(o.Verb == seaworthy.VerbRead || changes.Reported(&o.Object.Object) || o.Verb != seaworthy.VerbDelete && t.a.own(&o.Object))
}

// triedInVain tells of attempts that the server alone puts on record: of these, nobody is told.
func triedInVain(o *changes.Observation) bool {
	return o.Outcome == seaworthy.OutcomeDenied && (o.Verb == seaworthy.VerbImpersonate || o.Verb == seaworthy.VerbRead && o.Object.Kind != "Secret")
}

// of gives the changes of an object, without those that are too old to matter.
func (t *teller) of(key string) *recent {
	of := t.recent[key]
	if of == nil {
		if len(t.recent) >= objectsKept {
			t.forget()
		}
		of = &recent{}
		t.recent[key] = of
	}
	old := t.a.now().Add(-window - changes.Window)
	n := 0
	for n < len(of.Changes) && of.Changes[n].At.Before(old) {
		n++
	}
	of.Changes, of.told = of.Changes[n:], of.told[n:]
	return of
}

// forget makes room: what is older than the window, or else the older half.
func (t *teller) forget() {
	var times []time.Time
	for _, of := range t.recent {
		times = append(times, of.latest)
	}
	slices.SortFunc(times, time.Time.Compare)
	before := t.a.now().Add(-window)
	if median := times[len(times)/2]; median.After(before) {
		before = median
	}
	for key, of := range t.recent {
		if of.latest.Before(before) {
			delete(t.recent, key)
		}
	}
}

// judgeDue judges the changes for which nobody has to be waited for any more.
func (t *teller) judgeDue() {
	state, watches := t.a.watchOf() // which may wait for who waits to tell of what it saw
	t.judge(state, watches)
}

func (t *teller) judge(state live.State, watches bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, rest, watch := t.a.elapsed(), t.due[:0], &watched{state: state, watches: watches, breaks: t.breaks}
	for _, d := range t.due {
		if d.at > now {
			rest = append(rest, d)
			continue
		}
		of := t.recent[d.key]
		if of == nil {
			continue
		}
		i := slices.IndexFunc(of.Changes, func(c seaworthy.Change) bool { return c.ID == d.id })
		if i < 0 || t.excused(&of.Changes[i], d) {
			continue
		}
		c := &of.Changes[i]
		t.missed(c, of, d, watch)
		changes.Match(c, t.config.Rules, t.config.Deployments, nil)
		if !named(c) && !t.bypassed(c) {
			continue // the server, which hears of all replicas, tells of it
		}
		t.remarkable(c, d, true)
	}
	clear(t.due[len(rest):])
	t.due = rest
}

// excused tells of a change that is the cluster's own work. Where this replica cannot know
// what owns an object, the server, which hears of all of them, says whether it is.
func (t *teller) excused(c *seaworthy.Change, d *told) bool {
	if d.seen == nil {
		return c.Match == seaworthy.MatchFolded
	}
	o := d.seen
	d.seen = nil
	t.a.owned(o)
	k := t.around(o)
	v := changes.Weigh(o, k)
	if v == changes.Undecided {
		return true
	}
	c.Match, c.MatchWhy = "", ""
	return changes.Settle(c, v)
}

// bypassed marks a change that only the watch shows, while it is known that the webhook was
// not asked.
func (t *teller) bypassed(c *seaworthy.Change) bool {
	if !t.a.cfg.admits() || !t.a.places.away(seaworthy.SeenByWebhook, c.At) {
		return false
	}
	mark1(c, seaworthy.FlagBypassed)
	c.Unseen = []string{seaworthy.SeenByWebhook}
	return true
}

// remarkable tells of what a change is that was not told of it before.
func (t *teller) remarkable(c *seaworthy.Change, of *told, judged bool) {
	if !judged {
		c.Match, c.MatchWhy = "", "" // nobody was asked yet
	}
	n, ok := notify.OfChange(c, t.name())
	if !ok {
		return
	}
	if judged && changes.Unconfirmed(c) {
		n.Details = append(n.Details, seaworthy.NoticeDetail{Name: "What came of it", Value: "not known to this replica, which saw the request alone"})
	}
	fresh := slices.DeleteFunc(n.Kinds(), func(k seaworthy.NoticeKind) bool { return slices.Contains(of.kinds, k) })
	who := of.unnamed && c.Actor.Username != "" && notify.WhoMatters(c)
	of.unnamed = (of.unnamed || len(fresh) > 0) && c.Actor.Username == ""
	if len(fresh) == 0 {
		if who {
			n.Title = notify.WhoTitle(c, t.name())
			t.tell(n)
		}
		return
	}
	of.kinds = append(of.kinds, fresh...)
	if n.Kind != fresh[0] {
		n.Kind = fresh[0]
		n.Title = notify.ChangeTitle(c, t.name(), n.Kind)
	}
	n.Also = fresh[1:]
	t.tell(n)
}

func (t *teller) name() string { return cmp.Or(t.config.Source.Name, t.a.cfg.Source.Name) }

// ownConfiguration tells of what the agent found changed of its own.
func (t *teller) ownConfiguration(title string) {
	if len(t.boxes) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(seaworthy.Notice{Kind: seaworthy.NoticeOwnConfig, At: t.a.now().UTC(), Title: title, Thread: "hook/" + t.name()})
}

// tell plans a notice and puts it where it waits. t.mu is held.
func (t *teller) tell(n seaworthy.Notice) {
	n.ID = strings.ToLower(rand.Text())
	n.SourceID, n.SourceName = t.config.Source.ID, t.name()
	now := t.a.now()
	for _, p := range notify.Plan(&n, t.rules, now) {
		if box := t.boxes[p.Destination]; box != nil {
			if err := box.add(n, p, now); err != nil {
				t.a.log.Error("a notice cannot be kept", "notice", n.Title, "destination", p.Destination, "error", err)
			}
		}
	}
}

// dead tells everybody else that a destination takes nothing.
func (t *teller) dead(name string, why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(seaworthy.Notice{
		Kind: seaworthy.NoticeUndelivered, At: t.a.now().UTC(), Title: fmt.Sprintf("Notices of the agent in %s do not arrive at %s", t.name(), name),
		Details: []seaworthy.NoticeDetail{{Name: "Why", Value: why.Error()}}, Thread: "undelivered/" + name,
	})
}

// waiting counts notices that nobody has taken yet.
func (t *teller) waiting() int {
	n := 0
	for _, box := range t.boxes {
		n += box.waiting()
	}
	return n
}
