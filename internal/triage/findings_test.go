// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestEveryStepIsAnEventByWhoTookIt(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"))
		n, err := w.triage.Assign(ctx, eve, ids, "eve")
		if err != nil || n != 2 {
			w.Fatalf("Assign = %d, %v, want 2", n, err)
		}
		if e := w.last(ids[0]); e.Kind != seaworthy.EventAssigned || e.Actor != "user:eve" || e.Note != "eve" {
			w.Errorf("event %+v, want that eve took it", e)
		}
		if n, err := w.triage.Assign(ctx, ada, ids, "eve"); err != nil || n != 0 {
			w.Errorf("assigned again: %d, %v, want that nothing changed", n, err)
		}
		due := w.now.AddDate(0, 2, 0)
		_, err = w.triage.SetDue(ctx, eve, ids[:1], due, "the vendor ships in May")
		w.must(err)
		if f, e := w.get(ids[0]), w.last(ids[0]); !f.DueAt.Equal(due) || e.Kind != seaworthy.EventDue || e.Note != "the vendor ships in May" {
			w.Errorf("due %s with event %+v, want %s with its reason", f.DueAt, e, due)
		}
		_, err = w.triage.SetDue(ctx, eve, ids[:1], time.Time{}, "shipped")
		w.must(err)
		if f := w.get(ids[0]); !f.DueAt.Equal(f.OpenedAt.AddDate(0, 0, 30)) {
			w.Errorf("due %s, want 30 days after %s", f.DueAt, f.OpenedAt)
		}
		_, err = w.triage.Link(ctx, eve, ids[:1], "https://tickets.example/SHOP-1?x=1#y")
		w.must(err)
		if f := w.get(ids[0]); f.Ticket != "https://tickets.example/SHOP-1?x=1#y" {
			w.Errorf("ticket %q", f.Ticket)
		}
		if _, err = w.triage.Assign(ctx, eve, ids[:1], ""); err != nil || w.get(ids[0]).Assignee != "" {
			w.Errorf("assigned to nobody: %q, %v", w.get(ids[0]).Assignee, err)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "pay", "pay"), finding(3, "latest-tag", "x", ""))
		w.write(func(tx *store.Tx) error {
			have, err := tx.LockFindings(ids[2])
			if err != nil {
				return err
			}
			before := have[ids[2]]
			after := before
			after.Status, after.ClosedAt = seaworthy.FindingFixed, tx.At
			return tx.ChangeFindings([]store.FindingChange{{Before: &before, After: after, Kind: seaworthy.EventFixed}})
		})
		many := make([]string, 10001)
		for i := range many {
			many[i] = fmt.Sprint(i)
		}
		assign := func(who seaworthy.Principal, user string, ids ...string) error {
			_, err := w.triage.Assign(ctx, who, ids, user)
			return err
		}
		due := func(at time.Time, reason string, id string) error {
			_, err := w.triage.SetDue(ctx, ada, []string{id}, at, reason)
			return err
		}
		link := func(address string) error {
			_, err := w.triage.Link(ctx, ada, ids[:1], address)
			return err
		}
		say := func(kind, subject, text string) error {
			_, err := w.triage.Comment(ctx, ada, kind, subject, text)
			return err
		}
		for _, c := range []struct {
			name string
			err  error
			want seaworthy.Kind
		}{
			{"one of two is another team's", assign(eve, "eve", ids[0], ids[1]), seaworthy.KindForbidden},
			{"of no team", assign(eve, "eve", ids[2]), seaworthy.KindForbidden},
			{"nothing selected", assign(ada, "eve"), seaworthy.KindInvalid},
			{"too many", assign(ada, "eve", many...), seaworthy.KindInvalid},
			{"no such finding", assign(ada, "eve", ids[0], "nowhere"), seaworthy.KindNotFound},
			{"no such user", assign(ada, "nobody", ids[0]), seaworthy.KindNotFound},
			{"to a viewer", assign(ada, "vic", ids[0]), seaworthy.KindInvalid},
			{"to an engineer of another team", assign(ada, "finn", ids[0]), seaworthy.KindInvalid},
			{"due without a reason", due(w.now.AddDate(0, 1, 0), " ", ids[0]), seaworthy.KindInvalid},
			{"due in the past", due(w.now.AddDate(0, -1, 0), "r", ids[0]), seaworthy.KindInvalid},
			{"due in ten years", due(w.now.AddDate(10, 0, 0), "r", ids[0]), seaworthy.KindInvalid},
			{"due when fixed", due(w.now.AddDate(0, 1, 0), "r", ids[2]), seaworthy.KindConflict},
			{"a script", link("javascript:alert(1)"), seaworthy.KindInvalid},
			{"a script in disguise", link("JaVaScRiPt://tickets.example/%0aalert(1)"), seaworthy.KindInvalid},
			{"data", link("data:text/html,x"), seaworthy.KindInvalid},
			{"no host", link("https:///x"), seaworthy.KindInvalid},
			{"a password", link("https://u:p@tickets.example/"), seaworthy.KindInvalid},
			{"control characters", link("https://tickets.example/\x01"), seaworthy.KindInvalid},
			{"an empty comment", say(seaworthy.OnFinding, ids[0], "\n "), seaworthy.KindInvalid},
			{"a long comment", say(seaworthy.OnFinding, ids[0], strings.Repeat("ü", 10001)), seaworthy.KindInvalid},
			{"not UTF-8", say(seaworthy.OnFinding, ids[0], "\xff"), seaworthy.KindInvalid},
			{"a NUL", say(seaworthy.OnFinding, ids[0], "a\x00b"), seaworthy.KindInvalid},
			{"on nothing", say("user", "eve", "hello"), seaworthy.KindInvalid},
			{"on no finding", say(seaworthy.OnFinding, "nowhere", "hello"), seaworthy.KindNotFound},
			{"on no waiver", say(seaworthy.OnWaiver, "nowhere", "hello"), seaworthy.KindNotFound},
			{"on no evidence", say(seaworthy.OnEvidence, "nowhere", "hello"), seaworthy.KindNotFound},
		} {
			if c.err == nil || kind(c.err) != c.want {
				w.Errorf("%s: %v (kind %d), want kind %d", c.name, c.err, kind(c.err), c.want)
			}
		}
		// All or nothing.
		if f := w.get(ids[0]); f.Assignee != "" {
			w.Errorf("a refused bulk change left the assignee %q", f.Assignee)
		}
	})
}

