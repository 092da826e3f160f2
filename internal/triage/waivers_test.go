// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

func (w *world) request(who seaworthy.Principal, v seaworthy.Waiver) seaworthy.TrackedWaiver {
	w.Helper()
	asked, err := w.triage.RequestWaiver(w.Context(), who, "s1", v)
	w.must(err)
	return asked
}

func TestAnApprovedWaiverWaivesAllItConcernsUntilItEnds(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		var list []seaworthy.TrackedFinding
		for n := range 2500 {
			list = append(list, finding(n, "latest-tag", "shop-a", "shop"))
		}
		ids := w.open(append(list, finding(9000, "latest-tag", "pay", "pay"), finding(9001, "host-path", "shop-a", "shop"))...)
		inside, outside := []string{ids[0], ids[1234], ids[2499]}, ids[2500:]
		asked := w.request(eve, seaworthy.Waiver{Check: "latest-tag", Namespace: "shop-*", Reason: "until the registry moves", Expires: w.day(30)})
		if asked.State != seaworthy.WaiverRequested || asked.Owner != "eve" || asked.From != "person" {
			w.Errorf("request %+v", asked)
		}
		w.status(seaworthy.FindingOpen, ids[:1]...)
		if seen, err := w.triage.Concerned(ctx, bob, "s1", asked.Waiver); err != nil || seen.Findings != 2500 || len(seen.Sample) != 10 {
			w.Errorf("Concerned = %d, %v, want 2500", seen.Findings, err)
		}
		got, err := w.triage.Approve(ctx, bob, []string{asked.ID}, triage.Decision{CompensatingControl: "digests are pinned", Note: "fine"})
		w.must(err)
		if g := got[0]; g.State != seaworthy.WaiverApproved || g.Approver != "bob" || g.CompensatingControl != "digests are pinned" || g.DecidedBy != "user:bob" {
			w.Errorf("approved %+v", g)
		}
		w.status(seaworthy.FindingWaived, inside...)
		w.status(seaworthy.FindingOpen, outside...)
		if f, e := w.get(ids[0]), w.last(ids[0]); f.WaiverID != asked.ID || f.Cause != seaworthy.CauseWaiver || e.Kind != seaworthy.EventWaived || e.Actor != "user:bob" {
			w.Errorf("waived finding %+v, event %+v", f, e)
		}
		_, err = w.triage.Approve(ctx, bob, []string{asked.ID}, triage.Decision{})
		w.refused(err, seaworthy.KindConflict)

		w.now = w.now.AddDate(0, 0, 30) // its last day
		w.settle()
		w.status(seaworthy.FindingWaived, inside...)
		w.now = w.now.AddDate(0, 0, 1)
		w.settle()
		w.status(seaworthy.FindingOpen, ids...)
		if f, e := w.get(ids[0]), w.last(ids[0]); f.WaiverID != "" || e.Cause != seaworthy.CauseWaiverEnded || e.Actor != "system" {
			w.Errorf("opened finding %+v, event %+v", f, e)
		}
		w.settle()
		page, err := w.store.Waivers(ctx, store.WaiverFilter{States: []string{seaworthy.WaiverRequested}})
		if err != nil || len(page.Items) != 1 {
			w.Fatalf("asked again: %+v, %v, want one request", page.Items, err)
		}
		again := page.Items[0]
		if again.From != "renewal" || again.Renews != asked.ID || again.RequestedBy != "user:eve" || !again.Expires.IsZero() || again.Approver != "" {
			w.Errorf("renewal %+v", again)
		}
		_, err = w.triage.Approve(ctx, bob, []string{again.ID}, triage.Decision{})
		w.refused(err, seaworthy.KindInvalid) // without an end
		_, err = w.triage.Approve(ctx, bob, []string{again.ID}, triage.Decision{Expires: w.day(10)})
		w.must(err)
		w.status(seaworthy.FindingWaived, inside...)
		_, err = w.triage.Revoke(ctx, bob, []string{again.ID}, "the registry moved")
		w.must(err)
		w.status(seaworthy.FindingOpen, inside...)
	})
}

