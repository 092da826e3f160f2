// SPDX-License-Identifier: Apache-2.0

//go:build unix

package running

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
)

// TestTheOtherReplicaTakesOver kills the replica that leads, with changes under way: the
// other one leads within the time of the Lease, each change is on record once and was seen
// by the webhook and in audit events, and there are gaps of what nobody looked at and of
// nothing else: that no audit event ever came to one replica is none.
func TestTheOtherReplicaTakesOver(t *testing.T) {
	s := newSite(t, "replicas=2")
	first := s.pod(0)
	s.working(first, true)
	second := s.pod(1)
	s.working(second, false)
	// The audit stream is silent for a replica to which no event comes; nobody says so.
	hold(t, 100*time.Second)
	made := &maker{site: s}
	stop := made.start()
	hold(t, 3*time.Second)
	killed := time.Now()
	_ = first.Kill()
	s.until("the other one leads", func() error {
		text, err := get("http://" + second.probe + "/metrics")
		if err != nil || !says(text, "seaworthy_agent_leader 1") {
			return fmt.Errorf("it does not: %v", err)
		}
		return nil
	})
	t.Logf("it leads %s after", time.Since(killed).Round(time.Second))
	s.working(second, true)
	works := time.Now()
	hold(t, 3*time.Second)
	names := stop()
	s.until(fmt.Sprintf("%d changes are on record", len(names)), func() error { return s.once(names) })
	s.until("what was watched anew is a gap with an end", func() error {
		for _, g := range s.gaps() {
			if g.Kind == "watch" && !g.To.IsZero() {
				return nil
			}
		}
		return fmt.Errorf("gaps: %+v", s.gaps())
	})
	watch := 0
	for _, g := range s.gaps() {
		switch {
		case g.Kind == "audit":
			t.Errorf("audit events came all the time, and there is a gap: %+v", g)
		case g.Kind == "agent":
			t.Errorf("a replica was there all the time, and there is a gap: %+v", g)
		case g.From.Before(killed.Add(-90 * time.Second)):
			t.Errorf("a gap from before anything happened: %+v", g)
		case g.Kind == "watch":
			watch++
			if g.To.IsZero() || g.To.After(works) {
				t.Errorf("the gap of the watch: %+v", g)
			}
		}
	}
	if watch != 1 {
		t.Errorf("%d gaps of the watch, want one: %+v", watch, s.gaps())
	}
	s.nothingForbidden()
	s.intact()
}

// hold lets time go by in which something is to happen, or is not to.
func hold(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// maker makes an object every quarter of a second.
type maker struct{ *site }

// start begins to; what it gives ends it and says what was made.
func (m *maker) start() func() []string {
	m.Helper()
	jane := m.user("jane", "system:masters").CoreV1().ConfigMaps("shop")
	ctx, cancel := context.WithCancel(m.Context())
	done := make(chan []string, 1)
	go func() {
		var names []string
		defer func() { done <- names }()
		for ctx.Err() == nil {
			o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("made-%d", len(names))}}
			if _, err := jane.Create(m.Context(), o, metav1.CreateOptions{}); err != nil {
				m.Errorf("make %s: %v", o.Name, err)
				return
			}
			names = append(names, o.Name)
			time.Sleep(250 * time.Millisecond)
		}
	}()
	return func() []string {
		cancel()
		return <-done
	}
}

// once tells whether each object is on record as made once, by jane.
func (s *site) once(names []string) error {
	count := map[string]int{}
	err := s.changes("ConfigMap", "shop", func(c *seaworthy.Change) error {
		if strings.HasPrefix(c.Object.Name, "made-") {
			count[c.Object.Name]++
			if by := sighted(c); c.Actor.Username != "jane" || !slices.Contains(by, "audit") {
				return fmt.Errorf("%s, made by %q, was seen by %s", c.Object.Name, c.Actor.Username, by)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if count[name] != 1 {
			return fmt.Errorf("%s is on record %d times", name, count[name])
		}
	}
	return nil
}
