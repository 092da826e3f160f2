// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// TestTheAgentTellsOfNothingThatCameToNothing: the webhook is asked before the API server finds
// that an object is there already. Without audit events, the watch tells that nothing came of
// it, to the agent as to the server.
func TestTheAgentTellsOfNothingThatCameToNothing(t *testing.T) {
	t.Parallel()
	w := enter(t, audited(auditOff))
	w.ready(w.agent("one"))
	watched := time.Now()
	w.until("the watch was there for some time", 5*time.Minute, func() error {
		if still := changes.Window + 10*time.Second - time.Since(watched); still > 0 {
			return fmt.Errorf("still %s", still)
		}
		return nil
	})
	jane := w.admin()
	const maps = "/api/v1/namespaces/shop/configmaps"
	jane.must(http.MethodPost, maps, called("v1", "ConfigMap", "shop", "once", nil))
	for range 3 {
		if _, err := jane.try(http.MethodPost, maps, called("v1", "ConfigMap", "shop", "once", nil)); !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	jane.must(http.MethodPost, maps, called("v1", "ConfigMap", "shop", "later", nil))
	w.until("the agent tells of what was made", 3*time.Minute, func() error {
		if len(w.receiver.got(seaworthy.NoticeOutOfBand, "ConfigMap/later")) == 0 {
			return fmt.Errorf("the agent told:\n%s", w.receiver.all())
		}
		return nil
	})
	if n := len(w.receiver.got(seaworthy.NoticeOutOfBand, "ConfigMap/once")); n != 1 {
		t.Errorf("the agent told %d times of what was made once:\n%s", n, w.receiver.all())
	}
	w.until("the server says the same", 3*time.Minute, func() error {
		made, vain := 0, 0
		all, err := w.tryChanges(map[string][]string{"kind": {"ConfigMap"}, "namespace": {"shop"}, "name": {"once"}})
		for _, c := range all {
			switch {
			case c.Missing() && !c.Unexplained():
				vain++
			case c.Outcome == seaworthy.OutcomePersisted && c.Unexplained():
				made++
			}
		}
		if err != nil || made != 1 || vain != 3 {
			return fmt.Errorf("%d made and %d in vain, %v:\n%s", made, vain, err, told1(all))
		}
		return nil
	})
	w.intact()
}
