// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/base64"
	"strings"
)

// The fillers below set what kube-apiserver defaults when it decodes an object, for the
// kinds and fields that checks read. They follow the SetDefaults functions of
// Kubernetes 1.36 (pkg/apis/*/v1/defaults.go), which are not published as a library; a
// test holds them to a real API server. Each works on the canonical form.

type object = map[string]any

// set fills a field that is absent.
func set(m object, key string, value any) {
	if _, ok := m[key]; !ok && m != nil {
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
	"/Pod": func(o object) {
		spec := sub(o, "spec")
		fillPodSpec(spec)
		fillPod(spec)
	},
	"/PodTemplate": func(o object) { fillPodSpec(sub(o, "template", "spec")) },
	"/ReplicationController": func(o object) {
		spec := sub(o, "spec")
		if labels := sub(spec, "template", "metadata", "labels"); len(labels) > 0 {
			set(spec, "selector", labels)
			set(sub(o, "metadata"), "labels", labels)
		}
		set(spec, "replicas", int64(1))
		fillPodSpec(sub(spec, "template", "spec"))
	},
	"apps/Deployment":  fillDeployment,
	"apps/StatefulSet": fillStatefulSet,
	"apps/DaemonSet":   fillDaemonSet,
	"apps/ReplicaSet": func(o object) {
		set(sub(o, "spec"), "replicas", int64(1))
		fillPodSpec(sub(o, "spec", "template", "spec"))
	},
	"batch/Job":                       fillJob,
	"batch/CronJob":                   fillCronJob,
	"/Service":                        fillService,
	"/Secret":                         fillSecret,
	"/Namespace":                      fillNamespace,
	"/PersistentVolume":               fillPersistentVolume,
	"/PersistentVolumeClaim":          func(o object) { set(sub(o, "spec"), "volumeMode", "Filesystem") },
	"storage.k8s.io/StorageClass":     fillStorageClass,
	"networking.k8s.io/NetworkPolicy": fillNetworkPolicy,
	"autoscaling/HorizontalPodAutoscaler": func(o object) {
		set(sub(o, "spec"), "minReplicas", int64(1))
	},
	"rbac.authorization.k8s.io/RoleBinding":                       fillBinding,
	"rbac.authorization.k8s.io/ClusterRoleBinding":                fillBinding,
	"admissionregistration.k8s.io/ValidatingWebhookConfiguration": fillWebhooks,
	"admissionregistration.k8s.io/MutatingWebhookConfiguration":   fillWebhooks,
}

func fillPodSpec(spec object) {
	if spec == nil {
		return
	}
	set(spec, "dnsPolicy", "ClusterFirst")
	set(spec, "restartPolicy", "Always")
	set(spec, "securityContext", object{})
	set(spec, "terminationGracePeriodSeconds", int64(30))
	set(spec, "schedulerName", "default-scheduler")
	// The server mirrors the two names of the service account.
	if old := str(spec, "serviceAccount"); old != "" {
		set(spec, "serviceAccountName", old)
	}
	if name := str(spec, "serviceAccountName"); name != "" {
		spec["serviceAccount"] = name
	}
	for _, key := range []string{"containers", "initContainers", "ephemeralContainers"} {
		each(spec, key, fillContainer)
	}
	each(spec, "volumes", fillVolume)
}

// fillPod sets what is defaulted in Pods and not in pod templates.
func fillPod(spec object) {
	if spec == nil {
		return
	}
	set(spec, "enableServiceLinks", true)
	for _, key := range []string{"containers", "initContainers"} {
		each(spec, key, func(c object) {
			limits := sub(c, "resources", "limits")
			if len(limits) == 0 {
				return
			}
			r := sub(c, "resources")
			set(r, "requests", object{})
			for k, v := range limits {
				set(sub(r, "requests"), k, v)
			}
		})
		if spec["hostNetwork"] == true {
			each(spec, key, func(c object) {
				each(c, "ports", func(p object) { set(p, "hostPort", p["containerPort"]) })
			})
		}
	}
}

func fillContainer(c object) {
	policy := "IfNotPresent"
	if tagOf(str(c, "image")) == "latest" {
		policy = "Always"
	}
	set(c, "imagePullPolicy", policy)
	set(c, "terminationMessagePath", "/dev/termination-log")
	set(c, "terminationMessagePolicy", "File")
	set(c, "resources", object{})
	each(c, "ports", func(p object) { set(p, "protocol", "TCP") })
	each(c, "env", func(e object) {
		if f := sub(e, "valueFrom", "fieldRef"); f != nil {
			set(f, "apiVersion", "v1")
		}
	})
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		p := sub(c, probe)
		if p == nil {
			continue
		}
		set(p, "timeoutSeconds", int64(1))
		set(p, "periodSeconds", int64(10))
		set(p, "successThreshold", int64(1))
		set(p, "failureThreshold", int64(3))
		fillHTTPGet(sub(p, "httpGet"))
		if g := sub(p, "grpc"); g != nil {
			set(g, "service", "")
		}
	}
	for _, hook := range []string{"postStart", "preStop"} {
		fillHTTPGet(sub(c, "lifecycle", hook, "httpGet"))
	}
}

