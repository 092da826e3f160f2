// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
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
	failed, lost := "", ""
	for pause := time.Duration(0); sleep(ctx, pause); pause = nativeEvery {
		left, err := a.setNative(ctx)
		text := ""
		if err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		if text != "" && text != failed {
			a.log.Error("waivers of native policies cannot be kept", "error", text)
		}
		if missing := strings.Join(left, "; "); err == nil && missing != lost {
			if lost = missing; lost != "" {
				a.log.Warn("native policies do not know all waivers", "missing", lost)
			}
		}
		failed = text
	}
	return ctx.Err()
}

// nativeParams lists the params of policies that were exported into the agent's namespace.
func (a *Agent) nativeParams(ctx context.Context) ([]corev1.ConfigMap, error) {
	list := &corev1.ConfigMapList{}
	_, err := a.cfg.Cluster.Do(ctx, kube.Call{Path: strings.TrimSuffix(a.namespaced("configmaps", ""), "/"), Into: list, Params: map[string]string{
		"labelSelector": admission.NativeLabel + "=" + admission.NativeParams,
	}})
	if err != nil {
		return nil, fmt.Errorf("list the params of policies: %w", err)
	}
	return list.Items, nil
}

// setNative writes waivers where they differ from what they should be, and tells which no
// policy can know. What else the params hold is not the agent's.
func (a *Agent) setNative(ctx context.Context) (left []string, err error) {
	c := a.configuration()
	if c.Source.ID == "" {
		return nil, nil // the server has not said yet what is waived
	}
	params, err := a.nativeParams(ctx)
	if err != nil || len(params) == 0 {
		return nil, err
	}
	var ids []string
	for i := range a.cfg.Scan.Catalogue.Checks {
		if k := &a.cfg.Scan.Catalogue.Checks[i]; !k.Custom && (k.Scope == seaworthy.ScopeSingle || k.Scope == seaworthy.ScopeSingleCross) {
			ids = append(ids, k.ID)
		}
	}
	waived, left := admission.NativeWaivers(ids, c.Waivers, c.Source.ID, a.now(), func(w seaworthy.Waiver) (string, bool) { return a.itemOf(ctx, w) })
	var failed []error // one that cannot be written keeps none of the others from it
	for i := range params {
		m := &params[i]
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
			failed = append(failed, fmt.Errorf("write the params %s: %w", m.Name, err))
			continue
		}
		a.log.Info("waivers of native policies written", "params", m.Name)
	}
	return left, errors.Join(failed...)
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

// nativeRights are what keeping the params needs, which whoever exports them gives: nothing,
// where they cannot be listed.
func (a *Agent) nativeRights(ctx context.Context) []rbacv1.PolicyRule {
	params, err := a.nativeParams(ctx)
	if err != nil || len(params) == 0 {
		return nil
	}
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"update"}}
	for i := range params {
		rule.ResourceNames = append(rule.ResourceNames, params[i].Name)
	}
	return []rbacv1.PolicyRule{rule}
}
