// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// noticedWithin is how soon after something fell silent somebody has to know, on a machine
// that does nothing else: as a soak has it. Where other tests run beside, it takes longer.
func noticedWithin() time.Duration {
	const alone = 2 * time.Minute
	if os.Getenv(ofSoak) != "" {
		return alone
	}
	return 3 * alone
}

// noticed holds a gap against what the server's own log says of it: when it went on record,
// and when a receiver took the server's notice of it, both by the server's clock. For as long
// as the machine stood still nobody notices anything.
func (w *world) noticed(g *seaworthy.Gap) {
	w.t.Helper()
	on := w.recordedAt("gap", g.ID)
	if late := on.Sub(g.From) - w.stalls.total(); late > noticedWithin() {
		w.t.Errorf("the gap of %s since %s went on record %s later, at %s", g.Kind, g.From, late, on)
	}
	w.until("the server tells of the gap of "+g.Kind, time.Minute, func() error {
		d, err := w.delivered(g)
		if err != nil {
			return err
		}
		late := d.DeliveredAt.Sub(g.From)
		w.t.Logf("the gap of %s was told %s after it had begun", g.Kind, late.Round(time.Second))
		if late -= w.stalls.total(); late > noticedWithin() {
			w.t.Errorf("the server's notice of the gap of %s since %s arrived %s later", g.Kind, g.From, late)
		}
		return nil
	})
}

// recordedAt is when a record went into the log first.
func (w *world) recordedAt(kind, id string) time.Time {
	w.t.Helper()
	var page struct{ Items []store.LogEntry }
	w.server.Ask(http.MethodGet, "/api/v1/log/entries?limit=200&kind="+kind+"&subject="+id, nil, &page)
	if len(page.Items) == 0 {
		w.t.Fatalf("the log has no %s %s", kind, id)
	}
	return slices.MinFunc(page.Items, func(a, b store.LogEntry) int { return int(a.Index - b.Index) }).At
}

// delivered finds the delivery of the server's notice of a gap, which has arrived.
func (w *world) delivered(g *seaworthy.Gap) (*seaworthy.Delivery, error) {
	notices := w.told.got(seaworthy.NoticeGap, "")
	i := slices.IndexFunc(notices, func(n seaworthy.Notice) bool { return n.Thread == "gap/"+g.ID })
	if i < 0 {
		return nil, fmt.Errorf("the server told of:\n%s", w.told.all())
	}
	var page struct{ Items []seaworthy.Delivery }
	if err := w.server.Try(http.MethodGet, "/api/v1/deliveries?limit=200", nil, &page); err != nil {
		return nil, err
	}
	for _, d := range page.Items {
		if d.State == seaworthy.DeliveryDelivered && slices.Contains(d.NoticeIDs, notices[i].ID) {
			return &d, nil
		}
	}
	return nil, fmt.Errorf("no delivery of notice %s has ended", notices[i].ID)
}

// blind is an interval in which a place cannot have seen everything, as the test itself knows.
type blind struct {
	place    string // as gaps have it
	from, to time.Time
	why      string
}

// covered holds what went unseen against the gaps on record, all of which have ended: each
// interval has to lie in gaps of its place, or of the agent as a whole.
func (w *world) covered(all []blind) error { return w.coveredOf(w.source.ID, all) }

func (w *world) coveredOf(source string, all []blind) error {
	gaps := slices.DeleteFunc(w.gaps(), func(g seaworthy.Gap) bool { return g.SourceID != source })
	for _, b := range all {
		at := b.from
		for progress := true; progress && at.Before(b.to); {
			progress = false
			for _, g := range gaps {
				if (g.Kind == b.place || g.Kind == store.GapAgent) && !g.To.IsZero() && !g.From.After(at) && g.To.After(at) {
					at, progress = g.To, true
				}
			}
		}
		if at.Before(b.to) {
			return fmt.Errorf("%s: from %s to %s the %s cannot have seen everything, and nothing on record says so from %s on:\n%s",
				b.why, clock(b.from), clock(b.to), b.place, clock(at), listed(gaps))
		}
	}
	return nil
}

// unasked waits until every agent knows that the API server does not ask it: it finds out
// every few seconds, and what is shorter may stay unknown.
func (w *world) unasked() {
	w.t.Helper()
	w.until("every agent noticed that nobody asks it", time.Minute, func() error {
		for _, r := range w.agents {
			if text, err := get("http://" + r.health + "/metrics"); err != nil || !strings.Contains(text, `seaworthy_agent_place_works{place="webhook"} 0`) {
				return errors.Join(errNotYet, err)
			}
		}
		return nil
	})
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func listed(gaps []seaworthy.Gap) string {
	var b strings.Builder
	for _, g := range gaps {
		fmt.Fprintf(&b, "%s from %s to %s: %s\n", g.Kind, clock(g.From), clock(g.To), g.Reason)
	}
	return b.String()
}

// told1 gives what people would read of changes in the output of a test.
func told1(list []seaworthy.Change) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%s %s %s/%s%s by %s: %s, %s, seen by %s, unseen by %q, %q\n", clock(c.At), c.Verb, c.Object.Kind, c.Object.Name,
			strings.TrimSuffix("/"+c.Object.Subresource, "/"), c.Actor.Username, c.Outcome, c.Match, sighted(&c), c.Unseen, c.Flags)
	}
	return b.String()
}
