// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// A change that nobody approved is told of once, at once, with a signature, and the
// delivery is on record; nothing of what the object holds goes out.
func TestAChangeIsToldOnce(t *testing.T) {
	each(t, func(w *world) {
		d := w.hook("hook", "/a")
		w.changed("c1", seaworthy.FlagWidened)
		w.work()
		got := w.receiver.take("/a")
		list := w.notices(got)
		if len(list) != 1 || list[0].Kind != seaworthy.NoticeOutOfBand || len(list[0].Also) != 1 || list[0].Path != "/changes/c1" || list[0].SourceName != "prod-eu" || list[0].Team != "shop" {
			t.Fatalf("told %+v, want one notice of c1", list)
		}
		if got[0].header.Get("webhook-signature") == "" || got[0].header.Get("webhook-id") == "" {
			t.Errorf("the message is not signed: %v", got[0].header)
		}
		if bytes.Contains(got[0].body, []byte("s3cr3t")) {
			t.Errorf("the message holds what the object holds: %s", got[0].body)
		}
		w.changed("c1", seaworthy.FlagWidened) // told of again, by another place
		w.work()
		if more := w.receiver.take("/a"); len(more) != 0 {
			t.Errorf("told again: %s", more[0].body)
		}
		w.changed("c1", seaworthy.FlagWidened, seaworthy.FlagReverted)
		w.work()
		if list := w.notices(w.receiver.take("/a")); len(list) != 1 || list[0].Kind != seaworthy.NoticeReverted {
			t.Errorf("when it was undone: %s", titles(list))
		}
		all := w.deliveries()
		if len(all) != 2 || all[0].State != seaworthy.DeliveryDelivered || all[0].DestinationID != d.ID || all[0].Attempts != 1 {
			t.Errorf("deliveries %+v", all)
		}
		entries, err := w.store.History(w.Context(), "delivery", all[0].ID)
		if err != nil || len(entries) != 2 {
			t.Errorf("%d entries of the delivery, %v, want 2", len(entries), err)
		}
	})
}

// A receiver that is away gets everything once it is back, however often the server is
// started in between; others are told that it is away.
func TestAwayReceiversGetEverything(t *testing.T) {
	each(t, func(w *world) {
		w.hook("away", "/away")
		w.hook("other", "/other")
		_, err := w.outbox.PutRule(w.Context(), owner, seaworthy.NoticeRule{Name: "dead", Kinds: []seaworthy.NoticeKind{seaworthy.NoticeUndelivered}, Destinations: []string{w.byName("other")}})
		w.must(err)
		w.work()
		w.receiver.take("/away")
		w.receiver.take("/other")
		w.receiver.say("/away", http.StatusInternalServerError)
		for i := range 10 {
			w.changed("c" + string(rune('0'+i)))
			w.work()
			w.pass(2 * time.Minute)
			w.outbox = outbox.New(w.config) // another start
		}
		w.work()
		tried := w.receiver.take("/away")
		if len(tried) < 3 {
			t.Errorf("tried %d times", len(tried))
		}
		for _, g := range tried[1:] {
			if g.header.Get("webhook-id") != tried[0].header.Get("webhook-id") {
				t.Errorf("another message went out before the first was taken: %s", g.body)
			}
		}
		if list := w.notices(w.receiver.take("/other")); len(list) != 1 || list[0].Kind != seaworthy.NoticeUndelivered || !strings.Contains(list[0].Title, "away") {
			t.Errorf("the other destination was told %s", titles(list))
		}
		w.receiver.say("/away", 0)
		w.pass(time.Hour)
		for range 3 {
			w.work()
		}
		list := w.notices(w.receiver.take("/away"))
		seen := map[string]int{}
		for _, n := range list {
			seen[n.Path]++
		}
		for i := range 10 {
			if path := "/changes/c" + string(rune('0'+i)); seen[path] != 1 {
				t.Errorf("%s was told %d times, want once", path, seen[path])
			}
		}
		if waits, err := w.outbox.Waiting(w.Context()); err != nil || waits {
			t.Errorf("something still waits (%v)", err)
		}
		for _, d := range w.deliveries() {
			if d.State != seaworthy.DeliveryDelivered {
				t.Errorf("delivery %s is %s: %s", d.Title, d.State, d.Error)
			}
		}
	})
}

