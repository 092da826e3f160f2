// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

const (
	// triedFor is how long the same attempt by the same actor is counted, and not kept again.
	triedFor = 24 * time.Hour
	// mostTried is how many different attempts by one actor are kept in that time: who goes
	// through everything that there is shows by fewer.
	mostTried = 50
)

// attempt tells whether an observation is of what was denied and may come in floods: tools and
// controllers ask again every few seconds. Of Secrets each is kept.
func attempt(o *changes.Observation) bool {
	if o.Outcome != seaworthy.OutcomeDenied {
		return false
	}
	return o.Verb == seaworthy.VerbImpersonate || o.Verb == seaworthy.VerbRead && o.Object.Kind != "Secret"
}

// again tells whether an observation is of an attempt that is on record, or of one more by
// somebody of whom so many are: it is counted by kind and day.
func (t *taking) again(o *changes.Observation) (bool, error) {
	if !attempt(o) {
		return false, nil
	}
	key := o.Verb + "\x00" + o.Actor.Username
	known, ok := t.tried[key]
	if !ok { // those of a lot lie close to each other
		var err error
		if known, err = t.tx.Denied(t.source.ID, o.Verb, o.Actor.Username, o.At.Add(-2*triedFor), o.At.Add(2*triedFor), lot); err != nil {
			return false, err
		}
		t.tried[key] = known
	}
	n := 0
	for i := range known {
		if c := &known[i]; c.At.Sub(o.At).Abs() >= triedFor {
			continue
		} else if alikeAttempt(c, o) {
			return true, nil
		}
		n++
	}
	return n >= mostTried, nil
}

// alikeAttempt tells whether somebody tried the same: to act as the same, or to read objects of
// one kind in one namespace, whatever they are called.
func alikeAttempt(c *seaworthy.Change, o *changes.Observation) bool {
	a, b := &c.Object, &o.Object
	return c.Actor.Impersonator == o.Actor.Impersonator && a.Group() == b.Group() && a.Kind == b.Kind && a.Namespace == b.Namespace &&
		a.Subresource == b.Subresource && (o.Verb == seaworthy.VerbRead || a.Name == b.Name)
}

// attempted notes an attempt that goes on record.
func (t *taking) attempted(o *changes.Observation) {
	if attempt(o) {
		key := o.Verb + "\x00" + o.Actor.Username
		t.tried[key] = append(slices.Clip(t.tried[key]), seaworthy.Change{Verb: o.Verb, Object: o.Object, Actor: o.Actor, At: o.At})
	}
}
