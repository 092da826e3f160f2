// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// TestDefaultsEqualTheServer compares the canonical form of every object that the server
// accepts with what the server made of it: decoding and defaults, field by field.
func TestDefaultsEqualTheServer(t *testing.T) {
	a := ask(t)
	kinds := map[string]bool{}
	compared := 0
	differences := map[string][]string{} // of one kind of object at one place
	for _, r := range a.replies {
		if r.refused != "" || r.subject.object.Typed == nil || translated(r.subject.object) {
			continue
		}
		server := typed(t, r)
		if server == nil {
			continue
		}
		compared++
		kinds[r.subject.object.Kind] = true
		allocated(server, r.subject.object.Canonical)
		for _, d := range differ("", r.subject.object.Canonical, server) {
			key := r.subject.object.Kind + " " + d.place
			differences[key] = append(differences[key], fmt.Sprintf("%s: offline %s, server %s", r.subject, d.offline, d.server))
		}
	}
	for key, list := range differences {
		t.Errorf("%s (%d times)\n  %s", key, len(list), strings.Join(list[:min(3, len(list))], "\n  "))
	}
	fmt.Printf("defaults: %d objects of %d kinds compared\n", compared, len(kinds))
}

// translated tells whether the server makes fields of the annotations of a Pod.
func translated(o *snapshot.Object) bool {
	for key := range sub(o.Canonical, "metadata", "annotations") {
		if o.Kind == "Pod" && strings.HasPrefix(key, "container.apparmor.security.beta.kubernetes.io/") {
			return true
		}
	}
	return false
}

// typed is the object that the server returned in the form in which policies see it.
func typed(t *testing.T, r *reply) object {
	t.Helper()
	into := reflect.New(reflect.TypeOf(r.subject.object.Typed).Elem()).Interface()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.returned, into); err != nil {
		t.Errorf("%s: %v", r.subject, err)
		return nil
	}
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(into)
	if err != nil {
		t.Errorf("%s: %v", r.subject, err)
		return nil
	}
	return out
}

// A difference is at a place: a path without indices.
type difference struct{ place, offline, server string }

func differ(place string, offline, server any) []difference {
	switch o := offline.(type) {
	case object:
		if s, ok := server.(object); ok {
			return differFields(place, o, s)
		}
	case []any:
		if s, ok := server.([]any); ok && len(o) == len(s) {
			var out []difference
			for i := range o {
				out = append(out, differ(place+"[]", o[i], s[i])...)
			}
			return out
		}
	}
	if reflect.DeepEqual(offline, server) || empty(offline) && empty(server) {
		return nil
	}
	return []difference{{place, show(offline), show(server)}}
}

// empty tells null and an empty list, which the storage of the server does not tell apart.
func empty(v any) bool {
	list, ok := v.([]any)
	return v == nil || ok && len(list) == 0
}

