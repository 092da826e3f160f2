// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// kubelet runs a replica of the agent as its Deployment says: it asks it to end where there
// should be none, and starts it where there should be one.
func (w *world) kubelet(r *replica) (runs func() bool) {
	w.t.Helper()
	u, running := w.user("system:node:one", "system:masters"), true
	var mu sync.Mutex
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
			d, err := u.try(http.MethodGet, workloads+"/"+name, nil)
			if err != nil {
				continue
			}
			wanted := d["spec"].(object)["replicas"] != 0.0
			mu.Lock()
			switch {
			case wanted && !running:
				r.Start()
			case !wanted && running:
				_ = r.Stop()
			}
			running = wanted
			mu.Unlock()
		}
	})
	w.t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return running
	}
}

// TestAnAdministratorActsUnseen has a cluster administrator take everything away that sees
// and tells, change a workload and undo that, and put everything back as it was.
func TestAnAdministratorActsUnseen(t *testing.T) {
	t.Parallel()
	w := enter(t)
	r := w.agent("one")
	w.ready(r)
	w.heard()
	runs, jane := w.kubelet(r), w.admin()
	jane.must(http.MethodPost, deployments, deployment("web", 2))
	w.until("the workload is on record", time.Minute, func() error {
		if list := w.of("Deployment", "shop", "web"); len(list) != 1 || len(list[0].Sightings) != 3 {
			return fmt.Errorf("%s", told1(list))
		}
		return nil
	})
	leaving := time.Now().Add(-time.Minute)
	kept := jane.must(http.MethodGet, hooks+"/"+name, nil)
	jane.must(http.MethodDelete, hooks+"/"+name, nil)
	jane.must(http.MethodPatch, workloads+"/"+name, scaled(0))
	w.until("the agent is gone", time.Minute, func() error {
		if runs() {
			return errNotYet
		}
		return nil
	})
	if _, err := jane.try(http.MethodDelete, hooks+"/"+name, nil); err != nil && !apierrors.IsNotFound(err) { // the agent may have put it back
		t.Fatal(err)
	}
	began := time.Now()
	secret := jane.must(http.MethodGet, "/api/v1/namespaces/"+namespace+"/secrets/"+name+"-slack", nil)
	text, _ := secret["data"].(object)["url"].(string)
	if plain, err := base64.StdEncoding.DecodeString(text); err != nil || !strings.HasSuffix(string(plain), slackPath) {
		t.Fatalf("the Secret holds no credential: %v", secret)
	}
	jane.must(http.MethodPatch, deployments+"/web", scaled(7))
	jane.must(http.MethodPatch, deployments+"/web", scaled(2))
	w.noticed(w.begun(store.GapAgent, leaving)) // outside of the cluster
	ended := time.Now()
	delete(kept["metadata"].(object), "resourceVersion")
	delete(kept["metadata"].(object), "uid")
	jane.must(http.MethodPost, hooks, kept)
	jane.must(http.MethodPatch, workloads+"/"+name, scaled(1))
	w.ready(r)
	w.until("all of it is on record", 2*time.Minute, func() error { return w.confessed() })
	w.until("what was not observed is stated, place by place", time.Minute, func() error {
		for _, place := range []string{store.GapAgent, store.GapWebhook, store.GapWatch} {
			if err := w.covered([]blind{{place, began, ended, "the agent was scaled to zero"}}); err != nil {
				return err
			}
			if g := w.gap(place, "", leaving); g == nil || g.Reason == "" {
				return fmt.Errorf("nothing is said of the %s:\n%s", place, listed(w.gaps()))
			}
		}
		return nil
	})
	w.until("the server and the agent tell of it", time.Minute, func() error {
		const web, own = "jane changed shop/Deployment/web", "ValidatingWebhookConfiguration/" + name
		for _, r := range []*receiver{w.told, w.receiver} {
			// The server may have told of what the watch alone saw, before anything told who did it.
			tells := func(what string) bool {
				return len(r.got(seaworthy.NoticeOwnConfig, "jane "+what)) > 0 || r == w.told && len(r.got(seaworthy.NoticeOwnConfig, "Somebody unknown "+what)) > 0
			}
			// An agent that was stopped before it missed its webhook tells of the gap once it is back.
			gap := len(r.got(seaworthy.NoticeGap, "")) > 0
			if !tells("deleted "+own) || !tells("changed "+namespace+"/Deployment/"+name) || !gap ||
				len(r.got(seaworthy.NoticeOutOfBand, web)) != 2 || len(r.got(seaworthy.NoticeSecretRead, "jane read "+namespace+"/Secret/"+name+"-slack")) == 0 {
				return fmt.Errorf("the server told:\n%s\nthe agent told:\n%s", w.told.all(), w.receiver.all())
			}
		}
		if len(w.told.got(seaworthy.NoticeReverted, web)) == 0 { // the agent has forgotten what was before it was stopped
			return fmt.Errorf("the server told:\n%s", w.told.all())
		}
		return nil
	})
	w.intact()
}

// confessed looks for every step of the administrator in what is on record.
func (w *world) confessed() error {
	janes := func(list []seaworthy.Change, verb string, flags ...seaworthy.Flag) error {
		if !slices.ContainsFunc(list, func(c seaworthy.Change) bool {
			return c.Verb == verb && c.Actor.Username == "jane" && !slices.ContainsFunc(flags, func(f seaworthy.Flag) bool { return !slices.Contains(c.Flags, f) })
		}) {
			return fmt.Errorf("no %s by jane with %q:\n%s", verb, flags, told1(list))
		}
		return nil
	}
	if err := janes(w.of("ValidatingWebhookConfiguration", "", name), seaworthy.VerbDelete, seaworthy.FlagAuditRemoved, seaworthy.FlagOwnConfig); err != nil {
		return err
	}
	if err := janes(w.of("ValidatingWebhookConfiguration", "", name), seaworthy.VerbCreate, seaworthy.FlagOwnConfig); err != nil {
		return err
	}
	if err := janes(w.of("Secret", namespace, name+"-slack"), seaworthy.VerbRead, seaworthy.FlagSecretRead); err != nil {
		return err
	}
	scalings := slices.DeleteFunc(w.of("Deployment", namespace, name), func(c seaworthy.Change) bool {
		return c.Verb != seaworthy.VerbUpdate || c.Actor.Username != "jane" || !slices.Contains(c.Flags, seaworthy.FlagOwnConfig)
	})
	if len(scalings) != 2 {
		return fmt.Errorf("the agent was scaled to zero and back:\n%s", told1(w.of("Deployment", namespace, name)))
	}
	list := w.of("Deployment", "shop", "web")
	if len(list) != 3 {
		return fmt.Errorf("the workload:\n%s", told1(list))
	}
	for _, c := range list[1:] {
		if c.Actor.Username != "jane" || c.Match != seaworthy.MatchOutOfBand || !slices.Contains(c.Flags, seaworthy.FlagReverted) ||
			!slices.Contains(c.Flags, seaworthy.FlagBypassed) || !slices.Equal(c.Unseen, []string{seaworthy.SeenByWebhook}) {
			return fmt.Errorf("that the workload was changed and that was undone, around admission:\n%s", told1(list))
		}
	}
	return nil
}
