// SPDX-License-Identifier: Apache-2.0

package exposure

import (
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// opens says how a Service by itself lets traffic into the cluster, or nothing.
func opens(svc *corev1.Service) string {
	switch {
	case svc.Spec.Type == corev1.ServiceTypeLoadBalancer && !internalBalancer(svc):
		return "LoadBalancer"
	case svc.Spec.Type == corev1.ServiceTypeNodePort:
		return "NodePort"
	case len(svc.Spec.ExternalIPs) > 0:
		return "externalIPs of"
	}
	return ""
}

// internalBalancer tells whether a load balancer is reachable from private networks
// only: by the annotations of the cloud providers, by its class, by the sources that it
// admits or by the addresses that it got.
func internalBalancer(svc *corev1.Service) bool {
	for key, value := range svc.Annotations {
		if wanted, ok := internalAnnotations[key]; ok && (wanted == "" || strings.EqualFold(wanted, value)) {
			return true
		}
	}
	if class := svc.Spec.LoadBalancerClass; class != nil && (*class == "tailscale" || strings.Contains(*class, "internal")) {
		return true
	}
	if ranges := svc.Spec.LoadBalancerSourceRanges; len(ranges) > 0 {
		return allPrivate(ranges)
	}
	var got []string
	for _, in := range svc.Status.LoadBalancer.Ingress {
		if in.IP == "" { // a name tells nothing
			return false
		}
		got = append(got, in.IP)
	}
	return len(got) > 0 && allPrivate(got)
}

// internalAnnotations are the annotations that make a load balancer internal, with the
// value that does it; empty: any value.
var internalAnnotations = map[string]string{
	"service.beta.kubernetes.io/aws-load-balancer-scheme":                "internal",
	"service.beta.kubernetes.io/aws-load-balancer-internal":              "true",
	"networking.gke.io/load-balancer-type":                               "internal",
	"cloud.google.com/load-balancer-type":                                "internal",
	"service.beta.kubernetes.io/azure-load-balancer-internal":            "true",
	"service.beta.kubernetes.io/openstack-internal-load-balancer":        "true",
	"service.beta.kubernetes.io/oci-load-balancer-internal":              "true",
	"oci-network-load-balancer.oraclecloud.com/internal":                 "true",
	"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":     "private",
	"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": "intranet",
	"service.kubernetes.io/qcloud-loadbalancer-internal-subnetid":        "",
	"load-balancer.hetzner.cloud/disable-public-network":                 "true",
	"service.beta.kubernetes.io/scw-loadbalancer-private":                "true",
	"yandex.cloud/load-balancer-type":                                    "internal",
}

// allPrivate tells whether addresses or ranges are all of private networks.
func allPrivate(ranges []string) bool {
	for _, r := range ranges {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(r))
		if err != nil {
			addr, err := netip.ParseAddr(strings.TrimSpace(r))
			if err != nil {
				return false
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if !privatePrefix(prefix) {
			return false
		}
	}
	return true
}

func privatePrefix(p netip.Prefix) bool {
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"} {
		net := netip.MustParsePrefix(private)
		if net.Contains(p.Addr()) && p.Bits() >= net.Bits() {
			return true
		}
	}
	return false
}
