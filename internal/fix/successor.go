// SPDX-License-Identifier: Apache-2.0

package fix

// successors maps API versions to those that took their place with the same fields and
// meaning. An object that the successor reads differently is not in here: Ingresses,
// CustomResourceDefinitions, webhook configurations and older autoscalers have other
// fields, EndpointSlices and Events too.
var successors = map[string]string{
	"extensions/v1beta1/Deployment":                                         "apps/v1",
	"extensions/v1beta1/ReplicaSet":                                         "apps/v1",
	"extensions/v1beta1/DaemonSet":                                          "apps/v1",
	"extensions/v1beta1/NetworkPolicy":                                      "networking.k8s.io/v1",
	"apps/v1beta1/Deployment":                                               "apps/v1",
	"apps/v1beta1/StatefulSet":                                              "apps/v1",
	"apps/v1beta2/Deployment":                                               "apps/v1",
	"apps/v1beta2/StatefulSet":                                              "apps/v1",
	"apps/v1beta2/DaemonSet":                                                "apps/v1",
	"apps/v1beta2/ReplicaSet":                                               "apps/v1",
	"batch/v1beta1/CronJob":                                                 "batch/v1",
	"batch/v2alpha1/CronJob":                                                "batch/v1",
	"autoscaling/v2beta2/HorizontalPodAutoscaler":                           "autoscaling/v2",
	"policy/v1beta1/PodDisruptionBudget":                                    "policy/v1",
	"networking.k8s.io/v1beta1/IngressClass":                                "networking.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/Role":                               "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1alpha1/ClusterRole":                        "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/Role":                                "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/ClusterRole":                         "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/RoleBinding":                         "rbac.authorization.k8s.io/v1",
	"rbac.authorization.k8s.io/v1beta1/ClusterRoleBinding":                  "rbac.authorization.k8s.io/v1",
	"storage.k8s.io/v1beta1/StorageClass":                                   "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1/CSIDriver":                                      "storage.k8s.io/v1",
	"storage.k8s.io/v1beta1/VolumeAttachment":                               "storage.k8s.io/v1",
	"scheduling.k8s.io/v1alpha1/PriorityClass":                              "scheduling.k8s.io/v1",
	"scheduling.k8s.io/v1beta1/PriorityClass":                               "scheduling.k8s.io/v1",
	"node.k8s.io/v1beta1/RuntimeClass":                                      "node.k8s.io/v1",
	"flowcontrol.apiserver.k8s.io/v1beta3/FlowSchema":                       "flowcontrol.apiserver.k8s.io/v1",
	"flowcontrol.apiserver.k8s.io/v1beta3/PriorityLevelConfiguration":       "flowcontrol.apiserver.k8s.io/v1",
	"admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicy":        "admissionregistration.k8s.io/v1",
	"admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
	"apiregistration.k8s.io/v1beta1/APIService":                             "apiregistration.k8s.io/v1",
	"coordination.k8s.io/v1beta1/Lease":                                     "coordination.k8s.io/v1",
}

// successor changes the version of an object, unless its fields keep it from meaning the
// same afterwards.
func successor(s *site) (edit, error) {
	version, _ := s.object["apiVersion"].(string)
	kind, _ := s.object["kind"].(string)
	next, ok := successors[version+"/"+kind]
	if !ok || len(s.path) != 1 {
		return edit{}, errSuccessor
	}
	spec, _ := s.object["spec"].(map[string]any)
	selector, _ := spec["selector"].(map[string]any)
	switch next {
	case "apps/v1":
		// It wants a selector, and dropped what only the oldest versions know.
		if len(selector) == 0 || spec["rollbackTo"] != nil || spec["templateGeneration"] != nil {
			return edit{}, errSuccessor
		}
		// What a version rolls out by itself when nothing is said differs.
		if version != "apps/v1beta2" && spec["updateStrategy"] == nil && (kind == "DaemonSet" || kind == "StatefulSet") {
			return edit{}, errSuccessor
		}
	case "policy/v1":
		// An empty selector took no pod and takes every pod now.
		if _, there := spec["selector"]; there && len(selector) == 0 {
			return edit{}, errSuccessor
		}
	}
	return edit{path: s.path, value: next}, nil
}
