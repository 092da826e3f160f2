// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// hooksEvery is how often the webhook's configuration is looked at, beside whenever
// something is heard of it.
const hooksEvery = 10 * time.Second

const hooksPath = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"

// hookState is what the leader knows of the webhook's configuration.
type hookState struct {
	// set: it was as it should be, and wanted is what it should be.
	set    bool
	wanted []byte
}

// keepHook keeps the webhook's configuration as it should be while this replica leads. Who
// takes it away is seen, and it is put back.
func (a *Agent) keepHook(ctx context.Context) error {
	for {
		if err := a.setHook(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("the webhook's configuration cannot be kept in place", "error", err)
			a.places.fails(seaworthy.SeenByWebhook, err.Error())
		}
		t := time.NewTimer(hooksEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-a.kick:
			t.Stop()
		case <-t.C:
		}
	}
}

// setHook compares what is there with what should be, and writes it where they differ.
func (a *Agent) setHook(ctx context.Context) error {
	wanted, err := a.wantedHook()
	if err != nil {
		return err
	}
	should, err := essence(wanted)
	if err != nil {
		return err
	}
	have := &admissionregistration.ValidatingWebhookConfiguration{}
	_, err = a.cfg.Cluster.Do(ctx, kube.Call{Path: hooksPath + "/" + wanted.Name, Into: have})
	missing := apierrors.IsNotFound(err)
	if err != nil && !missing {
		return fmt.Errorf("read the webhook's configuration: %w", err)
	}
	is, err := essence(have)
	if err != nil {
		return err
	}
	if !missing && string(is) == string(should) {
		a.hookIs(should)
		return nil
	}
	a.hookWas(missing, should, have)
	call := kube.Call{Verb: http.MethodPost, Path: hooksPath, Body: wanted}
	if !missing {
		have.APIVersion, have.Kind, have.Webhooks = wanted.APIVersion, wanted.Kind, wanted.Webhooks
		delete(have.Annotations, seaworthy.SignaturesNote)
		if note := wanted.Annotations[seaworthy.SignaturesNote]; note != "" {
			metav1.SetMetaDataAnnotation(&have.ObjectMeta, seaworthy.SignaturesNote, note)
		}
		call = kube.Call{Verb: http.MethodPut, Path: hooksPath + "/" + wanted.Name, Body: have}
	}
	if _, err := a.cfg.Cluster.Do(ctx, call); err != nil {
		return fmt.Errorf("write the webhook's configuration: %w", err)
	}
	a.log.Info("webhook configuration written", "name", wanted.Name, "made", missing)
	a.hookIs(should)
	ring(a.prove)
	return nil
}

func (a *Agent) hookIs(should []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hook = hookState{set: true, wanted: should}
}

// hookWas tells that somebody changed or removed the webhook's configuration: what was
// written since it was last proven that the webhook is asked may have gone unseen.
func (a *Agent) hookWas(missing bool, should []byte, have *admissionregistration.ValidatingWebhookConfiguration) {
	a.mu.Lock()
	was := a.hook
	a.mu.Unlock()
	if !was.set || string(was.wanted) != string(should) && !missing {
		return // it was the agent itself that came to want another one
	}
	what := "was changed by somebody else than the agent"
	if missing {
		what = "was removed"
	}
	reason := "the webhook's configuration " + what
	if m := lastManager(have); m != "" && !missing {
		reason += ", with a client that calls itself " + m
	}
	a.log.Error(reason)
	a.places.caused(seaworthy.SeenByWebhook, reason)
	a.teller.ownConfiguration("The configuration of the webhook in " + a.source().Name + " " + what + ", and the agent put it back")
}

// lastManager is what the client that wrote last calls itself, which proves nothing.
func lastManager(c *admissionregistration.ValidatingWebhookConfiguration) string {
	var last metav1.ManagedFieldsEntry
	for _, m := range c.ManagedFields {
		if m.Time != nil && (last.Time == nil || !m.Time.Before(last.Time)) {
			last = m
		}
	}
	return last.Manager
}

// wantedHook is what the webhook's configuration should be.
func (a *Agent) wantedHook() (*admissionregistration.ValidatingWebhookConfiguration, error) {
	a.mu.Lock()
	path := hookPath + a.path
	a.mu.Unlock()
	authorities, err := a.authorities()
	if err != nil {
		return nil, err
	}
	to := admission.Reach{Name: a.cfg.Name, Trail: true, Labels: map[string]string{"app.kubernetes.io/managed-by": "seaworthy-agent"}}
	to.Client.CABundle = authorities
	if a.cfg.URL != "" {
		u, err := a.cfg.hookURL(path)
		if err != nil {
			return nil, err
		}
		to.Client.URL = &u
	} else {
		to.Client.Service = &admissionregistration.ServiceReference{Namespace: a.cfg.Namespace, Name: a.cfg.Name, Path: &path}
	}
	return a.door.Load().Guard().Configuration(to), nil
}

// essence is what a configuration says, with what the API server fills in where nothing is
// said.
func essence(c *admissionregistration.ValidatingWebhookConfiguration) ([]byte, error) {
	list := slices.Clone(c.Webhooks)
	for i := range list {
		w := &list[i]
		if w.NamespaceSelector == nil {
			w.NamespaceSelector = &metav1.LabelSelector{}
		}
		if w.ObjectSelector == nil {
			w.ObjectSelector = &metav1.LabelSelector{}
		}
		if s := w.ClientConfig.Service; s != nil && s.Port == nil {
			port, with := int32(443), *s
			with.Port, w.ClientConfig.Service = &port, &with
		}
		w.Rules = slices.Clone(w.Rules)
		for j := range w.Rules {
			if w.Rules[j].Scope == nil {
				all := admissionregistration.AllScopes
				w.Rules[j].Scope = &all
			}
		}
	}
	text, err := json.Marshal([]any{list, c.Annotations[seaworthy.SignaturesNote]})
	if err != nil {
		return nil, fmt.Errorf("compare the webhook's configuration: %w", err)
	}
	return text, nil
}
