// SPDX-License-Identifier: Apache-2.0

//go:build unix

package running

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
)

// workload is a Deployment that many checks find fault with.
func workload(name string) *appsv1.Deployment {
	one, labels := int32(1), map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}, Spec: appsv1.DeploymentSpec{
		Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "nginx:latest"}}},
		},
	}}
}

// TestInstalled runs what the chart installs, with nothing but what the chart gives it: the
// agent enrols, lists, judges, answers the API server, takes its audit events, and what is
// changed arrives at the server. Nothing that it asks is refused, it has no right that it
// does not need, and it lacks none.
func TestInstalled(t *testing.T) {
	s := newSite(t)
	p := s.pod(0)
	s.working(p, true)
	ctx, jane := t.Context(), s.user("jane", "system:masters")
	apps := jane.AppsV1().Deployments("shop")
	if _, err := apps.Create(ctx, workload("web"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, 1} {
		if _, err := apps.Patch(ctx, "web", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.until("three changes are on record, seen from everywhere", func() error {
		list := s.of("Deployment", "shop", "web")
		if len(list) != 3 {
			return fmt.Errorf("%d changes", len(list))
		}
		for _, c := range list {
			if by := sighted(&c); c.Actor.Username != "jane" || !slices.Equal(by, []string{"audit", "watch", "webhook"}) {
				return fmt.Errorf("%s by %s was seen by %s", c.Verb, c.Actor.Username, by)
			}
		}
		return nil
	})
	s.until("what is wrong with it is found", func() error {
		var found []string
		err := s.api.Findings(ctx, url.Values{"source": {s.source.ID}, "namespace": {"shop"}}, func(list []seaworthy.TrackedFinding) error {
			for _, f := range list {
				found = append(found, f.Check+" "+f.Object.Name)
			}
			return nil
		})
		if err != nil || !slices.Contains(found, "image-tag-mutable web") {
			return fmt.Errorf("found %q, %v", found, err)
		}
		return nil
	})
	s.ownIsTouched()
	s.rightsAreExact(p)
	s.nothingForbidden()
	s.intact()
}

// rightsAreExact waits until an agent says that it is allowed what it needs and nothing else.
func (s *site) rightsAreExact(p *pod) {
	s.Helper()
	s.until("the agent's heartbeat says that its rights are exactly what it needs", func() error {
		b, heard := s.beats()[p.name]
		text, err := get("http://" + p.probe + "/metrics")
		switch {
		case err != nil:
			return err
		case !heard || !b.Leader || len(b.Unlisted) > 0 && !onlyAsked(b.Unlisted):
			return fmt.Errorf("the heartbeat says %+v", b)
		case !strings.Contains(text, "seaworthy_agent_rights_excess 0") || !strings.Contains(text, "seaworthy_agent_rights_lacking 0"):
			return fmt.Errorf("excess %q, lacking %q", b.Excess, b.Lacking)
		}
		return nil
	})
}

// onlyAsked tells whether nothing went unlisted but what was not asked for.
func onlyAsked(unlisted map[string]string) bool {
	for kind := range unlisted {
		if kind != "Secret" {
			return false
		}
	}
	return true
}

// ownIsTouched changes the agent's own settings: the server knows them to be the agent's
// although neither the release nor its namespace is called as the chart suggests.
func (s *site) ownIsTouched() {
	s.Helper()
	jane := s.user("jane", "system:masters")
	if _, err := jane.CoreV1().Secrets(namespace).Patch(s.Context(), release+"-settings", types.MergePatchType, []byte(`{"metadata":{"annotations":{"touched":"yes"}}}`), metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := jane.RbacV1().ClusterRoles().Patch(s.Context(), release, types.MergePatchType, []byte(`{"metadata":{"annotations":{"touched":"yes"}}}`), metav1.PatchOptions{}); err != nil {
		s.Fatal(err)
	}
	for _, o := range []struct{ kind, in, name string }{{"Secret", namespace, release + "-settings"}, {"ClusterRole", "", release}} {
		s.until("the server knows that it is the agent's own "+o.kind, func() error {
			for _, c := range s.of(o.kind, o.in, o.name) {
				if c.Actor.Username == "jane" && slices.Contains(c.Flags, seaworthy.FlagOwnConfig) {
					return nil
				}
			}
			return fmt.Errorf("%+v", s.of(o.kind, o.in, o.name))
		})
	}
}

// sighted lists who saw a change, each once.
func sighted(c *seaworthy.Change) []string {
	var by []string
	for _, v := range c.Sightings {
		by = append(by, v.By)
	}
	slices.Sort(by)
	return slices.Compact(by)
}
