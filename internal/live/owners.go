// SPDX-License-Identifier: Apache-2.0

package live

import (
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// Owner tells what is known of the object that controls another; nil: nothing.
func (l *Live) Owner(namespace string, by *seaworthy.Owned) *changes.Owner {
	l.index.mu.Lock()
	defer l.index.mu.Unlock()
	return l.index.owner(namespace, by)
}

// Owners lists everything that makes pods, but for sets that make none at present: those
// are seen before they do.
func (l *Live) Owners() []changes.Owner {
	x := l.index
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []changes.Owner
	for _, in := range x.inOrder() {
		if in.Kind.Kind == "Pod" {
			continue
		}
		for _, e := range in.inOrder() {
			if e.gone || !e.runs {
				continue
			}
			object := x.whole(e)
			spec, _ := object["spec"].(map[string]any)
			if in.Kind.Kind == "ReplicaSet" && none(spec["replicas"]) {
				continue
			}
			if o := ownerOf(e, object); len(o.Templates) > 0 {
				out = append(out, *o)
			}
		}
	}
	return out
}

func none(v any) bool { return v == nil || v == int64(0) || v == float64(0) }

// owner is what is kept of the object that controls another. The lock is held.
func (x *index) owner(namespace string, by *seaworthy.Owned) *changes.Owner {
	if by == nil || by.UID == "" {
		return nil
	}
	named := seaworthy.Object{APIVersion: by.APIVersion, Kind: by.Kind}
	in := x.named[kschema.GroupKind{Group: named.Group(), Kind: by.Kind}]
	if in == nil {
		return nil
	}
	e := in.entries[place{namespace, by.Name}]
	if e == nil || e.uid != digestUID(by.UID) {
		return nil
	}
	out := ownerOf(e, x.whole(e))
	out.Gone = e.gone
	return out
}

func ownerOf(e *entry, object map[string]any) *changes.Owner {
	meta, _ := object["metadata"].(map[string]any)
	out := &changes.Owner{Object: e.identity(), UID: text(meta, "uid"), Above: changes.OwnedBy(object)}
	if t := changes.Template(object); t != "" {
		out.Templates = []string{t}
	}
	return out
}
