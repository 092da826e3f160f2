// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

func TestFingerprints(t *testing.T) {
	r := rich()
	var want []string
	for _, f := range r.Findings {
		if f.Waiver == nil {
			want = append(want, f.Fingerprint)
		}
	}
	if len(want) == len(r.Findings) {
		t.Fatal("no finding is waived")
	}
	got, err := fingerprints(render(t, "json", r, output.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Fingerprints (-want +got):\n%s", diff)
	}
}

func fingerprints(doc []byte) (all []string, err error) {
	for fp, e := range output.Fingerprints(bytes.NewReader(doc)) {
		if e != nil {
			return all, e
		}
		all = append(all, fp)
	}
	return all, nil
}

// TestFingerprintsOfAPart cuts a report at every place: less than the whole is never
// taken for a baseline.
func TestFingerprintsOfAPart(t *testing.T) {
	doc := render(t, "json", rich(), output.Options{})
	doc = bytes.TrimRight(doc, "\n")
	for i := 0; i < len(doc); i += 61 {
		if _, err := fingerprints(doc[:i]); !invalid(err) {
			t.Fatalf("the first %d of %d bytes are taken for a report (err = %v)", i, len(doc), err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	whole := string(render(t, "json", rich(), output.Options{}))
	for _, c := range []struct{ name, doc, says string }{
		{"empty", "", "ends too early"},
		{"text", "Seaworthy 0.1.0", "not a whole JSON report"},
		{"array", "[]", "not a whole JSON report"},
		{"other_version", strings.Replace(whole, "report/v1", "report/v2", 1), "report/v2"},
		{"cut_off", whole[:len(whole)/2], "ends too early"},
		{"two_reports", whole + whole, "more follows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := output.Read(strings.NewReader(c.doc))
			if !invalid(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Read = %v, want an error for the user with %q", err, c.says)
			}
			_, err = fingerprints([]byte(c.doc))
			if !invalid(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Fingerprints = %v, want an error for the user with %q", err, c.says)
			}
		})
	}
	for _, c := range []struct{ name, doc, says string }{
		{"sarif", string(render(t, "sarif", rich(), output.Options{})), `no "apiVersion"`},
		{"no_summary", `{"apiVersion":"seaworthy.dev/report/v1","findings":[]}`, `no "summary"`},
		{"no_fingerprint", `{"apiVersion":"seaworthy.dev/report/v1","findings":[{"check":"a"}],"summary":{}}`, "finding 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fingerprints([]byte(c.doc))
			if !invalid(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Fingerprints = %v, want an error for the user with %q", err, c.says)
			}
		})
	}
}

func TestReadTakesFieldsOfTheFuture(t *testing.T) {
	doc := strings.Replace(string(render(t, "json", rich(), output.Options{})), `"tool": {`, `"weather": {"wind": [7]}, "tool": {`, 1)
	if _, err := output.Read(strings.NewReader(doc)); err != nil {
		t.Errorf("Read: %v", err)
	}
	if all, err := fingerprints([]byte(doc)); err != nil || len(all) == 0 {
		t.Errorf("Fingerprints = %d, %v", len(all), err)
	}
}

func TestFingerprintsStopWhenTold(t *testing.T) {
	n := 0
	for range output.Fingerprints(bytes.NewReader(render(t, "json", rich(), output.Options{}))) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("got %d fingerprints after stopping at the first", n)
	}
}

func invalid(err error) bool {
	var e *seaworthy.Error
	return errors.As(err, &e) && e.Kind == seaworthy.KindInvalid
}
