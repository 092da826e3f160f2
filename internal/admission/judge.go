// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Verdict is what one check says of a request.
type Verdict struct {
	Check *seaworthy.Check
	// Mode is what comes of it here; Asked is what the configuration says, which may be
	// stricter where nothing is refused.
	Mode, Asked Mode
	// Findings are what the request would bring about; those with a waiver are accepted.
	// Items are theirs, in the same order.
	Findings []*seaworthy.Finding
	Items    []seaworthy.Item
	// Err: the check could not be evaluated. That is no pass.
	Err error
}

// open tells whether some finding is not waived.
func (v *Verdict) open() bool {
	return slices.ContainsFunc(v.Findings, func(f *seaworthy.Finding) bool { return f.Waiver == nil })
}

// Decision is what is answered to a request, and why.
type Decision struct {
	Allowed bool
	// Message says why it is refused.
	Message string
	// Failed: something could not be evaluated. Whether the request is refused for that
	// follows from the failure policy.
	Failed bool
	// Warnings are for who asked; Annotations for the audit log.
	Warnings    []string
	Annotations map[string]string
	// Verdicts are of the checks that fail or could not be evaluated, the most severe
	// first.
	Verdicts []Verdict
	// NotJudged says why no check was evaluated; empty: they were. Owner is the object
	// through which it is judged, where that is why.
	NotJudged string
	Owner     *seaworthy.Object
	// Spared says why nothing is refused here whatever the checks say; empty: it may be.
	Spared string
	// Partly says what of the request was not judged, where some was.
	Partly string

	code int32 // of HTTP, where it is refused
	// unheard: nobody waited for the decision, and what came of the request is not known.
	unheard bool
}

// Review judges a request. It has no side effects. The objects of the review lose the
// values of Secrets, which nothing here may look at.
func (g *Guard) Review(ctx context.Context, r *Review) (d *Decision) {
	g.discreet(r)
	d = &Decision{Allowed: true}
	judged := false
	defer func() {
		if p := recover(); p != nil { // a defect must not let anything through unseen
			if judged {
				d.Verdicts = nil
			}
			g.broken(d, r, fmt.Errorf("judge the request: %v", p))
		}
	}()
	subjects, err := g.subjects(ctx, r, d)
	switch {
	case err != nil:
		g.fail(d, r, err)
		return d
	case len(subjects) == 0:
		return d
	}
	at := g.place(ctx, r)
	d.Spared = g.spared(r)
	alone := g.borrow()
	for _, s := range subjects {
		if err := g.judge(ctx, alone, r, at, s, d); err != nil {
			g.broken(d, r, err)
			return d
		}
	}
	g.giveBack(alone) // not after a panic
	judged = true
	g.conclude(d)
	return d
}

// broken is what comes of a request that could not be judged whole: it is refused for what
// was found until then, if that refuses it, and else as the failure policy says.
func (g *Guard) broken(d *Decision, r *Review, err error) {
	d.Allowed, d.NotJudged = true, ""
	if g.conclude(d); d.Allowed {
		g.fail(d, r, err)
		return
	}
	d.Failed, d.Partly = true, clean(err.Error())
	d.Annotations["error"] = cut(d.Partly, maxAnnotation)
}

// subject is one object that a request makes of another.
type subject struct {
	object, old *snapshot.Object
	subresource string
	wants       func(*seaworthy.Check) bool
}

// subjects finds what of a request is judged; none: d says why.
func (g *Guard) subjects(ctx context.Context, r *Review, d *Decision) ([]subject, error) {
	none := func(why string) ([]subject, error) {
		d.NotJudged = why
		return nil, nil
	}
	switch {
	case r.Operation == opDelete:
		return none("nothing becomes worse by being deleted")
	case r.Operation == opConnect:
		return none("a connection writes no object")
	case r.Subresource == "scale":
		return g.scaled(ctx, r, d)
	case r.Subresource != "" && (r.Resource.String() != "pods" || r.Subresource != "ephemeralcontainers" && r.Subresource != "resize"):
		return none("the subresource " + r.Subresource + " holds nothing that a check judges")
	case r.Operation == opUpdate && unchanged(r.OldObject, r.Object) && (!g.cfg.WholeUpdates || deleting(r.Object)):
		return none("only bookkeeping changes")
	}
	if d.Owner = g.owner(r); d.Owner != nil {
		return none("it is judged through " + d.Owner.String())
	}
	s := subject{subresource: r.Subresource}
	if r.Subresource == "resize" { // makes nothing worse but for who limits resources
		s.wants = func(k *seaworthy.Check) bool { return k.Custom }
	}
	var err error
	if s.object, err = g.decode(r, r.Object); err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	if r.Operation == opUpdate {
		if s.old, err = g.decode(r, r.OldObject); err != nil {
			return nil, fmt.Errorf("read the object before the change: %w", err)
		}
	}
	return []subject{s}, nil
}

