// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// replicas is how many instances each agent has, releasesEach how often each cluster was
// released to lately.
const (
	replicas     = 3
	releasesEach = 40
)

// agents has an agent watch every cluster, and pipelines release to it with everything
// that a deployment may refer to. A database that an earlier run left without agents gets
// them too.
func (s *site) agents() {
	s.t.Helper()
	if has, err := s.server.Store().HasAgents(s.t.Context()); err != nil || has {
		s.must(err)
		return
	}
	for n := range clusters {
		s.agent(n)
		s.releases(n)
	}
}

// agent enrols one, whose instances say once how they are.
func (s *site) agent(cluster int) {
	ctx, id := s.t.Context(), sourceID(cluster)
	_, token, err := s.server.Auth().CreateEnrolment(ctx, s.owner, id)
	s.must(err)
	key := binary.BigEndian.AppendUint64(nil, uint64(cluster))
	key = append(key, make([]byte, ed25519.PublicKeySize-len(key))...)
	agent, err := s.server.Auth().Enrol(ctx, token, base64.StdEncoding.EncodeToString(key))
	s.must(err)
	is := seaworthy.Principal{Actor: "agent:" + agent.ID, Role: seaworthy.Reporter, Source: id}
	for k := range replicas {
		beat := seaworthy.Heartbeat{
			Instance: fmt.Sprintf("instance-%02d-%d", cluster, k), Replica: fmt.Sprintf("seaworthy-agent-%d", k), Version: "v1.0.0", At: s.now, Started: s.now.Add(-30 * day),
			Leader: k == 0, Objects: len(s.company.lives[cluster]) / perObject, Findings: len(s.company.lives[cluster]),
			Places: map[string]seaworthy.Place{
				seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks, Since: s.now.Add(-30 * day), Latest: s.now},
				seaworthy.SeenByAudit:   {State: seaworthy.PlaceNotObserved, Reason: "no audit log is set up"},
			},
			Waiting: map[string]int{seaworthy.StreamChanges: k}, Last: map[string]uint64{seaworthy.StreamChanges: uint64(k)},
		}
		if beat.Leader {
			beat.Watching = beat.Started
			beat.Places[seaworthy.SeenByWatch] = seaworthy.Place{State: seaworthy.PlaceWorks, Since: beat.Started, Latest: s.now}
			beat.Unlisted = map[string]string{"secrets": "the role of the agent does not grant it"}
		}
		_, err := ingest.Beat(ctx, s.server.Store(), is, beat)
		s.must(err)
	}
}

// release are the references of a deployment, the newest of a cluster being number 0.
func release(cluster, k int) seaworthy.Deployment {
	commit := fmt.Sprintf("%08x", cluster*releasesEach+k)
	app := words[k%len(words)]
	return seaworthy.Deployment{
		SourceID: sourceID(cluster), Namespaces: []string{space(k)}, Repository: "harbour/" + app, Ticket: fmt.Sprintf("REL-%d", cluster*releasesEach+k),
		Images: []string{"registry.harbour.example/" + app + "@sha256:" + strings.Repeat(commit, 8)}, Commit: strings.Repeat(commit, 5),
		PullURL: fmt.Sprintf("https://git.harbour.example/%s/pull/%d", app, cluster*releasesEach+k),
	}
}

// releases records what pipelines deployed, and what the cluster saw of it.
func (s *site) releases(cluster int) {
	ctx, c := s.t.Context(), trail.Config{Store: s.server.Store()}
	var seen []changes.Observation
	for k := range releasesEach {
		d := release(cluster, k)
		d.From = s.now.Add(-time.Duration(k+1) * 6 * time.Hour)
		d.Until = d.From.Add(time.Hour)
		_, err := trail.Record(ctx, c, s.owner, d)
		s.must(err)
		o := changes.Observation{
			Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: fmt.Sprintf("release-%d-%d", cluster, k), At: d.From.Add(time.Minute)},
			Verb:     seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted, Actor: seaworthy.Actor{Username: "pipeline"},
			After: map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment",
				"metadata": map[string]any{"name": words[k%len(words)], "namespace": space(k), "uid": fmt.Sprintf("release-%d", k), "resourceVersion": fmt.Sprint(20_000 - k)},
				"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": d.Images[0]}}}}},
			},
		}
		o.Describe()
		seen = append(seen, o)
	}
	_, err := trail.Take(ctx, c, s.owner, source(cluster), seen)
	s.must(err)
}
