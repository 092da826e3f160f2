// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// lastingKept bounds how many gaps are known to have been told of.
const lastingKept = 100

// gap tells that something may have gone unseen, or that this ended. What is told only once it
// is over is told as the gap that it was, which the rules send that are for gaps; what was told
// when it began has an end that only who wants to know gets.
func (t *teller) gap(g seaworthy.AgentGap) {
	if len(t.boxes) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broke(g)
	key := g.Place + " " + g.From.UTC().Format(time.RFC3339Nano)
	_, began := t.lasting[key]
	moment := func(at time.Time) string { return at.UTC().Format(time.DateTime) + " UTC" }
	n := seaworthy.Notice{
		Kind: seaworthy.NoticeGap, At: g.From, Title: "What happens in " + t.name() + " may go unseen by its " + g.Place,
		Details: []seaworthy.NoticeDetail{{Name: "Why", Value: g.Reason}, {Name: "Since", Value: moment(g.From)}},
		Thread:  "gap/" + t.name() + "/" + g.Place + "/" + g.From.UTC().Format(time.RFC3339),
	}
	if !g.To.IsZero() {
		n.Details = append(n.Details, seaworthy.NoticeDetail{Name: "Until", Value: moment(g.To)})
		if n.Title = "What happened in " + t.name() + " may have gone unseen by its " + g.Place; began {
			n.Kind, n.Title = seaworthy.NoticeGapEnded, "What happens in "+t.name()+" is seen by its "+g.Place+" again"
		}
	}
	t.tell(n)
	t.remember(key, g.To.IsZero())
}

// remember keeps whether a gap lasts of which it was told, also through a restart.
func (t *teller) remember(key string, lasts bool) {
	_, known := t.lasting[key]
	switch {
	case known == lasts:
		return
	case !lasts:
		delete(t.lasting, key)
	case len(t.lasting) >= lastingKept: // the oldest will hardly end
		delete(t.lasting, slices.MinFunc(slices.Collect(maps.Keys(t.lasting)), func(a, b string) int { return t.lasting[a].Compare(t.lasting[b]) }))
		fallthrough
	default:
		t.lasting[key] = t.a.now().UTC()
	}
	text, err := json.Marshal(t.lasting)
	if err == nil {
		part := t.gaps + ".part"
		if err = os.WriteFile(part, text, 0o600); err == nil {
			err = os.Rename(part, t.gaps)
		}
	}
	if err != nil { // after a restart its end is told as a gap: rather twice than never
		t.a.log.Warn("which gaps were told of cannot be kept", "error", err)
	}
}

// readLasting reads what an earlier process told of.
func (t *teller) readLasting() error {
	t.lasting = map[string]time.Time{}
	text, err := os.ReadFile(t.gaps)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read which gaps were told of: %w", err)
	}
	if json.Unmarshal(text, &t.lasting) != nil || t.lasting == nil {
		t.lasting = map[string]time.Time{} // as if none was
	}
	return nil
}
