// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

func found(print, namespace, name string) seaworthy.Finding {
	return seaworthy.Finding{Check: "a-check", Severity: seaworthy.High, Fingerprint: print, Object: seaworthy.Object{Kind: "Pod", Namespace: namespace, Name: name}}
}

// TestOpenReportsFollow what is found: a whole report passes by unchanged and is gone by,
// deltas change it, and the namespaces that are written are those that became different.
func TestOpenReportsFollow(t *testing.T) {
	r := newOpenReports(testAgent(t, noon(), &people{}))
	text, err := json.Marshal(seaworthy.Report{Header: seaworthy.Header{APIVersion: seaworthy.ReportVersion}, Findings: []seaworthy.Finding{found("1", "shop", "web"), found("2", "", "node")}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var passed bytes.Buffer
		told := false
		err = r.report(t.Context(), &passed, func() error { told = true; return nil }, func(_ context.Context, w io.Writer, written func() error) error {
			if _, err := w.Write(text); err != nil {
				return err
			}
			return written()
		})
		if err != nil || !told || !bytes.Equal(passed.Bytes(), text) {
			t.Fatalf("the report passes by: %v, told %t, %s", err, told, passed.Bytes())
		}
	}
	if got := r.changed(); !slices.Equal(got, []string{"", "shop"}) {
		t.Errorf("changed %q", got)
	}
	r.delta(&seaworthy.Delta{Found: []seaworthy.Finding{found("3", "bank", "api")}, Gone: []string{"1", "unknown"}})
	if got := r.changed(); !slices.Equal(got, []string{"bank", "shop"}) {
		t.Errorf("changed %q", got)
	}
	if shop, err := r.render("shop"); err != nil || len(shop) != 0 {
		t.Errorf("nothing is found in the shop any more: %s, %v", shop, err)
	}
	bank, err := r.render("bank")
	if err != nil || len(bank) != 1 {
		t.Fatalf("%s, %v", bank, err)
	}
	for _, report := range bank {
		if !strings.Contains(string(report), `"kind":"Report"`) || !strings.Contains(string(report), `"name":"api"`) {
			t.Errorf("the report is %s", report)
		}
	}
	broken := errors.New("no more")
	err = r.report(t.Context(), io.Discard, func() error { return nil }, func(_ context.Context, w io.Writer, _ func() error) error {
		_, _ = io.WriteString(w, `{"findings":[`)
		return broken
	})
	if !errors.Is(err, broken) || len(r.in("bank")) != 1 {
		t.Errorf("a report that breaks off: %v, and %d are found in the bank", err, len(r.in("bank")))
	}
}
