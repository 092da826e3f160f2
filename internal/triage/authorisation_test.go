// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"context"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// verbs are all verbs, each on what belongs to the team shop, and who may do it: of
// those in everybody, o owner, c compliance manager, e engineer of the team, f engineer
// of another team, v viewer, a auditor, r reporter.
var verbs = []struct {
	name string
	may  string
	do   func(*world, context.Context, seaworthy.Principal, *scene) error
}{
	{"assign", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Assign(ctx, who, []string{s.finding}, "eve")
		return err
	}},
	{"set due", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.SetDue(ctx, who, []string{s.finding}, w.now.AddDate(0, 1, 0), "release")
		return err
	}},
	{"link", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Link(ctx, who, []string{s.finding}, "https://tickets.example/1")
		return err
	}},
	{"comment on a finding", "oce", comment(seaworthy.OnFinding, func(s *scene) string { return s.finding })},
	{"comment on findings", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.CommentFindings(ctx, who, []string{s.finding}, "all the same")
		return err
	}},
	{"comment on a control", "oce", comment(seaworthy.OnControl, func(s *scene) string { return "releases" })},
	{"comment on an occurrence", "oce", comment(seaworthy.OnOccurrence, func(s *scene) string { return s.occurrence })},
	{"comment on evidence", "oce", comment(seaworthy.OnEvidence, func(s *scene) string { return s.evidence })},
	{"comment on a waiver", "oce", comment(seaworthy.OnWaiver, func(s *scene) string { return s.waiver })},
	{"request a waiver", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.RequestWaiver(ctx, who, "s1", seaworthy.Waiver{Check: "latest-tag", Namespace: "shop", Reason: "r", Expires: w.day(30)})
		return err
	}},
	{"waive findings", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.WaiveFindings(ctx, who, []string{s.finding}, triage.Terms{Reason: "r", Expires: w.day(30)})
		return err
	}},
	{"renew", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Renew(ctx, who, s.approved, triage.Terms{Reason: "r", Expires: w.day(30)})
		return err
	}},
	{"approve", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Approve(ctx, who, []string{s.waiver}, triage.Decision{})
		return err
	}},
	{"see whether to approve", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		v, err := w.store.Waiver(ctx, s.waiver)
		w.must(err)
		return w.triage.MayApprove(ctx, who, &v)
	}},
	{"reject", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Reject(ctx, who, []string{s.waiver}, "no")
		return err
	}},
	{"revoke", "oce", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error { // eve asked for it
		_, err := w.triage.Revoke(ctx, who, []string{s.waiver}, "no")
		return err
	}},
	{"preview", "ocefva", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Concerned(ctx, who, "s1", seaworthy.Waiver{Check: "latest-tag"})
		return err
	}},
	{"put a rule", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.PutRule(ctx, who, seaworthy.OwnershipRule{Namespace: "x", Team: "shop"})
		return err
	}},
	{"drop a rule", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		return w.triage.DropRule(ctx, who, s.rule)
	}},
	{"order rules", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		return w.triage.OrderRules(ctx, who, []string{s.rule})
	}},
	{"import CODEOWNERS", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.ImportCodeowners(ctx, who, "s2", "* @team-shop")
		return err
	}},
	{"set the SLA", "oc", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		return w.triage.SetSLA(ctx, who, seaworthy.SLA{seaworthy.High: 48 * time.Hour})
	}},
	{"save a view", "ocefva", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.SaveView(ctx, who, seaworthy.SavedView{Page: "findings", Name: "mine", Query: "status=open"})
		return err
	}},
	{"list views", "ocefva", func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Views(ctx, who, "")
		return err
	}},
}

func comment(kind string, subject func(*scene) string) func(*world, context.Context, seaworthy.Principal, *scene) error {
	return func(w *world, ctx context.Context, who seaworthy.Principal, s *scene) error {
		_, err := w.triage.Comment(ctx, who, kind, subject(s), "what of this?")
		return err
	}
}

// scene is what there is to act on; all of it is made anew for each try.
type scene struct{ finding, waiver, approved, rule, occurrence, evidence string }

