// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/cel"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

// nativeEvery is how often the params of exported policies are looked at. A policy has no
// clock: what is waived begins and ends with what is written there.
const nativeEvery = 10 * time.Second

// keepNative keeps the waivers in the params of exported policies as the server says, while
// this replica leads. Where nobody exported any into the agent's namespace, there is nothing
// to keep.
func (a *Agent) keepNative(ctx context.Context) error {
	said := ""
	for sleep(ctx, nativeEvery) {
		text := ""
		if err := a.setNative(ctx); err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		if text != "" && text != said {
			a.log.Error("waivers of native policies cannot be kept", "error", text)
		}
		said = text
	}
	return ctx.Err()
}

// setNative writes waivers where they differ from what they should be. What else the params
// hold is not the agent's.
func (a *Agent) setNative(ctx context.Context) error {
	c := a.configuration()
	if c.Source.ID == "" {
		return nil // the server has not said yet what is waived
	}
	list := &corev1.ConfigMapList{}
	_, err := a.cfg.Cluster.Do(ctx, kube.Call{Path: strings.TrimSuffix(a.namespaced("configmaps", ""), "/"), Into: list, Params: map[string]string{
		"labelSelector": admission.NativeLabel + "=" + admission.NativeParams,
	}})
	if err != nil {
		return fmt.Errorf("list the params of policies: %w", err)
	}
	var names, ids []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	a.mu.Lock()
	a.native = names
	a.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	for i := range a.cfg.Scan.Catalogue.Checks {
		ids = append(ids, a.cfg.Scan.Catalogue.Checks[i].ID)
	}
	waived, _ := admission.NativeWaivers(ids, c.Waivers, c.Source.ID, a.now(), func(w seaworthy.Waiver) (string, bool) { return a.itemOf(ctx, w) })
	for i := range list.Items {
		m := &list.Items[i]
		should := maps.Clone(m.Data)
		maps.DeleteFunc(should, func(key, _ string) bool { return strings.HasPrefix(key, cel.BoundWaivers) })
		if should == nil {
			should = map[string]string{}
		}
		maps.Copy(should, waived)
		if maps.Equal(m.Data, should) {
			continue
		}
		m.Data, m.APIVersion, m.Kind = should, "v1", "ConfigMap"
		if _, err := a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPut, Path: a.namespaced("configmaps", m.Name), Body: m}); err != nil {
			return fmt.Errorf("write the params %s: %w", m.Name, err)
		}
		a.log.Info("waivers of native policies written", "params", m.Name)
	}
	return nil
}

// itemOf finds the item of a waiver of one finding in the object as it is now.
func (a *Agent) itemOf(ctx context.Context, w seaworthy.Waiver) (string, bool) {
	l, door := a.live.Load(), a.door.Load()
	if l == nil || door == nil || w.Kind == "" || w.Name == "" || strings.ContainsAny(w.Namespace+w.Name, `*?[\`) {
		return "", false
	}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if gvk.Kind != w.Kind {
			continue
		}
		resource, _ := meta.UnsafeGuessKindToResource(gvk)
		object, ok := l.Object(resource, w.Namespace, w.Name)
		if !ok {
			continue
		}
		if key, ok := door.Guard().Item(ctx, object, resource, w.Check, w.Fingerprint); ok {
			return key, true
		}
	}
	return "", false
}

// nativeRights are what keeping the params needs, which whoever exports them gives.
func (a *Agent) nativeRights() []rbacv1.PolicyRule {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.native) == 0 {
		return nil
	}
	return []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: slices.Clone(a.native), Verbs: []string{"update"}}}
}
