// SPDX-License-Identifier: Apache-2.0

// Package snapshot holds the objects of a cluster or folder as they were seen at one
// moment, indexed for analyzers.
//
// Objects are added while they are read, by one goroutine; once reading has ended the
// snapshot is read-only and safe for concurrent use. It also remembers what could not
// be listed, so that an analyzer never takes the absence of data for the absence of
// objects.
package snapshot

import (
	"iter"
	"maps"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// Snapshot is the set of objects of one scan.
type Snapshot struct {
	Source seaworthy.Source
	// Target is the Kubernetes version to judge against, "1.36"; from --kubernetes-version,
	// else the cluster's own, else the newest that this build knows.
	Target string
	// Unlisted names the kinds that could not be listed, with the reason
	// ("Secret": "forbidden: …"). A kind in here is not absent, it is unknown.
	Unlisted map[string]string

	objects   []*Object
	kinds     map[string][]*Object // by kind
	named     map[ref]*Object
	workloads []*Workload
	podsIn    map[string][]*Workload // by effective namespace
	spaces    map[string]bool        // effective namespaces
	twins     map[ref]map[string]*Object
}

type ref struct{ group, kind, namespace, name string }

// New makes an empty snapshot of the source.
func New(source seaworthy.Source) *Snapshot {
	return &Snapshot{
		Source: source, Unlisted: map[string]string{},
		kinds: map[string][]*Object{}, named: map[ref]*Object{}, podsIn: map[string][]*Workload{},
		spaces: map[string]bool{}, twins: map[ref]map[string]*Object{},
	}
}

// Add takes an object in. Not safe for concurrent use.
func (s *Snapshot) Add(o *Object) {
	s.objects = append(s.objects, o)
	s.kinds[o.Kind] = append(s.kinds[o.Kind], o)
	r := refOf(o)
	if o.Kind == "Namespace" && r.group == "" {
		s.spaces[o.Name] = true
	} else if r.namespace != "" {
		s.spaces[r.namespace] = true
	}
	if first, ok := s.named[r]; !ok {
		s.named[r] = o
	} else if !s.Cluster() {
		s.twin(r, first, o)
	}
	if w := workload(o); w != nil {
		s.workloads = append(s.workloads, w)
		ns := o.EffectiveNamespace()
		s.podsIn[ns] = append(s.podsIn[ns], w)
	}
}

// Cluster tells whether the objects come from a live cluster.
func (s *Snapshot) Cluster() bool { return s.Source.Kind == seaworthy.SourceCluster }

// Objects lists every object in the order in which it was read.
func (s *Snapshot) Objects() []*Object { return s.objects }

// Kind lists the objects of a kind, of whatever group and version.
func (s *Snapshot) Kind(kind string) []*Object { return s.kinds[kind] }

// Lookup finds an object by group, kind, effective namespace and name, or nil.
func (s *Snapshot) Lookup(group, kind, namespace, name string) *Object {
	return s.named[ref{group, kind, namespace, name}]
}

// Workloads lists what runs pods, without what a controller of the snapshot made.
func (s *Snapshot) Workloads() []*Workload { return s.workloads }

// WorkloadsIn lists the workloads of a namespace (effective namespace).
func (s *Snapshot) WorkloadsIn(namespace string) []*Workload { return s.podsIn[namespace] }

// Namespaces lists the effective namespaces that hold an object, and those declared as
// Namespace objects, sorted.
func (s *Snapshot) Namespaces() []string { return slices.Sorted(maps.Keys(s.spaces)) }

// All yields the objects whose built-in type is T (a pointer type such as
// *corev1.Service), with the object that each was decoded from. See [Object.View].
func All[T any](s *Snapshot, kind string) iter.Seq2[*Object, T] {
	return func(yield func(*Object, T) bool) {
		for _, o := range s.kinds[kind] {
			if t, ok := o.View().(T); ok && !yield(o, t) {
				return
			}
		}
	}
}
