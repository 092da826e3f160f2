// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// skew is how far apart the clocks of two places may be at most where nothing but their times
// says what came first.
const skew = 2 * time.Second

// madeBetween tells whether an object of the name was made between two deletions, which are then not
// one. Of a deletion an audit event often does not tell which object went, and never of which
// review it is: a review of the next deletion would take the place of one that there was not.
func madeBetween(o *Observation, c *seaworthy.Change, recorded []seaworthy.Change) bool {
	if o.Verb != seaworthy.VerbDelete || told(o.Object.UID, c.Object.UID) {
		return false
	}
	this := &seaworthy.Change{Object: o.Object, At: o.At, Sightings: []seaworthy.Sighting{o.Sighting}}
	for i := range recorded {
		r := &recorded[i]
		if r.Verb == seaworthy.VerbCreate && r.Outcome != seaworthy.OutcomeDenied && r.Outcome != seaworthy.OutcomeFailed &&
			r.Object.Subresource == "" && (deletedBefore(c, r) && deletedAfter(this, r) || deletedBefore(this, r) && deletedAfter(c, r)) {
			return true
		}
	}
	return false
}

// deletedBefore tells whether a deletion surely came before an object of the name was made.
func deletedBefore(c, made *seaworthy.Change) bool {
	return (c.Object.UID == "" || c.Object.UID != made.Object.UID) && precedes(c, made)
}

// deletedAfter tells whether a deletion surely came after an object of the name was made.
func deletedAfter(c, made *seaworthy.Change) bool {
	return c.Object.UID != "" && c.Object.UID == made.Object.UID || precedes(made, c)
}

// precedes tells whether one change surely came before another: by the clock of a place that
// has told of both, or else by so much that clocks do not matter.
func precedes(a, b *seaworthy.Change) bool {
	for i := range a.Sightings {
		for j := range b.Sightings {
			if x, y := &a.Sightings[i], &b.Sightings[j]; x.By == y.By && x.By != seaworthy.SeenByWatch {
				return x.At.Before(y.At)
			}
		}
	}
	return b.At.Sub(a.At) > skew
}
