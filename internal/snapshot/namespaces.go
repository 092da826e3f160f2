// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy"
)

// Namespace gives the object of a namespace. Where the input names a namespace without
// declaring it, the object is made up and stands where its first workload does.
func (s *Snapshot) Namespace(name string) *Object {
	if o := s.Lookup("", "Namespace", "", name); o != nil {
		return o
	}
	o := &Object{Object: seaworthy.Object{APIVersion: "v1", Kind: "Namespace", Name: name}}
	if ws := s.WorkloadsIn(name); len(ws) > 0 {
		o.Source = Origin{File: ws[0].Source.File, Line: ws[0].Source.Line, Root: ws[0].Source.Root}
	}
	return o
}

// NamespacesShown lists the namespaces that the input tells of, sorted: those declared,
// and those that a workload names. A manifest without a namespace lands in one that it
// does not tell.
func (s *Snapshot) NamespacesShown() []string {
	var out []string
	for _, ns := range s.Namespaces() {
		if s.Lookup("", "Namespace", "", ns) != nil || s.names(ns) {
			out = append(out, ns)
		}
	}
	return out
}

func (s *Snapshot) names(ns string) bool {
	for _, w := range s.podsIn[ns] {
		if w.Namespace != "" {
			return true
		}
	}
	return false
}

// NamespaceLabels are the labels by which namespace selectors know a namespace.
func (s *Snapshot) NamespaceLabels(name string) labels.Set {
	set := labels.Set{corev1.LabelMetadataName: name}
	if o := s.Lookup("", "Namespace", "", name); o != nil {
		if ns, ok := o.View().(*corev1.Namespace); ok {
			for k, v := range ns.Labels {
				if k != corev1.LabelMetadataName { // the API server sets this one
					set[k] = v
				}
			}
		}
	}
	return set
}
