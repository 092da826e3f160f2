// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// patched is what a place tells of one update of a Secret: an audit event no more than who
// asked and when, since the values stay out of the log.
func patched(by string, n int, at time.Duration, reviews ...string) *changes.Observation {
	o := &changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: fmt.Sprintf("%s-%d", by, n), At: start.Add(at), Reviews: reviews},
		Verb:     seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted,
	}
	o.Object.Object = seaworthy.Object{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "db"}
	o.Actor.Username = "jane"
	object := func(n int) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db", "namespace": "shop", "uid": "u", "resourceVersion": fmt.Sprint(n)}, "data": map[string]any{"n": fmt.Sprint(n)}}
	}
	switch by {
	case seaworthy.SeenByAudit:
		o.Unasked = len(reviews) == 0
		return o
	case seaworthy.SeenByWebhook:
		o.Outcome = seaworthy.OutcomeUnknown
	case seaworthy.SeenByWatch:
		o.Actor.Username = ""
	}
	o.Before, o.After = object(n-1), object(n)
	o.Describe()
	return o
}

// TestReviewsJoin what the webhook and audit events tell of the same requests by the names of
// the reviews alone: those that went past the webhook are nobody else's, whatever comes first.
func TestReviewsJoin(t *testing.T) {
	const hook, audit = seaworthy.SeenByWebhook, seaworthy.SeenByAudit
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		var list []*changes.Observation
		asked := map[int]bool{}
		for n := 1; n <= 12; n++ {
			at, uid := time.Duration(n)*300*time.Millisecond, fmt.Sprintf("uid-%d", n)
			if asked[n] = r.IntN(3) > 0; asked[n] {
				list = append(list, patched(hook, n, at, uid), patched(audit, n, at, uid))
			} else {
				list = append(list, patched(audit, n, at))
			}
		}
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		var rec record
		for _, o := range list {
			rec.take(o)
		}
		if len(rec.list) != 12 {
			t.Fatalf("seed %d: %d changes on record, want 12", seed, len(rec.list))
		}
		for _, c := range rec.list {
			var of []int
			for _, s := range c.Sightings {
				var n int
				if _, err := fmt.Sscanf(s.ID[len(s.By):], "-%d", &n); err != nil {
					t.Fatal(err)
				}
				of = append(of, n)
			}
			slices.Sort(of)
			if one := slices.Compact(slices.Clone(of)); len(one) != 1 || (len(of) == 2) != asked[one[0]] {
				t.Fatalf("seed %d: a change holds the sightings of %v", seed, of)
			}
		}
	}
}

// TestReviewsOfOneRequest: another write came first, and the API server asked again; the event
// names both reviews, and is joined with the one that came of it.
func TestReviewsOfOneRequest(t *testing.T) {
	const hook, audit, watch = seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch
	first, second := patched(hook, 5, 0, "a"), patched(hook, 6, 50*time.Millisecond, "b")
	event, shown := patched(audit, 1, -10*time.Millisecond, "a", "b"), patched(watch, 6, 100*time.Millisecond)
	other := patched(watch, 5, 20*time.Millisecond) // what came first
	other.After["data"] = map[string]any{"n": "else"}
	other.Object.Content, other.Object.Intent = "", ""
	other.Describe()
	for _, order := range [][]*changes.Observation{
		{first, second, other, shown, event}, {first, second, event, other, shown}, {first, other, second, event, shown},
	} {
		var rec record
		for _, o := range order {
			rec.take(o)
		}
		var persisted []seaworthy.Change
		for _, c := range rec.list {
			if len(c.Sightings) == 3 {
				persisted = append(persisted, c)
			}
		}
		if len(rec.list) != 3 || len(persisted) != 1 || persisted[0].Object.ResourceVersion != "6" {
			t.Errorf("on record: %+v", rec.list)
		}
	}
}

// TestReviewsThatNobodyNames are as before: events of a time when the webhook did not write
// down what it was asked, and those that may have lost it.
func TestReviewsThatNobodyNames(t *testing.T) {
	const hook, audit = seaworthy.SeenByWebhook, seaworthy.SeenByAudit
	silent, unanswered := patched(audit, 1, time.Second), patched(audit, 1, -time.Second)
	silent.Unasked, unanswered.Unasked, unanswered.Unanswered = false, false, start.Add(2*time.Second)
	for name, test := range map[string]struct {
		first, then *changes.Observation
		want        changes.Joined
	}{
		"a webhook that does not say": {patched(hook, 5, 0), patched(audit, 1, time.Second), changes.IsMore},
		"an event that cannot say":    {patched(hook, 5, 0, "a"), silent, changes.IsMore},
		"an answer that came late":    {patched(hook, 5, 0, "a"), unanswered, changes.IsMore},
		"nobody to be asked, before":  {patched(hook, 5, 2100*time.Millisecond, "a"), unanswered, changes.IsNew},
		"another review":              {patched(hook, 5, 0, "a"), patched(audit, 1, time.Second, "b"), changes.IsNew},
		"the same review, much later": {patched(hook, 5, 0, "a"), patched(audit, 1, 25*time.Second, "a"), changes.IsMore},
	} {
		for range 2 {
			var rec record
			rec.take(test.first)
			if got := rec.take(test.then); got != test.want {
				t.Errorf("%s: joined %d, want %d", name, got, test.want)
			}
			test.first, test.then = test.then, test.first
		}
	}
}
