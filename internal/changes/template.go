// SPDX-License-Identifier: Apache-2.0

package changes

import "strings"

// Template is the digest of the pod that an object makes: that of its template, or of its
// own spec for a Pod, without what the cluster adds when it makes and places pods. Two
// objects with the same one run the same. Empty for an object that makes none.
func Template(object map[string]any) string {
	spec := podSpec(object)
	if spec == nil {
		return ""
	}
	name := ""
	if meta, ok := object["metadata"].(map[string]any); ok && object["kind"] == "Pod" {
		name, _ = meta["name"].(string)
	}
	return digest(map[string]any{
		"containers": essence(spec["containers"]), "initContainers": essence(spec["initContainers"]), "rest": rest(spec, name),
	}, nil)
}

// placed are fields of a pod's spec that the cluster fills in when it makes the pod.
var placed = map[string]bool{
	"containers": true, "initContainers": true, "ephemeralContainers": true, "nodeName": true, "tolerations": true, "volumes": true,
	"serviceAccount": true, "serviceAccountName": true, "priority": true, "priorityClassName": true, "preemptionPolicy": true,
	"enableServiceLinks": true, "imagePullSecrets": true, "hostname": true, "subdomain": true, "affinity": true, "overhead": true,
}

// rest is what a spec says beside its containers; pod is the name of the Pod that it is of.
func rest(spec map[string]any, pod string) map[string]any {
	out := map[string]any{}
	for k, v := range spec {
		if !placed[k] {
			out[k] = v
		}
	}
	// Of whom a pod runs as, the default is written only in the pod.
	if name, _ := spec["serviceAccountName"].(string); name != "" && name != "default" {
		out["serviceAccountName"] = name
	}
	out["volumes"] = volumes(spec["volumes"], pod)
	return out
}

// volumes leaves out those in which the cluster hands tokens to pods, and those that a
// StatefulSet claims for each of them.
func volumes(v any, pod string) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		name, _ := m["name"].(string)
		claim, _ := m["persistentVolumeClaim"].(map[string]any)
		token := strings.HasPrefix(name, "kube-api-access-") && m["projected"] != nil
		if !token && (pod == "" || claim == nil || claim["claimName"] != name+"-"+pod) {
			out = append(out, e)
		}
	}
	return out
}

// essence are containers without the mounts of the volumes for tokens.
func essence(v any) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			out = append(out, e)
			continue
		}
		container := make(map[string]any, len(m))
		for k, x := range m {
			container[k] = x
		}
		mounts, _ := m["volumeMounts"].([]any)
		kept := []any{}
		for _, x := range mounts {
			mount, _ := x.(map[string]any)
			if name, _ := mount["name"].(string); !strings.HasPrefix(name, "kube-api-access-") {
				kept = append(kept, x)
			}
		}
		container["volumeMounts"] = kept
		if env := variables(m["env"]); len(env) > 0 {
			container["env"] = env
		} else {
			delete(container, "env")
		}
		out = append(out, container)
	}
	return out
}

// variables leaves out that which a Job adds to tell each of its pods its number.
func variables(v any) []any {
	list, _ := v.([]any)
	var out []any
	for _, e := range list {
		m, _ := e.(map[string]any)
		if from, ok := m["valueFrom"].(map[string]any); m["name"] != "JOB_COMPLETION_INDEX" || !ok || from["fieldRef"] == nil {
			out = append(out, e)
		}
	}
	return out
}
