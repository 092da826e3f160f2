// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// post sends a body to a door and gives the answer.
func post(t testing.TB, d *admission.Door, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var out admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	if out.APIVersion != "admission.k8s.io/v1" || out.Kind != "AdmissionReview" || out.Response == nil || out.Response.UID != "u1" {
		t.Fatalf("the answer is %s", w.Body)
	}
	return out.Response
}

func TestAnswers(t *testing.T) {
	body := asked{object: parse(t, bad)}.body(t)
	for mode, want := range map[admission.Mode]struct {
		allowed  bool
		warnings int
	}{admission.Deny: {false, 0}, admission.Warn: {true, 1}, admission.Audit: {true, 0}} {
		d := admission.NewDoor(guard(t, admission.Config{Default: mode, Link: func(id string) string { return "https://example.com/checks/" + id }}, only("privileged-container")), admission.DoorConfig{})
		r := post(t, d, body)
		if r.Allowed != want.allowed || len(r.Warnings) != want.warnings {
			t.Errorf("%s: %+v", mode, r)
		}
		if got := r.AuditAnnotations["privileged-container"]; got != string(mode)+"; spec.containers[app].securityContext.privileged" {
			t.Errorf("%s: the audit annotation is %q", mode, got)
		}
		if mode == admission.Warn && !strings.HasPrefix(r.Warnings[0], "Container runs in privileged mode: spec.containers[app].securityContext.privileged. Remove ") {
			t.Errorf("the warning is %q", r.Warnings[0])
		}
		if mode == admission.Deny && (r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, "https://example.com/checks/privileged-container")) {
			t.Errorf("the result is %+v", r.Result)
		}
	}
}

// TestAnswersNameTheReview, so that the audit event of the request does; those of deletions
// and of dry-runs do not.
func TestAnswersNameTheReview(t *testing.T) {
	var seen []*admission.Request
	d := admission.NewDoor(guard(t, admission.Config{Default: admission.Audit}, only("privileged-container")), admission.DoorConfig{Seen: func(r *admission.Request) { seen = append(seen, r) }})
	for _, test := range []struct {
		asked
		want bool
	}{
		{asked{object: parse(t, bad)}, true}, {asked{object: parse(t, bad), dryRun: true}, false}, {asked{old: parse(t, bad), operation: "DELETE"}, false},
	} {
		seen = nil
		_, named := post(t, d, test.body(t)).AuditAnnotations["review.u1"]
		if named != test.want || len(seen) == 1 && slices.Equal(seen[0].Reviews, []string{"u1"}) != test.want {
			t.Errorf("%+v: named %t, sighted with %v", test.asked, named, seen)
		}
	}
}

// TestWarningsFit asks for more than the API server hands on.
func TestWarningsFit(t *testing.T) {
	var list []any
	for range 40 {
		list = append(list, container("ü\n"+string(rune('a'+len(list))), true))
	}
	pod := with(parse(t, bad), list, "spec", "containers")
	g := guard(t, admission.Config{Default: admission.Warn}, scan.Selection{})
	d := review(t, g, asked{object: pod})
	total := 0
	for _, w := range d.Warnings {
		total += len(w)
		if len(w) > 256 || strings.ContainsAny(w, "\n\r\t") {
			t.Errorf("a warning of %d bytes: %q", len(w), w)
		}
	}
	if total > 4096 || len(d.Warnings) < 10 {
		t.Errorf("%d warnings of %d bytes", len(d.Warnings), total)
	}
	if last := d.Warnings[len(d.Warnings)-1]; !strings.Contains(last, "more checks fail") {
		t.Errorf("the last warning is %q", last)
	}
}

