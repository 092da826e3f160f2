// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"cmp"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Window is how far apart the times may be that two places give for one request. A watch
// tells when it was told, which under load is seconds later.
const Window = 30 * time.Second

// nearby is the same of requests of which places tell nothing but who made them and when, as
// audit events without content do.
const nearby = 10 * time.Second

// New makes the change that an observation tells of, when no place has told of it before.
// Its id is the caller's.
func New(source string, o *Observation) seaworthy.Change {
	c := seaworthy.Change{SourceID: source, Verb: o.Verb, Object: o.Object, At: o.At, Outcome: o.Outcome}
	Merge(&c, o)
	return c
}

// Joined says what became of an observation.
type Joined int

// What becomes of an observation.
const (
	IsNew     Joined = iota // nobody has told of it
	IsMore                  // one more place tells of a change
	IsKnown                 // that place has told of it before
	IsNothing               // the request changed nothing
	IsFolded                // it is the cluster's own work, of which nobody has told
)

// Join finds the change that an observation tells of, among those on record of the same
// object. It gives the change's index, or -1, and what to do.
func Join(o *Observation, recorded []seaworthy.Change) (int, Joined) {
	for i := range recorded {
		if slices.ContainsFunc(recorded[i].Sightings, func(s seaworthy.Sighting) bool { return s.By == o.By && s.ID == o.ID }) {
			return i, IsKnown
		}
	}
	if o.Verb == seaworthy.VerbUpdate && o.Object.Content != "" && o.Before != nil && Digest(o.Before) == o.Object.Content {
		return -1, IsNothing
	}
	best, nearest := -1, time.Duration(0)
	for i := range recorded {
		c := &recorded[i]
		if o.Relisted && !seenBy(c, o.By) && same(&o.Object, &c.Object) && o.Object.ResourceVersion != "" && o.Object.ResourceVersion == c.Object.ResourceVersion {
			return i, IsMore // what listing again shows is what that change led to, whatever was before it
		}
		if repeats(o, c) {
			return i, IsNothing
		}
		if again(o, c) {
			return i, IsMore
		}
		if apart := farness(o, c); tells(o, c) && (best < 0 || apart < nearest) && !madeBetween(o, c, recorded) {
			best, nearest = i, apart
		}
	}
	if best < 0 {
		return -1, IsNew
	}
	return best, IsMore
}

// farness orders the changes that an observation may be of: what led to the same version comes
// first, then those of a review of the same request, of several the latest, since the API
// server asks again where another write came first.
func farness(o *Observation, c *seaworthy.Change) time.Duration {
	apart := o.At.Sub(c.At).Abs()
	if linked, _ := reviewed(o, c); oneVersion(&o.Object, &c.Object) {
		return -apart - 2*time.Hour
	} else if linked {
		return -apart - time.Hour
	}
	return apart
}

// reviewed tells what the names of admission reviews say of an observation and a change, one
// of which the webhook told and the other an audit event: that they are of one request, or
// that they are not.
func reviewed(o *Observation, c *seaworthy.Change) (linked, apart bool) {
	for i := range c.Sightings {
		s := &c.Sightings[i]
		hook, audit := &o.Sighting, s
		if o.By == seaworthy.SeenByAudit {
			hook, audit = s, &o.Sighting
		}
		if hook.By != seaworthy.SeenByWebhook || audit.By != seaworthy.SeenByAudit || len(hook.Reviews) == 0 {
			continue
		}
		if slices.ContainsFunc(hook.Reviews, func(uid string) bool { return slices.Contains(audit.Reviews, uid) }) {
			linked = true
		} else if missed := audit.Unanswered; audit.Unasked || len(audit.Reviews) > 0 || !missed.IsZero() && (hook.At.Before(audit.At) || hook.At.After(missed)) {
			apart = true
		}
	}
	return linked, apart
}

