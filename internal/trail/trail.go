// SPDX-License-Identifier: Apache-2.0

// Package trail keeps the change trail of clusters: it takes what agents and audit streams
// observed, joins it with what is on record, and holds it against what was approved.
//
// What it keeps true: whatever any place saw is on record exactly once, whenever and how
// often it is told; an approval never makes a change another one; what nobody approved
// stays open until somebody other than its actor explains it.
package trail

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// RevertWindow is how long after a change an undoing of it is remarkable.
const RevertWindow = time.Hour

// lot is how many observations one transaction takes.
const lot = 500

// Config says with what observations are taken.
type Config struct {
	Store *store.Store
	// Key is what digests of Secrets are keyed with; Kinds names the kind of a resource.
	Key   []byte
	Kinds func(group, resource string) string
	// Own tells which objects make up the trail in a cluster; nil: none.
	Own changes.Own
}

// Taken counts what became of observations.
type Taken struct {
	New     int `json:"new"`     // changes that nobody had told of
	More    int `json:"more"`    // one more place tells of a change
	Known   int `json:"known"`   // told before
	Nothing int `json:"nothing"` // requests that changed nothing
	Folded  int `json:"folded"`  // the cluster's own work
}

// Take takes observations of a cluster.
func Take(ctx context.Context, c Config, who seaworthy.Principal, source seaworthy.DeclaredSource, list []changes.Observation) (Taken, error) {
	var out Taken
	switch {
	case !who.Can(seaworthy.SendReports):
		return out, seaworthy.Forbidden("%s may not send observations", who.Name)
	case who.Source != "" && who.Source != source.ID:
		return out, seaworthy.Forbidden("this token reports for another source")
	case source.Kind != seaworthy.KindCluster:
		return out, seaworthy.Invalid("%s is no cluster: changes are observed in clusters", source.Name)
	}
	list = slices.Clone(list)
	for i := range list {
		changes.Bound(&list[i])
	}
	slices.SortStableFunc(list, func(a, b changes.Observation) int { return a.At.Compare(b.At) })
	for some := range slices.Chunk(list, lot) {
		var t *taking
		err := c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
			t = &taking{c: c, tx: tx, source: source, objects: map[string]*object{}, folded: map[string]int{}, tried: map[string][]seaworthy.Change{}}
			if err := tx.Taking(source.ID); err != nil {
				return err
			}
			return t.take(some)
		})
		if err != nil {
			return out, err
		}
		out.New, out.More, out.Known = out.New+t.n.New, out.More+t.n.More, out.Known+t.n.Known
		out.Nothing, out.Folded = out.Nothing+t.n.Nothing, out.Folded+t.n.Folded
	}
	return out, nil
}

// taking is one lot on its way into the store.
type taking struct {
	c           Config
	tx          *store.Tx
	source      seaworthy.DeclaredSource
	n           Taken
	rules       []seaworthy.ChangeRule
	deployments []seaworthy.Deployment
	people      people
	agents      []seaworthy.Agent // of the source, ever
	objects     map[string]*object
	order       []*object // in which they first occurred
	folded      map[string]int
	tried       map[string][]seaworthy.Change // what was denied, by verb and who tried
}

// object is what is on record of the objects of one name.
type object struct {
	changes.Ledger
	name    seaworthy.Object
	touched map[int]bool // indices of changes that differ from what is stored
	known   store.KnownObject
	differs bool      // what is known does
	until   time.Time // when it is of no use any more
}

func (t *taking) take(list []changes.Observation) (err error) {
	first, last := list[0].At, list[len(list)-1].At
	if t.rules, err = t.tx.ChangeRules(); err != nil {
		return err
	}
	if t.deployments, err = t.tx.DeploymentsDuring(t.source.ID, first.Add(-changes.Leeway), last.Add(changes.Leeway)); err != nil {
		return err
	}
	if t.people, err = peopleOf(t.tx, t.source.ID); err != nil {
		return err
	}
	if t.agents, err = t.tx.AgentsOf(t.source.ID); err != nil {
		return err
	}
	for i := range list {
		if err := t.one(&list[i]); err != nil {
			return err
		}
	}
	for _, o := range t.order {
		if err := t.keep(o); err != nil {
			return err
		}
	}
	if err := t.tx.ForgetObjects(t.source.ID, t.tx.At); err != nil {
		return err
	}
	return t.tx.AddFolded(t.source.ID, last, t.folded)
}

// keep writes what is new about the objects of a name.
func (t *taking) keep(o *object) error {
	for i := range o.Changes {
		if !o.touched[i] {
			continue
		}
		if err := t.tx.PutChange(&o.Changes[i]); err != nil {
			return err
		}
	}
	if !o.differs {
		return nil
	}
	o.known.Folded = o.Folded
	return t.tx.PutKnownObject(t.source.ID, &o.name, &o.known, o.until)
}