func (w *world) byName(name string) string {
	w.Helper()
	all, err := w.store.Destinations(w.Context())
	w.must(err)
	for _, d := range all {
		if d.Name == name && d.RemovedAt.IsZero() {
			return d.ID
		}
	}
	w.Fatalf("there is no destination %s", name)
	return ""
}

// A server that stopped between taking a message up and hearing the answer sends it again,
// under the same id.
func TestWhatWasTakenUpIsSentAgain(t *testing.T) {
	each(t, func(w *world) {
		d := w.hook("hook", "/a")
		w.write(func(tx *store.Tx) error {
			n := store.OutgoingNotice{Notice: seaworthy.Notice{ID: tx.NewID(), Kind: seaworthy.NoticeGap, At: tx.At, Title: "t"}}
			v := seaworthy.Delivery{ID: "m1", DestinationID: d.ID, NoticeIDs: []string{n.ID}, State: seaworthy.DeliveryPending, CreatedAt: tx.At, NextAt: tx.At.Add(time.Minute)}
			if err := tx.AddNotices([]store.OutgoingNotice{n}); err != nil {
				return err
			}
			if err := tx.QueueNotices(nil, []string{n.ID}); err != nil {
				return err
			}
			return tx.PutDelivery(&v)
		})
		w.work()
		if got := w.receiver.take("/a"); len(got) != 0 {
			t.Fatalf("sent while somebody may still be sending it: %s", got[0].body)
		}
		w.pass(time.Minute)
		w.work()
		if got := w.receiver.take("/a"); len(got) != 1 || got[0].header.Get("webhook-id") != "m1" {
			t.Errorf("sent %d messages, want m1", len(got))
		}
	})
}

// A destination that refuses is told of at once, its message is given up with the reason,
// and can be sent again by hand.
func TestRefusedMessagesAreGivenUpAndSentAgain(t *testing.T) {
	each(t, func(w *world) {
		w.hook("gone", "/gone")
		w.receiver.say("/gone", http.StatusNotFound)
		w.changed("c1")
		w.work()
		all := w.deliveries()
		if len(all) != 1 || all[0].State != seaworthy.DeliveryFailed || !strings.Contains(all[0].Error, "404") {
			t.Fatalf("deliveries %+v, want one that failed", all)
		}
		states, err := w.store.DestinationStates(w.Context())
		if err != nil || states[all[0].DestinationID].FailingSince.IsZero() {
			t.Errorf("the destination's state is %+v, %v", states, err)
		}
		w.receiver.take("/gone")
		w.receiver.say("/gone", 0)
		w.must(w.outbox.Again(w.Context(), owner, all[0].ID))
		w.work()
		if list := w.notices(w.receiver.take("/gone")); len(list) != 1 || list[0].Path != "/changes/c1" {
			t.Errorf("sent again: %s", titles(list))
		}
		for _, d := range w.deliveries() {
			if err := w.outbox.Again(w.Context(), owner, d.ID); d.State == seaworthy.DeliveryDelivered && err == nil {
				t.Error("what was delivered is sent again")
			}
		}
	})
}

// Many notices of a moment go in few messages, and none is lost.
func TestManyGoTogether(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		w.write(func(tx *store.Tx) error {
			for i := range 1000 {
				if err := tx.PutChange(change("c"+string(rune('A'+i)), tx.At)); err != nil {
					return err
				}
			}
			return nil
		})
		w.work()
		got := w.receiver.take("/a")
		if n := len(w.notices(got)); n != 1000 || len(got) > 12 {
			t.Errorf("%d notices in %d messages, want 1000 in few", n, len(got))
		}
	})
}

