// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

const (
	// canaryMark begins the audit IDs of canaries: the API server takes it from whoever asks,
	// and gives it to the event.
	canaryMark = "seaworthy-canary-"
	// canaryComes is how long the event of a canary may be on its way: the API server gathers
	// events for half a minute, and sends again what was not taken.
	canaryComes = 75 * time.Second
	// canaryKept is how long it is told to other replicas that one came.
	canaryKept = time.Minute
	// mostCanaries bounds what is remembered.
	mostCanaries = 500
)

// canaries knows of which canaries the audit stream has told. An API server drops events that
// nobody takes and says nothing of it: that some come does not mean that all do. Where the
// events of canaries come at all, one that does not while later ones do shows what was lost.
type canaries struct {
	mu     sync.Mutex
	own    []canary // in the order in which they were sent
	others []canary // of other replicas, whose events came to this one, and when they did
	ever   bool     // an event of one came: the audit policy has them logged
	last   time.Duration
}

// canary is one request. Moments are of the clock that nobody sets.
type canary struct {
	id   string
	at   time.Duration
	came bool
}

// interval is between two moments of the clock that nobody sets.
type interval struct{ from, to time.Duration }

// send notes a canary that is about to be sent.
func (c *canaries) send(id string, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = append(c.own, canary{id: id, at: now})
	c.own = c.own[max(0, len(c.own)-mostCanaries):]
}

// sent notes whether the API server answered: of what it did not, there may be no event.
func (c *canaries) sent(id string, answered bool, now time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answered {
		c.last = now
		return
	}
	c.own = slices.DeleteFunc(c.own, func(k canary) bool { return k.id == id && !k.came })
}

// heard notes that the event of a canary came, and tells when it was sent if this replica
// did. What came by another replica is not told on.
func (c *canaries) heard(id string, now time.Duration, direct bool) (sent time.Duration, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ever { // what is older may be of a time when they were not logged
		c.own = slices.DeleteFunc(c.own, func(k canary) bool { return k.id != id })
	}
	c.ever = true
	if i := slices.IndexFunc(c.own, func(k canary) bool { return k.id == id }); i >= 0 {
		c.own[i].came = true
		return c.own[i].at, true
	}
	if direct {
		c.others = slices.DeleteFunc(c.others, func(k canary) bool { return now-k.at > canaryKept })
		c.others = append(c.others[max(0, len(c.others)-mostCanaries):], canary{id: id, at: now})
	}
	return 0, false
}

// ofOthers lists the canaries of other replicas whose events came here of late.
func (c *canaries) ofOthers(now time.Duration) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, k := range c.others {
		if now-k.at <= canaryKept {
			out = append(out, k.id)
		}
	}
	return out
}

// prove tells whether events of canaries are to be expected, so that others prove nothing.
func (c *canaries) prove(now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ever && c.last > 0 && now-c.last < canaryComes
}

// lost gives the intervals in which events of canaries were lost, each once: between one
// that came and the next one that did.
func (c *canaries) lost(now time.Duration) []interval {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []interval
	for {
		missing := slices.IndexFunc(c.own, func(k canary) bool { return !k.came })
		if missing < 0 {
			c.own = c.own[max(0, len(c.own)-1):] // the last is from when on the next may be missing
			return out
		}
		c.own = c.own[max(0, missing-1):]
		missing = min(missing, 1)
		next := slices.IndexFunc(c.own[missing:], func(k canary) bool { return k.came })
		if next < 0 || now-c.own[missing].at <= canaryComes {
			return out
		}
		next += missing
		out = append(out, interval{c.own[0].at, c.own[next].at})
		c.own = c.own[next:]
	}
}

// forget has what was sent before a moment and did not come be missing no more.
func (c *canaries) forget(before time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = slices.DeleteFunc(c.own, func(k canary) bool { return !k.came && k.at < before })
}

// canaryCame notes that the event of a canary came to this replica, or to another one that
// says so.
func (a *Agent) canaryCame(id string, direct bool) {
	sent, own := a.canaries.heard(id, a.elapsed(), direct)
	if !own {
		return
	}
	if a.places.state(seaworthy.SeenByAudit) != seaworthy.PlaceWorks {
		a.canaries.forget(sent) // they are in the gap that ends now
	}
	a.places.heard(seaworthy.SeenByAudit, a.elapsed()-sent)
}
