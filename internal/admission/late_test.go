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