func TestNobodyApprovesWhatTheyAskedFor(t *testing.T) {
	each(t, func(w *world) {
		ids := w.open(finding(1, "latest-tag", "shop", "shop"))
		annotated := w.get(ids[0])
		annotated.WaiverRequested = "we know"
		bySystem := adaBot
		bySystem.Actor, bySystem.Maker = "agent:a1", ""
		for _, c := range []struct {
			name          string
			asks, decides seaworthy.Principal
			owner         string
			want          seaworthy.Kind // 0: approved
		}{
			{"another", ada, bob, "", 0},
			{"an engineer's", eve, ada, "", 0},
			{"oneself", ada, ada, "", seaworthy.KindForbidden},
			{"one's own token", ada, adaBot, "", seaworthy.KindForbidden},
			{"what one's token asked for", adaBot, ada, "bob", seaworthy.KindForbidden},
			{"a token what it asked for", adaBot, adaBot, "bob", seaworthy.KindForbidden},
			{"what another's token asked for", adaBot, bob, "ada", 0},
			{"as its owner", eve, bob, "bob", seaworthy.KindInvalid},
			{"no person", eve, bySystem, "", seaworthy.KindForbidden},
		} {
			asked := w.request(c.asks, seaworthy.Waiver{Check: "latest-tag", Reason: c.name, Owner: c.owner, Expires: w.day(10)})
			_, err := w.triage.Approve(w.Context(), c.decides, []string{asked.ID}, triage.Decision{})
			if (err == nil) != (c.want == 0) || kind(err) != c.want {
				w.Errorf("%s: %v, want kind %d", c.name, err, c.want)
			}
			now, _ := w.store.Waiver(w.Context(), asked.ID)
			if may := w.triage.MayApprove(w.Context(), c.decides, &asked); c.want != seaworthy.KindInvalid && (may == nil) != (c.want == 0) {
				w.Errorf("%s: MayApprove = %v", c.name, may)
			}
			if c.want == 0 {
				_, err = w.triage.Revoke(w.Context(), c.decides, []string{asked.ID}, "over")
				w.must(err)
			} else if now.State != seaworthy.WaiverRequested {
				w.Errorf("%s: the waiver is %s", c.name, now.State)
			}
			w.status(seaworthy.FindingOpen, ids...)
		}
	})
}

func TestWhatAWaiverNeeds(t *testing.T) {
	each(t, func(w *world) {
		w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "pay", "pay"))
		good := seaworthy.Waiver{Check: "latest-tag", Namespace: "shop", Reason: "r", Expires: w.day(365)}
		for _, c := range []struct {
			name   string
			who    seaworthy.Principal
			change func(*seaworthy.Waiver)
			want   seaworthy.Kind
		}{
			{"good", eve, func(*seaworthy.Waiver) {}, 0},
			{"without a check", eve, func(v *seaworthy.Waiver) { v.Check = "" }, seaworthy.KindInvalid},
			{"without a reason", eve, func(v *seaworthy.Waiver) { v.Reason = " \n" }, seaworthy.KindInvalid},
			{"without an end", eve, func(v *seaworthy.Waiver) { v.Expires = seaworthy.Date{} }, seaworthy.KindInvalid},
			{"that is over", eve, func(v *seaworthy.Waiver) { v.Expires = w.day(-1) }, seaworthy.KindInvalid},
			{"for two years", eve, func(v *seaworthy.Waiver) { v.Expires = w.day(700) }, seaworthy.KindInvalid},
			{"of an unknown owner", eve, func(v *seaworthy.Waiver) { v.Owner = "nobody" }, seaworthy.KindNotFound},
			{"with its approver", eve, func(v *seaworthy.Waiver) { v.Approver = "bob" }, seaworthy.KindInvalid},
			{"by file", ada, func(v *seaworthy.Waiver) { v.File = "a.yaml" }, seaworthy.KindInvalid},
			{"with a malformed pattern", eve, func(v *seaworthy.Waiver) { v.Namespace = "sh[op" }, seaworthy.KindInvalid},
			{"with a NUL", ada, func(v *seaworthy.Waiver) { v.Reason = "a\x00b" }, seaworthy.KindInvalid},
			{"of another team", eve, func(v *seaworthy.Waiver) { v.Namespace = "pay" }, seaworthy.KindForbidden},
			{"of all teams", eve, func(v *seaworthy.Waiver) { v.Namespace = "" }, seaworthy.KindForbidden},
			{"of nothing", eve, func(v *seaworthy.Waiver) { v.Namespace = "nowhere" }, seaworthy.KindForbidden},
			{"of nothing yet, by who may", bob, func(v *seaworthy.Waiver) { v.Namespace = "nowhere" }, 0},
		} {
			v := good
			c.change(&v)
			_, err := w.triage.RequestWaiver(w.Context(), c.who, "s1", v)
			if (err == nil) != (c.want == 0) || kind(err) != c.want {
				w.Errorf("a waiver %s: %v, want kind %d", c.name, err, c.want)
			}
		}
		_, err := w.triage.RequestWaiver(w.Context(), ada, "nowhere", good)
		w.refused(err, seaworthy.KindNotFound)
		short := triage.New(triage.Config{Store: w.store, MaxWaiver: 30 * 24 * time.Hour})
		_, err = short.RequestWaiver(w.Context(), ada, "s1", good)
		w.refused(err, seaworthy.KindInvalid)
	})
}

