// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// fits tells whether a rule speaks of a change.
func fits(r *seaworthy.ChangeRule, c *seaworthy.Change) bool {
	if !one(r.Namespaces, c.Object.Namespace) || !one(r.Kinds, c.Object.Kind) || !one(r.Names, c.Object.Name) ||
		!one(r.Users, c.Actor.Username) || !one(r.Verbs, c.Verb) {
		return false
	}
	if len(r.Paths) == 0 {
		return true
	}
	return len(c.Edits) > 0 && c.EditsLeftOut == 0 && !slices.ContainsFunc(c.Edits, func(e seaworthy.Edit) bool {
		return !slices.ContainsFunc(r.Paths, func(p string) bool { return under(e.Path, p) })
	})
}

func one(patterns []string, value string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, value)
		return ok && err == nil
	})
}

// under tells whether a keyed path is a prefix or below it.
func under(at, prefix string) bool {
	rest, ok := strings.CutPrefix(at, prefix)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Leeway is how long before its start and after its end a deployment still covers a
// change: clocks differ, and a pipeline tells of itself a moment before or after it acts.
const Leeway = time.Minute

// Match sets how a change stands to approvals, from what is known now: the rules of its
// cluster and the deployments that are registered there. who gives the user behind a name
// by which a git host knows people; nil: nobody knows. What nothing came of changed nothing,
// and nobody had to approve it.
func Match(c *seaworthy.Change, rules []seaworthy.ChangeRule, deployments []seaworthy.Deployment, who func(name string) string) {
	match(c, rules, deployments, who)
	if c.Match == seaworthy.MatchOutOfBand && c.Nothing() {
		c.Match, c.MatchID, c.MatchWhy, c.Late = seaworthy.MatchExempt, "", "nothing came of it that anybody had to approve", false
	}
}

func match(c *seaworthy.Change, rules []seaworthy.ChangeRule, deployments []seaworthy.Deployment, who func(name string) string) {
	if c.Verb == seaworthy.VerbRead {
		c.Match, c.MatchID, c.MatchWhy, c.Late = seaworthy.MatchExempt, "", "reads need no approval", false
		return
	}
	if who == nil {
		who = func(string) string { return "" }
	}
	c.Match, c.MatchID, c.MatchWhy, c.Late = seaworthy.MatchOutOfBand, "", "no deployment, revision or approval speaks of it", false
	for i := range rules {
		if rules[i].SourceID != "" && rules[i].SourceID != c.SourceID || !fits(&rules[i], c) {
			continue
		}
		if !rules[i].Approval {
			c.Match, c.MatchWhy = seaworthy.MatchExempt, "rule "+rules[i].Name+": needs no approval"
			return
		}
		break
	}
	best := -1
	for i := range deployments {
		d := &deployments[i]
		why := contradicts(c, d)
		if why != "" {
			if best < 0 && d.SourceID == c.SourceID && during(c.At, d) {
				c.MatchWhy = fmt.Sprintf("deployment %s is of that time, but %s", d.ID, why)
			}
			continue
		}
		if best < 0 || better(c, d, &deployments[best], who) {
			best = i
		}
	}
	if best >= 0 {
		claim(c, &deployments[best], who)
	}
}

// contradicts says why a deployment does not cover a change; empty when it does.
func contradicts(c *seaworthy.Change, d *seaworthy.Deployment) string {
	switch {
	case d.SourceID != c.SourceID:
		return "it is of another cluster"
	case !during(c.At, d):
		return "it is of another time"
	case len(d.Namespaces) > 0 && !slices.Contains(d.Namespaces, c.Object.Namespace):
		return "it does not cover namespace " + c.Object.Namespace
	case d.Identity != "" && c.Actor.Username != d.Identity:
		return fmt.Sprintf("it was to be made by %s", d.Identity)
	case len(d.Objects) > 0 && !slices.ContainsFunc(d.Objects, func(o seaworthy.Object) bool { return alike(o, c.Object.Object) }):
		return "it does not name this object"
	}
	if len(d.Images) > 0 {
		if len(c.Images) == 0 && len(d.Namespaces)+len(d.Objects) == 0 {
			return "it covers only what runs its images"
		}
		for _, image := range c.Images {
			if !slices.ContainsFunc(d.Images, func(covered string) bool { return sameImage(covered, image) }) {
				return "it does not cover image " + image
			}
		}
	}
	if c.Verb != seaworthy.VerbCreate && c.Verb != seaworthy.VerbUpdate && c.Verb != seaworthy.VerbDelete {
		return "it covers no " + c.Verb
	}
	return ""
}

func during(at time.Time, d *seaworthy.Deployment) bool {
	return !at.Before(d.From.Add(-Leeway)) && !at.After(d.Until.Add(Leeway))
}

func alike(want, have seaworthy.Object) bool {
	return want.Kind == have.Kind && want.Namespace == have.Namespace && want.Name == have.Name && (want.APIVersion == "" || want.Group() == have.Group())
}

// sameImage compares by digest where the deployment gives one; a tag proves nothing, so
// without a digest the words must be the same.
func sameImage(covered, image string) bool {
	_, a, ok := strings.Cut(covered, "@")
	_, b, has := strings.Cut(image, "@")
	if ok && has {
		return a == b
	}
	return covered == image
}

// better tells whether a deployment speaks of a change more strongly than another: with a
// verified approval, then recorded in time, then the nearest in time.
func better(c *seaworthy.Change, d, other *seaworthy.Deployment, who func(string) string) bool {
	if a, b := approved(c, d, who) == "", approved(c, other, who) == ""; a != b {
		return a
	}
	if a, b := late(c, d), late(c, other); a != b {
		return b
	}
	return c.At.Sub(d.From).Abs() < c.At.Sub(other.From).Abs()
}

func late(c *seaworthy.Change, d *seaworthy.Deployment) bool {
	return d.RecordedAt.After(c.At.Add(Leeway)) || d.Verified != nil && d.Verified.MergedAt.After(c.At.Add(Leeway))
}

// approved says why a deployment is no verified approval of the change; empty when it is.
func approved(c *seaworthy.Change, d *seaworthy.Deployment, who func(string) string) string {
	v := d.Verified
	switch {
	case v == nil:
		return "no git host has confirmed it"
	case v.Refusal != "":
		return v.Refusal
	case !slices.ContainsFunc(v.Approvers, func(a string) bool { return a != "" && !strings.EqualFold(a, v.Author) }):
		return "nobody but the author approved it"
	case !slices.ContainsFunc(v.Approvers, func(a string) bool { return a != "" && !strings.EqualFold(a, v.Author) && !made(c, a, who(a)) }):
		return "nobody but its author and the one who made the change approved it"
	}
	return ""
}

// made tells whether it is known that a change was made by who goes by that name, who is
// that user.
func made(c *seaworthy.Change, name, user string) bool {
	return c.Actor.Person != "" && (name == c.Actor.Person || user == c.Actor.Person) || strings.EqualFold(name, c.Actor.Username) || strings.EqualFold(name, c.Actor.Impersonator)
}

func claim(c *seaworthy.Change, d *seaworthy.Deployment, who func(string) string) {
	c.MatchID, c.Late = d.ID, late(c, d)
	why := approved(c, d, who)
	switch {
	case why == "":
		c.Match, c.MatchWhy = seaworthy.MatchVerified, "approved by "+strings.Join(d.Verified.Approvers, ", ")
	case d.Verified != nil: // the git host was asked and contradicts
		c.Match, c.MatchWhy = seaworthy.MatchOutOfBand, "deployment "+d.ID+" claims it, but "+why
	default:
		c.Match, c.MatchWhy = seaworthy.MatchClaimed, claimants[d.By]+"; "+why
	}
}

// claimants say who makes a claim, in words.
var claimants = map[string]string{
	"pipeline": "a pipeline registered it", "argocd": "Argo CD synced a revision", "flux": "Flux applied a revision", "annotation": "an annotation says so",
}
