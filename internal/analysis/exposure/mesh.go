// SPDX-License-Identifier: Apache-2.0

package exposure

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// virtualService is what is read of Istio's VirtualService.
type virtualService struct {
	Spec struct {
		Hosts    []string       `json:"hosts"`
		Gateways []string       `json:"gateways"`
		HTTP     []virtualRoute `json:"http"`
		TLS      []virtualRoute `json:"tls"`
		TCP      []virtualRoute `json:"tcp"`
	} `json:"spec"`
}

type virtualRoute struct {
	Route []struct {
		Destination struct {
			Host string `json:"host"`
		} `json:"destination"`
	} `json:"route"`
}

// istio follows VirtualServices that are bound to a gateway; without one, or with the
// reserved name mesh, they are about traffic inside.
func (d *doors) istio() {
	for _, o := range d.s.Custom("networking.istio.io", "VirtualService") {
		vs, err := snapshot.As[virtualService](o)
		if err != nil {
			d.unreadable(o, err)
			continue
		}
		outside := false
		for _, name := range vs.Spec.Gateways {
			outside = outside || name != "mesh" && d.istioGatewayOutside(o, name)
		}
		if !outside {
			continue
		}
		says := describe(o, vs.Spec.Hosts)
		for _, routes := range [][]virtualRoute{vs.Spec.HTTP, vs.Spec.TLS, vs.Spec.TCP} {
			for _, r := range routes {
				for _, to := range r.Route {
					name, ns := serviceHost(to.Destination.Host, o.EffectiveNamespace())
					d.open(ns, name, o, says)
				}
			}
		}
	}
}

// istioGatewayOutside tells whether the Services in front of a Gateway's pods let
// traffic in. Where neither is in the snapshot, they are taken to do so.
func (d *doors) istioGatewayOutside(o *snapshot.Object, name string) bool {
	ns := o.EffectiveNamespace()
	if other, short, ok := strings.Cut(name, "/"); ok {
		if other != "." {
			ns = other
		}
		name = short
	}
	gw := d.s.LookupFor(o, "networking.istio.io", "Gateway", ns, name)
	if gw == nil {
		return true
	}
	read, err := snapshot.As[struct {
		Spec struct {
			Selector map[string]string `json:"selector"`
		} `json:"spec"`
	}](gw)
	if err != nil || len(read.Spec.Selector) == 0 {
		return true
	}
	known := false
	for _, svc := range snapshot.All[*corev1.Service](d.s, "Service") {
		if !covers(svc.Spec.Selector, read.Spec.Selector) {
			continue
		}
		known = true
		if opens(svc) != "" {
			return true
		}
	}
	return !known
}

// covers tells whether a Service's selector names all labels of a Gateway's.
func covers(service, gateway map[string]string) bool {
	for k, v := range gateway {
		if service[k] != v {
			return false
		}
	}
	return true
}

// serviceHost splits a host of a mesh into the Service's name and namespace.
func serviceHost(host, namespace string) (name, ns string) {
	host = strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
	name, ns, ok := strings.Cut(host, ".")
	if !ok {
		return name, namespace
	}
	return name, ns
}

// serviceRef names a Service as most routes of other projects do.
type serviceRef struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	ServiceName string `json:"serviceName"`
	Service     string `json:"service"`
	Namespace   string `json:"namespace"`
}

// route is what is read of the routes of OpenShift, Traefik, Contour, Emissary, Kong
// and APISIX: the places where they name hosts and Services.
type route struct {
	Spec struct {
		Host              string       `json:"host"`
		To                serviceRef   `json:"to"`
		AlternateBackends []serviceRef `json:"alternateBackends"`
		VirtualHost       struct {
			FQDN string `json:"fqdn"`
		} `json:"virtualhost"`
		TCPProxy struct {
			Services []serviceRef `json:"services"`
		} `json:"tcpproxy"`
		Routes []struct {
			Services []serviceRef `json:"services"`
		} `json:"routes"`
		HTTP []struct {
			Match struct {
				Hosts []string `json:"hosts"`
			} `json:"match"`
			Backends []serviceRef `json:"backends"`
		} `json:"http"`
		Hostname string     `json:"hostname"`
		Service  string     `json:"service"`
		Backend  serviceRef `json:"backend"`
	} `json:"spec"`
}

// otherRoutes are routes that are custom resources of ingress controllers.
var otherRoutes = [][2]string{
	{"route.openshift.io", "Route"},
	{"traefik.io", "IngressRoute"}, {"traefik.io", "IngressRouteTCP"}, {"traefik.io", "IngressRouteUDP"},
	{"traefik.containo.us", "IngressRoute"}, {"traefik.containo.us", "IngressRouteTCP"}, {"traefik.containo.us", "IngressRouteUDP"},
	{"projectcontour.io", "HTTPProxy"},
	{"getambassador.io", "Mapping"}, {"getambassador.io", "TCPMapping"},
	{"apisix.apache.org", "ApisixRoute"},
	{"configuration.konghq.com", "TCPIngress"},
}

// others follows routes that are custom resources of ingress controllers.
func (d *doors) others() {
	for _, k := range otherRoutes {
		for _, o := range d.s.Custom(k[0], k[1]) {
			r, err := snapshot.As[route](o)
			if err != nil {
				d.unreadable(o, err)
				continue
			}
			d.other(o, r)
		}
	}
}

func (d *doors) other(o *snapshot.Object, r *route) {
	spec := r.Spec
	var hosts []string
	refs := append([]serviceRef{spec.To, spec.Backend}, spec.AlternateBackends...)
	refs = append(refs, spec.TCPProxy.Services...)
	for _, h := range []string{spec.Host, spec.VirtualHost.FQDN, spec.Hostname} {
		if h != "" {
			hosts = append(hosts, h)
		}
	}
	for _, rule := range spec.Routes {
		refs = append(refs, rule.Services...)
	}
	for _, rule := range spec.HTTP {
		hosts = append(hosts, rule.Match.Hosts...)
		refs = append(refs, rule.Backends...)
	}
	if spec.Service != "" { // Emissary: name.namespace:port, perhaps with a scheme
		_, service, ok := strings.Cut(spec.Service, "://")
		if !ok {
			service = spec.Service
		}
		service, _, _ = strings.Cut(service, ":")
		name, ns := serviceHost(service, o.EffectiveNamespace())
		refs = append(refs, serviceRef{Name: name, Namespace: ns})
	}
	for _, ref := range refs {
		if ref.Kind != "" && ref.Kind != "Service" {
			continue
		}
		ns := ref.Namespace
		if ns == "" {
			ns = o.EffectiveNamespace()
		}
		for _, name := range []string{ref.Name, ref.ServiceName, ref.Service} {
			d.open(ns, name, o, describe(o, hosts))
		}
	}
}