func TestAFindingsCommentIsAnEventThatNamesIt(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		ids := w.open(finding(1, "latest-tag", "shop", "shop"), finding(2, "latest-tag", "shop", "shop"))
		c, err := w.triage.Comment(ctx, eve, seaworthy.OnFinding, ids[0], "  Is this still so, @Ada and @bob@example.com?\r\n  ")
		w.must(err)
		if c.Text != "Is this still so, @Ada and @bob@example.com?" || !slices.Equal(c.Mentions, []string{"ada", "bob"}) || c.Author != "user:eve" {
			w.Errorf("comment %+v", c)
		}
		if e := w.last(ids[0]); e.Kind != seaworthy.EventCommented || e.Note != c.ID {
			w.Errorf("event %+v, want a comment %s", e, c.ID)
		}
		w.now = w.now.Add(time.Minute)
		n, err := w.triage.CommentFindings(ctx, eve, ids, "Both wait for the new base image")
		if err != nil || n != 2 {
			w.Errorf("CommentFindings = %d, %v, want 2", n, err)
		}
		page, err := w.store.Comments(ctx, seaworthy.OnFinding, ids[0], "", 1)
		if err != nil || len(page.Items) != 1 || page.Items[0].ID != c.ID || page.Next == "" {
			w.Fatalf("first page %+v, %v", page, err)
		}
		page, err = w.store.Comments(ctx, seaworthy.OnFinding, ids[0], page.Next, 1)
		if err != nil || len(page.Items) != 1 || page.Next != "" {
			w.Fatalf("second page %+v, %v", page, err)
		}
		// What is erased stays provable; intact sees to it.
		w.write(func(tx *store.Tx) error { return tx.Erase("comment", c.ID, "a customer's name") })
		if got, err := w.store.Comment(ctx, c.ID); err != nil || got.Text != "" || got.ErasedAt.IsZero() {
			w.Errorf("erased: %+v, %v", got, err)
		}
	})
}

func TestViewsAreTheirUsersOwn(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		v, err := w.triage.SaveView(ctx, eve, seaworthy.SavedView{UserID: "ada", Page: "findings", Name: "Mine", Query: "team=shop&status=open"})
		if err != nil || v.UserID != "eve" || v.Query != "status=open&team=shop" {
			w.Fatalf("SaveView = %+v, %v", v, err)
		}
		again, err := w.triage.SaveView(ctx, eve, seaworthy.SavedView{Page: "findings", Name: "Mine", Query: "team=shop"})
		if err != nil || again.ID != v.ID {
			w.Errorf("saved again by the same name: %+v, %v, want %s", again, err, v.ID)
		}
		if list, err := w.triage.Views(ctx, finn, "findings"); err != nil || len(list) != 0 {
			w.Errorf("another's views: %v, %v", list, err)
		}
		w.refused(w.triage.DropView(ctx, finn, v.ID), seaworthy.KindNotFound)
		if list, err := w.triage.Views(ctx, eve, "findings"); err != nil || len(list) != 1 || list[0].Query != "team=shop" {
			w.Errorf("own views: %v, %v", list, err)
		}
		w.must(w.triage.DropView(ctx, eve, v.ID))
		shared, err := w.triage.SaveView(ctx, eve, seaworthy.SavedView{Page: "findings", Name: "For all", Query: "severity=critical", Shared: true})
		if err != nil {
			w.Fatal(err)
		}
		if list, err := w.triage.Views(ctx, finn, "findings"); err != nil || len(list) != 1 || list[0].ID != shared.ID {
			w.Errorf("Views of another = %+v, %v; want the shared one", list, err)
		}
		if err := w.triage.DropView(ctx, finn, shared.ID); err == nil {
			w.Error("somebody else removed a shared view")
		}
		outsider := seaworthy.Principal{Actor: "user:o", UserID: "o", Name: "O", Role: seaworthy.Auditor, Program: "p"}
		if list, err := w.triage.Views(ctx, outsider, "findings"); err != nil || len(list) != 0 {
			w.Errorf("Views of who is bound to a program = %+v, %v; want none", list, err)
		}
		if _, err := w.triage.SaveView(ctx, outsider, seaworthy.SavedView{Page: "findings", Name: "x", Shared: true}); err == nil {
			w.Error("who is bound to a program shares a view")
		}
		_, err = w.triage.SaveView(ctx, adaBot, seaworthy.SavedView{Page: "findings", Name: "x"})
		w.refused(err, seaworthy.KindForbidden)
		for _, bad := range []seaworthy.SavedView{{Page: "//evil.example", Name: "x"}, {Page: "findings"}, {Page: "findings", Name: "x", Query: "%zz"}} {
			_, err := w.triage.SaveView(ctx, eve, bad)
			w.refused(err, seaworthy.KindInvalid)
		}
	})
}
