// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// Of a Secret that goes an audit event tells neither UID nor review. What was made of its name
// in between keeps the deletion of one apart from that of the next.
func TestDeletionsOfOneName(t *testing.T) {
	const hook, audit, watch, create, gone = seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch, seaworthy.VerbCreate, seaworthy.VerbDelete
	n := 0
	seen := func(by, verb, uid string, at time.Duration) *changes.Observation {
		n++
		o := &changes.Observation{Sighting: seaworthy.Sighting{By: by, ID: fmt.Sprint(n), At: start.Add(at)}, Verb: verb, Outcome: seaworthy.OutcomePersisted}
		o.Object = seaworthy.ChangedObject{Object: seaworthy.Object{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "c1"}, UID: uid}
		o.Actor.Username = "jane"
		if by == hook {
			o.Outcome = seaworthy.OutcomeUnknown
		}
		return o
	}
	denied := seen(hook, create, "b", 5*time.Second)
	denied.Outcome = seaworthy.OutcomeDenied
	relisted := seen(watch, create, "b", 8*time.Second)
	relisted.Relisted = true
	for name, tt := range map[string]struct {
		before []*changes.Observation
		then   *changes.Observation
		want   changes.Joined
	}{
		"one deletion": {[]*changes.Observation{seen(audit, gone, "", 0)}, seen(hook, gone, "a", 10*time.Millisecond), changes.IsMore},
		"and the next, of what was made since": {
			[]*changes.Observation{seen(audit, gone, "", 0), seen(hook, create, "b", 5*time.Second)}, seen(hook, gone, "b", 12*time.Second), changes.IsNew},
		"made soon after, as one clock tells": {
			[]*changes.Observation{seen(audit, gone, "", 0), seen(audit, create, "", time.Second), seen(hook, create, "b", time.Second)}, seen(hook, gone, "b", 12*time.Second), changes.IsNew},
		"found by listing again": {[]*changes.Observation{seen(audit, gone, "", 0), relisted}, seen(hook, gone, "b", 12*time.Second), changes.IsNew},
		"the other way round": {
			[]*changes.Observation{seen(hook, gone, "a", 0), seen(hook, create, "b", 5*time.Second), seen(audit, create, "", 5*time.Second)}, seen(audit, gone, "", 12*time.Second), changes.IsNew},
		"late, after the next was made": {
			[]*changes.Observation{seen(audit, gone, "", 0), seen(audit, create, "", 500*time.Millisecond), seen(hook, create, "b", 500*time.Millisecond)}, seen(hook, gone, "a", 10*time.Millisecond), changes.IsMore},
		"late, the audit event": {
			[]*changes.Observation{seen(hook, gone, "a", 0), seen(hook, create, "b", 500*time.Millisecond)}, seen(audit, gone, "", 10*time.Millisecond), changes.IsMore},
		"clocks that differ": {
			[]*changes.Observation{seen(hook, create, "a", 0), seen(audit, gone, "", -time.Second)}, seen(hook, gone, "a", time.Second), changes.IsMore},
		"what was denied made nothing": {[]*changes.Observation{seen(audit, gone, "", 0), denied}, seen(hook, gone, "a", 12*time.Second), changes.IsMore},
	} {
		t.Run(name, func(t *testing.T) {
			var rec record
			for _, o := range tt.before {
				rec.take(o)
			}
			if got := rec.take(tt.then); got != tt.want {
				t.Errorf("joined %d, want %d: %+v", got, tt.want, rec.list)
			}
		})
	}
}
