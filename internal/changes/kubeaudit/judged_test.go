// SPDX-License-Identifier: Apache-2.0

package kubeaudit_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
)

// TestJudged reads what admission said from audit events: from the annotations of the
// product's webhook, of exported policies and of the API server, and from its answer.
func TestJudged(t *testing.T) {
	const refused = `pods "web" is forbidden: ValidatingAdmissionPolicy 'seaworthy-privileged-container' with binding 'seaworthy-privileged-container' denied request: privileged: spec.containers[app]`
	for name, test := range map[string]struct {
		annotations map[string]string
		code        int
		message     string
		outcome     seaworthy.Outcome
		want        []seaworthy.Judgement
	}{
		"nothing was said": {
			annotations: map[string]string{"authorization.k8s.io/decision": "allow", "seaworthy-host-pid/offending": ""}, code: 201, outcome: seaworthy.OutcomePersisted,
		},
		"the webhook": {
			annotations: map[string]string{
				"judge.seaworthy.dev/host-pid":             "audit; spec.hostPID",
				"judge.seaworthy.dev/privileged-container": "deny; spec.containers[a] (waived); spec.containers[b]",
				"judge.seaworthy.dev/image-not-pinned":     "warn; spec.containers[a] (waived)",
				"watch.seaworthy.dev/host-ipc":             "warn (not deny); spec.hostIPC",
				"judge.seaworthy.dev/own":                  "warn; error: no such key; twice",
			}, code: 403, outcome: seaworthy.OutcomeDenied,
			want: []seaworthy.Judgement{
				{Door: "webhook", Check: "privileged-container", Mode: "deny", Items: []string{"spec.containers[b]"}},
				{Door: "webhook", Check: "host-ipc", Mode: "warn", Items: []string{"spec.hostIPC"}},
				{Door: "webhook", Check: "own", Mode: "warn", Error: "no such key", Items: []string{"twice"}},
				{Door: "webhook", Check: "host-pid", Mode: "audit", Items: []string{"spec.hostPID"}},
				{Door: "webhook", Check: "image-not-pinned", Mode: "warn", Items: []string{"spec.containers[a]"}, Waived: true},
			},
		},
		"the webhook could not judge": {
			annotations: map[string]string{"judge.seaworthy.dev/error": "the request could not be judged"}, code: 500, outcome: seaworthy.OutcomeFailed,
			want: []seaworthy.Judgement{{Door: "webhook", Error: "the request could not be judged"}},
		},
		"a policy that refuses is not answered with Forbidden": {
			annotations: map[string]string{
				"seaworthy-privileged-container/offending": "spec.containers[app]; spec.containers[b]", "seaworthy-privileged-container/mode": "deny",
				"seaworthy-host-pid/offending": "spec.hostPID", "seaworthy-host-pid/mode": "warn",
			},
			code: 422, message: refused, outcome: seaworthy.OutcomeDenied,
			want: []seaworthy.Judgement{
				{Door: "policy", Check: "privileged-container", Mode: "deny", Items: []string{"spec.containers[app]", "spec.containers[b]"}},
				{Door: "policy", Check: "host-pid", Mode: "warn", Items: []string{"spec.hostPID"}},
			},
		},
		"somebody else's policy": {
			annotations: map[string]string{"validation.policy.admission.k8s.io/validation_failure": `[{"message":"two are needed","policy":"replicas.example.com","binding":"b","expressionIndex":0,"validationActions":["Warn","Audit"]}]`},
			code:        200, outcome: seaworthy.OutcomePersisted,
			want: []seaworthy.Judgement{{Door: "policy", Check: "replicas.example.com", Mode: "warn", Items: []string{"two are needed"}}},
		},
		"somebody else's policy refuses": {
			code: 422, message: `pods "web" is forbidden: ValidatingAdmissionPolicy 'replicas.example.com' with binding 'b' denied request: two are needed`, outcome: seaworthy.OutcomeDenied,
			want: []seaworthy.Judgement{{Door: "policy", Check: "replicas.example.com", Mode: "deny", Items: []string{"two are needed"}}},
		},
		"a webhook that speaks like a policy": {
			code: 422, message: `admission webhook "x" denied the request: 'pods is forbidden: ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no`, outcome: seaworthy.OutcomeFailed,
		},
		"an object that is not valid": {code: 422, message: `Pod "web" is invalid: spec`, outcome: seaworthy.OutcomeFailed},
	} {
		t.Run(name, func(t *testing.T) {
			notes, err := json.Marshal(test.annotations)
			if err != nil {
				t.Fatal(err)
			}
			message, err := json.Marshal(test.message)
			if err != nil {
				t.Fatal(err)
			}
			got := observed(t, fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"j-1","stage":"ResponseComplete","verb":"create","user":{"username":"alice"},
				"objectRef":{"resource":"pods","namespace":"shop","name":"web","apiVersion":"v1"},"responseStatus":{"code":%d,"message":%s},"annotations":%s,"requestReceivedTimestamp":"2026-03-02T09:30:00Z"}`,
				test.code, message, notes))
			if len(got.Observations) != 1 {
				t.Fatalf("%d observations, problems %v", len(got.Observations), got.Problems)
			}
			o := got.Observations[0]
			if diff := cmp.Diff(test.want, o.Judged); diff != "" || o.Outcome != test.outcome {
				t.Errorf("outcome %s, want %s\n%s", o.Outcome, test.outcome, diff)
			}
		})
	}
}

// TestReviews reads which reviews the webhook says were made of a request, and when it surely
// was not asked.
func TestReviews(t *testing.T) {
	const past = `"authorization.k8s.io/decision":"allow"`
	for name, test := range map[string]struct {
		verb, notes string
		code        int
		reviews     []string
		unasked     bool
	}{
		"two reviews":        {"update", `"judge.seaworthy.dev/review.b":"answered","judge.seaworthy.dev/host-pid":"audit; x","judge.seaworthy.dev/review.a":"answered"`, 200, []string{"a", "b"}, false},
		"by the other one":   {"update", `"watch.seaworthy.dev/review.a":"answered"`, 200, []string{"a"}, false},
		"past the webhook":   {"update", past, 200, nil, true},
		"a session past it":  {"get", past, 101, nil, true},
		"it did not answer":  {"update", `"failed-open.validating.webhook.admission.k8s.io/round_0_index_1":"watch.seaworthy.dev"`, 200, nil, false},
		"another did not":    {"update", `"failed-open.validating.webhook.admission.k8s.io/round_0_index_0":"other.example.com"`, 200, nil, true},
		"refused before":     {"update", past, 403, nil, false},
		"a deletion":         {"delete", past, 200, nil, false},
		"somebody else's is": {"update", `"x.example.com/review.a":"answered"`, 200, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			sub := ""
			if test.verb == "get" {
				sub = `"subresource":"exec",`
			}
			event := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"r-1","stage":"ResponseComplete","verb":%q,"user":{"username":"alice"},
				"objectRef":{"resource":"pods",%s"namespace":"shop","name":"web","apiVersion":"v1"},"responseStatus":{"code":%d},"annotations":{%s},"requestReceivedTimestamp":"2026-03-02T09:30:00Z","stageTimestamp":"2026-03-02T09:30:01Z"}`,
				test.verb, sub, test.code, test.notes)
			o := observed(t, event).Observations[0]
			if failed := strings.Contains(test.notes, "failed-open") && strings.Contains(test.notes, "seaworthy"); o.Unanswered.IsZero() == failed {
				t.Errorf("the webhook did not answer until %s", o.Unanswered)
			}
			if diff := cmp.Diff(test.reviews, o.Reviews); diff != "" || o.Unasked != test.unasked {
				t.Errorf("unasked %t, reviews:\n%s", o.Unasked, diff)
			}
			if len(o.Judged) > 1 || len(o.Judged) == 1 && o.Judged[0].Check != "host-pid" {
				t.Errorf("a review is taken for a judgement: %+v", o.Judged)
			}
		})
	}
}

// TestJudgedIsBounded: whatever is written into annotations, a sighting stays small.
func TestJudgedIsBounded(t *testing.T) {
	notes := map[string]string{}
	for i := range 100 {
		notes[fmt.Sprintf("seaworthy-check-%02d/offending", i)] = strings.Repeat(strings.Repeat("ä", 300)+"; ", 50)
	}
	text, err := json.Marshal(notes)
	if err != nil {
		t.Fatal(err)
	}
	o := observed(t, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"j-2","stage":"ResponseComplete","verb":"create","user":{"username":"alice"},
		"objectRef":{"resource":"pods","namespace":"shop","name":"web","apiVersion":"v1"},"responseStatus":{"code":201},"annotations":`+string(text)+`,"requestReceivedTimestamp":"2026-03-02T09:30:00Z"}`).Observations[0]
	kept, err := json.Marshal(o.Sighting)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Judged) != 20 || o.JudgedLeftOut != 80 || len(kept) > 10_000 {
		t.Errorf("%d judgements are kept and %d left out, in %d bytes", len(o.Judged), o.JudgedLeftOut, len(kept))
	}
}
