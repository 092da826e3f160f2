// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// clusterScoped lists the built-in kinds that live outside namespaces.
var clusterScoped = set1(
	"/Namespace", "/Node", "/PersistentVolume", "/ComponentStatus",
	"rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/ClusterRoleBinding",
	"storage.k8s.io/StorageClass", "storage.k8s.io/CSIDriver", "storage.k8s.io/CSINode",
	"storage.k8s.io/VolumeAttachment", "storage.k8s.io/VolumeAttributesClass",
	"scheduling.k8s.io/PriorityClass", "node.k8s.io/RuntimeClass", "networking.k8s.io/IngressClass",
	"networking.k8s.io/IPAddress", "networking.k8s.io/ServiceCIDR",
	"policy/PodSecurityPolicy", "extensions/PodSecurityPolicy",
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration",
	"admissionregistration.k8s.io/MutatingWebhookConfiguration",
	"admissionregistration.k8s.io/ValidatingAdmissionPolicy",
	"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
	"admissionregistration.k8s.io/MutatingAdmissionPolicy",
	"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
	"certificates.k8s.io/CertificateSigningRequest", "certificates.k8s.io/ClusterTrustBundle",
	"flowcontrol.apiserver.k8s.io/FlowSchema", "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
	"resource.k8s.io/DeviceClass", "resource.k8s.io/ResourceSlice", "resource.k8s.io/DeviceTaintRule",
	"internal.apiserver.k8s.io/StorageVersion", "storagemigration.k8s.io/StorageVersionMigration",
	"authentication.k8s.io/TokenReview", "authorization.k8s.io/SubjectAccessReview",
	"apiextensions.k8s.io/CustomResourceDefinition", "apiregistration.k8s.io/APIService",
	// Well-known custom resources.
	"gateway.networking.k8s.io/GatewayClass", "cert-manager.io/ClusterIssuer",
	"external-secrets.io/ClusterSecretStore", "external-secrets.io/ClusterExternalSecret",
	"kyverno.io/ClusterPolicy", "cilium.io/CiliumClusterwideNetworkPolicy",
	"crd.projectcalico.org/GlobalNetworkPolicy", "projectcalico.org/GlobalNetworkPolicy",
	"policy.networking.k8s.io/AdminNetworkPolicy", "policy.networking.k8s.io/BaselineAdminNetworkPolicy",
	"snapshot.storage.k8s.io/VolumeSnapshotClass", "snapshot.storage.k8s.io/VolumeSnapshotContent",
	"karpenter.sh/NodePool", "karpenter.k8s.aws/EC2NodeClass", "policy.sigstore.dev/ClusterImagePolicy",
	"templates.gatekeeper.sh/ConstraintTemplate", "aquasecurity.github.io/ClusterConfigAuditReport",
)

// plurals holds the resource names that the usual way of forming a plural misses.
var plurals = map[string]string{
	"gateway.networking.k8s.io/Gateway": "gateways",
	"networking.istio.io/Gateway":       "gateways",
	"metrics.k8s.io/PodMetrics":         "pods",
	"metrics.k8s.io/NodeMetrics":        "nodes",
}

func set1(keys ...string) map[string]bool {
	m := make(map[string]bool, len(keys))
	for _, k := range keys {
		m[k] = true
	}
	return m
}

// Resource is how the API server calls a kind.
type Resource struct {
	kschema.GroupVersionResource
	Namespaced bool
}

// resourceOf forms the resource of a kind that no CustomResourceDefinition described.
func resourceOf(gvk kschema.GroupVersionKind) Resource {
	id := gvk.Group + "/" + gvk.Kind
	r := Resource{Namespaced: !clusterScoped[id]}
	r.GroupVersionResource, _ = meta.UnsafeGuessKindToResource(gvk)
	if p := plurals[id]; p != "" {
		r.Resource = p
	}
	if strings.HasPrefix(gvk.Group, "constraints.gatekeeper.sh") {
		r.Namespaced = false
	}
	return r
}