func fillHTTPGet(g object) {
	set(g, "path", "/")
	set(g, "scheme", "HTTP")
}

// tagOf is the tag that the API server takes an image to have: "latest" where neither
// tag nor digest is given, empty where there is only a digest.
func tagOf(image string) string {
	image, _, digested := strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	if digested {
		return ""
	}
	return "latest"
}

func fillVolume(v object) {
	if len(v) == 1 && v["name"] != nil || len(v) == 0 {
		v["emptyDir"] = object{}
	}
	for _, key := range []string{"secret", "configMap", "downwardAPI", "projected"} {
		if m := sub(v, key); m != nil {
			set(m, "defaultMode", int64(0o644))
		}
	}
	if m := sub(v, "hostPath"); m != nil {
		set(m, "type", "")
	}
	each(sub(v, "downwardAPI"), "items", fillDownward)
	each(sub(v, "projected"), "sources", func(s object) {
		if t := sub(s, "serviceAccountToken"); t != nil {
			set(t, "expirationSeconds", int64(3600))
		}
		each(sub(s, "downwardAPI"), "items", fillDownward)
	})
}

func fillDownward(i object) {
	if f := sub(i, "fieldRef"); f != nil {
		set(f, "apiVersion", "v1")
	}
}

func fillDeployment(o object) {
	spec := sub(o, "spec")
	set(spec, "replicas", int64(1))
	set(spec, "strategy", object{})
	strategy := sub(spec, "strategy")
	set(strategy, "type", "RollingUpdate")
	if str(strategy, "type") == "RollingUpdate" {
		set(strategy, "rollingUpdate", object{})
		set(sub(strategy, "rollingUpdate"), "maxUnavailable", "25%")
		set(sub(strategy, "rollingUpdate"), "maxSurge", "25%")
	}
	set(spec, "revisionHistoryLimit", int64(10))
	set(spec, "progressDeadlineSeconds", int64(600))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillStatefulSet(o object) {
	spec := sub(o, "spec")
	set(spec, "replicas", int64(1))
	set(spec, "podManagementPolicy", "OrderedReady")
	set(spec, "updateStrategy", object{})
	strategy := sub(spec, "updateStrategy")
	set(strategy, "type", "RollingUpdate")
	if str(strategy, "type") == "RollingUpdate" {
		set(strategy, "rollingUpdate", object{})
		set(sub(strategy, "rollingUpdate"), "partition", int64(0))
	}
	set(spec, "revisionHistoryLimit", int64(10))
	set(spec, "persistentVolumeClaimRetentionPolicy", object{})
	retention := sub(spec, "persistentVolumeClaimRetentionPolicy")
	set(retention, "whenDeleted", "Retain")
	set(retention, "whenScaled", "Retain")
	each(spec, "volumeClaimTemplates", func(c object) { set(sub(c, "spec"), "volumeMode", "Filesystem") })
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillDaemonSet(o object) {
	spec := sub(o, "spec")
	set(spec, "updateStrategy", object{})
	strategy := sub(spec, "updateStrategy")
	set(strategy, "type", "RollingUpdate")
	if str(strategy, "type") == "RollingUpdate" {
		set(strategy, "rollingUpdate", object{})
		set(sub(strategy, "rollingUpdate"), "maxUnavailable", int64(1))
		set(sub(strategy, "rollingUpdate"), "maxSurge", int64(0))
	}
	set(spec, "revisionHistoryLimit", int64(10))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillJob(o object) {
	spec := sub(o, "spec")
	if spec["completions"] == nil && spec["parallelism"] == nil {
		set(spec, "completions", int64(1))
	}
	set(spec, "parallelism", int64(1))
	set(spec, "backoffLimit", int64(6))
	set(spec, "completionMode", "NonIndexed")
	set(spec, "suspend", false)
	replacement := "TerminatingOrFailed"
	if spec["podFailurePolicy"] != nil {
		replacement = "Failed"
	}
	set(spec, "podReplacementPolicy", replacement)
	set(spec, "manualSelector", false)
	if labels := sub(spec, "template", "metadata", "labels"); len(labels) > 0 {
		set(sub(o, "metadata"), "labels", labels)
	}
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillCronJob(o object) {
	spec := sub(o, "spec")
	set(spec, "concurrencyPolicy", "Allow")
	set(spec, "suspend", false)
	set(spec, "successfulJobsHistoryLimit", int64(3))
	set(spec, "failedJobsHistoryLimit", int64(1))
	fillPodSpec(sub(spec, "jobTemplate", "spec", "template", "spec"))
}

func fillService(o object) {
	spec := sub(o, "spec")
	set(spec, "sessionAffinity", "None")
	set(spec, "type", "ClusterIP")
	each(spec, "ports", func(p object) {
		set(p, "protocol", "TCP")
		if t := p["targetPort"]; t == nil || t == int64(0) || t == "" {
			p["targetPort"] = p["port"]
		}
	})
	external := str(spec, "type") == "NodePort" || str(spec, "type") == "LoadBalancer"
	if ips, _ := spec["externalIPs"].([]any); external || str(spec, "type") == "ClusterIP" && len(ips) > 0 {
		set(spec, "externalTrafficPolicy", "Cluster")
	}
	if external || str(spec, "type") == "ClusterIP" {
		set(spec, "internalTrafficPolicy", "Cluster")
	}
	if str(spec, "type") == "LoadBalancer" {
		set(spec, "allocateLoadBalancerNodePorts", true)
	}
}

// fillSecret also folds stringData into data, as the server does.
func fillSecret(o object) {
	set(o, "type", "Opaque")
	plain := sub(o, "stringData")
	if len(plain) == 0 {
		return
	}
	set(o, "data", object{})
	for k, v := range plain {
		text, _ := v.(string)
		sub(o, "data")[k] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(o, "stringData")
}

func fillNamespace(o object) {
	m := sub(o, "metadata")
	set(m, "labels", object{})
	sub(m, "labels")["kubernetes.io/metadata.name"] = m["name"]
}

func fillPersistentVolume(o object) {
	set(sub(o, "spec"), "persistentVolumeReclaimPolicy", "Retain")
	set(sub(o, "spec"), "volumeMode", "Filesystem")
	if h := sub(o, "spec", "hostPath"); h != nil {
		set(h, "type", "")
	}
}

func fillStorageClass(o object) {
	set(o, "reclaimPolicy", "Delete")
	set(o, "volumeBindingMode", "Immediate")
}

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

func fillBinding(o object) {
	const group = "rbac.authorization.k8s.io"
	if r := sub(o, "roleRef"); str(r, "apiGroup") == "" && r != nil {
		r["apiGroup"] = group
	}
	each(o, "subjects", func(s object) {
		if kind := str(s, "kind"); kind == "User" || kind == "Group" {
			set(s, "apiGroup", group)
		}
	})
}

func fillWebhooks(o object) {
	each(o, "webhooks", func(w object) {
		set(w, "failurePolicy", "Fail")
		set(w, "matchPolicy", "Equivalent")
		set(w, "namespaceSelector", object{})
		set(w, "objectSelector", object{})
		set(w, "timeoutSeconds", int64(10))
		each(w, "rules", func(r object) { set(r, "scope", "*") })
	})
}
