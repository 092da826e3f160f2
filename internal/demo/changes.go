// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/examples"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// changed is what happened in the clusters, as examples/history/changes.yaml tells.
type changed struct {
	Rules []struct {
		Name  string   `yaml:"name"`
		Users []string `yaml:"users"`
		Paths []string `yaml:"paths"`
	} `yaml:"rules"`
	Changes []change `yaml:"changes"`
}

type change struct {
	Ago        int            `yaml:"ago"`
	At         time.Duration  `yaml:"at"`
	User       string         `yaml:"user"` // a first name, or what the cluster calls somebody
	Client     string         `yaml:"client"`
	Verb       string         `yaml:"verb"`
	APIVersion string         `yaml:"apiVersion"`
	Kind       string         `yaml:"kind"`
	Namespace  string         `yaml:"namespace"`
	Name       string         `yaml:"name"`
	Before     map[string]any `yaml:"before"`
	After      map[string]any `yaml:"after"`
	Image      []string       `yaml:"image"` // before and after
	Release    *struct {
		Ticket string `yaml:"ticket"`
		Pull   string `yaml:"pull"`
	} `yaml:"release"`
	Said *struct {
		By    string `yaml:"by"`
		After int    `yaml:"after"`
		Note  string `yaml:"note"`
	} `yaml:"said"`
}

func readChanges() (*changed, error) {
	data, err := fs.ReadFile(examples.History(), "changes.yaml")
	if err != nil {
		return nil, fmt.Errorf("read the changes of the example: %w", err)
	}
	c := &changed{}
	if err := yaml.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read the changes of the example: %w", err)
	}
	return c, nil
}

// registry is where Harbour Lane keeps its images.
const registry = "registry.harbourlane.example/"

// pipeline is what the cluster calls the pipeline.
const pipeline = "system:serviceaccount:platform:ci-runner"

// changes has the first cluster changed.
func (s *story) changes() error {
	all, err := readChanges()
	if err != nil {
		return err
	}
	s.on(days-1, 15*time.Hour+30*time.Minute, "say which changes need no approval", func(ctx context.Context) error {
		for i, r := range all.Rules {
			rule := seaworthy.ChangeRule{SourceID: s.sources[europe].ID, Place: i, Name: r.Name, Users: r.Users, Paths: r.Paths}
			if _, err := trail.PutRule(ctx, s.Store, s.called("leonie"), rule); err != nil {
				return err
			}
		}
		return nil
	})
	for i, c := range all.Changes {
		s.on(c.Ago, c.At, "change "+c.Name, func(ctx context.Context) error { return s.change(ctx, i+1, c) })
	}
	return nil
}

// change registers a release, changes the object and has somebody explain it later.
func (s *story) change(ctx context.Context, n int, c change) error {
	cluster, agent, cfg := s.sources[europe], s.agent(&s.places[0]), trail.Config{Store: s.Store}
	if c.Release != nil {
		d := seaworthy.Deployment{
			SourceID: cluster.ID, Objects: []seaworthy.Object{{Kind: "Deployment", Namespace: c.Namespace, Name: c.Name}}, Identity: pipeline,
			Ticket: c.Release.Ticket, PullURL: "https://git.harbourlane.example/" + c.Release.Pull,
		}
		if len(c.Image) == 2 {
			d.Images = []string{registry + c.Image[1]}
		}
		if _, err := trail.Record(ctx, cfg, agent, d); err != nil {
			return err
		}
	}
	if _, err := trail.Take(ctx, cfg, agent, cluster, s.observed(n, c)); err != nil {
		return err
	}
	if c.Said == nil {
		return nil
	}
	at := s.clock.Now().Add(time.Duration(c.Said.After) * day)
	s.insert(event{at, "explain the change of " + c.Name, func(ctx context.Context) error {
		page, err := s.Store.Changes(ctx, store.ChangeFilter{Source: cluster.ID, Name: c.Name, Unexplained: true, Limit: 1})
		if err != nil || len(page.Items) == 0 {
			return cmp.Or(err, fmt.Errorf("there is nothing to explain about %s", c.Name))
		}
		_, err = trail.Explain(ctx, s.Store, s.called(c.Said.By), page.Items[0].ID, c.Said.Note)
		return err
	}})
	return nil
}

// observed is what admission and the watch see of a change; of a session, admission alone.
func (s *story) observed(n int, c change) []changes.Observation {
	version := func(k int) string { return fmt.Sprint(1000 + 2*n + k) }
	spec := func(given map[string]any, image int) map[string]any {
		if len(c.Image) == 2 {
			given = map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": c.Name, "image": registry + c.Image[image]}}}}}
		}
		return given
	}
	kind, verb := cmp.Or(c.Kind, "Deployment"), cmp.Or(c.Verb, seaworthy.VerbUpdate)
	object := func(given map[string]any, k int) map[string]any {
		if given == nil {
			return nil
		}
		out := map[string]any{
			"apiVersion": cmp.Or(c.APIVersion, "apps/v1"), "kind": kind,
			"metadata": map[string]any{"name": c.Name, "namespace": c.Namespace, "uid": "5e0f6d1c-" + c.Namespace + "-" + c.Name, "resourceVersion": version(k)},
		}
		if c.APIVersion == "" {
			out["spec"] = given
		} else {
			maps.Copy(out, given)
		}
		return out
	}
	hook := changes.Observation{
		Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: fmt.Sprintf("review-%d", n), At: s.clock.Now()}, Verb: verb, Outcome: seaworthy.OutcomeUnknown,
		Actor:  seaworthy.Actor{Username: s.username(c), UserAgent: cmp.Or(c.Client, "kubectl/v1.36.1 (ci)"), Groups: []string{"system:authenticated"}},
		Before: object(spec(c.Before, 0), 0), After: object(spec(c.After, 1), 1),
	}
	hook.Object.Object = seaworthy.Object{APIVersion: cmp.Or(c.APIVersion, map[bool]string{true: "apps/v1", false: "v1"}[kind == "Deployment"]), Kind: kind, Namespace: c.Namespace, Name: c.Name}
	switch verb {
	case seaworthy.VerbExec:
		hook.Object.Subresource, hook.Outcome = "exec", seaworthy.OutcomeConnected
		return []changes.Observation{hook}
	case seaworthy.VerbRead:
		hook.By, hook.Outcome = seaworthy.SeenByAudit, seaworthy.OutcomeConnected
		return []changes.Observation{hook}
	}
	hook.Describe()
	watch := hook
	watch.Sighting = seaworthy.Sighting{By: seaworthy.SeenByWatch, ID: version(1), At: hook.At.Add(40 * time.Millisecond)}
	watch.Actor, watch.Outcome = seaworthy.Actor{Manager: strings.SplitN(hook.Actor.UserAgent, "/", 2)[0]}, seaworthy.OutcomePersisted
	watch.Object.ResourceVersion = version(1)
	return []changes.Observation{hook, watch}
}

// username is what the cluster calls who made a change.
func (s *story) username(c change) string {
	if c.Release != nil {
		return pipeline
	}
	for _, p := range people() {
		if first, _, _ := strings.Cut(p.email, "."); first == c.User {
			return p.email
		}
	}
	return c.User
}