// one takes one observation.
func (t *taking) one(o *changes.Observation) error {
	if id, err := t.tx.SightedChange(t.source.ID, o.Sighting); err != nil {
		return err
	} else if id != "" {
		t.n.Known++
		return nil
	}
	of, err := t.object(&o.Object.Object)
	if err != nil {
		return err
	}
	around, cause, err := t.around(o, of)
	if err != nil {
		return err
	}
	if around.Again, err = t.again(o); err != nil {
		return err
	}
	for _, i := range changes.Refuted(o, of.Changes) {
		of.touched[i] = true
		t.nothing(&of.Changes[i])
	}
	e := of.Enter(t.source.ID, o, around)
	t.learn(o, of, e)
	switch e.Joined {
	case changes.IsKnown:
		t.n.Known++
	case changes.IsNothing:
		t.n.Nothing++
	case changes.IsFolded:
		t.count(o)
		if cause != nil {
			cause.change().Folded++
			cause.ran(o, true)
			cause.of.touched[cause.i] = true
		}
	case changes.IsMore:
		t.n.More++
		if cause != nil && e.Change < 0 && cause.ran(o, false) {
			cause.of.touched[cause.i] = true
		}
	case changes.IsNew:
		t.n.New++
		of.Changes[e.Change].ID = t.tx.NewID()
		t.attempted(o)
	}
	if e.Change >= 0 {
		of.touched[e.Change] = true
		t.judge(o, of, e, cause)
	}
	return nil
}

// count counts what is not kept one by one.
func (t *taking) count(o *changes.Observation) {
	t.n.Folded++
	kind := o.Object.Kind
	switch {
	case o.Verb == seaworthy.VerbImpersonate:
		kind += " impersonation denied"
	case o.Verb == seaworthy.VerbRead && o.Outcome == seaworthy.OutcomeDenied:
		kind += " read denied"
	case o.Verb == seaworthy.VerbRead:
		kind += " read"
	}
	t.folded[kind]++
}

// judge says how a change stands, with what its newest observation tells.
func (t *taking) judge(o *changes.Observation, of *object, e changes.Entry, cause *place) {
	c := &of.Changes[e.Change]
	asked(c)
	for _, f := range changes.Flags(o, t.own, t.source.Environment == seaworthy.Production) {
		flag(c, f)
	}
	if cause != nil && c.Cause == "" && c.ID != cause.change().ID && (e.Verdict == changes.Follows || changes.Controls(&c.Actor)) {
		c.Cause = cause.change().ID
	}
	t.people.resolve(c, t.deployments)
	if changes.Settle(c, e.Verdict) {
		return
	}
	if k := changes.Undoes(c, of.Changes, RevertWindow); k >= 0 && of.Changes[k].Match != seaworthy.MatchFolded {
		flag(c, seaworthy.FlagReverted)
		flag(&of.Changes[k], seaworthy.FlagReverted)
		of.touched[k] = true
	}
	t.match(c)
}

// match holds a change against rules and deployments.
func (t *taking) match(c *seaworthy.Change) {
	changes.Match(c, t.rules, t.deployments, t.people.id)
	t.people.resolve(c, t.deployments)
}

// nothing notes that nothing came of a request: then it is no change that anybody had to
// approve.
func (t *taking) nothing(c *seaworthy.Change) {
	c.Outcome = seaworthy.OutcomeFailed
	if c.Match != seaworthy.MatchFolded {
		t.match(c)
	}
}

func flag(c *seaworthy.Change, f seaworthy.Flag) {
	if !slices.Contains(c.Flags, f) {
		c.Flags = append(c.Flags, f)
	}
}

// object gives what is on record of the objects of a name, the latest changes of them: one
// that takes long to go was asked to go at any time.
func (t *taking) object(name *seaworthy.Object) (*object, error) {
	key := strings.Join([]string{name.Group(), name.Kind, name.Namespace, name.Name}, "\x00")
	if of := t.objects[key]; of != nil {
		return of, nil
	}
	list, err := t.tx.ChangesOf(t.source.ID, &seaworthy.ChangedObject{Object: *name})
	if err != nil {
		return nil, err
	}
	known, err := t.tx.KnownObject(t.source.ID, name)
	if err != nil {
		return nil, err
	}
	of := &object{Ledger: changes.Ledger{Changes: list, Folded: known.Folded}, name: *name, touched: map[int]bool{}, known: known}
	t.objects[key] = of
	t.order = append(t.order, of)
	return of, nil
}

// Record registers a deployment and holds what changed in its time against it, also what
// changed before it was registered: an approval after the fact shows as late.
func Record(ctx context.Context, c Config, who seaworthy.Principal, d seaworthy.Deployment) (seaworthy.Deployment, error) {
	switch {
	case !who.Can(seaworthy.SendReports):
		return d, seaworthy.Forbidden("%s may not register deployments", who.Name)
	case who.Source != "" && who.Source != d.SourceID:
		return d, seaworthy.Forbidden("this token reports for another source")
	}
	err := c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		d.ID, d.RecordedAt, d.RecordedBy = tx.NewID(), tx.At, who.Actor
		d.By, d.Verified = cmp.Or(d.By, "pipeline"), nil // the git host's word comes from the git host
		if err := complete(&d, tx.At); err != nil {
			return err
		}
		if err := confirm(tx, &d); err != nil {
			return err
		}
		if err := tx.PutDeployment(&d); err != nil {
			return err
		}
		return rematch(tx, c, d.SourceID, d.From.Add(-changes.Leeway), d.Until.Add(changes.Leeway))
	})
	return d, err
}

