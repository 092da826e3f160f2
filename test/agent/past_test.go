// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// TestPastTheWebhook has somebody write a Secret, of which audit events hold no content, once
// past the webhook and at once again through it: each is on record by itself, the first as one
// that bypassed admission. The time in which nobody was asked is a gap, however short it was.
func TestPastTheWebhook(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	const path = "/api/v1/namespaces/shop/secrets"
	write := func(value string) object {
		return called("v1", "Secret", "shop", "db", object{"stringData": object{"value": value}})
	}
	jane.must(http.MethodPost, path, write("1"))
	w.door.cut()
	began := time.Now()
	jane.must(http.MethodPatch, path+"/db", write("2"))
	ended := time.Now()
	w.door.join()
	n := 2
	w.until("a write goes through the webhook again", time.Minute, func() error {
		n++ // what comes right after a cut may still find nobody
		jane.must(http.MethodPatch, path+"/db", write(fmt.Sprint(n)))
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
			if list := w.of("Secret", "shop", "db"); len(list) > 0 && list[len(list)-1].At.After(ended) && sawIt(&list[len(list)-1]) {
				return nil
			}
		}
		return errNotYet
	})
	w.until("each write is on record by who saw it", 2*time.Minute, func() error {
		list := w.of("Secret", "shop", "db")
		if len(list) != n {
			return fmt.Errorf("%d changes of %d writes", len(list), n)
		}
		for i, c := range list {
			past := i == 1 || i > 1 && i < n-1 && !sawIt(&c)
			if past == sawIt(&c) || past != slices.Contains(c.Flags, seaworthy.FlagBypassed) {
				return fmt.Errorf("write %d of %d, flags %q: %+v", i+1, n, c.Flags, c.Sightings)
			}
			if err := oneReview(&c, past); err != nil {
				return fmt.Errorf("write %d of %d: %w", i+1, n, err)
			}
		}
		return w.covered([]blind{{store.GapWebhook, began, ended, "the door was cut"}})
	})
	w.intact()
}

// sawIt tells whether the webhook saw a change.
func sawIt(c *seaworthy.Change) bool {
	return slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By == seaworthy.SeenByWebhook })
}

// oneReview tells whether what the webhook and an audit event tell of one write names the same
// review, or no review where the write went past the webhook.
func oneReview(c *seaworthy.Change, past bool) error {
	by := map[string]seaworthy.Sighting{}
	for _, s := range c.Sightings {
		by[s.By] = s
	}
	audit := by[seaworthy.SeenByAudit]
	if past {
		if audit.Unasked == !audit.Unanswered.IsZero() || len(audit.Reviews) > 0 {
			return fmt.Errorf("the audit event does not say that nobody answered: %+v", audit)
		}
		return nil
	}
	if hook := by[seaworthy.SeenByWebhook]; audit.Unasked || !slices.Contains(audit.Reviews, hook.ID) || !slices.Equal(hook.Reviews, []string{hook.ID}) {
		return fmt.Errorf("the webhook and the audit event do not name the same review: %+v", c.Sightings)
	}
	return nil
}
