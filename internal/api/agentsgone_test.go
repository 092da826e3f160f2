// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Nothing is expected of a cluster that was retired: its gaps end, and its agents are told.
func TestAgentsOfARetiredCluster(t *testing.T) {
	w := here(t, api.Config{})
	cluster := w.declare("prod", "", "shop")
	a := w.enrolled(cluster.ID)
	w.now = w.now.Add(2 * time.Minute)
	if opened, err := ingest.AgentSilences(w.Context(), w.store); err != nil || len(opened) != 1 {
		t.Fatalf("AgentSilences = %+v, %v", opened, err)
	}
	w.do(w.as(seaworthy.Owner), http.MethodPut, "/api/v1/sources/"+cluster.ID, map[string]any{"environment": "production", "retired": true}).want(http.StatusOK, nil)
	if opened, err := ingest.AgentSilences(w.Context(), w.store); err != nil || len(opened) != 0 {
		t.Errorf("AgentSilences = %+v, %v, want none", opened, err)
	}
	if gaps := w.gapsOf(cluster.ID); len(gaps) != 1 || gaps[0].To.IsZero() {
		t.Errorf("gaps: %+v", gaps)
	}
	beat := seaworthy.Heartbeat{Instance: "i", At: w.now}
	if got := w.do(a.bearer(), http.MethodPost, "/api/v1/agent/heartbeat", beat); got.Code != http.StatusConflict {
		t.Errorf("a heartbeat: status %d", got.Code)
	}
}

func TestInstancesThatDoNotComeBack(t *testing.T) {
	w := here(t, api.Config{})
	cluster := w.declare("prod", "", "shop")
	a := w.enrolled(cluster.ID)
	a.deliver(a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(1)}))
	a.beat(seaworthy.Heartbeat{Replica: "agent-1", Waiting: map[string]int{seaworthy.StreamChanges: 3}, Last: map[string]uint64{seaworthy.StreamChanges: 4}})
	a.beat(seaworthy.Heartbeat{Instance: "i2", Replica: "agent-2", Waiting: map[string]int{seaworthy.StreamChanges: 0}})
	w.now = w.now.Add(11 * time.Minute)
	a.beat(seaworthy.Heartbeat{Instance: "i2", Replica: "agent-2"})
	for i := range 2 {
		opened, err := ingest.AgentSilences(w.Context(), w.store)
		w.must(err)
		lost := 0
		for _, g := range opened {
			if g.Kind == store.GapMessages && strings.Contains(g.Reason, "agent-1") && strings.Contains(g.Reason, "3 had not arrived") {
				lost++
			}
		}
		if lost != 1-i {
			t.Errorf("round %d: %+v", i, opened)
		}
	}
}
