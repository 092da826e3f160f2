// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// CanaryEvery is how often it is proven that the webhook is asked, and canaryAgain how soon
// again when it was not.
const (
	CanaryEvery   = 5 * time.Second
	canaryAgain   = time.Second
	canaryTimeout = 15 * time.Second
	canaryNote    = "seaworthy.dev/canary"
)

// canary proves again and again that the API server asks a door of this agent: an update
// of a ConfigMap that is never written, which whoever is asked answers with a warning. The
// warning travels the whole way back, so it does not matter which replica was asked.
func (a *Agent) canary(ctx context.Context) error {
	for {
		err := a.tryCanary(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause := a.cfg.CanaryEvery
		if err == nil {
			a.places.works(seaworthy.SeenByWebhook)
		} else {
			if a.places.state(seaworthy.SeenByWebhook) == seaworthy.PlaceWorks {
				a.log.Warn("the webhook is not asked", "error", err)
				ring(a.kick)
			}
			a.places.fails(seaworthy.SeenByWebhook, err.Error())
			pause = min(pause, canaryAgain)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-a.prove:
			t.Stop()
		case <-t.C:
		}
	}
}

var errNotAsked = errors.New("the API server wrote without asking the webhook")

func (a *Agent) canaryName() string { return a.cfg.Name + "-canary" }

// tryCanary asks once.
func (a *Agent) tryCanary(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, canaryTimeout)
	defer cancel()
	nonce := rand.Text()
	body := &corev1.ConfigMap{}
	body.APIVersion, body.Kind = "v1", "ConfigMap"
	body.Name, body.Namespace, body.Annotations = a.canaryName(), a.cfg.Namespace, map[string]string{canaryNote: nonce}
	call := kube.Call{Verb: http.MethodPut, Path: a.namespaced("configmaps", body.Name), Params: map[string]string{"dryRun": "All"}, Body: body, AuditID: canaryMark + nonce}
	a.canaries.send(nonce, a.elapsed())
	warnings, err := a.cfg.Cluster.Do(ctx, call)
	if apierrors.IsNotFound(err) {
		call.Verb, call.Path = http.MethodPost, strings.TrimSuffix(call.Path, "/"+body.Name)
		warnings, err = a.cfg.Cluster.Do(ctx, call)
	}
	a.canaries.sent(nonce, err == nil, a.elapsed())
	switch {
	case slices.Contains(warnings, canaryWarning(nonce)):
		return nil
	case err != nil:
		return fmt.Errorf("whether the webhook is asked cannot be proven: %w", err)
	}
	return errNotAsked
}

func canaryWarning(nonce string) string { return "seaworthy canary " + nonce }

// answerCanary is told of every request: a canary gets its warning.
func (a *Agent) answerCanary(r *admission.Review, d *admission.Decision) {
	a.metrics.reviews.WithLabelValues(verdict(d)).Inc()
	if !r.DryRun || r.Namespace != a.cfg.Namespace || r.Resource.Resource != "configmaps" || r.Resource.Group != "" {
		return
	}
	meta, _ := r.Object["metadata"].(map[string]any)
	notes, _ := meta["annotations"].(map[string]any)
	if nonce, _ := notes[canaryNote].(string); meta["name"] == a.canaryName() && nonce != "" && len(nonce) <= 64 {
		d.Warnings = append(d.Warnings, canaryWarning(nonce))
	}
}

func verdict(d *admission.Decision) string {
	switch {
	case !d.Allowed:
		return "refused"
	case d.Failed:
		return "failed"
	case len(d.Warnings) > 0:
		return "warned"
	}
	return "allowed"
}