// repeats tells whether the observation is of a request that led to nothing new: the API
// server answered it with a version that another request had made.
func repeats(o *Observation, c *seaworthy.Change) bool {
	return o.By == seaworthy.SeenByAudit && o.Verb == seaworthy.VerbUpdate && o.Object.ResourceVersion != "" &&
		o.Object.UID == c.Object.UID && o.Object.ResourceVersion == c.Object.ResourceVersion && seenBy(c, o.By)
}

// tells whether the observation may be of this change, which its place has not told of.
func tells(o *Observation, c *seaworthy.Change) bool {
	a, b := &o.Object, &c.Object
	switch {
	case o.Verb != c.Verb || a.Subresource != b.Subresource && !through(o, c) || !same(a, b):
		return false
	case o.Verb == seaworthy.VerbDelete && o.By == seaworthy.SeenByWatch && a.UID != "" && a.UID == b.UID:
		return true // an object goes once, even if it takes days and two events
	case seenBy(c, o.By) || o.Actor.Username != "" && c.Actor.Username != "" && o.Actor.Username != c.Actor.Username:
		return false
	case (o.Outcome == seaworthy.OutcomeDenied) != (c.Outcome == seaworthy.OutcomeDenied) && certain(o.Outcome) && certain(c.Outcome) && !c.Missing():
		return false
	case o.Verb != seaworthy.VerbDelete && !oneVersion(a, b) && (unlike(a.ResourceVersion, b.ResourceVersion) || !o.Relisted && !relisted(c) && unlike(a.Previous, b.Previous) || unlike(a.Content, b.Content)):
		return false
	}
	linked, apart := reviewed(o, c)
	switch {
	case apart && !oneVersion(a, b):
		return false
	case linked: // but what it asked for did not come of it: it was asked again
		return c.Outcome != seaworthy.OutcomeFailed || c.Missing() || o.Outcome != seaworthy.OutcomePersisted
	}
	within := Window
	if o.Verb != seaworthy.VerbDelete && !told(a.ResourceVersion, b.ResourceVersion) && !told(a.Previous, b.Previous) && !told(a.Content, b.Content) {
		within = nearby // nothing else tells one request of many from another
	}
	return o.At.Sub(c.At).Abs() <= within || a.ResourceVersion != "" && a.ResourceVersion == b.ResourceVersion
}

// parts are subresources through which an object itself is written: a watch shows only
// that.
var parts = map[string]bool{"scale": true, "ephemeralcontainers": true, "resize": true, "approval": true}

// through tells whether one may be of the request to a part of the object that the other
// shows as a whole, made to the same version of it.
func through(o *Observation, c *seaworthy.Change) bool {
	a, b := &o.Object, &c.Object
	whole := b.Subresource == "" && !seenBy(c, seaworthy.SeenByWebhook) && !seenBy(c, seaworthy.SeenByAudit) && parts[a.Subresource] ||
		a.Subresource == "" && o.By == seaworthy.SeenByWatch && parts[b.Subresource]
	return whole && (a.Previous != "" && a.Previous == b.Previous || a.ResourceVersion != "" && a.ResourceVersion == b.ResourceVersion)
}

// told tells whether both are known.
func told(a, b string) bool { return a != "" && b != "" }

// unlike tells whether both are known and not the same.
func unlike(a, b string) bool { return a != "" && b != "" && a != b }

// Refuted lists the changes on record that did not persist, as the observation proves: a
// watch shows what became of the version to which they were to be made, and it is
// something else, or an audit event names a later review of the same request. The API server
// asks webhooks again when another write came first.
func Refuted(o *Observation, recorded []seaworthy.Change) []int {
	if again := askedAgain(o, recorded); again != nil {
		return again
	}
	if o.By != seaworthy.SeenByWatch || o.Relisted || o.Object.Previous == "" || o.Verb != seaworthy.VerbUpdate {
		return nil
	}
	var out []int
	for i := range recorded {
		c := &recorded[i]
		if c.Outcome == seaworthy.OutcomeUnknown && c.Verb == o.Verb && same(&o.Object, &c.Object) &&
			c.Object.Previous == o.Object.Previous && unlike(c.Object.Content, o.Object.Content) {
			out = append(out, i)
		}
	}
	return out
}