func TestRefusesWhatIsNoReview(t *testing.T) {
	d := admission.NewDoor(guard(t, denying(), only("privileged-container")), admission.DoorConfig{})
	review := string(asked{object: parse(t, bad)}.body(t))
	for name, test := range map[string]struct {
		method, contentType, body string
		length                    int64
		status                    int
		says                      string
	}{
		"a GET":                {method: "GET", status: 405, says: "by POST"},
		"another type":         {contentType: "application/yaml", body: review, status: 415, says: "application/json"},
		"no type":              {contentType: " ", body: review, status: 415, says: "application/json"},
		"with a charset":       {contentType: "application/json; charset=utf-8", body: review, status: 200},
		"no JSON":              {body: "{", status: 400, says: "not valid JSON"},
		"nothing":              {body: "", status: 400, says: "not valid JSON"},
		"another version":      {body: strings.Replace(review, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), status: 400, says: "admissionReviewVersions"},
		"no request":           {body: `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, status: 400, says: "no request"},
		"no uid":               {body: strings.Replace(review, `"uid":"u1"`, `"uid":""`, 1), status: 400, says: "no uid"},
		"no such operation":    {body: strings.Replace(review, "CREATE", "READ", 1), status: 400, says: `"READ"`},
		"no object":            {body: strings.Replace(review, `"object":{`, `"nothing":{`, 1), status: 400, says: "without an object"},
		"too deep":             {body: strings.Repeat(`{"a":`, 1001), status: 400, says: "deeper than 1000"},
		"brackets in a text":   {body: strings.Replace(review, `"nginx"`, `"`+strings.Repeat(`[\"`, 2000)+`"`, 1), status: 200},
		"too large, as told":   {body: review, length: 1 << 30, status: 413, says: "larger than 16 MB"},
		"too large, untold":    {body: strings.Repeat(" ", 17<<20), length: -1, status: 413, says: "larger than 16 MB"},
		"shorter than is told": {body: review, length: 1 << 20, status: 400, says: "less than"},
		"a list for a text":    {body: strings.Replace(review, `"uid":"u1"`, `"uid":["u1"]`, 1), status: 400, says: "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			method := test.method
			if method == "" {
				method = http.MethodPost
			}
			r := httptest.NewRequest(method, "/", io.NopCloser(strings.NewReader(test.body)))
			r.Header.Set("Content-Type", "application/json")
			if test.contentType != "" {
				r.Header.Set("Content-Type", strings.TrimSpace(test.contentType))
			}
			if r.ContentLength = int64(len(test.body)); test.length != 0 {
				r.ContentLength = test.length
			}
			w := httptest.NewRecorder()
			d.ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
				t.Errorf("%d %s, want %d %q", w.Code, w.Body, test.status, test.says)
			}
		})
	}
}

// TestSeen looks at what the change trail is told of.
func TestSeen(t *testing.T) {
	var seen []*admission.Request
	d := admission.NewDoor(guard(t, denying(), only("privileged-container")), admission.DoorConfig{
		Now: day, Seen: func(r *admission.Request) { seen = append(seen, r) },
	})
	pod := parse(t, bad)
	good := with(pod, []any{container("app", false)}, "spec", "containers")
	exec := object{"apiVersion": "v1", "kind": "PodExecOptions", "command": []any{"sh"}}
	scale := object{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": object{"name": "web", "namespace": "shop"}, "spec": object{"replicas": int64(1)}}
	type row struct {
		Verb, Kind, Subresource, Namespace, Name, Actor string
		Outcome                                         seaworthy.Outcome
		Content                                         bool
	}
	for name, test := range map[string]struct {
		asked
		want *row
	}{
		"create":    {asked{object: good}, &row{"create", "Pod", "", "shop", "web", "jane", "unknown", true}},
		"denied":    {asked{object: pod}, &row{"create", "Pod", "", "shop", "web", "jane", "denied", true}},
		"dry-run":   {asked{object: pod, dryRun: true}, nil},
		"update":    {asked{operation: "UPDATE", object: good, old: pod}, &row{"update", "Pod", "", "shop", "web", "jane", "unknown", true}},
		"delete":    {asked{operation: "DELETE", old: pod}, &row{"delete", "Pod", "", "shop", "web", "jane", "unknown", false}},
		"exec":      {asked{operation: "CONNECT", resource: "pods.v1", kind: "/v1/PodExecOptions", subresource: "exec", namespace: "shop", name: "web", object: exec}, &row{"exec", "Pod", "exec", "shop", "web", "jane", "unknown", false}},
		"attach":    {asked{operation: "CONNECT", resource: "pods.v1", kind: "/v1/PodAttachOptions", subresource: "attach", namespace: "shop", name: "web", object: exec}, &row{"attach", "Pod", "attach", "shop", "web", "jane", "unknown", false}},
		"forward":   {asked{operation: "CONNECT", resource: "pods.v1", kind: "/v1/PodPortForwardOptions", subresource: "portforward", namespace: "shop", name: "web", object: exec}, &row{"portforward", "Pod", "portforward", "shop", "web", "jane", "unknown", false}},
		"proxy":     {asked{operation: "CONNECT", resource: "services.v1", kind: "/v1/ServiceProxyOptions", subresource: "proxy", namespace: "shop", name: "web", object: exec}, &row{"proxy", "Service", "proxy", "shop", "web", "jane", "unknown", false}},
		"scale":     {asked{operation: "UPDATE", resource: "deployments.apps/v1", kind: "autoscaling/v1/Scale", subresource: "scale", object: scale, old: scale}, &row{"update", "Deployment", "scale", "shop", "web", "jane", "unknown", false}},
		"namespace": {asked{object: object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "lab"}}, namespace: "lab"}, &row{"create", "Namespace", "", "", "lab", "jane", "unknown", true}},
	} {
		t.Run(name, func(t *testing.T) {
			seen = nil
			post(t, d, test.asked.body(t))
			var got *row
			if len(seen) == 1 {
				r := seen[0]
				got = &row{r.Verb, r.Object.Kind, r.Object.Subresource, r.Object.Namespace, r.Object.Name, r.Actor.Username, r.Outcome, r.Object.Content != ""}
				if r.By != seaworthy.SeenByWebhook || r.ID != "u1" || !r.At.Equal(day()) || r.Decision == nil {
					t.Errorf("the sighting is %+v", r.Sighting)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(seen) > 1 {
				t.Errorf("seen %d times (-want +got):\n%s", len(seen), diff)
			}
		})
	}
}

// TestSecretsStayOut looks for the values of a Secret in everything that leaves the door.
func TestSecretsStayOut(t *testing.T) {
	var seen []*admission.Request
	cfg := admission.Config{Default: admission.Warn, Key: []byte("k")}
	d := admission.NewDoor(guard(t, cfg, scan.Selection{}), admission.DoorConfig{Seen: func(r *admission.Request) { seen = append(seen, r) }})
	secret := object{
		"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "db", "namespace": "shop", "annotations": object{
			"kubectl.kubernetes.io/last-applied-configuration": `{"data":{"password":"aHVudGVyMg=="}}`,
		}}, "data": object{"password": "aHVudGVyMg=="},
	}
	other := with(secret, "b3RoZXI=", "data", "password")
	answer := post(t, d, asked{operation: "UPDATE", object: secret, old: other}.body(t))
	text, err := json.Marshal([]any{answer, seen[0].Before, seen[0].After, seen[0].Decision, seen[0].Object})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"hunter2", "aHVudGVyMg", "b3RoZXI"} {
		if bytes.Contains(text, []byte(value)) {
			t.Errorf("%q is in %s", value, text)
		}
	}
	data := func(o object) any { return o["data"].(object)["password"] }
	if data(seen[0].Before) == data(seen[0].After) || !strings.HasPrefix(data(seen[0].After).(string), "hmac-sha256:") {
		t.Errorf("the digests do not tell the change: %v, %v", seen[0].Before, seen[0].After)
	}
	if !answer.Allowed || len(seen[0].Decision.Verdicts) > 0 && seen[0].Decision.Verdicts[0].Err != nil {
		t.Errorf("a Secret cannot be judged: %+v", answer)
	}
}

// TestSwap changes the guard while requests come: each is answered by one or the other.
func TestSwap(t *testing.T) {
	strict, lax := guard(t, denying(), only("privileged-container")), guard(t, admission.Config{Default: admission.Audit}, only("privileged-container"))
	d := admission.NewDoor(strict, admission.DoorConfig{Room: 1})
	body := asked{object: parse(t, bad)}.body(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 50 {
				r := post(t, d, body)
				if mode := r.AuditAnnotations["privileged-container"][:4]; r.Allowed != (mode == "audi") {
					t.Errorf("allowed %t by a guard that says %s", r.Allowed, mode)
				}
			}
		})
	}
	for i := range 100 {
		if i%2 == 0 {
			d.Swap(lax)
		} else {
			d.Swap(strict)
		}
	}
	wait.Wait()
	if old := d.Swap(lax); old != strict || d.Guard() != lax {
		t.Error("the swap does not give what stood there")
	}
	if err := d.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSightingsSayWhatWasJudged: what admission said goes into the trail with the sighting.
func TestSightingsSayWhatWasJudged(t *testing.T) {
	const item = "spec.containers[app].securityContext.privileged"
	one := func(j seaworthy.Judgement) []seaworthy.Judgement {
		j.Door, j.Check, j.Items = seaworthy.DoorWebhook, "privileged-container", []string{item}
		return []seaworthy.Judgement{j}
	}
	waived := admission.Config{Default: admission.Deny, Waivers: []seaworthy.TrackedWaiver{{State: seaworthy.WaiverApproved, Waiver: seaworthy.Waiver{
		Check: "privileged-container", Owner: "o", Approver: "a", Reason: "r", Expires: seaworthy.Date{Time: day().AddDate(0, 0, 1)},
	}}}}
	for name, test := range map[string]struct {
		cfg     admission.Config
		outcome seaworthy.Outcome
		want    []seaworthy.Judgement
	}{
		"denied":  {admission.Config{Default: admission.Deny}, seaworthy.OutcomeDenied, one(seaworthy.Judgement{Mode: "deny"})},
		"warned":  {admission.Config{Default: admission.Warn}, seaworthy.OutcomeUnknown, one(seaworthy.Judgement{Mode: "warn"})},
		"audited": {admission.Config{Default: admission.Audit}, seaworthy.OutcomeUnknown, one(seaworthy.Judgement{Mode: "audit"})},
		"waived":  {waived, seaworthy.OutcomeUnknown, one(seaworthy.Judgement{Mode: "deny", Waived: true})},
		"off":     {admission.Config{Default: admission.Off}, seaworthy.OutcomeUnknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []*admission.Request
			d := admission.NewDoor(guard(t, test.cfg, only("privileged-container")), admission.DoorConfig{Seen: func(r *admission.Request) { seen = append(seen, r) }})
			post(t, d, asked{object: parse(t, bad)}.body(t))
			if len(seen) != 1 || seen[0].Outcome != test.outcome {
				t.Fatalf("seen %+v", seen)
			}
			if diff := cmp.Diff(test.want, seen[0].Judged); diff != "" {
				t.Error(diff)
			}
		})
	}
}