func TestBulkRequestsAreOneForEachFindingAndOnce(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		odd := finding(3, "latest-tag", "shop", "shop")
		odd.Container = `we[ird*`
		odd.Object.Name = `a?b\c`
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"), odd)
		terms := triage.Terms{Reason: "r", Expires: w.day(30)}
		first, err := w.triage.WaiveFindings(ctx, eve, ids[:1], terms)
		if err != nil || len(first) != 1 {
			w.Fatalf("WaiveFindings = %v, %v", first, err)
		}
		rest, err := w.triage.WaiveFindings(ctx, eve, ids, terms)
		if err != nil || len(rest) != 2 {
			w.Fatalf("WaiveFindings of all = %v, %v, want the two others", rest, err)
		}
		_, err = w.triage.WaiveFindings(ctx, eve, ids, terms)
		w.refused(err, seaworthy.KindConflict)
		_, err = w.triage.Approve(ctx, ada, []string{first[0].ID, rest[0].ID, rest[1].ID}, triage.Decision{Note: "all three"})
		w.must(err)
		w.status(seaworthy.FindingWaived, ids...)
		for i, filter := range []store.WaiverFilter{{States: []string{seaworthy.WaiverApproved}}, {ByExpiry: true, ExpiringBefore: w.now.AddDate(0, 2, 0)}, {Check: "latest-tag", Source: "s1"}} {
			filter.Limit = 2
			page, err := w.store.Waivers(ctx, filter)
			if err != nil || len(page.Items) != 2 || page.Next == "" {
				w.Fatalf("filter %d: %+v, %v, want two of three", i, page, err)
			}
			filter.Cursor = page.Next
			if page, err = w.store.Waivers(ctx, filter); err != nil || len(page.Items) != 1 || page.Next != "" {
				w.Errorf("filter %d: second page %+v, %v, want the third", i, page, err)
			}
		}
		if page, err := w.store.Waivers(ctx, store.WaiverFilter{ExpiringBefore: w.now.AddDate(0, 0, 7)}); err != nil || len(page.Items) != 0 {
			w.Errorf("expiring within a week: %v, %v, want none", page.Items, err)
		}
	})
}

func TestAFindingThatAnotherWaiverHoldsStaysWaived(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"))
		a := w.request(eve, seaworthy.Waiver{Check: "latest-tag", Reason: "a", Expires: w.day(10)})
		b := w.request(eve, seaworthy.Waiver{Check: "latest-*", Reason: "b", Expires: w.day(20)})
		_, err := w.triage.Approve(ctx, bob, []string{a.ID, b.ID}, triage.Decision{})
		w.must(err)
		holder, other := w.get(ids[0]).WaiverID, b.ID
		if holder == b.ID {
			other = a.ID
		}
		_, err = w.triage.Revoke(ctx, eve, []string{holder}, "not needed")
		w.must(err)
		if f := w.get(ids[0]); f.Status != seaworthy.FindingWaived || f.WaiverID != other {
			w.Errorf("finding %s by %s, want waived by %s", f.Status, f.WaiverID, other)
		}
		_, err = w.triage.Revoke(ctx, finn, []string{other}, "not mine")
		w.refused(err, seaworthy.KindForbidden)
		w.now = w.now.AddDate(0, 1, 0)
		w.settle()
		w.status(seaworthy.FindingOpen, ids...)
	})
}

