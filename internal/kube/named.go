// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"strings"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// secrets are the resource of which single objects are followed.
var secrets = resource{GroupVersionResource: kschema.GroupVersionResource{Version: "v1", Resource: "secrets"}, kind: "Secret", namespaced: true}

// Follow has a watch follow some Secrets by name, where it does not follow all of them: who
// follows them by name needs the right to list and to watch these alone. Their kind says so
// ([Kind.Named]). It is called before Run.
func (w *Watch) Follow(names ...types.NamespacedName) {
	if w.secrets {
		return
	}
	for _, n := range names {
		w.named = append(w.named, placeID{n.Namespace, n.Name})
	}
}

// namedSecret is the kind of one Secret.
func namedSecret(name string) *Kind {
	k := newKind(secrets)
	k.Named = name
	return k
}

// placeID is where something is followed: in a namespace or, without one, everywhere; with a
// name that object alone.
type placeID struct{ namespace, name string }

func (p placeID) String() string { return strings.TrimPrefix(p.namespace+"/"+p.name, "/") }

// String says what a stream is of, for people.
func (s *stream) String() string {
	if s.kind.Named == "" {
		return s.kind.String()
	}
	return s.kind.String() + " " + s.placeID.String()
}
