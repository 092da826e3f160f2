// SPDX-License-Identifier: Apache-2.0

package exposure

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// doors gathers which entrances lead to which Service.
type doors struct {
	s  *snapshot.Snapshot
	to map[target][]entrance
	// unreadable is told of routes that cannot be read.
	unreadable func(*snapshot.Object, error)
}

func (d *doors) open(namespace, service string, o *snapshot.Object, says string) {
	if service != "" {
		t := target{namespace, service}
		d.to[t] = append(d.to[t], entrance{o, says})
	}
}

// describe names an entrance and its first hosts.
func describe(o *snapshot.Object, hosts []string) string {
	says := o.Kind + " " + o.EffectiveNamespace() + "/" + o.Name
	if len(hosts) > 3 {
		hosts = append(hosts[:3:3], "…")
	}
	if len(hosts) > 0 {
		says += " (" + strings.Join(hosts, ", ") + ")"
	}
	return says
}

func (d *doors) ingresses() {
	for o, ing := range snapshot.All[*networkingv1.Ingress](d.s, "Ingress") {
		if internalIngress(ing) {
			continue
		}
		var hosts, services []string
		if b := ing.Spec.DefaultBackend; b != nil && b.Service != nil {
			services = append(services, b.Service.Name)
		}
		for _, r := range ing.Spec.Rules {
			if r.Host != "" {
				hosts = append(hosts, r.Host)
			}
			if r.HTTP == nil {
				continue
			}
			for _, p := range r.HTTP.Paths {
				if p.Backend.Service != nil {
					services = append(services, p.Backend.Service.Name)
				}
			}
		}
		for _, name := range services {
			d.open(o.EffectiveNamespace(), name, o, describe(o, hosts))
		}
	}
}

// ingressClass is the class by the field or by the old annotation.
func ingressClass(ing *networkingv1.Ingress) string {
	if c := ing.Spec.IngressClassName; c != nil {
		return *c
	}
	return ing.Annotations["kubernetes.io/ingress.class"]
}

// internalIngress tells whether an Ingress is served to private networks only. The AWS
// controller makes internal balancers unless told otherwise.
func internalIngress(ing *networkingv1.Ingress) bool {
	class := ingressClass(ing)
	scheme := ing.Annotations["alb.ingress.kubernetes.io/scheme"]
	if scheme == "internal" || class == "alb" && scheme != "internet-facing" {
		return true
	}
	if internalName(class) || class == "tailscale" && ing.Annotations["tailscale.com/funnel"] != "true" {
		return true
	}
	for _, key := range []string{"nginx.ingress.kubernetes.io/whitelist-source-range", "nginx.ingress.kubernetes.io/allowlist-source-range", "haproxy.org/allow-list"} {
		if ranges := ing.Annotations[key]; ranges != "" {
			return allPrivate(strings.Split(ranges, ","))
		}
	}
	return false
}

// internalName tells whether the name of a class says that it is internal: nginx-internal,
// gce-internal, private.
func internalName(class string) bool {
	for part := range strings.FieldsFuncSeq(class, func(r rune) bool { return r == '-' || r == '.' || r == '/' || r == '_' }) {
		switch part {
		case "internal", "private", "intern", "intranet", "rilb":
			return true
		}
	}
	return false
}

// gatewayRoute is what is read of the routes of the Gateway API.
type gatewayRoute struct {
	Spec struct {
		Hostnames  []string `json:"hostnames"`
		ParentRefs []struct {
			Group     *string `json:"group"`
			Kind      *string `json:"kind"`
			Namespace *string `json:"namespace"`
			Name      string  `json:"name"`
		} `json:"parentRefs"`
		Rules []struct {
			BackendRefs []backendRef `json:"backendRefs"`
			Filters     []struct {
				RequestMirror *struct {
					BackendRef backendRef `json:"backendRef"`
				} `json:"requestMirror"`
			} `json:"filters"`
		} `json:"rules"`
	} `json:"spec"`
}

type backendRef struct {
	Kind      *string `json:"kind"`
	Name      string  `json:"name"`
	Namespace *string `json:"namespace"`
	Weight    *int64  `json:"weight"`
}

type gateway struct {
	Spec struct {
		GatewayClassName string `json:"gatewayClassName"`
		Infrastructure   struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"infrastructure"`
		Addresses []struct {
			Type  *string `json:"type"`
			Value string  `json:"value"`
		} `json:"addresses"`
	} `json:"spec"`
}

const gatewayGroup = "gateway.networking.k8s.io"

var gatewayRouteKinds = []string{"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}

func (d *doors) gatewayRoutes() {
	for _, kind := range gatewayRouteKinds {
		for _, o := range d.s.Custom(gatewayGroup, kind) {
			route, err := snapshot.As[gatewayRoute](o)
			if err != nil {
				d.unreadable(o, err)
				continue
			}
			if d.outside(o, route) {
				d.backends(o, route)
			}
		}
	}
}

// outside tells whether some parent of the route is a Gateway that is not internal. A
// Gateway that is not in the snapshot is taken for one; a Service as parent is a mesh.
func (d *doors) outside(o *snapshot.Object, route *gatewayRoute) bool {
	for _, ref := range route.Spec.ParentRefs {
		if ref.Kind != nil && *ref.Kind == "Service" {
			continue
		}
		ns := o.EffectiveNamespace()
		if ref.Namespace != nil && *ref.Namespace != "" {
			ns = *ref.Namespace
		}
		parent := d.s.LookupFor(o, gatewayGroup, "Gateway", ns, ref.Name)
		if parent == nil {
			return true
		}
		gw, err := snapshot.As[gateway](parent)
		if err != nil || !gw.internal() {
			return true
		}
	}
	return false
}

func (g *gateway) internal() bool {
	if internalName(g.Spec.GatewayClassName) {
		return true
	}
	for key, value := range g.Spec.Infrastructure.Annotations {
		if wanted, ok := internalAnnotations[key]; ok && (wanted == "" || strings.EqualFold(wanted, value)) {
			return true
		}
	}
	var addresses []string
	for _, a := range g.Spec.Addresses {
		if a.Type == nil || *a.Type == "IPAddress" {
			addresses = append(addresses, a.Value)
		}
	}
	return len(addresses) > 0 && allPrivate(addresses)
}

func (d *doors) backends(o *snapshot.Object, route *gatewayRoute) {
	says := describe(o, route.Spec.Hostnames)
	open := func(ref backendRef) {
		if ref.Kind != nil && *ref.Kind != "Service" || ref.Weight != nil && *ref.Weight == 0 {
			return
		}
		ns := o.EffectiveNamespace()
		if ref.Namespace != nil && *ref.Namespace != "" {
			ns = *ref.Namespace
		}
		d.open(ns, ref.Name, o, says)
	}
	for _, r := range route.Spec.Rules {
		for _, ref := range r.BackendRefs {
			open(ref)
		}
		for _, f := range r.Filters {
			if f.RequestMirror != nil {
				open(f.RequestMirror.BackendRef)
			}
		}
	}
}
