// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const (
	// causeFor is how long after a change the work of controllers counts as its consequence,
	// goneFor how long after a deletion.
	causeFor = time.Hour
	goneFor  = 24 * time.Hour
	// ownerFor is how long it is kept what an owner makes that nothing is heard of.
	ownerFor = 400 * 24 * time.Hour
	// mostTemplates is how many templates of an owner are known: a StatefulSet or a DaemonSet
	// makes pods of earlier ones while it rolls out.
	mostTemplates = 8
	// mostAbove is how far up owners are followed.
	mostAbove = 4
)

// place is a change on record.
type place struct {
	of *object
	i  int
}

func (p *place) change() *seaworthy.Change { return &p.of.Changes[p.i] }

// ran notes the Pod that an observation is of on the change that it follows from, and tells
// whether it is one. A webhook may be asked before it has its name.
func (p *place) ran(o *changes.Observation, first bool) bool {
	name := o.Object.Name
	if o.Verb != seaworthy.VerbCreate || o.Object.Kind != "Pod" || o.Object.Group() != "" || name == "" || strings.HasSuffix(name, "-") {
		return false
	}
	p.change().Ran(seaworthy.ChangedPod{Name: name, At: o.At, Images: changes.Images(o.After)}, first)
	return true
}

// around tells what is known around an object that somebody wrote to who may be a
// controller, and the change from which that may follow; nil for none.
func (t *taking) around(o *changes.Observation, of *object) (changes.Known, *place, error) {
	k := changes.Known{Own: t.own(&o.Object), Agent: t.agentsOwn(o)}
	if o.Actor.Username != "" && !changes.Controls(&o.Actor) {
		return k, nil, nil
	}
	by := o.Object.OwnedBy
	if by == nil && (o.Object.UID == "" || o.Object.UID == of.known.UID) {
		by = of.known.Owner
		o.Object.OwnedBy = by // an event of a deletion may not show it
	}
	var err error
	if k.Owner, err = t.owner(o, by); err != nil {
		return k, nil, err
	}
	cause, err := t.cause(o, by, k.Owner)
	k.Cause = cause != nil
	return k, cause, err
}

// owner is what is known of the controller of an object.
func (t *taking) owner(o *changes.Observation, by *seaworthy.Owned) (*changes.Owner, error) {
	if by == nil {
		return nil, nil
	}
	name := above(o.Object.Namespace, by)
	of, err := t.object(&name)
	if err != nil {
		return nil, err
	}
	var out *changes.Owner
	if of.known.UID == by.UID && by.UID != "" {
		out = &changes.Owner{Object: name, UID: by.UID, Templates: of.known.Templates, Above: of.known.Owner, Gone: of.known.Gone}
	}
	if told := o.Owner; told != nil && told.UID == by.UID {
		t.know(of, told, o.At)
		merged := *told
		if out != nil {
			merged.Templates = append(slices.Clone(told.Templates), out.Templates...)
			merged.Gone = told.Gone || out.Gone
			if merged.Above == nil {
				merged.Above = out.Above
			}
		}
		out = &merged
	}
	return out, nil
}

func above(namespace string, by *seaworthy.Owned) seaworthy.Object {
	if by.Kind == "Node" && by.APIVersion == "v1" {
		namespace = ""
	}
	return seaworthy.Object{APIVersion: by.APIVersion, Kind: by.Kind, Namespace: namespace, Name: by.Name}
}

