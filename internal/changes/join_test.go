// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// record takes observations as a server does.
type record struct {
	list    []seaworthy.Change
	nothing int
}

func (r *record) take(o *changes.Observation) changes.Joined {
	for _, i := range changes.Refuted(o, r.list) {
		r.list[i].Outcome = seaworthy.OutcomeFailed
	}
	i, joined := changes.Join(o, r.list)
	switch joined {
	case changes.IsNew:
		r.list = append(r.list, changes.New("cluster", o))
	case changes.IsMore:
		changes.Merge(&r.list[i], o)
	case changes.IsNothing:
		r.nothing++
	}
	return joined
}

// write is one request that a made-up API server took.
type write struct {
	uid, verb, user string
	before, after   map[string]any
	at              time.Time
	n               int
}

func (w *write) seen(by string) *changes.Observation {
	o := &changes.Observation{
		Sighting: seaworthy.Sighting{By: by, ID: by + strconv.Itoa(w.n), At: w.at},
		Verb:     w.verb, Before: w.before, After: w.after, Outcome: seaworthy.OutcomeUnknown,
	}
	switch by {
	case seaworthy.SeenByWebhook:
		o.Actor.Username = w.user
		if w.after != nil {
			o.After = version(w.after, version0(w.before)) // as it was sent
		}
	case seaworthy.SeenByAudit:
		o.Actor.Username, o.Outcome = w.user, seaworthy.OutcomePersisted
		o.Before = nil
		o.Object.UID = w.uid // of a deletion, the response tells no more
	case seaworthy.SeenByWatch:
		o.Outcome, o.At = seaworthy.OutcomePersisted, w.at.Add(time.Duration(w.n%700)*time.Millisecond)
	}
	o.Describe()
	return o
}

func version(object map[string]any, v string) map[string]any {
	out := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "spec": object["spec"]}
	meta := map[string]any{}
	for k, x := range object["metadata"].(map[string]any) {
		meta[k] = x
	}
	meta["resourceVersion"] = v
	out["metadata"] = meta
	return out
}

func version0(object map[string]any) string {
	if object == nil {
		return ""
	}
	return object["metadata"].(map[string]any)["resourceVersion"].(string)
}

// history makes writes to a few objects, with the same contents again and again.
func history(r *rand.Rand, n int) []*write {
	type state struct {
		object     map[string]any
		generation int
	}
	live := map[string]*state{}
	var out []*write
	made := 0
	for i := range n {
		w := &write{user: fmt.Sprintf("user-%d", r.IntN(3)), at: start.Add(time.Duration(i) * 90 * time.Millisecond), n: i + 1}
		name := fmt.Sprintf("app-%d", r.IntN(4))
		s := live[name]
		if s == nil {
			made++
			s = &state{}
			live[name] = s
			w.uid, w.verb = fmt.Sprintf("uid-%d", made), seaworthy.VerbCreate
		} else {
			w.uid = s.object["metadata"].(map[string]any)["uid"].(string)
			w.verb, w.before = seaworthy.VerbUpdate, s.object
		}
		if w.before != nil && r.IntN(8) == 0 {
			w.verb = seaworthy.VerbDelete
			delete(live, name)
		} else {
			replicas := r.IntN(3)
			if w.before != nil && w.before["spec"].(map[string]any)["replicas"] == replicas {
				replicas += 3
			}
			s.generation++
			s.object = version(map[string]any{
				"metadata": map[string]any{"name": name, "namespace": "shop", "uid": w.uid, "generation": s.generation},
				"spec":     map[string]any{"replicas": replicas},
			}, strconv.Itoa(i+100))
			w.after = s.object
		}
		out = append(out, w)
	}
	return out
}

// TestEachWriteIsRecordedOnce gives the observations of random writes in random order,
// some of them lost and some twice: what any place saw is on record exactly once.
func TestEachWriteIsRecordedOnce(t *testing.T) {
	places := []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		type arrival struct {
			o  *changes.Observation
			at time.Time
		}
		var arrivals []arrival
		wanted := map[int]int{} // write → places that saw it
		for _, w := range history(r, 60) {
			for _, by := range places {
				if r.IntN(4) == 0 {
					continue
				}
				wanted[w.n]++
				for range 1 + r.IntN(2) {
					arrivals = append(arrivals, arrival{w.seen(by), w.at.Add(time.Duration(r.IntN(20000)) * time.Millisecond)})
				}
			}
		}
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return a.at.Compare(b.at) })
		var rec record
		for _, a := range arrivals {
			rec.take(a.o)
		}
		if len(rec.list) != len(wanted) || rec.nothing != 0 {
			t.Fatalf("seed %d: %d changes on record and %d taken for nothing, %d writes were seen", seed, len(rec.list), rec.nothing, len(wanted))
		}
		for _, c := range rec.list {
			n := map[string]bool{}
			for _, s := range c.Sightings {
				n[s.ID[len(s.By):]] = true
			}
			if len(n) != 1 {
				t.Fatalf("seed %d: one change holds sightings of several writes: %+v", seed, c)
			}
			for id := range n {
				i, _ := strconv.Atoi(id)
				if len(c.Sightings) != wanted[i] {
					t.Fatalf("seed %d: write %d has %d sightings, want %d", seed, i, len(c.Sightings), wanted[i])
				}
			}
		}
	}
}

