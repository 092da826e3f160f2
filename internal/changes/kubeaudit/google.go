// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// logEntry is what is read of a LogEntry of Cloud Logging that holds a
// google.cloud.audit.AuditLog, as GKE writes it for requests to the API server.
type logEntry struct {
	InsertID  string    `json:"insertId"`
	Timestamp time.Time `json:"timestamp"`
	Operation struct {
		ID    string `json:"id"` // the audit ID
		First bool   `json:"first"`
		Last  bool   `json:"last"`
	} `json:"operation"`
	Labels       map[string]string `json:"labels"`
	ProtoPayload struct {
		AuthenticationInfo struct {
			PrincipalEmail    string `json:"principalEmail"`
			AuthoritySelector string `json:"authoritySelector"`
		} `json:"authenticationInfo"`
		RequestMetadata struct {
			CallerIP                string `json:"callerIp"`
			CallerSuppliedUserAgent string `json:"callerSuppliedUserAgent"`
		} `json:"requestMetadata"`
		MethodName   string         `json:"methodName"`
		ResourceName string         `json:"resourceName"`
		Request      options        `json:"request"`
		Response     map[string]any `json:"response"`
		Status       *status        `json:"status"`
	} `json:"protoPayload"`
}

// google reads an entry of Cloud Logging. Its method is io.k8s.GROUP.VERSION.RESOURCE.VERB,
// with a subresource behind the resource; its resource GROUP/VERSION/namespaces/NS/RESOURCE/NAME.
func (r *Reader) google(raw []byte, out *Result) error {
	var l logEntry
	if err := json.Unmarshal(raw, &l); err != nil {
		return out.unread("is an entry of Cloud Logging that cannot be read: %v", err)
	}
	r.heard(l.Timestamp, out)
	p := &l.ProtoPayload
	ref, verb := googleNames(p.MethodName, p.ResourceName)
	if ref == nil {
		return out.add(nil) // of Google's own API: clusters, node pools
	}
	delete(p.Response, "@type") // Google's, not the object's
	e := &event{
		AuditID: l.Operation.ID, Stage: "ResponseComplete", Verb: verb, ObjectRef: ref, UserAgent: p.RequestMetadata.CallerSuppliedUserAgent,
		RequestObject: p.Request, ResponseObject: p.Response, Annotations: l.Labels, RequestReceivedTimestamp: l.Timestamp, ResponseStatus: &status{Code: http.StatusOK}, RequestURI: "",
		Partial: true,
	}
	e.part = l.Operation.First != l.Operation.Last
	if e.AuditID == "" {
		e.AuditID = l.InsertID
	}
	e.User.Username = p.AuthenticationInfo.PrincipalEmail
	if who := p.AuthenticationInfo.AuthoritySelector; who != "" { // acted as PrincipalEmail
		e.User.Username, e.ImpersonatedUser = who, &user{Username: p.AuthenticationInfo.PrincipalEmail}
	}
	if p.RequestMetadata.CallerIP != "" {
		e.SourceIPs = []string{p.RequestMetadata.CallerIP}
	}
	if p.Status != nil {
		e.ResponseStatus.Code, e.ResponseStatus.Message = httpCode(p.Status.Code), p.Status.Message
	}
	return out.add(r.observation(e))
}

// httpCode turns a code of google.rpc.Code into that of HTTP, as far as they tell apart
// what was denied.
func httpCode(code int) int {
	switch code {
	case 0:
		return http.StatusOK
	case 7, 16:
		return http.StatusForbidden
	}
	if code >= 100 { // some entries hold HTTP's own
		return code
	}
	return http.StatusInternalServerError
}

func googleNames(method, resource string) (*reference, string) {
	rest, ok := strings.CutPrefix(method, "io.k8s.")
	parts := strings.Split(rest, ".")
	if !ok || len(parts) < 4 {
		return nil, ""
	}
	verb := parts[len(parts)-1]
	path := strings.Split(resource, "/")
	if len(path) < 3 {
		return nil, ""
	}
	ref := &reference{APIGroup: path[0], APIVersion: path[1]}
	if ref.APIGroup == "core" {
		ref.APIGroup = ""
	}
	path = path[2:]
	if path[0] == "namespaces" && len(path) > 2 {
		ref.Namespace, path = path[1], path[2:]
	}
	ref.Resource = path[0]
	if len(path) > 1 {
		ref.Name = path[1]
	}
	if len(path) > 2 {
		ref.Subresource = path[2]
	}
	return ref, verb
}
