// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestNothingIsLost makes changes while the server is away, while the agent is restarted,
// and around a restart of the API server: whatever some place saw is on record exactly
// once, what stands on record last is what the cluster holds, and the times in which
// something may have gone unseen are gaps.
func TestNothingIsLost(t *testing.T) {
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	jane := w.admin()
	const path = "/api/v1/namespaces/shop/configmaps"
	made := 0
	value := map[string]string{} // what the cluster holds
	change := func(n int) {
		t.Helper()
		for range n {
			called1 := fmt.Sprintf("c%d", made%20)
			body := called("v1", "ConfigMap", "shop", called1, object{"data": object{"n": fmt.Sprint(made)}})
			if _, there := value[called1]; there {
				jane.must(http.MethodPut, path+"/"+called1, body)
			} else {
				jane.must(http.MethodPost, path, body)
			}
			value[called1] = fmt.Sprint(made)
			made++
		}
	}
	change(50)
	_ = w.server.Kill()
	began := time.Now()
	change(150)
	_ = r.Stop()
	change(20)
	r.Start()
	change(80)
	w.server.Start()
	w.serverAnswers()
	w.ready(r)
	w.kube.Stop(t)
	time.Sleep(3 * time.Second) // watches and the webhook's connections break
	w.kube.StartAgain(t)
	w.restarted = true
	change(50)
	w.ready(r)
	change(20)
	seen := func() error {
		list, err := w.tryChanges(map[string][]string{"source": {w.source.ID}, "namespace": {"shop"}, "kind": {"ConfigMap"}})
		if err != nil {
			return err
		}
		return w.complete(list, made, value)
	}
	w.until("every change is on record once", 3*time.Minute, seen)
	w.until("the restart of the agent is a gap of the webhook that has ended", time.Minute, func() error {
		g := w.gap("webhook", "", began.Add(-time.Minute))
		if g == nil || g.To.IsZero() {
			return fmt.Errorf("gaps: %+v", w.gaps())
		}
		return nil
	})
	w.intact()
}

// complete holds what is on record against what was done: the audit log lost nothing, so
// each change is there, and each once.
func (w *world) complete(list []seaworthy.Change, made int, value map[string]string) error {
	versions, last := map[string]bool{}, map[string]string{}
	n := 0
	for _, c := range list {
		if c.Outcome != seaworthy.OutcomePersisted || !strings.HasPrefix(c.Object.Name, "c") {
			continue
		}
		n++
		if versions[c.Object.ResourceVersion] {
			return fmt.Errorf("version %s of %s is on record twice", c.Object.ResourceVersion, c.Object.Name)
		}
		versions[c.Object.ResourceVersion] = true
		for _, e := range c.Edits {
			if e.Path == "data.n" {
				last[c.Object.Name] = strings.Trim(e.After, `"`)
			}
			if e.Path == "data" && strings.Contains(e.After, `"n":`) {
				last[c.Object.Name] = strings.Trim(strings.TrimSuffix(strings.TrimPrefix(e.After, `{"n":`), "}"), `"`)
			}
		}
	}
	if n != made {
		return fmt.Errorf("%d changes on record, %d were made", n, made)
	}
	for object, want := range value {
		if last[object] != want {
			return fmt.Errorf("%s holds %s, and on record is %q", object, want, last[object])
		}
	}
	return nil
}
