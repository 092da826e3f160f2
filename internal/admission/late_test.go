// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	admissionregistration "k8s.io/api/admissionregistration/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// waiting makes guards that look a Namespace up until the time for it is over.
func waiting(t *testing.T, over func(context.Context)) *admission.Guard {
	t.Helper()
	return guard(t, admission.Config{
		Default: admission.Audit, FailurePolicy: admissionregistration.Fail, Modes: []admission.ModeIn{{Labels: "team=shop", Mode: admission.Deny}},
		LookupNamespace: func(ctx context.Context, _ string) (map[string]any, error) {
			over(ctx)
			return nil, ctx.Err()
		},
	}, only("privileged-container"))
}

// TestAnswersInTheTimeGiven: the API server says in the address how long it waits, and what
// could not be judged until then is answered as the failure policy says.
func TestAnswersInTheTimeGiven(t *testing.T) {
	d := admission.NewDoor(waiting(t, func(ctx context.Context) { <-ctx.Done() }), admission.DoorConfig{})
	r := httptest.NewRequest(http.MethodPost, "/?timeout=200ms", bytes.NewReader(asked{object: parse(t, bad)}.body(t)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if text := w.Body.String(); r.Context().Err() != nil || !strings.Contains(text, `"allowed":false`) || !strings.Contains(text, "context deadline exceeded") {
		t.Errorf("the answer is %s", text)
	}
}

// TestNobodyWaits: where the API server did not wait for the answer, it went by its failure
// policy, so that what came of the request is not known.
func TestNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var seen *admission.Request
	d := admission.NewDoor(waiting(t, func(context.Context) { cancel() }), admission.DoorConfig{Seen: func(r *admission.Request) { seen = r }})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(asked{object: parse(t, bad)}.body(t)))
	r.Header.Set("Content-Type", "application/json")
	d.ServeHTTP(httptest.NewRecorder(), r)
	switch {
	case seen == nil:
		t.Fatal("what nobody waited for was not seen")
	case seen.Outcome != seaworthy.OutcomeUnknown:
		t.Errorf("it is on record as %s", seen.Outcome)
	case !slices.ContainsFunc(seen.Judged, func(j seaworthy.Judgement) bool { return strings.Contains(j.Error, "did not wait") }):
		t.Errorf("it is on record with %+v", seen.Judged)
	}
}

// TestWhatWasFoundRefuses: a policy that takes longer than there is time does not let in
// what another check refuses, whatever the failure policy says.
func TestWhatWasFoundRefuses(t *testing.T) {
	policies := folder(t, map[string]string{"slow.rego": "package main\n\ndeny contains msg if {\n\tinput.kind == \"Nothing\"\n\tmsg := \"never\"\n}\n"})
	g := guard(t, denying(), scan.Selection{Policies: []string{policies}, Only: []string{"custom", "privileged-container"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, change := range []asked{{}, {operation: "UPDATE", old: with(parse(t, bad), []any{container("app", false)}, "spec", "containers")}} {
		change.object = parse(t, bad)
		r, err := admission.ReadReview(change.body(t))
		if err != nil {
			t.Fatal(err)
		}
		if d := g.Review(ctx, r); d.Allowed || !d.Failed || !strings.Contains(d.Message, "privileged-container") || !strings.Contains(d.Annotations["error"], "canceled") {
			t.Errorf("%+v", d)
		}
		change.object = with(parse(t, bad), []any{container("app", false)}, "spec", "containers")
		if r, err = admission.ReadReview(change.body(t)); err != nil {
			t.Fatal(err)
		}
		if change.operation == "UPDATE" {
			continue // nothing changes
		}
		if d := g.Review(ctx, r); !d.Allowed || !d.Failed || len(d.Warnings) != 1 {
			t.Errorf("what no other check refuses: %+v", d)
		}
	}
}

// TestResizes: a policy of the user's own that speaks of resizing a Pod is asked about it, and
// nothing else is.
func TestResizes(t *testing.T) {
	policies := folder(t, map[string]string{"small.yaml": strings.Replace(
		ownPolicy("small", "object.spec.containers.all(c, c.resources.limits.memory == '1Gi')"), "[pods]", "[pods/resize]", 1)})
	g := guard(t, denying(), scan.Selection{Policies: []string{policies}, Only: []string{"custom", "privileged-container"}})
	of := func(memory string) object {
		c := container("app", memory == "4Gi")
		c["resources"] = object{"limits": object{"memory": memory}}
		return with(parse(t, bad), []any{c}, "spec", "containers")
	}
	for memory, want := range map[string]int{"1Gi": 0, "4Gi": 1} {
		d := review(t, g, asked{operation: "UPDATE", subresource: "resize", object: of(memory), old: of("2Gi")})
		if len(d.Verdicts) != want || d.Allowed != (want == 0) || d.NotJudged != "" {
			t.Errorf("to %s: %+v", memory, d)
		}
	}
	if c := g.Configuration(admission.Reach{}); !sends(c.Webhooks[0], admissionregistration.Update, "", "pods/resize") {
		t.Errorf("the webhook is not sent what the policy is about: %+v", c.Webhooks[0].Rules)
	}
}