// relisted tells whether a change was found by listing again: then what was before it is
// only what was seen before it.
func relisted(c *seaworthy.Change) bool {
	return slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.Relisted })
}

func certain(o seaworthy.Outcome) bool { return o != seaworthy.OutcomeUnknown }

// same tells whether two observations are of one object: by UID where both know it.
func same(a, b *seaworthy.ChangedObject) bool {
	if a.UID != "" && b.UID != "" {
		return a.UID == b.UID
	}
	return a.Kind == b.Kind && a.Group() == b.Group() && a.Namespace == b.Namespace && a.Name == b.Name
}

func seenBy(c *seaworthy.Change, by string) bool {
	return slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By == by })
}

// Merge adds to a change what an observation of it tells. What is known is not
// overwritten, but for an outcome that was unknown.
func Merge(c *seaworthy.Change, o *Observation) {
	renew(c, o)
	c.Sightings = append(c.Sightings, o.Sighting)
	slices.SortStableFunc(c.Sightings, func(a, b seaworthy.Sighting) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.By, b.By), cmp.Compare(a.ID, b.ID))
	})
	c.At = c.Sightings[0].At
	if c.Missing() { // which any place that tells of it knows better
		c.Outcome = seaworthy.OutcomeUnknown
		c.Unseen = slices.DeleteFunc(slices.Clone(c.Unseen), func(by string) bool { return by == seaworthy.SeenByWatch })
	}
	if c.Outcome == "" || c.Outcome == seaworthy.OutcomeUnknown {
		c.Outcome = o.Outcome
	}
	mergeObject(&c.Object, &o.Object)
	mergeActor(&c.Actor, &o.Actor)
	if c.Edits == nil && (o.Before != nil || o.After != nil) && (o.Verb != seaworthy.VerbUpdate || o.Before != nil && o.After != nil) {
		c.Edits, c.EditsLeftOut = Diff(o.Before, o.After)
	}
	if c.Images == nil {
		c.Images = Images(o.After)
	}
}

func mergeObject(c, o *seaworthy.ChangedObject) {
	for _, f := range [...][2]*string{
		{&c.APIVersion, &o.APIVersion}, {&c.Kind, &o.Kind}, {&c.Namespace, &o.Namespace}, {&c.Name, &o.Name}, {&c.UID, &o.UID},
		{&c.ResourceVersion, &o.ResourceVersion}, {&c.Previous, &o.Previous}, {&c.Content, &o.Content}, {&c.Intent, &o.Intent}, {&c.Was, &o.Was},
		{&c.Template, &o.Template},
	} {
		*f[0] = cmp.Or(*f[0], *f[1])
	}
	c.OwnedBy = cmp.Or(c.OwnedBy, o.OwnedBy)
	c.Subresource = cmp.Or(c.Subresource, o.Subresource) // through which the whole was written that a watch showed
}

func mergeActor(c, o *seaworthy.Actor) {
	if c.Person == "" {
		c.Person, c.PersonBy = o.Person, o.PersonBy
	}
	c.Username, c.UserAgent = cmp.Or(c.Username, o.Username), cmp.Or(c.UserAgent, o.UserAgent)
	c.Impersonator, c.Manager = cmp.Or(c.Impersonator, o.Impersonator), cmp.Or(c.Manager, o.Manager)
	if c.Groups == nil {
		c.Groups = o.Groups
	}
	if c.SourceIPs == nil {
		c.SourceIPs = o.SourceIPs
	}
	if c.Extra == nil {
		c.Extra = o.Extra
	}
}
