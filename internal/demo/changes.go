// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/examples"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
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
	Release    *release       `yaml:"release"`
	// Denied is the check for which admission refused it, Items what was at fault.
	Denied string   `yaml:"denied"`
	Items  []string `yaml:"items"`
	// Unasked: the webhook was away, and nobody saw who did it.
	Unasked bool `yaml:"unasked"`
	Said    *struct {
		By    string `yaml:"by"`
		After int    `yaml:"after"`
		Note  string `yaml:"note"`
	} `yaml:"said"`
}

// release is what a pipeline or Argo CD says of a change, and the git host of both.
type release struct {
	Ticket string `yaml:"ticket"`
	Pull   string `yaml:"pull"`
	By     string `yaml:"by"` // "argocd", or empty for the pipeline
	// Author wrote it, Approver let it be merged; nobody: the git host was not asked.
	Author   string `yaml:"author"`
	Approver string `yaml:"approver"`
}

// commit is the commit that the pull request was merged as.
func (r *release) commit() string {
	sum := sha256.Sum256([]byte("Harbour Lane (example data): " + r.Pull))
	return hex.EncodeToString(sum[:20])
}

func (r *release) repository() string {
	at, _, _ := strings.Cut(r.Pull, "/pull/")
	return at
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

// By which names the cluster knows the pipeline and Argo CD.
const (
	pipeline = "system:serviceaccount:platform:ci-runner"
	argocd   = "system:serviceaccount:argocd:argocd-application-controller"
)

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
		return trail.SetLinks(ctx, s.Store, s.as(ines), trail.Links{
			Ticket: "https://tickets.harbourlane.example/browse/{ticket}", Commit: "https://git.harbourlane.example/{repository}/commit/{commit}",
		})
	})
	s.on(days-1, 15*time.Hour+40*time.Minute, "let the pipeline and the git host in", func(ctx context.Context) (err error) {
		of := auth.NewToken{Name: "pipelines of " + europe, Role: seaworthy.Reporter, Source: s.sources[europe].ID, Expires: s.now.Add(200 * day)}
		if s.pipeline, _, err = s.Auth.CreateToken(ctx, s.as(ines), of); err != nil {
			return err
		}
		s.gitHost, _, err = s.Auth.CreateToken(ctx, s.as(ines), auth.NewToken{Name: "git.harbourlane.example", Role: seaworthy.GitHost, Expires: s.now.Add(200 * day)})
		return err
	})
	for i, c := range all.Changes {
		s.on(c.Ago, c.At, "change "+c.Name, func(ctx context.Context) error { return s.change(ctx, i+1, c) })
	}
	return nil
}

func tokenPrincipal(t seaworthy.Token) seaworthy.Principal {
	return seaworthy.Principal{Actor: "token:" + t.ID, Maker: t.UserID, Name: t.Name, Role: t.Role, Source: t.Source}
}

// announce has the git host confirm a release and the pipeline, or Argo CD, claim it.
func (s *story) announce(ctx context.Context, c change) error {
	r, cfg := c.Release, trail.Config{Store: s.Store}
	pull := "https://git.harbourlane.example/" + r.Pull
	if r.Author != "" {
		word := seaworthy.Confirmation{Repository: r.repository(), Commit: r.commit(), PullURL: pull, Approval: seaworthy.Approval{
			Author: s.called(r.Author).Name, Approvers: []string{s.called(r.Approver).Name}, MergedBy: s.called(r.Approver).Name, MergedAt: s.clock.Now().Add(-21 * time.Minute),
		}}
		if _, _, err := trail.Confirm(ctx, cfg, tokenPrincipal(s.gitHost), word); err != nil {
			return err
		}
	}
	d := seaworthy.Deployment{
		SourceID: s.sources[europe].ID, Objects: []seaworthy.Object{{APIVersion: "apps/v1", Kind: "Deployment", Namespace: c.Namespace, Name: c.Name}},
		Identity: s.username(c), Repository: r.repository(), Ticket: r.Ticket, PullURL: pull,
	}
	if r.Author != "" || r.By != "" {
		d.Commit = r.commit()
	}
	if len(c.Image) == 2 {
		d.Images = []string{registry + c.Image[1]}
	}
	if r.By != "" {
		d.By, d.From = r.By, s.clock.Now()
		return s.send(ctx, s.watchers[europe], seaworthy.MessageClaims, []seaworthy.Deployment{d})
	}
	_, err := trail.Record(ctx, cfg, tokenPrincipal(s.pipeline), d)
	return err
}