func TestJoin(t *testing.T) {
	object := func(v, spec string) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "a", "namespace": "n", "uid": "u", "resourceVersion": v},
			"spec": spec,
		}
	}
	observe := func(by, id string, at time.Duration, verb, user string, before, after map[string]any) *changes.Observation {
		o := &changes.Observation{Sighting: seaworthy.Sighting{By: by, ID: id, At: start.Add(at)}, Verb: verb, Before: before, After: after, Outcome: seaworthy.OutcomeUnknown}
		o.Actor.Username = user
		if by != seaworthy.SeenByWebhook {
			o.Outcome = seaworthy.OutcomePersisted
		}
		o.Describe()
		return o
	}
	const hook, audit, watch, update = seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch, seaworthy.VerbUpdate
	asked := observe(hook, "1", 0, update, "alice", object("5", "a"), object("5", "b"))
	for name, test := range map[string]struct {
		first, then *changes.Observation
		want        changes.Joined
	}{
		"the watch shows what was asked for":    {asked, observe(watch, "6", time.Second, update, "", object("5", "a"), object("6", "b")), changes.IsMore},
		"the same once more":                    {asked, asked, changes.IsKnown},
		"somebody else asked for the same":      {asked, observe(audit, "x", 0, update, "bob", nil, object("6", "b")), changes.IsNew},
		"something else came of it":             {asked, observe(watch, "6", time.Second, update, "", object("5", "a"), object("6", "c")), changes.IsNew},
		"the same, made to another version":     {asked, observe(watch, "9", time.Second, update, "", object("8", "a"), object("9", "b")), changes.IsNew},
		"much later":                            {asked, observe(audit, "x", time.Hour, update, "alice", nil, nil), changes.IsNew},
		"the old object is gone at last":        {observe(hook, "1", 0, seaworthy.VerbDelete, "alice", object("5", "a"), nil), observe(watch, "7", 48*time.Hour, seaworthy.VerbDelete, "", object("7", "a"), nil), changes.IsMore},
		"a request that changes nothing":        {asked, observe(hook, "2", time.Second, update, "alice", object("6", "b"), object("6", "b")), changes.IsNothing},
		"a response that another request made":  {observe(audit, "x", 0, update, "alice", nil, object("6", "b")), observe(audit, "y", time.Minute, update, "bob", nil, object("6", "b")), changes.IsNothing},
		"late, by the version that came of it":  {observe(watch, "6", 0, update, "", object("5", "a"), object("6", "b")), observe(audit, "x", -time.Hour, update, "alice", nil, object("6", "b")), changes.IsMore},
		"denied is not the one that went ahead": {denied(observe(hook, "1", 0, update, "", object("5", "a"), object("5", "b"))), observe(watch, "6", time.Second, update, "", object("5", "a"), object("6", "b")), changes.IsNew},
	} {
		t.Run(name, func(t *testing.T) {
			var rec record
			rec.take(test.first)
			if got := rec.take(test.then); got != test.want {
				t.Errorf("joined %d, want %d: %+v", got, test.want, rec.list)
			}
		})
	}
}

func denied(o *changes.Observation) *changes.Observation {
	o.Outcome = seaworthy.OutcomeDenied
	return o
}

// TestRefuted: what a webhook let in and another write overtook did not persist.
func TestRefuted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var w *write
	for _, h := range history(r, 20) {
		if h.verb == seaworthy.VerbUpdate {
			w = h
		}
	}
	overtaken := *w
	overtaken.after = version(map[string]any{"metadata": w.after["metadata"], "spec": map[string]any{"replicas": 99}}, "0")
	overtaken.n = 1000
	var rec record
	rec.take(overtaken.seen(seaworthy.SeenByWebhook))
	rec.take(w.seen(seaworthy.SeenByWebhook))
	rec.take(w.seen(seaworthy.SeenByWatch))
	if len(rec.list) != 2 || rec.list[0].Outcome != seaworthy.OutcomeFailed || rec.list[1].Outcome != seaworthy.OutcomePersisted {
		t.Errorf("want one that failed and one that persisted: %+v", rec.list)
	}
}