func differFields(place string, offline, server object) []difference {
	var keys []string
	for k := range offline {
		keys = append(keys, k)
	}
	for k := range server {
		if _, ok := offline[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var out []difference
	for _, k := range keys {
		o, inOffline := offline[k]
		s, inServer := server[k]
		at := strings.TrimPrefix(place+"."+k, ".")
		switch {
		case !inOffline:
			out = append(out, difference{at, "absent", show(s)})
		case !inServer:
			out = append(out, difference{at, show(o), "absent"})
		default:
			out = append(out, differ(at, o, s)...)
		}
	}
	return out
}

func show(v any) string {
	text := fmt.Sprintf("%#v", v)
	return text[:min(len(text), 200)]
}

// allocated takes out of what the server returned the values that no manifest decides:
// those it allocates, and those that admission plugins add after decoding.
func allocated(server, offline object) {
	meta, spec := sub(server, "metadata"), sub(server, "spec")
	for _, field := range []string{"uid", "creationTimestamp", "generation", "managedFields", "resourceVersion", "finalizers"} {
		same(meta, sub(offline, "metadata"), field)
	}
	same(server, offline, "status")
	switch text(server, "kind") {
	case "Pod":
		allocatedPod(spec, sub(offline, "spec"))
	case "Service":
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
			same(spec, sub(offline, "spec"), field)
		}
		each(spec, sub(offline, "spec"), "ports", func(s, o object) { same(s, o, "nodePort") })
	case "Job":
		same(spec, sub(offline, "spec"), "selector")
		for _, at := range [][]string{{"metadata"}, {"spec", "template", "metadata"}} {
			for _, label := range []string{"batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"} {
				drop(sub(server, at...), "labels", label)
			}
		}
	case "DaemonSet":
		drop(meta, "annotations", "deprecated.daemonset.template.generation")
	case "Namespace":
		same(spec, sub(offline, "spec"), "finalizers")
	case "Node":
		same(spec, sub(offline, "spec"), "taints")
	}
}

func allocatedPod(spec, offline object) {
	for _, field := range []string{"priority", "preemptionPolicy", "serviceAccount", "serviceAccountName"} {
		if offline[field] == nil {
			delete(spec, field)
		}
	}
	without(spec, "volumes", func(v object) bool { return strings.HasPrefix(text(v, "name"), "kube-api-access-") })
	without(spec, "tolerations", func(v object) bool {
		return v["tolerationSeconds"] == int64(300) && strings.HasPrefix(text(v, "key"), "node.kubernetes.io/")
	})
	for _, list := range []string{"containers", "initContainers"} {
		each(spec, offline, list, func(c, _ object) {
			without(c, "volumeMounts", func(m object) bool {
				return text(m, "mountPath") == "/var/run/secrets/kubernetes.io/serviceaccount"
			})
		})
	}
}

// same gives the server's field the value it has offline.
func same(server, offline object, field string) {
	if v, ok := offline[field]; ok {
		server[field] = v
	} else {
		delete(server, field)
	}
}

func sub(m object, path ...string) object {
	for _, p := range path {
		m, _ = m[p].(object)
	}
	return m
}

// each walks two lists at once.
func each(server, offline object, field string, f func(s, o object)) {
	a, _ := server[field].([]any)
	b, _ := offline[field].([]any)
	for i := range min(len(a), len(b)) {
		f(a[i].(object), b[i].(object))
	}
}

// drop takes a key out of a mapping, and the mapping where nothing else is in it.
func drop(m object, field, key string) {
	inner := sub(m, field)
	delete(inner, key)
	if inner != nil && len(inner) == 0 {
		delete(m, field)
	}
}

// without takes elements out of a list, and the list where nothing else is in it.
func without(m object, field string, f func(object) bool) {
	list, ok := m[field].([]any)
	if !ok {
		return
	}
	list = slices.DeleteFunc(list, func(e any) bool { return f(e.(object)) })
	if m[field] = list; len(list) == 0 {
		delete(m, field)
	}
}

// TestStrictDecodingEqualsTheServer compares what is said about unknown fields and values
// of a wrong type. Keys that are there twice do not reach the server from here.
func TestStrictDecodingEqualsTheServer(t *testing.T) {
	a := ask(t)
	both := 0
	for _, r := range a.replies {
		o := r.subject.object
		if o.Typed == nil {
			continue
		}
		problems := slices.DeleteFunc(slices.Clone(o.Schema), func(p snapshot.SchemaProblem) bool { return strings.Contains(p.Message, "duplicate") })
		server := r.strict
		if server == "" && strings.Contains(r.refused, "cannot be handled as a") {
			server = r.refused
		}
		switch {
		case (server != "") != (len(problems) > 0):
			t.Errorf("%s: offline %v, server %q", r.subject, problems, server)
		case server != "":
			both++
		}
	}
	fmt.Printf("strict decoding: %d objects found fault with on both sides\n", both)
}
