// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Ledger is what is on record of the objects of one name.
type Ledger struct {
	// Changes are the oldest first, those that were entered last at the end.
	Changes []seaworthy.Change
	// Folded is the cluster's own work of late, in short: what another place tells of the
	// same is not taken for a change.
	Folded []seaworthy.Change
}

// The bounds of what is kept of folded work.
const (
	foldedKept = 20
	// FoldedFor is how long it is kept.
	FoldedFor = 2 * time.Hour
)

// Entry says what became of an observation in a ledger.
type Entry struct {
	Joined Joined
	// Change is the index of the change that it is of; -1 for what is no change.
	Change int
	// Verdict is what the change is by all that is known of it now.
	Verdict Verdict
}

// Enter joins an observation with what is on record, or enters it. A change that is new has
// no id yet.
func (l *Ledger) Enter(source string, o *Observation, around Known) Entry {
	around.Intent = l.intent()
	i, joined := Join(o, l.Changes)
	switch joined {
	case IsKnown, IsNothing:
		return Entry{joined, -1, Ordinary}
	case IsMore:
		c := &l.Changes[i]
		Merge(c, o)
		whole := *o
		whole.Actor, whole.Object, whole.Verb = c.Actor, c.Object, c.Verb
		around.Edits = c.Edits
		return Entry{IsMore, i, Weigh(&whole, around)}
	}
	if j, more := Join(o, l.Folded); more == IsKnown || more == IsNothing {
		return Entry{more, -1, Folds}
	} else if more == IsMore {
		f := l.Folded[j]
		stays := stays(&f, o, around)
		Merge(&f, o)
		if stays {
			l.Folded[j] = short(f)
			return Entry{IsMore, -1, Folds}
		}
		// One who is no controller did it after all.
		l.Folded = slices.Delete(l.Folded, j, j+1)
		l.Changes = append(l.Changes, f)
		return Entry{IsNew, len(l.Changes) - 1, Ordinary}
	}
	v := Weigh(o, around)
	if v == Folds {
		l.Folded = append(l.Folded, short(seaworthy.Change{
			SourceID: source, Verb: o.Verb, Object: o.Object, Actor: o.Actor, At: o.At, Outcome: o.Outcome, Sightings: []seaworthy.Sighting{o.Sighting},
		}))
		l.Folded = l.Folded[max(0, len(l.Folded)-foldedKept):]
		return Entry{IsFolded, -1, v}
	}
	l.Changes = append(l.Changes, New(source, o))
	return Entry{IsNew, len(l.Changes) - 1, v}
}

// stays tells whether folded work is still the cluster's own by what another place tells of
// who did it.
func stays(f *seaworthy.Change, o *Observation, around Known) bool {
	return o.Actor.Username == "" || o.Actor.Impersonator == "" && (f.Actor.Username == o.Actor.Username || Controls(&o.Actor) || Weigh(o, around) == Folds)
}

// short is what is kept of folded work.
func short(c seaworthy.Change) seaworthy.Change {
	c.Edits, c.EditsLeftOut, c.Images = nil, 0, nil
	c.Actor.Groups, c.Actor.SourceIPs, c.Actor.Extra = nil, nil, nil
	return c
}

// intent is what people meant by the object as it was last told.
func (l *Ledger) intent() string {
	var latest time.Time
	out := ""
	for _, list := range [...][]seaworthy.Change{l.Changes, l.Folded} {
		for i := range list {
			c := &list[i]
			if c.Outcome != seaworthy.OutcomeDenied && c.Outcome != seaworthy.OutcomeFailed && c.Object.Subresource == "" && !c.At.Before(latest) {
				latest, out = c.At, c.Object.Intent
			}
		}
	}
	return out
}

// undecided is why a change counts as a controller's for the moment.
const undecided = "made under a controller's name; what owns it is not known yet"

// IsUndecided tells whether it is still to be found out what a change is.
func IsUndecided(c *seaworthy.Change) bool {
	return c.Match == seaworthy.MatchFolded && c.MatchWhy == undecided
}

// Settle sets how a change stands that is the cluster's own work by its verdict, and tells
// whether it is. What was found to be so stays so, unless who did it proves to be another.
func Settle(c *seaworthy.Change, v Verdict) bool {
	was := c.Match == seaworthy.MatchFolded && !IsUndecided(c) && (c.Actor.Username == "" || Controls(&c.Actor))
	switch {
	case v == Undecided && !was:
		c.Match, c.MatchWhy = seaworthy.MatchFolded, undecided
	case v == Folds, v == Follows && c.Actor.Username != "":
		c.Match, c.MatchWhy = seaworthy.MatchFolded, "the cluster's own work"
	case v == Follows:
		c.Match, c.MatchWhy = seaworthy.MatchFolded, "follows from another change, as far as is seen"
	case !was:
		return false
	}
	c.MatchID, c.Late = "", false
	return true
}
