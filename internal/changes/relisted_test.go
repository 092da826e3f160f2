// SPDX-License-Identifier: Apache-2.0

package changes_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// TestListedAgainIsWhatWasSeen has a watch that broke show the end of what others saw: it is
// the change that led there, whichever of them tells of it first.
func TestListedAgainIsWhatWasSeen(t *testing.T) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	object := func(version, n string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "c", "namespace": "shop", "uid": "u", "resourceVersion": version}, "data": map[string]any{"n": n}}
	}
	webhook := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: "w", At: at}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown,
		Before: object("5", "1"), After: object("5", "2"),
	}
	audit := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: "a", At: at}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted,
		After: object("6", "2"),
	}
	watch := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWatch, ID: "6", At: at.Add(5 * time.Minute), Relisted: true}, Verb: seaworthy.VerbUpdate,
		Outcome: seaworthy.OutcomePersisted, Before: object("3", "0"), After: object("6", "2"),
	}
	for _, order := range [][]changes.Observation{{webhook, audit, watch}, {watch, audit, webhook}, {audit, watch, webhook}} {
		var recorded []seaworthy.Change
		for _, o := range order {
			o.Describe()
			if i, joined := changes.Join(&o, recorded); joined == changes.IsMore {
				changes.Merge(&recorded[i], &o)
			} else if joined == changes.IsNew {
				recorded = append(recorded, changes.New("prod", &o))
			}
		}
		if len(recorded) != 1 {
			t.Errorf("beginning with %s there are %d changes", order[0].By, len(recorded))
		}
	}
}