// change registers a release, changes the object and has somebody explain it later.
func (s *story) change(ctx context.Context, n int, c change) error {
	cluster, from := s.sources[europe], s.clock.Now()
	if c.Release != nil {
		if err := s.announce(ctx, c); err != nil {
			return err
		}
	}
	seen := s.observed(n, c)
	if err := s.send(ctx, s.watchers[europe], seaworthy.MessageObservations, append(seen, s.rollout(n, c, seen)...)); err != nil {
		return err
	}
	if c.Unasked {
		s.insert(event{from.Add(2 * trail.BypassAfter), "mark what went past admission", func(ctx context.Context) error {
			return trail.Bypassed(ctx, trail.Config{Store: s.Store}, from, s.clock.Now())
		}})
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
	case seaworthy.VerbExec, seaworthy.VerbPortForward:
		hook.Object.Subresource, hook.Outcome = verb, seaworthy.OutcomeConnected
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
	switch {
	case c.Unasked:
		return []changes.Observation{watch}
	case c.Denied != "":
		hook.Outcome = seaworthy.OutcomeDenied
		hook.Judged = []seaworthy.Judgement{{Door: seaworthy.DoorWebhook, Check: c.Denied, Mode: "deny", Items: c.Items}}
		return []changes.Observation{hook}
	}
	return []changes.Observation{hook, watch}
}

// rollout is what the cluster's controllers do because of a release: a new set, and pods.
func (s *story) rollout(n int, c change, seen []changes.Observation) []changes.Observation {
	if c.Release == nil || len(c.Image) != 2 || len(seen) == 0 {
		return nil
	}
	deployment := seen[0].After
	spec, _ := deployment["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	of := seen[0].Object
	set := seaworthy.Owned{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: fmt.Sprintf("%s-%x", c.Name, 0x5d9c7b0000+n), UID: fmt.Sprintf("set-%s-%d", c.Name, n)}
	above := seaworthy.Owned{APIVersion: "apps/v1", Kind: "Deployment", Name: c.Name, UID: of.UID}
	made := func(k int, kind, version, name, uid, maker string, by seaworthy.Owned, spec map[string]any, owner changes.Owner) changes.Observation {
		o := changes.Observation{
			Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: fmt.Sprintf("review-%d-%d", n, k), At: seen[0].At.Add(time.Duration(k+1) * 400 * time.Millisecond)},
			Verb:     seaworthy.VerbCreate, Outcome: seaworthy.OutcomeUnknown, Owner: &owner,
			Actor: seaworthy.Actor{Username: "system:serviceaccount:kube-system:" + maker, Groups: []string{"system:serviceaccounts"}},
			After: map[string]any{"apiVersion": version, "kind": kind, "spec": spec, "metadata": map[string]any{
				"name": name, "namespace": c.Namespace, "uid": uid,
				"ownerReferences": []any{map[string]any{"apiVersion": by.APIVersion, "kind": by.Kind, "name": by.Name, "uid": by.UID, "controller": true}},
			}},
		}
		o.Describe()
		return o
	}
	templates := []string{changes.Template(deployment)}
	out := []changes.Observation{made(0, "ReplicaSet", "apps/v1", set.Name, set.UID, "deployment-controller", above, map[string]any{"template": map[string]any{"spec": pod}},
		changes.Owner{Object: of.Object, UID: of.UID, Templates: templates})}
	for k := range 3 {
		out = append(out, made(k+1, "Pod", "v1", fmt.Sprintf("%s-%c%dk%c", set.Name, 'f'+rune(k), n%10, 'p'+rune(k)), fmt.Sprintf("%s-%d", set.UID, k), "replicaset-controller", set, pod,
			changes.Owner{Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: c.Namespace, Name: set.Name}, UID: set.UID, Templates: templates, Above: &above}))
	}
	return out
}

// username is what the cluster calls who made a change.
func (s *story) username(c change) string {
	switch {
	case c.Release != nil && c.Release.By == "argocd":
		return argocd
	case c.Release != nil:
		return pipeline
	}
	for _, p := range people() {
		if first, _, _ := strings.Cut(p.email, "."); first == c.User {
			return p.email
		}
	}
	return c.User
}
