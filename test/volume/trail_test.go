// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"fmt"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

const (
	changesEach     = 2000 // of each cluster
	deploymentsEach = 20
)

// trail has every cluster changed, a part of it as pipelines said. A database that an
// earlier run left without changes gets them too.
func (s *site) trail() {
	s.t.Helper()
	ctx, c := s.t.Context(), trail.Config{Store: s.server.Store()}
	if page, err := c.Store.Changes(ctx, store.ChangeFilter{Limit: 1}); err != nil || len(page.Items) > 0 {
		s.must(err)
		return
	}
	for n := range clusters {
		cluster := source(n)
		for k := range deploymentsEach {
			from := s.now.Add(-time.Duration(k) * 8 * time.Hour)
			_, err := trail.Record(ctx, c, s.owner, seaworthy.Deployment{
				SourceID: cluster.ID, Namespaces: []string{space(k)}, Ticket: "OPS-" + strconv.Itoa(1000*n+k), From: from, Until: from.Add(time.Hour),
			})
			s.must(err)
		}
		list := make([]changes.Observation, 0, changesEach)
		for k := range changesEach {
			list = append(list, s.edit(n, k))
		}
		_, err := trail.Take(ctx, c, s.owner, cluster, list)
		s.must(err)
	}
}

// edit is an update of a Deployment, as an audit event and its response tell of it.
func (s *site) edit(cluster, k int) changes.Observation {
	name := fmt.Sprintf("app-%d", k%300)
	o := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: fmt.Sprintf("audit-%d-%d", cluster, k), At: s.now.Add(-time.Duration(k) * 5 * time.Minute)},
		Verb:     seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted,
		Actor: seaworthy.Actor{Username: fmt.Sprintf("person-%d@harbour.example", k%40), UserAgent: "kubectl/v1.36.1"},
		After: map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment",
			"metadata": map[string]any{"name": name, "namespace": space(k % 12), "uid": name, "resourceVersion": strconv.Itoa(10_000 - k)},
			"spec":     map[string]any{"replicas": k},
		},
	}
	o.Describe()
	return o
}
