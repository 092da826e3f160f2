// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// life moves findings on, in batches.
type life struct {
	*taking
	why     *causes
	blind   *blind // nil: what is not named is gone
	bulk    *store.FindingBulk
	sla     seaworthy.SLA
	team    func(store.TrackedObject) string
	teams   map[key]string                       // what team gave, by object
	waivers map[string][]seaworthy.TrackedWaiver // by check; patterns under ""
	present func(object key) bool                // whether an object is there
	known   map[string]store.TrackedObject       // what a delta may speak of without saying it anew
	unseen  []string                             // findings that stand although they were not named
}

func (t *taking) newLife(why *causes) (*life, error) {
	l := &life{
		taking: t, why: why, blind: newBlind(t.report), bulk: t.tx.BulkFindings(), sla: seaworthy.DefaultSLA(), waivers: map[string][]seaworthy.TrackedWaiver{},
		teams: map[key]string{}, team: func(store.TrackedObject) string { return "" },
	}
	l.present = func(id key) bool { _, named := t.report.objects[id]; return named }
	var err error
	if t.c.SLA != nil {
		if l.sla, err = t.c.SLA(t.tx); err != nil {
			return nil, err
		}
	}
	if t.c.Owners != nil {
		if l.team, err = t.c.Owners(t.tx, t.source); err != nil {
			return nil, err
		}
	}
	if t.c.Waivers == nil {
		return l, nil
	}
	approved, err := t.c.Waivers(t.tx, t.source.ID)
	for _, w := range approved {
		if w.State != seaworthy.WaiverApproved || w.SourceID != "" && w.SourceID != t.source.ID || w.Expires.Over(t.tx.At) {
			continue
		}
		check := w.Check
		if strings.ContainsAny(check, `*?[\`) {
			check = ""
		}
		l.waivers[check] = append(l.waivers[check], w)
	}
	return l, err
}

// open opens findings that do not stand: new ones, and fixed ones that are back.
func (l *life) open(part []indexed) error {
	list, ids, objects := make([]seaworthy.TrackedFinding, len(part)), make([]string, len(part)), make([]string, len(part))
	for i, p := range part {
		f, err := l.report.tracked(l.source.ID, p)
		if err != nil {
			return err
		}
		list[i], ids[i], objects[i] = f, f.ID, f.ObjectID
	}
	var fixed map[string]seaworthy.TrackedFinding
	var known map[string]store.TrackedObject
	if !l.why.first {
		var err error
		if fixed, err = l.tx.LockFindings(ids...); err != nil {
			return err
		}
		if known, err = l.tx.ObjectsByID(unique(objects)); err != nil {
			return err
		}
	}
	changes := make([]store.FindingChange, 0, len(list))
	for i := range list {
		f := &list[i]
		var object *store.TrackedObject
		if o, ok := known[f.ObjectID]; ok {
			object = &o
		}
		c, err := l.opened(f, fixed, object)
		if err != nil {
			return err
		}
		changes = append(changes, c)
		if w := l.waiver(&c.After); w != nil {
			changes = append(changes, waive(c.After, w))
		}
	}
	if err := l.bulk.Change(changes); err != nil {
		return err
	}
	return l.ask(list)
}

func (l *life) opened(f *seaworthy.TrackedFinding, fixed map[string]seaworthy.TrackedFinding, object *store.TrackedObject) (store.FindingChange, error) {
	at := l.tx.At
	f.Status, f.Cause, f.FirstSeenAt, f.OpenedAt, f.RunID = seaworthy.FindingOpen, l.why.opened(f, object), at, at, l.run.ID
	if d, ok := l.sla[f.Severity]; ok {
		f.DueAt = at.Add(d)
	}
	var err error
	if f.Team, err = l.teamOfID(keyOf(f.ObjectID)); err != nil {
		return store.FindingChange{}, err
	}
	c := store.FindingChange{Kind: seaworthy.EventOpened, Cause: f.Cause, RunID: l.run.ID}
	if old, ok := fixed[f.ID]; ok {
		f.FirstSeenAt, f.Regressions, f.Assignee, f.Ticket = old.FirstSeenAt, old.Regressions+1, old.Assignee, old.Ticket
		c.Before, c.Kind = &old, seaworthy.EventRegressed
		l.run.Regressed++
	} else {
		l.run.Opened++
	}
	c.After = *f
	return c, nil
}

// teamOfID is the team of an object that the report names. Many findings share an object.
func (l *life) teamOfID(id key) (string, error) {
	if team, known := l.teams[id]; known {
		return team, nil
	}
	o, known := l.known[id.String()]
	if !known || !o.DeletedAt.IsZero() || l.report.objects[id].own {
		var err error
		if o, err = l.report.found(l.source.ID, id); err != nil {
			return "", err
		}
	}
	l.teams[id] = l.teamOf(o)
	return l.teams[id], nil
}

func (l *life) teamOf(o store.TrackedObject) string {
	if team := l.team(o); team != "" {
		return team
	}
	return l.source.Team
}

// change notes what a report says otherwise of findings that stand.
func (l *life) change(part []indexed) error {
	ids := make([]string, len(part))
	for i, p := range part {
		ids[i] = p.id.String()
	}
	have, err := l.tx.LockFindings(ids...)
	if err != nil {
		return err
	}
	var asking []seaworthy.TrackedFinding
	changes := make([]store.FindingChange, 0, len(part))
	for _, p := range part {
		said, err := l.report.tracked(l.source.ID, p)
		if err != nil {
			return err
		}
		before := have[said.ID]
		after := before
		after.Category, after.Object, after.Container, after.Path = said.Category, said.Object, said.Container, said.Path
		after.File, after.Line, after.Origin, after.Message = said.File, said.Line, said.Origin, said.Message
		after.WaiverRequested = said.WaiverRequested
		l.severity(&after, said.Severity)
		changes = append(changes, store.FindingChange{Before: &before, After: after, Kind: seaworthy.EventChanged, RunID: l.run.ID, Note: note(before, after)})
		if after.WaiverRequested != before.WaiverRequested {
			asking = append(asking, after)
		}
	}
	l.run.Unchanged += len(part) // they stay open
	if err := l.bulk.Change(changes); err != nil {
		return err
	}
	return l.ask(asking)
}

// severity moves a finding to another severity, and its due date with it unless somebody
// set another.
func (l *life) severity(f *seaworthy.TrackedFinding, to seaworthy.Severity) {
	if f.Severity == to {
		return
	}
	old, had := l.sla[f.Severity]
	now, has := l.sla[to]
	f.Severity = to
	switch {
	case had != f.DueAt.IsZero() && has && (!had || f.DueAt.Equal(f.OpenedAt.Add(old))):
		f.DueAt = f.OpenedAt.Add(now)
	case had && !has && f.DueAt.Equal(f.OpenedAt.Add(old)):
		f.DueAt = time.Time{}
	}
}

// note says what changed, in words.
func note(a, b seaworthy.TrackedFinding) string {
	var what []string
	if a.Severity != b.Severity {
		what = append(what, "severity "+string(a.Severity)+" → "+string(b.Severity))
	}
	if a.Message != b.Message {
		what = append(what, "message")
	}
	if a.Object != b.Object || a.Path != b.Path || a.File != b.File || a.Line != b.Line || a.Origin != b.Origin || a.Container != b.Container {
		what = append(what, "place")
	}
	if a.Category != b.Category {
		what = append(what, "category")
	}
	if a.WaiverRequested != b.WaiverRequested {
		what = append(what, "waiver requested")
	}
	return strings.Join(what, ", ")
}

// close fixes findings that were not found again, where the report could see.
func (l *life) close(part []key) error {
	ids := make([]string, len(part))
	for i, id := range part {
		ids[i] = id.String()
	}
	have, err := l.tx.LockFindings(ids...)
	if err != nil {
		return err
	}
	changes := make([]store.FindingChange, 0, len(part))
	for _, id := range ids {
		before := have[id]
		if l.blind != nil && l.blind.hides(&before) {
			l.run.Unchanged++
			l.unseen = append(l.unseen, id)
			continue
		}
		after := before
		after.Status, after.Cause = seaworthy.FindingFixed, l.why.closed(&before, l.present(keyOf(before.ObjectID)))
		after.ClosedAt, after.RunID, after.WaiverID = l.tx.At, l.run.ID, ""
		changes = append(changes, store.FindingChange{Before: &before, After: after, Kind: seaworthy.EventFixed, Cause: after.Cause, RunID: l.run.ID})
		l.run.Fixed++
	}
	return l.bulk.Change(changes)
}

// waiver is the approved waiver that speaks of a finding, or nil.
func (l *life) waiver(f *seaworthy.TrackedFinding) *seaworthy.TrackedWaiver {
	said := seaworthy.Finding{Check: f.Check, Object: f.Object, Container: f.Container, File: f.File, Fingerprint: f.Fingerprint}
	for _, key := range []string{f.Check, ""} {
		list := l.waivers[key]
		if i := slices.IndexFunc(list, func(w seaworthy.TrackedWaiver) bool { return w.Matches(&said) }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

func waive(f seaworthy.TrackedFinding, w *seaworthy.TrackedWaiver) store.FindingChange {
	after := f
	after.Status, after.Cause, after.WaiverID = seaworthy.FindingWaived, seaworthy.CauseWaiver, w.ID
	return store.FindingChange{Before: &f, After: after, Kind: seaworthy.EventWaived, Cause: seaworthy.CauseWaiver, RunID: f.RunID}
}

// ask passes on the requests for waivers that objects carry.
func (l *life) ask(list []seaworthy.TrackedFinding) error {
	asking := slices.DeleteFunc(slices.Clone(list), func(f seaworthy.TrackedFinding) bool { return f.WaiverRequested == "" })
	if len(asking) == 0 || l.c.Requested == nil {
		return nil
	}
	return l.c.Requested(l.tx, asking)
}

// objects brings the index of objects in step.
func (l *life) objects() error {
	standing, err := l.tx.StandingObjects(l.source.ID)
	if err != nil {
		return err
	}
	have := make(map[key]bool, len(standing))
	var gone []string
	for _, id := range standing {
		k := keyOf(id)
		have[k] = true
		if _, ok := l.report.objects[k]; !ok {
			gone = append(gone, id)
		}
	}
	if l.report.listed {
		if gone, err = l.seen(gone); err != nil {
			return err
		}
		if err := l.tx.DeleteObjects(gone); err != nil {
			return err
		}
	}
	var put []key
	for id, s := range l.report.objects {
		if s.own || !have[id] {
			put = append(put, id)
		}
	}
	slices.SortFunc(put, func(a, b key) int { return strings.Compare(a.String(), b.String()) })
	return each(put, l.putObjects)
}

// putObjects writes what is new or said otherwise of objects.
func (l *life) putObjects(part []key) error {
	ids := make([]string, len(part))
	for i, id := range part {
		ids[i] = id.String()
	}
	have, err := l.tx.ObjectsByID(ids)
	if err != nil {
		return err
	}
	fresh, altered := make([]store.TrackedObject, 0, len(part)), []store.TrackedObject{}
	for _, id := range part {
		o, err := l.report.found(l.source.ID, id)
		if err != nil {
			return err
		}
		o.Team, o.FirstSeenAt = l.teamOf(o), l.tx.At
		old, known := have[o.ID]
		if !known {
			fresh = append(fresh, o)
			continue
		}
		if o.FirstSeenAt = old.FirstSeenAt; !reflect.DeepEqual(o, old) {
			altered = append(altered, o)
		}
	}
	if err := l.tx.AddObjects(fresh); err != nil {
		return err
	}
	return l.tx.PutObjects(altered)
}

// seen leaves out objects that the report could not see, or did not ask for.
func (l *life) seen(ids []string) ([]string, error) {
	known, err := l.tx.ObjectsByID(ids)
	return slices.DeleteFunc(ids, func(id string) bool {
		o := known[id]
		f := seaworthy.TrackedFinding{Object: o.Object, File: o.File}
		return !covers(l.why.now, &f) || l.blind.hidesObject(&f)
	}), err
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