// cause finds the change from which the work of a controller follows: the latest of what is
// at the top of its owners, else of one below, else the deletion of the namespace.
func (t *taking) cause(o *changes.Observation, by *seaworthy.Owned, owner *changes.Owner) (*place, error) {
	gone := o.Verb == seaworthy.VerbDelete && !changes.Made(&o.Object.Object)
	var out *place
	for n := 0; by != nil && n < mostAbove; n++ {
		name := above(o.Object.Namespace, by)
		of, err := t.object(&name)
		if err != nil {
			return nil, err
		}
		if p := recent(of, o, gone); p != nil {
			out = p
		}
		next := of.known.Owner
		if n == 0 && owner != nil && owner.Above != nil {
			next = owner.Above
		}
		by = next
	}
	if out != nil || o.Verb != seaworthy.VerbDelete || o.Object.Namespace == "" {
		return out, nil
	}
	of, err := t.object(&seaworthy.Object{APIVersion: "v1", Kind: "Namespace", Name: o.Object.Namespace})
	if err != nil {
		return nil, err
	}
	return recent(of, o, true), nil
}

// recent finds the latest change of an object from which an observation may follow.
func recent(of *object, o *changes.Observation, gone bool) *place {
	for i, c := range slices.Backward(of.Changes) {
		within := causeFor
		if c.Verb == seaworthy.VerbDelete {
			within = goneFor
		}
		switch {
		case c.Outcome == seaworthy.OutcomeDenied || c.Outcome == seaworthy.OutcomeFailed || c.Match == seaworthy.MatchFolded:
		case gone && c.Verb != seaworthy.VerbDelete:
		case c.Verb != seaworthy.VerbCreate && c.Verb != seaworthy.VerbUpdate && c.Verb != seaworthy.VerbDelete:
		case c.At.After(o.At.Add(changes.Window)) || o.At.Sub(c.At) > within:
		default:
			return &place{of, i}
		}
	}
	return nil
}

// learn notes what an observation tells of what objects make and who owns them.
func (t *taking) learn(o *changes.Observation, of *object, e changes.Entry) {
	if e.Joined == changes.IsFolded || e.Change < 0 && e.Joined == changes.IsMore || len(of.Folded) != len(of.known.Folded) {
		of.Folded = slices.DeleteFunc(of.Folded, func(c seaworthy.Change) bool { return o.At.Sub(c.At) > changes.FoldedFor })
		of.use(o.At.Add(changes.FoldedFor))
	}
	if o.Outcome == seaworthy.OutcomeDenied || o.Outcome == seaworthy.OutcomeFailed || o.Object.Subresource != "" {
		return
	}
	switch {
	case o.Verb == seaworthy.VerbDelete && of.known.UID != "" && (o.Object.UID == "" || o.Object.UID == of.known.UID) && !of.known.Gone:
		of.known.Gone, of.differs = true, true
		of.until = o.At.Add(changes.FoldedFor)
	case o.Verb != seaworthy.VerbCreate && o.Verb != seaworthy.VerbUpdate || o.After == nil:
	case o.Object.Template != "" && o.Object.Kind != "Pod":
		t.know(of, &changes.Owner{Object: o.Object.Object, UID: o.Object.UID, Templates: []string{o.Object.Template}, Above: o.Object.OwnedBy}, o.At)
	case o.Object.OwnedBy != nil && of.differs:
		of.known.UID, of.known.Owner = o.Object.UID, o.Object.OwnedBy
	}
}

// use keeps what is known until some time at least.
func (of *object) use(until time.Time) {
	of.differs = true
	if len(of.known.Templates) > 0 && !of.known.Gone {
		until = until.Add(ownerFor)
	}
	if until.After(of.until) {
		of.until = until
	}
}

// know takes what is told of an owner.
func (t *taking) know(of *object, told *changes.Owner, at time.Time) {
	if told.UID == "" {
		return
	}
	if of.known.UID != told.UID {
		of.known = store.KnownObject{UID: told.UID}
		of.differs = true
	}
	for _, template := range slices.Backward(told.Templates) {
		if len(of.known.Templates) > 0 && of.known.Templates[0] == template {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(of.known.Templates), func(s string) bool { return s == template })
		of.known.Templates = append([]string{template}, rest[:min(len(rest), mostTemplates-1)]...)
		of.differs = true
	}
	if told.Above != nil && (of.known.Owner == nil || *of.known.Owner != *told.Above) {
		of.known.Owner, of.differs = told.Above, true
	}
	if of.differs {
		of.use(at)
	}
}

