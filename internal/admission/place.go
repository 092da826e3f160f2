// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
)

// place is where a request lands. The Namespace is looked up once, when something needs
// it.
type place struct {
	ctx       context.Context
	guard     *Guard
	namespace string // empty: in none
	// itself is the Namespace where the request is about one.
	itself map[string]any

	asked bool
	found map[string]any
	err   error
	set   labels.Set // once somebody asked for it
}

func (g *Guard) place(ctx context.Context, r *Review) *place {
	at := &place{ctx: ctx, guard: g, namespace: r.Namespace}
	if r.Resource.Group == "" && r.Resource.Resource == "namespaces" {
		at.namespace, at.itself = r.Name, r.Object
	}
	return at
}

// object gives the Namespace of the object, nil where it is in none or where nothing but
// its name can be known.
func (p *place) object() (map[string]any, error) {
	if p.namespace == "" || p.itself != nil {
		return nil, nil
	}
	if p.guard.cfg.LookupNamespace == nil {
		return nil, fmt.Errorf("the labels of namespace %s are not known: nothing looks namespaces up", p.namespace)
	}
	if !p.asked {
		p.asked = true
		p.found, p.err = p.guard.cfg.LookupNamespace(p.ctx, p.namespace)
		if p.err == nil && p.found == nil {
			p.err = fmt.Errorf("the namespace %s is not known", p.namespace)
		}
		if p.err != nil {
			p.err = fmt.Errorf("look up the namespace of the object: %w", p.err)
		}
	}
	return p.found, p.err
}

// labels gives the labels of the namespace, nil where the object is in none.
func (p *place) labels() (labels.Set, error) {
	if p.namespace == "" || p.set != nil {
		return p.set, nil
	}
	object := p.itself
	if object == nil {
		var err error
		if object, err = p.object(); err != nil {
			return nil, err
		}
	}
	set := labels.Set{"kubernetes.io/metadata.name": p.namespace}
	meta, _ := object["metadata"].(map[string]any)
	given, _ := meta["labels"].(map[string]any)
	for k, v := range given {
		if s, ok := v.(string); ok {
			set[k] = s
		}
	}
	p.set = set
	return set, nil
}
