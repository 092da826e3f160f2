// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"maps"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// scalable are the kinds whose scale is judged by the number of replicas alone where
// nobody shows the object itself. What owns a ReplicaSet is not known then.
var scalable = map[string]string{"deployments.apps": "Deployment", "statefulsets.apps": "StatefulSet"}

// scaled finds what a new scale makes of the object that is scaled: the whole, where it
// can be looked up, else one of which nothing but the number of replicas is known.
func (g *Guard) scaled(ctx context.Context, r *Review, d *Decision) ([]subject, error) {
	before, after := replicas(r.OldObject), replicas(r.Object)
	if before == after || r.Operation != opUpdate {
		d.NotJudged = "the number of replicas stays"
		return nil, nil
	}
	out, err := g.ownScale(r)
	if err != nil {
		return nil, err
	}
	var parent map[string]any
	if g.cfg.LookupParent != nil {
		if parent, err = g.cfg.LookupParent(ctx, r.Resource.String(), r.Namespace, r.Name, version(r.OldObject)); err != nil {
			return nil, fmt.Errorf("look up what is scaled: %w", err)
		}
	}
	s := subject{}
	kind := scalable[r.Resource.String()]
	switch {
	case parent != nil && ownedBySome(parent):
		d.NotJudged = "it is judged through its owner"
		return nil, nil
	case parent != nil:
	case kind == "":
		d.Partly = "what is scaled is not known, so that only policies about the scale itself were evaluated"
		return out, nil
	default:
		d.Partly = "what is scaled is not known, so that only the number of replicas was judged"
		s.wants = func(k *seaworthy.Check) bool { return g.replica[k.ID] }
		parent = map[string]any{
			"apiVersion": r.Resource.Group + "/" + r.Resource.Version, "kind": kind,
			"metadata": map[string]any{"name": r.Name, "namespace": r.Namespace},
		}
	}
	if s.object, err = g.decode(r, withReplicas(parent, after)); err != nil {
		return nil, fmt.Errorf("read what is scaled: %w", err)
	}
	if s.old, err = g.decode(r, withReplicas(parent, before)); err != nil {
		return nil, fmt.Errorf("read what is scaled: %w", err)
	}
	return append(out, s), nil
}

// ownScale is the scale itself, for the user's policies that name the subresource.
func (g *Guard) ownScale(r *Review) ([]subject, error) {
	s := subject{subresource: r.Subresource, wants: func(k *seaworthy.Check) bool { return k.Custom }}
	for _, x := range []struct {
		to   **snapshot.Object
		from map[string]any
	}{{&s.object, r.Object}, {&s.old, r.OldObject}} {
		o, err := g.decode(r, x.from)
		if err != nil {
			return nil, fmt.Errorf("read the scale: %w", err)
		}
		*x.to = o
	}
	return []subject{s}, nil
}

// version is that of the object whose scale it is.
func version(scale map[string]any) string {
	meta, _ := scale["metadata"].(map[string]any)
	s, _ := meta["resourceVersion"].(string)
	return s
}

// replicas reads a scale, in which none is left out.
func replicas(scale map[string]any) int64 {
	spec, _ := scale["spec"].(map[string]any)
	n, _ := spec["replicas"].(int64)
	return n
}

func withReplicas(object map[string]any, n int64) map[string]any {
	out := maps.Clone(object)
	spec, _ := object["spec"].(map[string]any)
	spec = maps.Clone(spec)
	if spec == nil {
		spec = map[string]any{}
	}
	spec["replicas"] = n
	out["spec"] = spec
	return out
}

// ownedBySome tells whether a controller made the object. One that is stored already has
// been judged with its owner reference.
func ownedBySome(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	refs, _ := meta["ownerReferences"].([]any)
	for _, ref := range refs {
		if m, _ := ref.(map[string]any); m["controller"] == true {
			return true
		}
	}
	return false
}
