// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

type object = map[string]any

// world makes what objects refer to and without which the server refuses them.
type world struct {
	t      *testing.T
	server *server
	made   map[string]bool
}

// prepare makes namespaces, service accounts, classes and the definitions of custom
// resources. Names that the server refuses are left to the objects that use them.
func prepare(t *testing.T, s *server, subjects []*subject) {
	t.Helper()
	w := &world{t: t, server: s, made: map[string]bool{}}
	w.namespace(home)
	for _, s := range subjects {
		o := s.object
		ns := o.EffectiveNamespace()
		if ns != "" {
			w.namespace(ns)
		}
		if spec, _ := o.Canonical["spec"].(object); o.Kind == "Pod" && spec != nil {
			w.account(ns, text(spec, "serviceAccountName"))
			if class := text(spec, "priorityClassName"); !strings.HasPrefix(class, "system-") {
				w.make("scheduling.k8s.io/v1", "priorityclasses", "", class, object{"kind": "PriorityClass", "value": 1000})
			}
			w.make("node.k8s.io/v1", "runtimeclasses", "", text(spec, "runtimeClassName"), object{"kind": "RuntimeClass", "handler": "runc"})
		}
	}
	w.definitions(subjects)
}

func text(m object, key string) string {
	s, _ := m[key].(string)
	return s
}

func (w *world) namespace(name string) {
	w.make("v1", "namespaces", "", name, object{"kind": "Namespace"})
	w.account(name, "default") // no Pod is admitted without
}

func (w *world) account(namespace, name string) {
	w.make("v1", "serviceaccounts", namespace, name, object{"kind": "ServiceAccount"})
}

// make creates an object once.
func (w *world) make(apiVersion, resource, namespace, name string, body object) {
	w.t.Helper()
	id := strings.Join([]string{apiVersion, resource, namespace, name}, "/")
	if name == "" || w.made[id] {
		return
	}
	w.made[id] = true
	gv, err := kschema.ParseGroupVersion(apiVersion)
	if err != nil {
		w.t.Fatal(err)
	}
	body["apiVersion"] = apiVersion
	if body["metadata"] == nil {
		body["metadata"] = object{"name": name}
	}
	_, _, err = w.server.do(w.t.Context(), call{verb: "POST", path: place(gv.WithResource(resource), namespace), body: body})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		w.t.Logf("could not make %s: %s", id, reason(err))
	}
}

// definitions makes the CustomResourceDefinitions of the custom resources among the
// subjects: those of the corpus, else plain ones that take anything.
func (w *world) definitions(subjects []*subject) {
	given := map[kschema.GroupKind]*subject{}
	customs := map[kschema.GroupKind][]*subject{}
	var order []kschema.GroupKind
	for _, s := range subjects {
		if spec, _ := s.object.Written["spec"].(object); s.object.Kind == "CustomResourceDefinition" && spec != nil {
			names, _ := spec["names"].(object)
			given[kschema.GroupKind{Group: text(spec, "group"), Kind: text(names, "kind")}] = s
		}
		gk := s.object.GVK().GroupKind()
		if s.object.Typed == nil && !scheme.Scheme.IsGroupRegistered(gk.Group) && !served[gk.Group] {
			if customs[gk] == nil {
				order = append(order, gk)
			}
			customs[gk] = append(customs[gk], s)
		}
	}
	for _, gk := range order {
		name := customs[gk][0].object.Resource.GroupResource().String()
		if s := given[gk]; s != nil {
			w.make("apiextensions.k8s.io/v1", "customresourcedefinitions", "", name, s.object.Written)
		} else {
			w.make("apiextensions.k8s.io/v1", "customresourcedefinitions", "", name, definition(name, customs[gk]))
		}
	}
	for _, gk := range order {
		w.await(customs[gk][0])
	}
}

// served are the groups that the server has beside those of the client's scheme.
var served = map[string]bool{"apiextensions.k8s.io": true, "apiregistration.k8s.io": true}

// definition takes any object of a kind, in every version that is used.
func definition(name string, of []*subject) object {
	first := of[0].object
	var versions []any
	var seen []string
	for _, s := range of {
		v := s.object.Resource.Version
		if slices.Contains(seen, v) {
			continue
		}
		seen = append(seen, v)
		versions = append(versions, object{
			"name": v, "served": true, "storage": len(versions) == 0,
			"schema": object{"openAPIV3Schema": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
		})
	}
	scope := "Cluster"
	if first.Namespaced {
		scope = "Namespaced"
	}
	return object{
		"kind": "CustomResourceDefinition",
		"metadata": object{"name": name, "annotations": object{
			"api-approved.kubernetes.io": "unapproved, made for a test", // wanted for groups below k8s.io
		}},
		"spec": object{
			"group": first.Resource.Group, "scope": scope, "versions": versions,
			"names": object{"plural": first.Resource.Resource, "singular": strings.ToLower(first.Kind), "kind": first.Kind, "listKind": first.Kind + "List"},
		},
	}
}

// await waits until the server serves a custom resource. One that it never serves is left
// to the objects of the kind.
func (w *world) await(s *subject) {
	w.t.Helper()
	list := call{verb: "GET", path: place(s.object.Resource, "")}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, _, err := w.server.do(w.t.Context(), list); err == nil {
			return
		}
	}
	w.t.Logf("the server does not serve %s", s.object.Resource)
}