// replaced maps versions that current API servers no longer serve to those that took
// their place with the same fields, so that old manifests are judged all the same. The
// check deprecated-api tells of the version itself.
var replaced = map[string]string{
	"extensions/v1beta1/Deployment":                                       "apps/v1",
	"extensions/v1beta1/DaemonSet":                                        "apps/v1",
	"extensions/v1beta1/ReplicaSet":                                       "apps/v1",
	"extensions/v1beta1/NetworkPolicy":                                    "networking.k8s.io/v1",
	"extensions/v1beta1/Ingress":                                          "networking.k8s.io/v1",
	"networking.k8s.io/v1beta1/Ingress":                                   "networking.k8s.io/v1",
	"networking.k8s.io/v1beta1/IngressClass":                              "networking.k8s.io/v1",
	"apps/v1beta1/Deployment":                                             "apps/v1",
	"apps/v1beta1/StatefulSet":                                            "apps/v1",
	"apps/v1beta2/Deployment":                                             "apps/v1",
	"apps/v1beta2/StatefulSet":                                            "apps/v1",
	"apps/v1beta2/DaemonSet":                                              "apps/v1",
	"apps/v1beta2/ReplicaSet":                                             "apps/v1",
	"batch/v1beta1/CronJob":                                               "batch/v1",
	"batch/v2alpha1/CronJob":                                              "batch/v1",
	"policy/v1beta1/PodDisruptionBudget":                                  "policy/v1",
	"autoscaling/v1/HorizontalPodAutoscaler":                              "autoscaling/v2",
	"autoscaling/v2beta1/HorizontalPodAutoscaler":                         "autoscaling/v2",
	"autoscaling/v2beta2/HorizontalPodAutoscaler":                         "autoscaling/v2",
	"rbac.authorization.k8s.io/v1beta1/Role":                              "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/ClusterRole":                       "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/RoleBinding":                       "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding":                "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/Role":                             "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/ClusterRole":                      "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/RoleBinding":                      "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/ClusterRoleBinding":               "rbac.authorization.k8s.io/v1",
	"storage.k8s.io/v1beta1/StorageClass":                                 "storage.k8s.io/v1",
	"admissionregistration.k8s.io/v1beta1/ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
	"admissionregistration.k8s.io/v1beta1/MutatingWebhookConfiguration":   "admissionregistration.k8s.io/v1",
	"scheduling.k8s.io/v1beta1/PriorityClass":                             "scheduling.k8s.io/v1",
	// OpenShift's own copies of the RBAC kinds.
	"authorization.openshift.io/v1/Role":        "rbac.authorization.k8s.io/v1",
	"authorization.openshift.io/v1/ClusterRole": "rbac.authorization.k8s.io/v1",
}

// modernise changes the fields that differ between a replaced version and its
// successor. The mapping is changed in place.
func modernise(id string, o object) {
	switch id {
	case "extensions/v1beta1/Ingress", "networking.k8s.io/v1beta1/Ingress":
		moderniseIngress(o)
	case "autoscaling/v1/HorizontalPodAutoscaler":
		spec := sub(o, "spec")
		if cpu, ok := spec["targetCPUUtilizationPercentage"]; ok {
			delete(spec, "targetCPUUtilizationPercentage")
			set(spec, "metrics", []any{object{"type": "Resource", "resource": object{
				"name": "cpu", "target": object{"type": "Utilization", "averageUtilization": cpu},
			}}})
		}
		delete(o, "status")
	case "autoscaling/v2beta1/HorizontalPodAutoscaler":
		// Its metrics have another form that no check reads.
		delete(sub(o, "spec"), "metrics")
		delete(o, "status")
	case "rbac.authorization.k8s.io/v1alpha1/RoleBinding", "rbac.authorization.k8s.io/v1alpha1/ClusterRoleBinding":
		each(o, "subjects", func(s object) { delete(s, "apiVersion") })
	case "extensions/v1beta1/Deployment", "extensions/v1beta1/DaemonSet", "apps/v1beta1/Deployment":
		delete(sub(o, "spec"), "rollbackTo")
		delete(sub(o, "spec"), "templateGeneration")
	}
}

func moderniseIngress(o object) {
	backend := func(b object) {
		if b == nil || b["serviceName"] == nil {
			return
		}
		service := object{"name": b["serviceName"]}
		switch port := b["servicePort"].(type) {
		case int64:
			service["port"] = object{"number": port}
		case string:
			service["port"] = object{"name": port}
		}
		delete(b, "serviceName")
		delete(b, "servicePort")
		b["service"] = service
	}
	spec := sub(o, "spec")
	if b := sub(spec, "backend"); b != nil {
		backend(b)
		delete(spec, "backend")
		set(spec, "defaultBackend", b)
	}
	each(spec, "rules", func(r object) {
		each(sub(r, "http"), "paths", func(p object) {
			backend(sub(p, "backend"))
			set(p, "pathType", "ImplementationSpecific")
		})
	})
}

// kinds maps the resources of built-in kinds to their kinds, by group.
var kinds = sync.OnceValue(func() map[string]string {
	out := map[string]string{"apiextensions.k8s.io/customresourcedefinitions": "CustomResourceDefinition"}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal && !strings.HasSuffix(gvk.Kind, "List") {
			out[gvk.Group+"/"+resourceOf(gvk).Resource] = gvk.Kind
		}
	}
	return out
})

// KindOf names the kind of a resource such as apps and deployments; empty for one that is
// not built in.
func KindOf(group, resource string) string { return kinds()[group+"/"+resource] }
