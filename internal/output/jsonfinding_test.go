// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestFindingsAreEncodedAsJSONDoes holds the fast encoder to encoding/json, also where
// the findings of a check differ in what they usually share.
func TestFindingsAreEncodedAsJSONDoes(t *testing.T) {
	expires := seaworthy.Date{Time: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)}
	whole := seaworthy.Finding{
		Check: "a", Severity: "high", Category: "Security", Message: "says \"no\" <b>&\u2028é\x00\n", Container: "c",
		Object: seaworthy.Object{APIVersion: "v1", Kind: "Pod", Namespace: "n", Name: "x"}, Path: "spec.a[0]", File: "a\\b.yaml",
		Line: 7, Origin: "chart", Controls: []string{"one", "two"}, Requirements: []string{"soc2:CC6.1"}, Remediation: "Do it.",
		Fingerprint: "f", New: true, WaiverRequested: "because",
		Waiver: &seaworthy.AppliedWaiver{Owner: "o", Reason: "r", Expires: expires, By: "file"},
	}
	other := whole
	other.Controls, other.Remediation, other.Waiver = []string{}, "Or <that>.", nil
	bare := seaworthy.Finding{Check: "b", Controls: []string{}, Requirements: []string{}}
	var w findingWriter
	for _, f := range []seaworthy.Finding{whole, other, whole, bare, bare} {
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.encode(&f)
		if err != nil || string(got) != string(want) {
			t.Errorf("encode = %s (%v), want %s", got, err, want)
		}
	}
}