func TestAnnotationsBecomeRequestsOnce(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		f := finding(1, "latest-tag", "shop", "shop")
		f.WaiverRequested = "the vendor's image"
		ids := w.open(f)
		told := func(reason string) {
			w.Helper()
			f := w.get(ids[0])
			f.WaiverRequested = reason
			w.must(w.store.Write(ctx, robot.Actor, func(tx *store.Tx) error { return triage.Requested(tx, []seaworthy.TrackedFinding{f}) }))
		}
		requests := func(want int) []seaworthy.TrackedWaiver {
			w.Helper()
			page, err := w.store.Waivers(ctx, store.WaiverFilter{States: []string{seaworthy.WaiverRequested}})
			if err != nil || len(page.Items) != want {
				w.Fatalf("requests %v, %v, want %d", page.Items, err, want)
			}
			return page.Items
		}
		told("the vendor's image")
		told("the vendor's image")
		told("another reason")
		asked := requests(1)[0]
		if asked.From != "annotation" || asked.Owner != "" || asked.Reason != "the vendor's image" || asked.RequestedBy != "token:robot" {
			w.Errorf("request %+v", asked)
		}
		// Ada made the token that told of it, and so could have made it up.
		_, err := w.triage.Approve(ctx, ada, []string{asked.ID}, triage.Decision{Owner: "eve", Expires: w.day(30)})
		w.refused(err, seaworthy.KindForbidden)
		_, err = w.triage.Approve(ctx, bob, []string{asked.ID}, triage.Decision{Expires: w.day(30)})
		w.refused(err, seaworthy.KindInvalid) // no owner
		_, err = w.triage.Reject(ctx, bob, []string{asked.ID}, "pin the digest")
		w.must(err)
		told("the vendor's image")
		requests(0)
		told("the vendor is gone")
		asked = requests(1)[0]
		_, err = w.triage.Approve(ctx, bob, []string{asked.ID}, triage.Decision{Owner: "eve", Expires: w.day(30)})
		w.must(err)
		w.status(seaworthy.FindingWaived, ids...)
		told("once more")
		requests(0)
		list := []seaworthy.TrackedWaiver{}
		w.write(func(tx *store.Tx) (err error) { list, err = triage.Waivers(tx, "s1"); return err })
		if len(list) != 1 || list[0].ID != asked.ID {
			w.Errorf("Waivers = %v, want the approved one", list)
		}
	})
}

// A report that was being taken while a waiver was approved or revoked did not know.
func TestWhatCameInBetweenIsSettled(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"))
		asked := w.request(eve, seaworthy.Waiver{Check: "latest-tag", Reason: "r", Expires: w.day(10)})
		_, err := w.triage.Approve(ctx, bob, []string{asked.ID}, triage.Decision{})
		w.must(err)
		ids = append(ids, w.open(finding(2, "latest-tag", "shop", "shop"))...)
		w.settle()
		w.status(seaworthy.FindingWaived, ids...)
		_, err = w.triage.Revoke(ctx, bob, []string{asked.ID}, "r")
		w.must(err)
		late := finding(3, "latest-tag", "shop", "shop")
		late.Status, late.WaiverID = seaworthy.FindingWaived, asked.ID
		ids = append(ids, w.open(late)...)
		w.settle()
		w.status(seaworthy.FindingOpen, ids...)
		before, _, err := w.store.LogHead(ctx)
		w.must(err)
		w.settle()
		if after, _, _ := w.store.LogHead(ctx); after != before {
			w.Errorf("settling what is settled wrote %d entries", after-before)
		}
	})
}

func TestWaiverCounts(t *testing.T) {
	each(t, func(w *world) {
		for i := range 3 {
			w.request(ada, seaworthy.Waiver{Check: fmt.Sprintf("check-%d", i), Reason: strings.Repeat("r", i+1), Expires: w.day(10)})
		}
		counts, err := w.store.WaiverCounts(w.Context(), nil)
		if err != nil || counts[seaworthy.WaiverRequested] != 3 {
			w.Errorf("WaiverCounts = %v, %v, want 3 requested", counts, err)
		}
	})
}
