// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

func TestAgentConfiguration(t *testing.T) {
	w := here(t, api.Config{})
	cluster, other := w.declare("prod", "", "shop"), w.declare("stage", "", "shop")
	a, b := w.enrolled(cluster.ID), w.enrolled(other.ID)
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/change-rules", map[string]any{"name": "all"}).want(http.StatusCreated, nil)
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/change-rules", map[string]any{"name": "theirs", "source": other.ID}).want(http.StatusCreated, nil)
	var mine, theirs seaworthy.AgentConfiguration
	got := w.do(a.bearer(), http.MethodGet, "/api/v1/agent/configuration", nil).want(http.StatusOK, &mine)
	w.do(b.bearer(), http.MethodGet, "/api/v1/agent/configuration", nil).want(http.StatusOK, &theirs)
	if len(mine.Rules) != 1 || len(theirs.Rules) != 2 || mine.Source.ID != cluster.ID || len(mine.Key) < 32 || bytes.Equal(mine.Key, theirs.Key) {
		t.Errorf("configurations: %+v and %+v", mine, theirs)
	}
	tag := got.Header().Get("ETag")
	if answer := a.beat(seaworthy.Heartbeat{}); answer.Configuration != tag {
		t.Errorf("the heartbeat names the configuration %q, the tag is %q", answer.Configuration, tag)
	}
	if again := w.do(a.bearer(), http.MethodGet, "/api/v1/agent/configuration", nil, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("unchanged: status %d, %d bytes", again.Code, again.Body.Len())
	}
	w.do(w.as(seaworthy.Owner), http.MethodPost, "/api/v1/change-rules", map[string]any{"name": "more"}).want(http.StatusCreated, nil)
	w.now = w.now.Add(2 * time.Second)
	if answer := a.beat(seaworthy.Heartbeat{}); answer.Configuration == tag {
		t.Error("another rule is no other configuration")
	}
}

func TestClaimsOfAgents(t *testing.T) {
	each(t, func(w *world) {
		cluster := w.declare("prod", "", "shop")
		a := w.enrolled(cluster.ID)
		claim := seaworthy.Deployment{ID: "chosen", SourceID: "else", By: "argocd", Commit: "abc", Namespaces: []string{"shop"}, From: w.now.Add(-time.Minute), RecordedBy: "user:eve", Verified: &seaworthy.Approval{Author: "eve"}}
		a.deliver(a.message(seaworthy.MessageClaims, []seaworthy.Deployment{claim}))
		a.deliver(a.message(seaworthy.MessageClaims, []seaworthy.Deployment{claim}), a.message(seaworthy.MessageObservations, []changes.Observation{a.observed(1)}))
		var list struct{ Items []seaworthy.Deployment }
		w.do(w.as(seaworthy.Owner), http.MethodGet, "/api/v1/deployments", nil).want(http.StatusOK, &list)
		if len(list.Items) != 1 || list.Items[0].ID == "chosen" || list.Items[0].SourceID != cluster.ID || list.Items[0].RecordedBy != "agent:"+a.ID || list.Items[0].Verified != nil {
			t.Fatalf("deployments: %+v", list.Items)
		}
		if got := w.changesOf(cluster.ID).Items; len(got) != 1 || got[0].Match != seaworthy.MatchClaimed || got[0].MatchID != list.Items[0].ID {
			t.Errorf("changes: %+v", got)
		}
	})
}
