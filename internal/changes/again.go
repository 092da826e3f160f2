// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// again tells whether a review is of the request that an audit event on record names it for:
// where another write comes first, such as that of a status, the API server begins a request
// again, and asks again.
func again(o *Observation, c *seaworthy.Change) bool {
	if o.By != seaworthy.SeenByWebhook || o.Verb != c.Verb || o.Object.Subresource != c.Object.Subresource || !same(&o.Object, &c.Object) {
		return false
	}
	linked, _ := reviewed(o, c)
	return linked
}

// askedAgain lists the changes on record that are nothing but reviews which an audit event
// names beside a later one: the request was made once, and these came to nothing.
func askedAgain(o *Observation, recorded []seaworthy.Change) (out []int) {
	if o.By != seaworthy.SeenByAudit || len(o.Reviews) < 2 {
		return nil
	}
	latest := -1
	for i := range recorded {
		c := &recorded[i]
		if c.Verb != o.Verb || !same(&o.Object, &c.Object) {
			continue
		}
		if linked, _ := reviewed(o, c); linked {
			out = append(out, i)
		} else if !oneVersion(&o.Object, &c.Object) {
			continue
		}
		if latest < 0 || farness(o, c) < farness(o, &recorded[latest]) {
			latest = i
		}
	}
	return slices.DeleteFunc(out, func(i int) bool {
		c := &recorded[i]
		return i == latest || c.Outcome != seaworthy.OutcomeUnknown || slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By != seaworthy.SeenByWebhook })
	})
}

// oneVersion tells whether both led to the same version of the object.
func oneVersion(a, b *seaworthy.ChangedObject) bool {
	return told(a.ResourceVersion, b.ResourceVersion) && a.ResourceVersion == b.ResourceVersion
}

// renew has a change forget what only a review has told that came to nothing: the later review
// of the request knows better, and the watch, which shows what came of it, better still.
func renew(c *seaworthy.Change, o *Observation) {
	if !seenBy(c, seaworthy.SeenByWebhook) || !unlike(c.Object.Previous, o.Object.Previous) && !unlike(c.Object.Content, o.Object.Content) {
		return
	}
	switch {
	case o.By == seaworthy.SeenByWatch && !o.Relisted:
	case o.By == seaworthy.SeenByWebhook && c.Object.ResourceVersion == "" && !slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By == o.By && s.At.After(o.At) }):
	default:
		return
	}
	c.Object.Previous, c.Object.Content, c.Object.Intent, c.Object.Was, c.Object.Template = "", "", "", "", ""
	c.Edits, c.EditsLeftOut, c.Images = nil, 0, nil
}
