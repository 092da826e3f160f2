// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// dutiesSeen is what is known of who did what in one window.
type dutiesSeen struct {
	releases []seaworthy.Deployment
	touched  []seaworthy.Change // without what they changed
	owners   map[string]bool    // users who own this server now, by id
}

// lookAtDuties gathers who wrote, approved and made changes, and who touched what records
// them.
func (a *Audit) lookAtDuties(ctx context.Context, w seaworthy.Window) (*dutiesSeen, error) {
	d := &dutiesSeen{owners: map[string]bool{}}
	var err error
	if d.releases, err = a.store.DeploymentsIn(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	if d.touched, err = a.store.Touched(ctx, w.From, w.DueAt); err != nil {
		return nil, err
	}
	for i := range d.touched {
		d.touched[i].Edits, d.touched[i].Sightings, d.touched[i].Images = nil, nil, nil
	}
	for after := ""; ; {
		users, err := a.store.Users(ctx, store.UserFilter{After: after, Limit: 1000})
		if err != nil || len(users) == 0 {
			return d, err
		}
		for _, u := range users {
			d.owners[u.ID] = u.Role == seaworthy.Owner && !u.Disabled
		}
		after = users[len(users)-1].Email
	}
}

// duties tells of releases whether the git host knows of another than the author who
// approved, and who reached by hand into production or into what records changes. Whether
// rights would allow more is for people to test.
func (t *test) duties() {
	confirmed, refused, own := 0, 0, 0
	for _, d := range t.seen.duties.releases {
		switch v := d.Verified; {
		case v == nil || !t.concerns(&d):
		case v.Refusal != "" || len(v.Approvers) == 0:
			refused++
		default:
			confirmed++
			if strings.EqualFold(v.MergedBy, v.Author) {
				own++
			}
		}
	}
	say := func(n int, format string, args ...any) {
		if n > 0 {
			t.notes = append(t.notes, fmt.Sprintf(format, args...))
		}
	}
	say(confirmed, "%s approved by another than the author, as the git host says", count(confirmed, "release"))
	say(own, "%d of these merged by the author", own)
	say(refused, "%s of which the git host knows no approval by another", count(refused, "release"))
	t.touches()
	owners := 0
	for id := range t.byHand() {
		if t.seen.duties.owners[id] {
			owners++
		}
	}
	say(owners, "%s that made changes by hand and may also set what this server keeps of them", people(owners))
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// concerns tells whether a release is of a cluster, and of some namespace, that the test is
// about.
func (t *test) concerns(d *seaworthy.Deployment) bool {
	if len(d.Namespaces) == 0 {
		return t.looksAt(d.SourceID, "")
	}
	return slices.ContainsFunc(d.Namespaces, func(n string) bool { return t.looksAt(d.SourceID, n) })
}

// touches looks for who touched what records changes: approved, or explained by somebody
// else, that is told; otherwise it is a deviation.
func (t *test) touches() {
	alone, known := 0, 0
	for i := range t.seen.duties.touched {
		c := &t.seen.duties.touched[i]
		if !t.looksAt(c.SourceID, c.Object.Namespace) {
			continue
		}
		said := explained(c)
		if c.Match == seaworthy.MatchVerified || !said.IsZero() && said.Before(t.seen.window.DueAt) {
			known++
		} else {
			alone++
		}
	}
	if alone > 0 {
		t.deviations = append(t.deviations, count(alone, "change")+" of what records changes that nobody else approved or explained")
	}
	if known > 0 {
		t.notes = append(t.notes, count(known, "change")+" of what records changes, approved or explained by somebody else")
	}
}

// byHand are the people who made changes of the window that nobody had approved.
func (t *test) byHand() map[string]bool {
	out := map[string]bool{}
	for i := range t.seen.trail.outOfBand {
		c := &t.seen.trail.outOfBand[i]
		if c.Actor.Person != "" && !c.At.Before(t.seen.window.From) && t.looksAt(c.SourceID, c.Object.Namespace) {
			out[c.Actor.Person] = true
		}
	}
	return out
}

// trailRelease is who did what for a release, in a statement.
type trailRelease struct {
	Deployment string    `json:"deployment"`
	Ticket     string    `json:"ticket,omitempty"`
	Commit     string    `json:"commit,omitempty"`
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
	Claimed    string    `json:"claimedBy"`
	Identity   string    `json:"identity,omitempty"`
	Author     string    `json:"author,omitempty"`
	Approvers  []string  `json:"approvers"`
	MergedBy   string    `json:"mergedBy,omitempty"`
	Refusal    string    `json:"refusal,omitempty"`
}

// state adds to a statement who did what for the releases of a cluster, and who touched what
// records changes.
func (d *dutiesSeen) state(v *trailStatement, inScope func(namespace string) bool) {
	v.Releases, v.Touched = []trailRelease{}, []trailOutOfBand{}
	for _, r := range d.releases {
		if r.SourceID != v.Source || len(r.Namespaces) > 0 && !slices.ContainsFunc(r.Namespaces, inScope) || len(v.Releases) == mostOutOfBand {
			continue
		}
		one := trailRelease{Deployment: r.ID, Ticket: r.Ticket, Commit: r.Commit, From: r.From, Until: r.Until, Claimed: r.By, Identity: r.Identity, Approvers: []string{}}
		if a := r.Verified; a != nil {
			one.Author, one.MergedBy, one.Refusal = a.Author, a.MergedBy, a.Refusal
			one.Approvers = append(one.Approvers, a.Approvers...)
		}
		v.Releases = append(v.Releases, one)
	}
	for i := range d.touched {
		if c := &d.touched[i]; c.SourceID == v.Source && inScope(c.Object.Namespace) && len(v.Touched) < mostOutOfBand {
			v.Touched = append(v.Touched, outOfBandOf(c))
		}
	}
}