// What can wait waits for its hour and goes in one message; what is urgent does not.
func TestDigestsWait(t *testing.T) {
	each(t, func(w *world) {
		d := w.hook("hook", "/a")
		rules, err := w.store.NoticeRules(w.Context())
		w.must(err)
		r := rules[0]
		r.Kinds, r.Digest = append(r.Kinds, seaworthy.NoticeWaiverAsked), seaworthy.DigestDaily
		_, err = w.outbox.PutRule(w.Context(), owner, r)
		w.must(err)
		w.work()
		w.receiver.take("/a")
		for _, id := range []string{"w1", "w2"} {
			w.write(func(tx *store.Tx) error {
				v := seaworthy.TrackedWaiver{ID: id, SourceID: "s1", State: seaworthy.WaiverRequested, RequestedBy: "user:nobody", RequestedAt: tx.At, From: "person"}
				v.Check = "privileged-container"
				return tx.PutWaiver(&v)
			})
		}
		w.changed("c1")
		w.work()
		if list := w.notices(w.receiver.take("/a")); len(list) != 1 || list[0].Kind != seaworthy.NoticeOutOfBand {
			t.Errorf("at once: %s", titles(list))
		}
		states, err := w.store.DestinationStates(w.Context())
		if err != nil || states[d.ID].Waiting != 2 {
			t.Errorf("state %+v, %v, want 2 that wait", states[d.ID], err)
		}
		w.pass(23 * time.Hour) // until eight the next morning
		w.work()
		if got := w.receiver.take("/a"); len(got) != 1 || len(w.notices(got)) != 2 {
			t.Errorf("the digest: %d messages", len(got))
		}
	})
}

// Whoever points notices elsewhere cannot keep those who got them from learning it.
func TestThoseWhoWereToldLearnThatTheyAreNot(t *testing.T) {
	each(t, func(w *world) {
		d := w.hook("hook", "/old")
		d.URL = w.receiver.URL + "/new"
		d, _, err := w.outbox.PutDestination(w.Context(), owner, d, "")
		w.must(err)
		w.work()
		if list := w.notices(w.receiver.take("/old")); len(list) != 1 || list[0].Kind != seaworthy.NoticeOwnConfig {
			t.Errorf("where notices went is told %s", titles(list))
		}
		w.receiver.take("/new")
		w.hook("second", "/second")
		rules, err := w.store.NoticeRules(w.Context())
		w.must(err)
		rules[0].Destinations = append(rules[0].Destinations, w.byName("second"))
		_, err = w.outbox.PutRule(w.Context(), owner, rules[0])
		w.must(err)
		w.work()
		w.receiver.take("/new")
		w.receiver.take("/second")
		w.changed("c1")
		w.must(w.outbox.DropDestination(w.Context(), owner, d.ID))
		w.changed("c2")
		w.work()
		list := w.notices(w.receiver.take("/new"))
		if text := titles(list); !strings.Contains(text, "removed the destination hook") || strings.Contains(text, "/changes/c2") {
			t.Errorf("the destination that was removed is told %s", text)
		}
		if list := w.notices(w.receiver.take("/second")); len(list) != 3 {
			t.Errorf("the other is told %s, want both changes and the removal", titles(list))
		}
		w.pass(notify.GiveUp + time.Hour)
		w.must(w.outbox.Sweep(w.Context()))
		if sealed, err := w.store.DestinationSecret(w.Context(), d.ID); err != nil || sealed != nil {
			t.Errorf("the secret of a destination that was removed is still there (%v)", err)
		}
	})
}

// Messages about one object go into one thread of Slack.
func TestThreads(t *testing.T) {
	each(t, func(w *world) {
		_, _, err := w.outbox.PutDestination(w.Context(), owner, seaworthy.Destination{Name: "slack", Kind: seaworthy.DestinationSlack, Channel: "C1"}, "xoxb-1")
		w.must(err)
		w.changed("c1")
		w.work()
		w.changed("c2")
		w.work()
		got := w.receiver.take("/slack/chat.postMessage")
		if len(got) != 2 || strings.Contains(string(got[0].body), "thread_ts") || !strings.Contains(string(got[1].body), `"thread_ts":"17.42"`) {
			t.Errorf("%d messages; the second: %s", len(got), got[len(got)-1].body)
		}
	})
}

