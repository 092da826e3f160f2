// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// The times of the election: a leader that is gone is followed by another one in this
// time.
const (
	leaseEvery = 3 * time.Second
	leaseLasts = 15 * time.Second
)

// elect has one of the replicas lead: the one that holds the Lease. A leader that cannot
// reach the API server goes on leading until it sees that another one does: it sees
// nothing meanwhile, and what it knows is what the time in between is told by.
//
// Who holds the Lease counts for as long as it was last seen to be renewed, by this
// replica's own clock.
func (a *Agent) elect(ctx context.Context) error {
	e := &election{a: a}
	defer e.stop(ctx)
	for {
		lead, err := e.try(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			a.log.Debug("the Lease cannot be had", "error", err)
		case lead:
			e.start(ctx)
		default:
			e.stop(ctx)
		}
		if !sleep(ctx, leaseEvery) {
			return ctx.Err()
		}
	}
}

// election is one replica's part in it.
type election struct {
	a      *Agent
	held   string        // by whom, and when it was renewed as the holder says, as it was last seen to change
	since  time.Duration // when that was
	audit  hearsay
	cancel context.CancelFunc
	done   chan struct{}
}

func (a *Agent) leasePath() string {
	return "/apis/coordination.k8s.io/v1/namespaces/" + a.cfg.Namespace + "/leases/" + a.cfg.Name
}

// try tells whether this replica holds the Lease, which it takes where nobody does.
func (e *election) try(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseLasts/2)
	defer cancel()
	l := &coordinationv1.Lease{}
	_, err := e.a.cfg.Cluster.Do(ctx, kube.Call{Path: e.a.leasePath(), Into: l})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return false, fmt.Errorf("read the Lease: %w", err)
	}
	e.hear(l)
	if e.taken(l) {
		if !e.speak(l) {
			return false, nil
		}
		return false, e.put(ctx, l, missing)
	}
	e.speak(l)
	return true, e.write(ctx, l, missing, e.a.cfg.Replica)
}

// taken tells whether another replica holds the Lease.
func (e *election) taken(l *coordinationv1.Lease) bool {
	holder, renewed := "", ""
	if l.Spec.HolderIdentity != nil {
		holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		renewed = l.Spec.RenewTime.String()
	}
	if seen := holder + "/" + renewed; seen != e.held {
		e.held, e.since = seen, e.a.elapsed()
	}
	return holder != "" && holder != e.a.cfg.Replica && e.a.elapsed()-e.since < leaseLasts
}

func (e *election) write(ctx context.Context, l *coordinationv1.Lease, missing bool, holder string) error {
	now, seconds := metav1.NewMicroTime(e.a.now()), int32(leaseLasts/time.Second)
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity != holder {
		l.Spec.AcquireTime = &now
	}
	l.Spec.HolderIdentity, l.Spec.RenewTime, l.Spec.LeaseDurationSeconds = &holder, &now, &seconds
	return e.put(ctx, l, missing)
}

func (e *election) put(ctx context.Context, l *coordinationv1.Lease, missing bool) error {
	l.APIVersion, l.Kind, l.Name, l.Namespace = "coordination.k8s.io/v1", "Lease", e.a.cfg.Name, e.a.cfg.Namespace
	call := kube.Call{Verb: http.MethodPut, Path: e.a.leasePath(), Body: l}
	if missing {
		call.Verb, call.Path = http.MethodPost, strings.TrimSuffix(call.Path, "/"+e.a.cfg.Name)
	}
	if _, err := e.a.cfg.Cluster.Do(ctx, call); err != nil {
		return fmt.Errorf("write the Lease: %w", err)
	}
	return nil
}

// start has this replica lead, if it does not yet.
func (e *election) start(ctx context.Context) {
	if e.cancel != nil {
		return
	}
	e.a.log.Info("this replica leads")
	ctx, e.cancel = context.WithCancel(ctx)
	e.done = make(chan struct{})
	e.a.leads(true)
	go func() {
		defer close(e.done)
		if err := e.a.lead(ctx); err != nil && !errors.Is(err, context.Canceled) {
			e.a.log.Error("leading ended", "error", err)
		}
	}()
}

// stop has it follow, if it leads, and gives the Lease back where the agent ends.
func (e *election) stop(ctx context.Context) {
	if e.cancel == nil {
		return
	}
	e.cancel()
	<-e.done
	e.cancel = nil
	e.a.leads(false)
	e.a.log.Info("this replica follows")
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	l := &coordinationv1.Lease{}
	if _, err := e.a.cfg.Cluster.Do(ctx, kube.Call{Path: e.a.leasePath(), Into: l}); err != nil || l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity != e.a.cfg.Replica {
		return
	}
	if err := e.write(ctx, l, false, ""); err != nil {
		e.a.log.Debug("the Lease is not given back", "error", err)
	}
}

// leads notes whether this replica leads.
func (a *Agent) leads(yes bool) {
	a.mu.Lock()
	a.leading = yes
	a.mu.Unlock()
	a.places.lead(yes)
}
