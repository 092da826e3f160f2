// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"maps"
	"path"
	"slices"
)

// A tree often holds the same object several times: an overlay for each environment, a
// copy for each provider. Such twins, and what was read beside them, never meet in one
// cluster, so the policy of one environment must not cover the workload of another.

// twin remembers an object whose identity was seen before, by where it was read.
func (s *Snapshot) twin(r ref, first, o *Object) {
	at := s.twins[r]
	if at == nil {
		at = map[string]*Object{origin(first): first}
		s.twins[r] = at
	}
	if _, ok := at[origin(o)]; !ok {
		at[origin(o)] = o
	}
}

// origin is the chart, kustomization or folder that holds an object.
func origin(o *Object) string {
	if o.Source.Root != "" {
		return o.Source.Root
	}
	return path.Dir(o.Source.File)
}

func refOf(o *Object) ref { return ref{o.Group(), o.Kind, o.EffectiveNamespace(), o.Name} }

// Twins tells whether some object was read at several places.
func (s *Snapshot) Twins() bool { return len(s.twins) > 0 }

// Together tells whether two objects can be in one cluster: not where one of them has a
// twin beside the other.
func (s *Snapshot) Together(a, b *Object) bool {
	if len(s.twins) == 0 {
		return true
	}
	from, to := origin(a), origin(b)
	if from == to {
		return true
	}
	_, besideB := s.twins[refOf(a)][to]
	_, besideA := s.twins[refOf(b)][from]
	return !besideA && !besideB
}

// LookupFor is [Snapshot.Lookup] for what an object refers to: of twins it finds the
// one beside the object, or one that can be in a cluster with it.
func (s *Snapshot) LookupFor(o *Object, group, kind, namespace, name string) *Object {
	r := ref{group, kind, namespace, name}
	first := s.named[r]
	if len(s.twins) == 0 || first == nil {
		return first
	}
	at := s.twins[r]
	if beside := at[origin(o)]; beside != nil {
		return beside
	}
	if s.Together(o, first) {
		return first
	}
	for _, from := range slices.Sorted(maps.Keys(at)) {
		if s.Together(o, at[from]) {
			return at[from]
		}
	}
	return nil
}