// agentsOwn tells of what an agent of the cluster does for itself, again and again: it reads
// Secrets and keeps its own objects.
func (t *taking) agentsOwn(o *changes.Observation) bool {
	return slices.ContainsFunc(t.agents, func(a seaworthy.Agent) bool {
		return slices.ContainsFunc(a.Own, func(n seaworthy.OwnNames) bool {
			return n.Is(&o.Actor) && o.Outcome != seaworthy.OutcomeDenied && (o.Verb == seaworthy.VerbRead || changes.Reported(&o.Object.Object) ||
				(o.Verb == seaworthy.VerbCreate || o.Verb == seaworthy.VerbUpdate) && n.Owns(&o.Object))
		})
	})
}

// Know takes what an agent tells of everything in its cluster that makes pods: what was
// there before the trail began.
func Know(ctx context.Context, c Config, who seaworthy.Principal, source seaworthy.DeclaredSource, list []changes.Owner) error {
	switch {
	case !who.Can(seaworthy.SendReports):
		return seaworthy.Forbidden("%s may not tell of owners", who.Name)
	case who.Source != "" && who.Source != source.ID:
		return seaworthy.Forbidden("this token reports for another source")
	}
	for some := range slices.Chunk(list, lot) {
		err := c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
			t := &taking{c: c, tx: tx, source: source, objects: map[string]*object{}}
			if err := tx.Taking(source.ID); err != nil {
				return err
			}
			for i := range some {
				of, err := t.object(&some[i].Object)
				if err != nil {
					return err
				}
				t.know(of, &some[i], tx.At)
			}
			for _, of := range t.order {
				if err := t.keep(of); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settled is how long it is waited for what owns the work of a controller.
const settled = BypassAfter

// Decided says of what went on record since a moment, and counted as a controller's for the
// time being, that nobody approved it, when nothing has told by now what owns it. What one
// owner makes it makes many times: it is told once.
func Decided(ctx context.Context, c Config, since, now time.Time) error {
	for after := ""; ; {
		list, err := c.Store.Undecided(ctx, since, now.Add(-settled), after, lot)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		slices.SortStableFunc(list, func(a, b seaworthy.Change) int { return a.At.Compare(b.At) }) // the first is told
		for i := range list {
			if !changes.IsUndecided(&list[i]) {
				continue
			}
			if err := c.Store.Write(ctx, "system", func(tx *store.Tx) error { return decide(tx, c, list[i].ID) }); err != nil {
				return err
			}
		}
	}
}

func decide(tx *store.Tx, cfg Config, id string) error {
	c, err := tx.Change(id)
	if err != nil || !changes.IsUndecided(&c) || c.Object.OwnedBy == nil {
		return err
	}
	source, err := tx.LockedSource(c.SourceID)
	if err != nil {
		return err
	}
	t := &taking{c: cfg, tx: tx, source: source, objects: map[string]*object{}}
	name := above(c.Object.Namespace, c.Object.OwnedBy)
	of, err := t.object(&name)
	if err != nil {
		return err
	}
	if of.known.UID == c.Object.OwnedBy.UID && slices.Contains(of.known.Templates, c.Object.Template) {
		changes.Settle(&c, changes.Folds)
		return tx.PutChange(&c)
	}
	rules, err := tx.ChangeRules()
	if err != nil {
		return err
	}
	deployments, err := tx.DeploymentsDuring(c.SourceID, c.At.Add(-changes.Leeway), c.At.Add(changes.Leeway))
	if err != nil {
		return err
	}
	changes.Match(&c, rules, deployments, nil)
	if of.known.UID == "" { // learned of what it makes alone: the next of these is no news
		t.know(of, &changes.Owner{Object: name, UID: c.Object.OwnedBy.UID, Templates: []string{c.Object.Template}}, tx.At)
		if err := t.keep(of); err != nil {
			return err
		}
	}
	return tx.PutChange(&c)
}