// judge adds what the checks say of one subject.
func (g *Guard) judge(ctx context.Context, alone *scan.Alone, r *Review, at *place, s subject, d *Decision) error {
	q := scan.Asked{
		Old: s.old, Operation: r.Operation, Subresource: s.subresource,
		Username: r.User.Username, Groups: r.User.Groups, UserInfo: r.User.info(),
	}
	if g.cfg.WholeUpdates {
		q.Before, q.Old = s.old, nil
	}
	q.Namespace, q.NamespaceErr = at.object()
	now := g.cfg.Now()
	q.Wants = func(k *seaworthy.Check) bool {
		mode, err := g.mode(k, at)
		return (mode != Off || err != nil) && g.evaluates(k) && (s.wants == nil || s.wants(k))
	}
	err := alone.Judge(ctx, s.object, q, func(j scan.Judged) {
		if j.Err == nil && len(j.Findings) == 0 {
			return
		}
		v := Verdict{Check: j.Check, Findings: j.Findings, Items: j.Items, Err: j.Err}
		mode, err := g.mode(j.Check, at)
		if err != nil {
			v.Err = cmp.Or(v.Err, fmt.Errorf("find the mode of the check: %w", err))
		}
		v.Asked, v.Mode = mode, mode
		if d.Spared != "" || err != nil && g.cfg.FailurePolicy == admissionregistration.Ignore {
			v.Mode = weaker(mode, Warn)
		}
		for _, f := range v.Findings {
			g.waivers.apply(f, now)
		}
		d.Verdicts = append(d.Verdicts, v)
	})
	if err != nil {
		return err
	}
	g.signed(ctx, alone, at, s, d)
	return nil
}

// evaluates tells whether the check is evaluated here, at least in part.
func (g *Guard) evaluates(k *seaworthy.Check) bool {
	return g.skipped[k.ID] == "" || k.Scope == seaworthy.ScopeSingleCross
}

// decode makes the object that a scan of the cluster would see.
func (g *Guard) decode(r *Review, written map[string]any) (*snapshot.Object, error) {
	if meta, ok := written["metadata"].(map[string]any); ok && r.Namespace != "" && meta["namespace"] == nil && r.Resource.Resource != "namespaces" {
		meta["namespace"] = r.Namespace
	}
	o, err := g.dec.Decode(judgeable(written), snapshot.Origin{})
	if err != nil {
		return nil, err
	}
	if o.ReplacedAPI == "" {
		o.Resource = r.Resource.schema()
	}
	o.Namespaced = r.Namespace != "" && (r.Resource.Group != "" || r.Resource.Resource != "namespaces")
	o.Schema = nil // the server has validated it, by what may be a newer schema
	return o, nil
}

// discreet takes the values of Secrets out of a review, and what nobody looks at.
func (g *Guard) discreet(r *Review) {
	r.Object, r.OldObject = changes.Redact(r.Object, g.cfg.Key), changes.Redact(r.OldObject, g.cfg.Key)
}

// judgeable is a redacted object in the form in which scans of a cluster see it: the
// values of a Secret are empty.
func judgeable(object map[string]any) map[string]any {
	if object["kind"] != "Secret" || object["apiVersion"] != "v1" {
		return object
	}
	out := make(map[string]any, len(object))
	for k, v := range object {
		if values, ok := v.(map[string]any); ok && (k == "data" || k == "stringData") {
			empty := make(map[string]any, len(values))
			for name := range values {
				empty[name] = ""
			}
			v = empty
		}
		out[k] = v
	}
	return out
}

// bookkeeping are fields of metadata that no check judges and that must always be free to
// change: who could not remove a finalizer could not delete.
var bookkeeping = []string{"resourceVersion", "generation", "managedFields", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}

// unchanged tells whether nothing but bookkeeping and status differ.
func unchanged(before, after map[string]any) bool {
	return equalBut(before, after, func(field string, b, a any) bool {
		if field == "status" {
			return true
		}
		mb, _ := b.(map[string]any)
		ma, _ := a.(map[string]any)
		return field == "metadata" && equalBut(mb, ma, func(field string, _, _ any) bool { return slices.Contains(bookkeeping, field) })
	})
}

// equalBut compares mappings but for the fields that the function lets pass.
func equalBut(before, after map[string]any, pass func(field string, b, a any) bool) bool {
	for field, a := range after {
		if b := before[field]; !pass(field, b, a) && !reflect.DeepEqual(b, a) {
			return false
		}
	}
	for field, b := range before {
		if _, ok := after[field]; !ok && !pass(field, b, nil) {
			return false
		}
	}
	return true
}

// deleting tells whether the object goes as soon as its finalizers do.
func deleting(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	return meta["deletionTimestamp"] != nil
}
