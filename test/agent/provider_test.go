// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A provider delivers the audit events of its clusters in a shape of its own, after its
// public description of it.
type provider struct {
	name string
	// batches makes deliveries of events, each the body of one request. Providers have more
	// than one way; odd batches go one, even ones the other.
	batches func(t *testing.T, odd bool, events []object) [][]byte
}

var providers = []provider{{"eks", eks}, {"gke", gke}, {"aks", aks}}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func eventTime(e object) time.Time {
	for _, field := range []string{"requestReceivedTimestamp", "stageTimestamp"} {
		text, _ := e[field].(string)
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at
		}
	}
	return time.Time{}
}

// eks delivers what a subscription of the CloudWatch log group /aws/eks/…/cluster sends on,
// compressed, or what an export of the group to S3 holds: lines behind their time.
func eks(t *testing.T, odd bool, events []object) [][]byte {
	var plain bytes.Buffer
	if odd {
		for _, e := range events {
			fmt.Fprintf(&plain, "%s %s\n", eventTime(e).UTC().Format("2006-01-02T15:04:05.000Z"), encode(t, asIAM(e)))
		}
	} else {
		list := []object{}
		for i, e := range events {
			list = append(list, object{"id": fmt.Sprintf("3850%052d", i), "timestamp": eventTime(e).UnixMilli(), "message": string(encode(t, asIAM(e)))})
		}
		plain.Write(encode(t, object{
			"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "/aws/eks/production/cluster",
			"logStream": "kube-apiserver-audit-0a1b2c3d4e5f60718293a4b5c6d7e8f9", "subscriptionFilters": []string{"audit"}, "logEvents": list,
		}))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return [][]byte{packed.Bytes()}
}

// asIAM adds what the authenticator of EKS knows of a user.
func asIAM(e object) object {
	out := maps.Clone(e)
	user := maps.Clone(e["user"].(object))
	user["uid"] = "aws-iam-authenticator:111122223333:AROAEXAMPLEEXAMPLE"
	user["extra"] = object{
		"accessKeyId": []string{"ASIAEXAMPLE"}, "arn": []string{"arn:aws:sts::111122223333:assumed-role/operators/" + fmt.Sprint(user["username"])},
		"canonicalArn": []string{"arn:aws:iam::111122223333:role/operators"}, "sessionName": []string{fmt.Sprint(user["username"])},
	}
	out["user"] = user
	return out
}

// aks delivers records of diagnostic settings: in lots, as from an Event Hub, or as lines, as
// in a storage account.
func aks(t *testing.T, odd bool, events []object) [][]byte {
	var records []object
	for _, e := range events {
		records = append(records, object{
			"time": eventTime(e).UTC().Format(time.RFC3339Nano), "category": "kube-audit", "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
			"resourceId":   "/SUBSCRIPTIONS/0B1F/RESOURCEGROUPS/SHOP/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PRODUCTION",
			"properties":   object{"log": string(encode(t, e)) + "\n", "stream": "stdout", "pod": "kube-apiserver-7d4f8b-x2x7k", "containerID": "ab12"},
			"ccpNamespace": "0b1f", "serviceBuild": "na",
		})
	}
	if !odd {
		return [][]byte{encode(t, object{"records": records})}
	}
	var lines bytes.Buffer
	for _, r := range records {
		lines.Write(append(encode(t, r), '\n'))
	}
	return [][]byte{lines.Bytes()}
}

// gke delivers entries of Cloud Logging, as lines in files of a bucket or pushed one by one
// by Pub/Sub.
func gke(t *testing.T, odd bool, events []object) [][]byte {
	var lines bytes.Buffer
	var pushes [][]byte
	for i, e := range events {
		entry := encode(t, googleEntry(e))
		lines.Write(append(entry, '\n'))
		pushes = append(pushes, encode(t, object{
			"message":      object{"data": base64.StdEncoding.EncodeToString(entry), "messageId": fmt.Sprint(4000 + i), "publishTime": eventTime(e)},
			"subscription": "projects/shop-production/subscriptions/audit",
		}))
	}
	if odd {
		return pushes
	}
	return [][]byte{lines.Bytes()}
}

// googleEntry is the LogEntry with an AuditLog that GKE makes of an event: methods and
// resources have other names, codes are those of google.rpc, and groups are not told.
func googleEntry(e object) object {
	ref, user := e["objectRef"].(object), e["user"].(object)
	text := func(m object, field string) string { s, _ := m[field].(string); return s }
	group, version := text(ref, "apiGroup"), text(ref, "apiVersion")
	method, path := "io.k8s.core."+version+".", "core/"+version+"/"
	if group != "" {
		parts := strings.Split(strings.TrimSuffix(group, ".k8s.io"), ".")
		slices.Reverse(parts)
		method, path = "io.k8s."+strings.Join(parts, ".")+"."+version+".", group+"/"+version+"/"
	}
	method += text(ref, "resource") + "."
	if ns := text(ref, "namespace"); ns != "" {
		path += "namespaces/" + ns + "/"
	}
	path += text(ref, "resource")
	if name := text(ref, "name"); name != "" {
		path += "/" + name
	}
	if sub := text(ref, "subresource"); sub != "" {
		method, path = method+sub+".", path+"/"+sub
	}
	method += text(e, "verb")
	authentication, log := object{"principalEmail": user["username"]}, "activity"
	if as, ok := e["impersonatedUser"].(object); ok {
		authentication = object{"principalEmail": as["username"], "authoritySelector": user["username"]}
	}
	if verb := text(e, "verb"); verb == "get" || verb == "list" || verb == "watch" {
		log = "data_access"
	}
	payload := object{
		"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": "k8s.io", "methodName": method, "resourceName": path,
		"authenticationInfo": authentication, "authorizationInfo": []object{{"granted": true, "permission": method, "resource": path}},
		"requestMetadata": object{"callerIp": e["sourceIPs"].([]any)[0], "callerSuppliedUserAgent": e["userAgent"]}, "status": googleStatus(e),
	}
	for field, from := range map[string]string{"request": "requestObject", "response": "responseObject"} {
		if o, ok := e[from].(object); ok {
			with := maps.Clone(o)
			with["@type"] = strings.Trim(group+"/"+version, "/") + "." + text(o, "kind")
			payload[field] = with
		}
	}
	return object{
		"insertId": "i-" + text(e, "auditID"), "logName": "projects/shop-production/logs/cloudaudit.googleapis.com%2F" + log, "protoPayload": payload,
		"operation": object{"first": true, "last": true, "id": e["auditID"], "producer": "k8s.io"}, "labels": e["annotations"],
		"resource":  object{"type": "k8s_cluster", "labels": object{"cluster_name": "production", "location": "europe-west1", "project_id": "shop-production"}},
		"timestamp": eventTime(e), "receiveTimestamp": e["stageTimestamp"],
	}
}

func googleStatus(e object) object {
	status, _ := e["responseStatus"].(object)
	code, _ := status["code"].(float64)
	words, _ := status["message"].(string)
	switch {
	case code < 400:
		return object{}
	case code == http.StatusForbidden:
		return object{"code": 7, "message": "PERMISSION_DENIED"}
	case code == http.StatusUnauthorized:
		return object{"code": 16, "message": "UNAUTHENTICATED"}
	case code == http.StatusNotFound:
		return object{"code": 5, "message": words}
	case code == http.StatusConflict:
		return object{"code": 10, "message": words}
	}
	return object{"code": 13, "message": words}
}
