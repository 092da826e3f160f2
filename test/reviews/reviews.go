// SPDX-License-Identifier: Apache-2.0

// Package reviews makes writes as clusters have them, in the forms in which an API server
// tells of them: the question that it asks a webhook, and the audit event. Measurements of
// admission and of the agent go by the same mix.
package reviews

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

type object = map[string]any

const uid = "f1c1f2de-9d4f-4a5a-8b69-2f0f" // and a mark

// Write is one request that an API server is asked.
type Write struct {
	Operation   string // CREATE, UPDATE, CONNECT
	Group       string
	Version     string
	Resource    string
	Subresource string
	Kind        [3]string // group, version and kind of the object
	Name        string
	Namespace   string
	Object, Old object
}

// Mix is ten writes as they come, the last one big. The mark, eight digits, is in all names
// and UIDs, so that whoever puts other digits in its place has other objects.
func Mix(mark string) []Write {
	stored := func(o object) object { return stored(o, mark) }
	pod, deployment := stored(Workload("Pod", "pod-"+mark, 2)), stored(Workload("Deployment", "web-"+mark, 2))
	service := stored(object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "web-" + mark, "namespace": "shop"},
		"spec": object{"selector": object{"app": "web"}, "ports": []any{object{"port": int64(80), "targetPort": int64(8080)}}}})
	secret := stored(object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "db-" + mark, "namespace": "shop"},
		"data": object{"password": "aHVudGVyMg==", "ca.crt": strings.Repeat("QUJD", 500)}})
	role := stored(object{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "reader-" + mark},
		"rules": []any{object{"apiGroups": []any{""}, "resources": []any{"pods", "services"}, "verbs": []any{"get", "list"}}}})
	settings := stored(object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "settings-" + mark, "namespace": "shop"},
		"data": object{"app.yaml": strings.Repeat("key: \"value\"\n", 1500)}})
	scale := func(n int64) object {
		return object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{"name": "scaled-" + mark, "namespace": "shop", "uid": uid + mark}, "spec": object{"replicas": n}}
	}
	out := []Write{
		create("pods", pod),
		create("deployments", deployment),
		update("deployments", deployment, with(deployment, int64(5), "spec", "replicas")),
		create("services", service),
		create("secrets", secret),
		create("clusterroles", role),
		create("configmaps", settings),
		update("deployments", scale(3), scale(1)),
		create("pods", object{"apiVersion": "v1", "kind": "PodExecOptions", "command": []any{"sh"}, "container": "app"}),
		Big(mark, 10),
	}
	out[7].Group, out[7].Version, out[7].Subresource = "apps", "v1", "scale"
	out[8].Operation, out[8].Subresource, out[8].Name, out[8].Namespace = "CONNECT", "exec", "shell-"+mark, "shop"
	return out
}

// Big is an update of a Deployment of so many containers.
func Big(mark string, containers int) Write {
	d := stored(Workload("Deployment", "platform-"+mark, containers), mark)
	return update("deployments", d, with(d, "2", "spec", "template", "metadata", "annotations", "release"))
}

func create(resource string, o object) Write {
	w := Write{Operation: "CREATE", Resource: resource, Object: o}
	apiVersion, _ := o["apiVersion"].(string)
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	kind, _ := o["kind"].(string)
	meta, _ := o["metadata"].(object)
	w.Group, w.Version, w.Kind = group, version, [3]string{group, version, kind}
	w.Name, _ = meta["name"].(string)
	w.Namespace, _ = meta["namespace"].(string)
	return w
}

func update(resource string, old, now object) Write {
	w := create(resource, now)
	w.Operation, w.Old = "UPDATE", old
	return w
}