// The bounds of a deployment's time.
const (
	defaultSpan = 30 * time.Minute
	maxSpan     = 24 * time.Hour
	maxPast     = 30 * 24 * time.Hour
)

// complete fills in the time of a deployment and refuses what would cover too much.
func complete(d *seaworthy.Deployment, now time.Time) error {
	if d.From.IsZero() {
		d.From = now
	}
	if d.Until.IsZero() {
		d.Until = d.From.Add(defaultSpan)
	}
	switch {
	case d.SourceID == "":
		return seaworthy.Invalid("a deployment needs a cluster")
	case d.Until.Before(d.From):
		return seaworthy.Invalid("the deployment ends before it begins")
	case d.Until.Sub(d.From) > maxSpan:
		return seaworthy.Invalid("a deployment covers a day at most, not %s", d.Until.Sub(d.From))
	case now.Sub(d.From) > maxPast:
		return seaworthy.Invalid("the deployment began more than 30 days ago")
	case d.From.Sub(now) > maxSpan:
		return seaworthy.Invalid("the deployment begins more than a day from now")
	case d.Ticket == "" && d.PullURL == "" && d.Commit == "":
		return seaworthy.Invalid("a deployment needs a ticket, a pull request or a commit: what else would it claim")
	case len(d.Namespaces)+len(d.Images)+len(d.Objects) == 0:
		return seaworthy.Invalid("a deployment names its namespaces, images or objects: one that covers a whole cluster covers for anything")
	}
	return nil
}

// rematch holds the changes of an interval against rules and deployments again.
func rematch(tx *store.Tx, c Config, source string, from, to time.Time) error {
	rules, err := tx.ChangeRules()
	if err != nil {
		return err
	}
	list, err := tx.DeploymentsDuring(source, from.Add(-maxSpan), to.Add(maxSpan))
	if err != nil {
		return err
	}
	touched, err := tx.ChangesDuring(source, from, to)
	if err != nil {
		return err
	}
	who, err := peopleOf(tx, source)
	if err != nil {
		return err
	}
	for i := range touched {
		was := touched[i]
		if was.Match == seaworthy.MatchFolded {
			continue
		}
		changes.Match(&touched[i], rules, list, who.id)
		who.resolve(&touched[i], list)
		if now := touched[i]; now.Match == was.Match && now.MatchID == was.MatchID && now.MatchWhy == was.MatchWhy && now.Late == was.Late &&
			now.Actor.Person == was.Actor.Person && now.Actor.PersonBy == was.Actor.PersonBy {
			continue
		}
		if err := tx.PutChange(&touched[i]); err != nil {
			return err
		}
	}
	return nil
}

// MayExplain says why somebody may not explain a change of a cluster that is a team's; nil:
// they may.
func MayExplain(who seaworthy.Principal, c *seaworthy.Change, team string) error {
	switch {
	case !who.Can(seaworthy.WorkFindings):
		return seaworthy.Forbidden("%s may not explain changes", who.Name)
	case team != "" && !who.Owns(team):
		return seaworthy.Forbidden("the cluster belongs to another team")
	case c.Match != seaworthy.MatchOutOfBand:
		return seaworthy.Conflict("the change is not out of band: %s", c.MatchWhy)
	case c.Explained != nil:
		return seaworthy.Conflict("the change has been explained")
	case c.Actor.Person != "" && c.Actor.Person == who.Person():
		return seaworthy.Forbidden("you made the change: somebody else has to explain it")
	case c.Actor.Person == "" && who.Role == seaworthy.Engineer:
		return seaworthy.Forbidden("nobody knows which person made the change, so it is explained by a compliance manager or an owner")
	}
	return nil
}

// maxNote bounds an explanation.
const maxNote = 10_000

// Explain says why an out-of-band change was made. Whoever made it cannot.
func Explain(ctx context.Context, s *store.Store, who seaworthy.Principal, id, note string) (seaworthy.Change, error) {
	var out seaworthy.Change
	note = strings.TrimSpace(note)
	switch {
	case note == "":
		return out, seaworthy.Invalid("say why the change was made")
	case len(note) > maxNote:
		return out, seaworthy.Invalid("the explanation is longer than %d bytes", maxNote)
	}
	err := s.Write(ctx, who.Actor, func(tx *store.Tx) (err error) {
		if out, err = tx.Change(id); err != nil {
			return err
		}
		cluster, err := tx.LockedSource(out.SourceID)
		if err != nil {
			return err
		}
		if err := MayExplain(who, &out, cluster.Team); err != nil {
			return err
		}
		out.Explained = &seaworthy.Explanation{By: who.Actor, At: tx.At, Note: note}
		return tx.PutChange(&out)
	})
	return out, err
}
