// SPDX-License-Identifier: Apache-2.0

package schema

func fillNetworkPolicy(o object) {
	spec := sub(o, "spec")
	if types, _ := spec["policyTypes"].([]any); len(types) == 0 && spec != nil {
		types = []any{"Ingress"}
		if egress, _ := spec["egress"].([]any); len(egress) > 0 {
			types = append(types, "Egress")
		}
		spec["policyTypes"] = types
	}
	for _, direction := range []string{"ingress", "egress"} {
		each(spec, direction, func(r object) {
			each(r, "ports", func(p object) { set(p, "protocol", "TCP") })
		})
	}
}

func fillService(o object) {
	spec := sub(o, "spec")
	set(spec, "sessionAffinity", "None")
	switch str(spec, "sessionAffinity") {
	case "None":
		delete(spec, "sessionAffinityConfig")
	case "ClientIP":
		if sub(spec, "sessionAffinityConfig", "clientIP")["timeoutSeconds"] == nil {
			spec["sessionAffinityConfig"] = object{"clientIP": object{"timeoutSeconds": int64(10800)}}
		}
	}
	set(spec, "type", "ClusterIP")
	each(spec, "ports", func(p object) {
		set(p, "protocol", "TCP")
		if t := p["targetPort"]; t == nil || t == int64(0) || t == "" {
			p["targetPort"] = p["port"]
		}
	})
	kind := str(spec, "type")
	external := kind == "NodePort" || kind == "LoadBalancer"
	if ips, _ := spec["externalIPs"].([]any); external || kind == "ClusterIP" && len(ips) > 0 {
		set(spec, "externalTrafficPolicy", "Cluster")
	}
	if external || kind == "ClusterIP" {
		set(spec, "internalTrafficPolicy", "Cluster")
	}
	if kind == "LoadBalancer" {
		set(spec, "allocateLoadBalancerNodePorts", true)
		each(sub(o, "status", "loadBalancer"), "ingress", func(i object) {
			if str(i, "ip") != "" {
				set(i, "ipMode", "VIP")
			}
		})
	}
}

func fillEndpoints(o object) {
	each(o, "subsets", func(s object) {
		each(s, "ports", func(p object) { set(p, "protocol", "TCP") })
	})
}

func fillEndpointSlice(o object) {
	each(o, "ports", func(p object) {
		set(p, "name", "")
		set(p, "protocol", "TCP")
	})
}