// No secret is in the database's documents, in errors, in the server's log or in answers.
func TestSecretsStayIn(t *testing.T) {
	each(t, func(w *world) {
		const secret = "T0PS3CR3T"
		address := w.receiver.URL + "/services/" + secret
		d, shown, err := w.outbox.PutDestination(w.Context(), owner, seaworthy.Destination{Name: "slack", Kind: seaworthy.DestinationSlackWebhook}, address)
		w.must(err)
		if shown != "" {
			t.Errorf("a secret that somebody set is shown: %s", shown)
		}
		_, _, err = w.outbox.PutDestination(w.Context(), owner, seaworthy.Destination{Name: "bad", Kind: seaworthy.DestinationTeams}, "http://u:"+secret+"@example.com/%zz")
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("a malformed secret: %v", err)
		}
		w.receiver.say("/services/"+secret, http.StatusForbidden)
		w.changed("c1")
		w.work()
		w.receiver.Close()
		w.changed("c2")
		w.pass(time.Hour)
		w.work()
		_, err = w.outbox.Test(w.Context(), owner, d.ID)
		w.must(err)
		entries, err := w.store.LogEntries(w.Context(), store.LogFilter{Limit: 1000})
		w.must(err)
		all := w.log.String()
		for _, e := range entries {
			all += e.Content
		}
		states, err := w.store.DestinationStates(w.Context())
		w.must(err)
		for _, s := range states {
			all += s.Error
		}
		sealed, err := w.store.DestinationSecret(w.Context(), d.ID)
		w.must(err)
		if all += string(sealed); strings.Contains(all, secret) {
			t.Errorf("the secret is in what is kept or logged:\n%s", all[max(0, strings.Index(all, secret)-200):strings.Index(all, secret)+20])
		}
		if len(sealed) == 0 || !strings.Contains(all, "could not be delivered") {
			t.Errorf("the test looks at nothing: %s", all)
		}
	})
}

// Gaps are told when they open and when they end, and one that is told of afterwards once.
func TestGaps(t *testing.T) {
	each(t, func(w *world) {
		w.hook("hook", "/a")
		put := func(g seaworthy.Gap) {
			w.write(func(tx *store.Tx) error { return tx.PutGap(&g) })
			w.work()
		}
		g := seaworthy.Gap{ID: "g1", SourceID: "s1", Kind: "agent", From: w.time().Add(-time.Minute), Reason: "the agent is silent"}
		put(g)
		g.Reason = "the agent is still silent"
		put(g)
		g.To = w.time()
		put(g)
		put(g)
		put(seaworthy.Gap{ID: "g2", SourceID: "s1", Kind: "watch", From: w.time().Add(-time.Hour), To: w.time(), Reason: "the watch broke"})
		list := w.notices(w.receiver.take("/a"))
		if got := titles(list); got != "prod-eu is not observed (agent); prod-eu is observed again (agent); prod-eu was not observed for 1h (watch)" {
			t.Errorf("told %s", got)
		}
	})
}

// Who may not say where notices go does not, and the one rule of the first destination
// holds what is urgent.
func TestOnlyOwnersSayWhereNoticesGo(t *testing.T) {
	each(t, func(w *world) {
		d := w.hook("hook", "/a")
		for _, role := range append(seaworthy.Roles[1:], seaworthy.Reporter) {
			who := seaworthy.Principal{Actor: "user:x", UserID: "x", Role: role}
			_, _, put := w.outbox.PutDestination(w.Context(), who, d, "")
			_, rule := w.outbox.PutRule(w.Context(), who, seaworthy.NoticeRule{Name: "n", Destinations: []string{d.ID}})
			_, test := w.outbox.Test(w.Context(), who, d.ID)
			for what, err := range map[string]error{"put": put, "rule": rule, "test": test, "drop": w.outbox.DropDestination(w.Context(), who, d.ID), "again": w.outbox.Again(w.Context(), who, "x"), "drop rule": w.outbox.DropRule(w.Context(), who, "x")} {
				if err == nil || !strings.Contains(err.Error(), "may not") {
					t.Errorf("%s as %s: %v", what, role, err)
				}
			}
		}
		rules, err := w.store.NoticeRules(w.Context())
		if err != nil || len(rules) != 1 || notify.Validate(&rules[0]) != nil {
			t.Fatalf("rules %+v, %v, want one", rules, err)
		}
		for _, k := range seaworthy.NoticeKinds {
			n := seaworthy.Notice{Kind: k}
			if want := k.Urgent() && k != seaworthy.NoticeDestinations; want && !notify.Wants(&rules[0], &n) {
				t.Errorf("the first rule does not want %s", k)
			}
		}
		if err := w.outbox.DropDestination(w.Context(), owner, d.ID); err == nil {
			t.Error("the one destination of a rule is removed without a word")
		}
	})
}
