// SPDX-License-Identifier: Apache-2.0

package imported

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// slack is how much later than a report an object may seem to have been written: times of
// objects are whole seconds, and clocks differ.
const slack = time.Minute

// book gathers what is said of each object by each check: an object is judged once, however
// many reports speak of it.
type book struct {
	*analysis.Pass
	now     time.Time // zero: unknown, nothing is too old
	ages    map[string]time.Duration
	pages   map[place]*page
	order   []place
	strange map[seaworthy.Object]*snapshot.Object // that the snapshot does not hold
}

type place struct {
	check  string
	object *snapshot.Object
}

// page is what is said of one object.
type page struct {
	items  []seaworthy.Item
	passed bool   // something fresh passed
	lacks  string // why what is known does not suffice for a pass
}

func newBook(p *analysis.Pass) *book {
	return &book{
		Pass: p, now: p.Snapshot.Source.Started, ages: map[string]time.Duration{}, pages: map[place]*page{},
		strange: map[seaworthy.Object]*snapshot.Object{},
	}
}

func (b *book) page(check string, o *snapshot.Object) *page {
	at := place{check, o}
	p := b.pages[at]
	if p == nil {
		p = &page{}
		b.pages[at] = p
		b.order = append(b.order, at)
	}
	return p
}

// fail says that an item of an object fails; said twice it counts once.
func (b *book) fail(check string, o *snapshot.Object, it seaworthy.Item) {
	p := b.page(check, o)
	if !slices.ContainsFunc(p.items, func(o seaworthy.Item) bool { return o.Key == it.Key }) {
		p.items = append(p.items, it)
	}
}

func (b *book) pass(check string, o *snapshot.Object) { b.page(check, o).passed = true }

func (b *book) lack(check string, o *snapshot.Object, format string, args ...any) {
	if p := b.page(check, o); p.lacks == "" {
		p.lacks = fmt.Sprintf(format, args...)
	}
}

// tell reports what was gathered.
func (b *book) tell() {
	for _, at := range b.order {
		p := b.pages[at]
		switch {
		case len(p.items) > 0:
			slices.SortStableFunc(p.items, func(x, y seaworthy.Item) int { return strings.Compare(x.Key, y.Key) })
			b.Report.Judge(at.check, at.object, p.items...)
		case p.lacks != "":
			b.Report.Error(at.check, at.object, &analysis.LackError{Reason: p.lacks})
		case p.passed:
			b.Report.Judge(at.check, at.object)
		}
	}
}

// stale says why a report of that time no longer tells of the object; empty: it does.
func (b *book) stale(check string, o *snapshot.Object, at time.Time) string {
	most, ok := b.ages[check]
	if !ok {
		var err error
		if most, err = b.age(check); err != nil {
			b.Report.Error(check, nil, err)
		}
		b.ages[check] = most
	}
	switch {
	case at.IsZero():
		return "the report does not say when it was made"
	case o.Changed > 0 && at.Add(slack).Before(time.Unix(o.Changed, 0)):
		return fmt.Sprintf("the report of %s is older than the object's last change", at.UTC().Format(time.DateTime))
	case !b.now.IsZero() && b.now.Sub(at) > most:
		return fmt.Sprintf("the report of %s is older than %s: what made it may be gone", at.UTC().Format(time.DateTime), most)
	}
	return ""
}

func (b *book) age(check string) (time.Duration, error) {
	text := b.Params(check)["max-age"]
	if text == "" {
		i := slices.IndexFunc(checks, func(c seaworthy.Check) bool { return c.ID == check })
		text = checks[i].Params[0].Default
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("read parameter max-age: %w", err)
	}
	return d, nil
}

// subject is what a report speaks of.
type subject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// resolve finds what stands for a subject: for what a controller made, what made that. Of
// an object that the cluster does not have any more nothing is judged (nil).
func (b *book) resolve(s subject, report *snapshot.Object) *snapshot.Object {
	o := b.find(s)
	for o != nil && o.Owner != nil {
		owner := b.Snapshot.Lookup(o.Owner.Group(), o.Owner.Kind, o.Owner.Namespace, o.Owner.Name)
		if owner == nil {
			break
		}
		o = owner
	}
	if o != nil {
		return o
	}
	if b.Snapshot.Cluster() && len(b.Snapshot.Kind(s.Kind)) > 0 && b.Snapshot.Unlisted[s.Kind] == "" {
		return nil
	}
	as := seaworthy.Object{APIVersion: s.APIVersion, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}
	if b.strange[as] == nil {
		b.strange[as] = &snapshot.Object{Object: as, Namespaced: s.Namespace != "", Source: snapshot.Origin{File: report.Source.File, Line: report.Source.Line}}
	}
	return b.strange[as]
}

// find looks an object up, by kind alone where the group is not told.
func (b *book) find(s subject) *snapshot.Object {
	named := seaworthy.Object{APIVersion: s.APIVersion}
	if s.APIVersion != "" {
		return b.Snapshot.Lookup(named.Group(), s.Kind, s.Namespace, s.Name)
	}
	for _, o := range b.Snapshot.Kind(s.Kind) {
		if o.Name == s.Name && o.EffectiveNamespace() == s.Namespace {
			return o
		}
	}
	return nil
}

// severity reads another tool's word for a severity.
func severity(word string) seaworthy.Severity {
	s, err := seaworthy.ParseSeverity(word)
	if err != nil {
		return ""
	}
	return s
}

// sentence makes one line of another tool's text.
func sentence(text string) string {
	return strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
}
