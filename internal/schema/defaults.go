// SPDX-License-Identifier: Apache-2.0

package schema

// The fillers set what kube-apiserver defaults when it decodes an object. They follow the
// SetDefaults functions of Kubernetes 1.36 (pkg/apis/*/v1/defaults.go and the declared
// defaults in zz_generated.defaults.go beside them), which are not published as a
// library; a test holds them to a real API server, field by field. Each works on the
// canonical form.

type object = map[string]any

// set fills a field that is absent or null.
func set(m object, key string, value any) {
	if m != nil && m[key] == nil {
		m[key] = value
	}
}

// sub gives the mapping at a path, or nil.
func sub(m object, path ...string) object {
	for _, p := range path {
		m, _ = m[p].(object)
	}
	return m
}

// made gives the mapping of a field, which it makes where there is none.
func made(m object, key string) object {
	set(m, key, object{})
	return sub(m, key)
}

// each calls f for every mapping in the list at key.
func each(m object, key string, f func(object)) {
	l, _ := m[key].([]any)
	for _, e := range l {
		if e, ok := e.(object); ok {
			f(e)
		}
	}
}

func str(m object, key string) string {
	s, _ := m[key].(string)
	return s
}

// fillers lists, for each kind in its current version, what fills its defaults.
var fillers = map[string]func(object){
	"/Pod":                   fillPod,
	"/PodTemplate":           func(o object) { fillPodSpec(sub(o, "template", "spec")) },
	"/ReplicationController": fillReplicationController,
	"/Service":               fillService,
	"/Secret":                fillSecret,
	"/Namespace":             fillNamespace,
	"/PersistentVolume":      fillPersistentVolume,
	"/PersistentVolumeClaim": func(o object) { fillClaimSpec(sub(o, "spec")) },
	"/Endpoints":             fillEndpoints,
	"/LimitRange":            func(o object) { each(sub(o, "spec"), "limits", fillLimit) },
	"/ResourceQuota":         func(o object) { roundUp(sub(o, "spec", "hard")) },

	"apps/Deployment":  fillDeployment,
	"apps/StatefulSet": fillStatefulSet,
	"apps/DaemonSet":   fillDaemonSet,
	"apps/ReplicaSet":  fillReplicaSet,
	"batch/Job":        fillJob,
	"batch/CronJob":    fillCronJob,

	"autoscaling/HorizontalPodAutoscaler": fillAutoscaler,
	"discovery.k8s.io/EndpointSlice":      fillEndpointSlice,
	"networking.k8s.io/NetworkPolicy":     fillNetworkPolicy,
	"networking.k8s.io/IngressClass":      func(o object) { set(sub(o, "spec", "parameters"), "scope", "Cluster") },
	"scheduling.k8s.io/PriorityClass":     func(o object) { set(o, "preemptionPolicy", "PreemptLowerPriority") },
	"storage.k8s.io/StorageClass":         fillStorageClass,
	"storage.k8s.io/CSIDriver":            fillCSIDriver,
	"storage.k8s.io/VolumeAttachment":     func(o object) { fillVolumeSource(sub(o, "spec", "source", "inlineVolumeSpec")) },

	"rbac.authorization.k8s.io/RoleBinding":        fillBinding,
	"rbac.authorization.k8s.io/ClusterRoleBinding": fillBinding,

	"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   fillWebhooks,
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":     fillWebhooks,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy":        fillAdmissionPolicy,
	"admissionregistration.k8s.io/MutatingAdmissionPolicy":          fillAdmissionPolicy,
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": func(o object) { fillMatch(sub(o, "spec", "matchResources")) },
	"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding":   func(o object) { fillMatch(sub(o, "spec", "matchResources")) },

	"apiextensions.k8s.io/CustomResourceDefinition":           fillDefinition,
	"flowcontrol.apiserver.k8s.io/FlowSchema":                 func(o object) { setNumber(sub(o, "spec"), "matchingPrecedence", 1000) },
	"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": fillPriorityLevel,
	"resource.k8s.io/ResourceClaim":                           func(o object) { fillDeviceClaim(sub(o, "spec")) },
	"resource.k8s.io/ResourceClaimTemplate":                   func(o object) { fillDeviceClaim(sub(o, "spec", "spec")) },
}

// setNumber fills a number that is absent or zero: in the canonical form a field that is
// always written shows its zero.
func setNumber(m object, key string, value int64) {
	if m != nil && (m[key] == nil || m[key] == int64(0)) {
		m[key] = value
	}
}

// setText is setNumber for text.
func setText(m object, key, value string) {
	if m != nil && str(m, key) == "" {
		m[key] = value
	}
}