// Review is the question that a webhook is asked about it, under that uid.
func (w *Write) Review(uid string) []byte {
	req := object{
		"uid": uid, "kind": object{"group": w.Kind[0], "version": w.Kind[1], "kind": w.Kind[2]},
		"resource":  object{"group": w.Group, "version": w.Version, "resource": w.Resource},
		"operation": w.Operation, "name": w.Name, "namespace": w.Namespace,
		"userInfo": object{"username": "jane", "groups": []string{"developers", "system:authenticated"}},
		"dryRun":   false, "object": w.Object, "oldObject": w.Old,
	}
	if w.Subresource != "" {
		req["subResource"] = w.Subresource
	}
	return encode(object{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": req})
}

// Event is its audit event under that id, at a moment in RFC 3339, as the recommended policy
// has it: a Secret without its values, everything else with what was answered. version is
// what it led to; review names the review by which the webhook was asked.
func (w *Write) Event(id, review, at, version string) []byte {
	e := object{
		"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": id, "stage": "ResponseComplete",
		"requestURI": "/" + w.Resource, "user": object{"username": "jane", "groups": []string{"developers", "system:authenticated"}},
		"sourceIPs": []string{"10.0.0.7"}, "userAgent": "kubectl/v1.36.3", "requestReceivedTimestamp": at, "stageTimestamp": at,
		"annotations": object{"authorization.k8s.io/decision": "allow", "judge.seaworthy.dev/review." + review: "answered"},
	}
	ref := object{"resource": w.Resource, "apiGroup": w.Group, "apiVersion": w.Version, "name": w.Name, "namespace": w.Namespace}
	if w.Subresource != "" {
		ref["subresource"] = w.Subresource
	}
	e["objectRef"] = ref
	switch w.Operation {
	case "CONNECT":
		e["verb"], e["responseStatus"] = "get", object{"code": 101}
		return encode(e)
	case "CREATE":
		e["verb"], e["responseStatus"] = "create", object{"code": 201}
	default:
		e["verb"], e["responseStatus"] = "update", object{"code": 200}
	}
	if w.Resource == "secrets" {
		e["level"] = "Metadata"
		return encode(e)
	}
	e["requestObject"], e["responseObject"] = w.Object, with(w.Object, version, "metadata", "resourceVersion")
	return encode(e)
}

func encode(o object) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("write JSON: %v", err)) // it is made of texts and numbers
	}
	return text
}

// with gives an object with another value at a path.
func with(o object, value any, path ...string) object {
	out := maps.Clone(o)
	if len(path) == 1 {
		out[path[0]] = value
		return out
	}
	inner, _ := o[path[0]].(object)
	if inner == nil {
		inner = object{}
	}
	out[path[0]] = with(inner, value, path[1:]...)
	return out
}

// Workload is an ordinary workload with a number of containers, neither very good nor bad.
func Workload(kind, name string, containers int) object {
	var list []any
	for i := range containers {
		list = append(list, object{
			"name": fmt.Sprintf("app-%d", i), "image": fmt.Sprintf("registry.example.com/shop/app-%d:1.4.2", i),
			"ports": []any{object{"containerPort": int64(8080 + i)}},
			"env": []any{
				object{"name": "DATABASE", "value": "postgres://db.shop.svc/shop"}, object{"name": "LOG_LEVEL", "value": "info"},
				object{"name": "PASSWORD", "valueFrom": object{"secretKeyRef": object{"name": "db", "key": "password"}}},
			},
			"resources":      object{"requests": object{"cpu": "100m", "memory": "128Mi"}, "limits": object{"memory": "256Mi"}},
			"readinessProbe": object{"httpGet": object{"path": "/ready", "port": int64(8080)}},
			"volumeMounts":   []any{object{"name": "tmp", "mountPath": "/tmp"}, object{"name": "config", "mountPath": "/etc/app"}},
			"securityContext": object{"runAsNonRoot": true, "allowPrivilegeEscalation": i%2 == 0,
				"capabilities": object{"drop": []any{"ALL"}}},
		})
	}
	spec := object{"containers": list, "serviceAccountName": "web", "volumes": []any{
		object{"name": "tmp", "emptyDir": object{}}, object{"name": "config", "configMap": object{"name": "settings"}},
	}}
	meta := object{"name": name, "namespace": "shop", "labels": object{"app": "web", "team": "shop"}}
	if kind == "Pod" {
		return object{"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
	}
	return object{"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": object{
		"replicas": int64(3), "selector": object{"matchLabels": object{"app": "web"}},
		"template": object{"metadata": object{"labels": object{"app": "web"}}, "spec": spec},
	}}
}

// stored is an object as the API server would show it: with defaults, with the manifest
// that kubectl keeps, and with field managers.
func stored(o object, mark string) object {
	applied := encode(o)
	decoded, err := snapshot.NewDecoder().Decode(o, snapshot.Origin{})
	if err != nil {
		panic(fmt.Sprintf("complete an object: %v", err)) // it is one of the above
	}
	out := with(decoded.Canonical, uid+mark, "metadata", "uid")
	out = with(out, "2026-11-22T12:00:00Z", "metadata", "creationTimestamp")
	if o["kind"] != "Secret" {
		out = with(out, string(applied), "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
	}
	return with(out, []any{object{
		"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": o["apiVersion"], "fieldsType": "FieldsV1",
		"time": "2026-11-22T12:00:00Z", "fieldsV1": managed(o),
	}}, "metadata", "managedFields")
}

// managed is as large as the list of managed fields of the object.
func managed(v any) any {
	switch v := v.(type) {
	case object:
		out := object{".": object{}}
		for k, e := range v {
			out["f:"+k] = managed(e)
		}
		return out
	case []any:
		out := object{}
		for i, e := range v {
			out[fmt.Sprintf(`k:{"name":"app-%d"}`, i)] = managed(e)
		}
		return out
	}
	return object{}
}
