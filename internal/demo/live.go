// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// live makes the input of a cluster that runs what the plan reads, as internal/kube
// would list it: every object where it lands, without what an API server refuses.
func live(ctx context.Context, p *place, plan *manifest.Plan, dec *snapshot.Decoder, forbidden string) (scan.Input, error) {
	c := &cluster{place: p, dec: dec, forbidden: forbidden, have: map[string]bool{}}
	for _, unit := range plan.Units {
		_, err := unit.Read(ctx, dec, c.take)
		if err != nil {
			return scan.Input{}, fmt.Errorf("read what %s runs: %w", p.name, err)
		}
	}
	for _, written := range c.own() {
		if err := c.add(written); err != nil {
			return scan.Input{}, err
		}
	}
	problems := []seaworthy.Problem{}
	unlisted := map[string]string{"Secret": kube.SecretsNotAsked}
	if forbidden != "" {
		resource, reason := resources[forbidden], "the server refuses it: "+p.identity+" may not list it"
		problems = append(problems, seaworthy.Problem{Object: resource, Message: reason})
		unlisted[forbidden] = reason
	}
	return scan.Input{
		Source: seaworthy.Source{
			Kind: seaworthy.SourceCluster, Name: p.name, ClusterUID: p.uid, Provider: p.provider, KubernetesVersion: p.kubernetes,
			Identity: p.identity, Asked: c.asked(),
		},
		Unlisted: func() map[string]string { return unlisted },
		Batches: func(_ context.Context, next func(scan.Batch) error) (scan.Yield, error) {
			err := next(func(_ context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
				for _, o := range c.objects {
					if err := emit(o); err != nil {
						return scan.Yield{}, err
					}
				}
				return scan.Yield{}, nil
			})
			return scan.Yield{Errors: problems}, err
		},
	}, nil
}

// resources are the resources of kinds that a scan may be forbidden to list.
var resources = map[string]string{"NetworkPolicy": "networkpolicies.networking.k8s.io", "Role": "roles.rbac.authorization.k8s.io"}

// cluster gathers the objects of a cluster.
type cluster struct {
	place     *place
	dec       *snapshot.Decoder
	forbidden string
	have      map[string]bool
	objects   []*snapshot.Object
}

// take takes an object of a manifest as the cluster would have it.
func (c *cluster) take(o *snapshot.Object) error {
	meta, _ := o.Written["metadata"].(map[string]any)
	notes, _ := meta["annotations"].(map[string]any)
	if _, hook := notes["helm.sh/hook"]; hook || o.ReplacedAPI != "" || strings.HasPrefix(o.APIVersion, "kustomize.config.k8s.io/") {
		return nil // it runs when it is asked for, or no API server takes it
	}
	if o.Namespaced && o.Namespace == "" {
		meta["namespace"] = "default"
		if o.Source.Root != "" {
			meta["namespace"] = "shop"
		}
	}
	return c.add(o.Written)
}

// add decodes an object as a cluster's list has it, once.
func (c *cluster) add(written map[string]any) error {
	o, err := c.dec.Decode(written, snapshot.Origin{})
	if err != nil || o.Kind == "Secret" || o.Kind == c.forbidden || len(o.Schema) > 0 && o.ReplacedAPI != "" {
		return nil // an API server would have refused it
	}
	namespace := o.Namespace
	if o.Kind == "Namespace" {
		namespace = o.Name
	}
	if !c.place.has(namespace) || c.have[o.String()] {
		return nil
	}
	c.have[o.String()] = true
	o.Schema = nil // fields that nobody knows are dropped on the way in
	c.objects = append(c.objects, o)
	return nil
}

// asked lists what the scan asked for.
func (c *cluster) asked() []string {
	kinds := map[string]bool{}
	for _, o := range c.objects {
		name := o.Resource.Resource
		if o.Resource.Group != "" {
			name += "." + o.Resource.Group
		}
		kinds[name] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}

// own are objects that a cluster has by itself.
func (c *cluster) own() []map[string]any {
	var out []map[string]any
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		level := "restricted"
		if name == "kube-system" {
			level = "privileged" // what runs the nodes
		}
		out = append(out, map[string]any{
			"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": name, "labels": map[string]any{
				"kubernetes.io/metadata.name": name, "pod-security.kubernetes.io/enforce": level,
			}},
		}, map[string]any{
			"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
			"metadata": map[string]any{"name": "default-deny", "namespace": name},
			"spec":     map[string]any{"podSelector": map[string]any{}, "policyTypes": []any{"Ingress", "Egress"}},
		})
	}
	for i, zone := range []string{"a", "b", "c"} {
		out = append(out, map[string]any{
			"apiVersion": "v1", "kind": "Node",
			"metadata": map[string]any{
				"name":   fmt.Sprintf("%s-node-%d", c.place.name, i+1),
				"labels": map[string]any{"topology.kubernetes.io/zone": c.place.name + "-" + zone, "kubernetes.io/os": "linux"},
			},
			"status": map[string]any{"nodeInfo": map[string]any{"kubeletVersion": c.place.kubernetes, "operatingSystem": "linux", "architecture": "amd64"}},
		})
	}
	return out
}