func (w *world) scene(n int) *scene {
	w.Helper()
	ids := w.open(finding(3*n, "latest-tag", "shop", "shop"), finding(3*n+1, "latest-tag", "shop", "shop"), finding(3*n+2, "latest-tag", "shop", "shop"))
	asked, err := w.triage.WaiveFindings(w.Context(), eve, ids[1:], triage.Terms{Reason: "r", Expires: w.day(30)})
	w.must(err)
	_, err = w.triage.Approve(w.Context(), bob, []string{asked[1].ID}, triage.Decision{})
	w.must(err)
	s := &scene{finding: ids[0], waiver: asked[0].ID, approved: asked[1].ID}
	w.write(func(tx *store.Tx) error {
		c, err := tx.Control("releases")
		if kind(err) == seaworthy.KindNotFound {
			c = seaworthy.TrackedControl{Control: seaworthy.Control{ID: "releases"}, OwnerUser: "eve"}
			err = tx.PutControl(&c)
		}
		if err != nil {
			return err
		}
		o := seaworthy.Occurrence{ControlID: c.ID, From: tx.At, DueAt: tx.At.Add(time.Hour), Event: tx.NewID(), State: seaworthy.Expected}
		if err := tx.PutOccurrence(&o, o.DueAt); err != nil {
			return err
		}
		past := tx.At.Add(-time.Hour)
		e := seaworthy.Evidence{Kind: seaworthy.EvidenceAttestation, Statement: "s", Title: "t", Shows: seaworthy.Design, Collector: "user:ada",
			Controls: []string{c.ID}, EffectiveFrom: past, EffectiveTo: past, CollectedAt: past}
		if err := tx.AddEvidence(&e); err != nil {
			return err
		}
		rules, err := tx.OwnershipRules()
		if err != nil {
			return err
		}
		for i := range rules {
			if err := tx.DropOwnershipRule(&rules[i]); err != nil {
				return err
			}
		}
		r := seaworthy.OwnershipRule{ID: tx.NewID(), Place: 1, Namespace: "shop", Team: "shop"}
		s.occurrence, s.evidence, s.rule = o.ID, e.ID, r.ID
		return tx.PutOwnershipRule(&r)
	})
	return s
}

// Every role tries every verb.
func TestWhoMayDoWhat(t *testing.T) {
	each(t, func(w *world) {
		n := 0
		for _, v := range verbs {
			for i, who := range everybody {
				s := w.scene(n)
				n++
				letter := "ocefvar"[i : i+1]
				err := v.do(w, w.Context(), who, s)
				switch may := containsLetter(v.may, letter); {
				case may && err != nil:
					w.Errorf("%s: %s (%s) is refused: %v", v.name, who.Name, who.Role, err)
				case !may && kind(err) != seaworthy.KindForbidden:
					w.Errorf("%s: %s (%s) gets %v, want to be refused", v.name, who.Name, who.Role, err)
				}
			}
		}
	})
}

func containsLetter(s, letter string) bool {
	for _, r := range s {
		if string(r) == letter {
			return true
		}
	}
	return false
}

// A principal who is bound to a program acts on nothing else.
func TestWhoIsBoundToAProgramSeesNothingElse(t *testing.T) {
	each(t, func(w *world) {
		outside := finding(1, "latest-tag", "shop", "shop")
		outside.SourceID = "s2"
		outside.ID, outside.ObjectID = store.FindingID("s2", outside.Fingerprint), store.ObjectID("s2", outside.Object)
		ids := w.open(outside, finding(2, "latest-tag", "shop", "shop"))
		bound := adaBot
		bound.Program = "p1"
		_, err := w.triage.Assign(w.Context(), bound, ids[:1], "")
		w.refused(err, seaworthy.KindNotFound)
		_, err = w.triage.Link(w.Context(), bound, ids[1:], "https://tickets.example/2")
		w.must(err)
		_, err = w.triage.RequestWaiver(w.Context(), bound, "s2", seaworthy.Waiver{Check: "latest-tag", Reason: "r", Expires: w.day(3)})
		w.refused(err, seaworthy.KindForbidden)
		_, err = w.triage.RequestWaiver(w.Context(), bound, "", seaworthy.Waiver{Check: "latest-tag", Reason: "r", Expires: w.day(3)})
		w.refused(err, seaworthy.KindForbidden)
		seen, err := w.triage.Concerned(w.Context(), otto, "", seaworthy.Waiver{Check: "latest-tag"})
		if err != nil || seen.Findings != 1 {
			w.Errorf("an auditor of p1 sees %d findings concerned, %v, want 1", seen.Findings, err)
		}
	})
}
