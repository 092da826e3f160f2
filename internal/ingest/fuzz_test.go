// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seaworthy-dev/seaworthy"
)

const small = `{"apiVersion":"seaworthy.dev/report/v1","tool":{},"source":{"kind":"cluster","name":"prod"},"catalogue":{},
 "findings":[{"check":"a-check","severity":"high","object":{"apiVersion":"v1","kind":"Pod","name":"p"},"message":"say \"so\" \u0000",
 "fingerprint":"f1","new":true,"waiver":null,"later":[{"x":[1,2]}]}],"passed":[{"check":"a-check","object":{"kind":"Pod","name":"q"}}],
 "later":{"a":[true,null,-1.5e3]},"finished":"2026-03-02T09:00:00Z",
 "checks":[{"id":"a-check","severity":"high","status":"failed","inScope":1}],"errors":[],"skipped":null,"summary":{}}`

func readSmall(t testing.TB, text string, limits Limits) (*report, error) {
	r, err := readReport(strings.NewReader(text), limits.orDefaults(), t.TempDir(), func(seaworthy.Header) (string, error) { return "s1", nil })
	if err == nil {
		t.Cleanup(func() { _ = r.spool.Close() })
	}
	return r, err
}

func TestReadReport(t *testing.T) {
	r, err := readSmall(t, small, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.findings) != 1 || len(r.objects) != 2 || !r.listed || !r.complete() {
		t.Fatalf("read %d findings, %d objects, listed %t", len(r.findings), len(r.objects), r.listed)
	}
	f, err := r.tracked("s1", r.findings[0])
	if err != nil || f.Message != "say \"so\" \ufffd" || f.Object.Kind != "Pod" || f.Severity != seaworthy.High {
		t.Errorf("finding = %+v, %v", f, err)
	}
}

// However the bytes come in, the same is read.
func TestReadReportByteByByte(t *testing.T) {
	whole, err := readSmall(t, small, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, slow := range map[string]func(io.Reader) io.Reader{"one_byte": iotest.OneByteReader, "half": iotest.HalfReader, "data_and_end": iotest.DataErrReader} {
		r, err := readReport(slow(strings.NewReader(small)), Limits{}.orDefaults(), t.TempDir(), func(seaworthy.Header) (string, error) { return "s1", nil })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.digest() != whole.digest() {
			t.Errorf("%s: another report was read", name)
		}
		_ = r.spool.Close()
	}
}

func TestReadReportRefuses(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, text := range map[string]string{
		"nothing":             "",
		"no_object":           "[]",
		"cut_off":             small[:len(small)-30],
		"more_behind":         small + "{}",
		"other_version":       strings.Replace(small, "report/v1", "report/v2", 1),
		"no_summary":          strings.Replace(small, `"summary"`, `"sum"`, 1),
		"twice":               strings.Replace(small, `"later":{`, `"errors":[],"later":{`, 1),
		"findings_first":      strings.Replace(small, `"tool":{},`, `"passed":[],`, 1),
		"too_deep":            strings.Replace(small, `"later":{`, `"deep":`+deep+`,"later":{`, 1),
		"brackets_crossed":    strings.Replace(small, `[true,null,-1.5e3]`, `[true}`, 1),
		"no_fingerprint":      strings.Replace(small, `"f1"`, `""`, 1),
		"severity":            strings.Replace(small, `"severity":"high","object"`, `"severity":"bad","object"`, 1),
		"check_of_two_words":  strings.Replace(small, `"check":"a-check","severity"`, `"check":"a\ncheck","severity"`, 1),
		"no_kind":             strings.Replace(small, `"kind":"Pod","name":"p"`, `"name":"p"`, 1),
		"long_name":           strings.Replace(small, `"name":"p"`, `"name":"`+strings.Repeat("p", 600)+`"`, 1),
		"line_that_is_a_text": strings.Replace(small, `"new":true`, `"line":"12"`, 1),
		"large_finding":       strings.Replace(small, `"f1"`, `"f1","m":"`+strings.Repeat("m", maxValue)+`"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readSmall(t, text, Limits{})
			var told *seaworthy.Error
			if !errors.As(err, &told) || told.Kind != seaworthy.KindInvalid {
				t.Errorf("read with %v, want it refused as invalid", err)
			}
		})
	}
	for name, l := range map[string]Limits{"findings": {Findings: -1}, "objects": {Objects: 1}} {
		if _, err := readSmall(t, small, l); err == nil {
			t.Errorf("more %s than are taken were taken", name)
		}
	}
}

// FuzzReadReport: whatever comes, the reader ends without a panic, and what it takes is
// what encoding/json reads of it.
func FuzzReadReport(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(small[:200]))
	f.Add([]byte(`{"apiVersion":"seaworthy.dev/report/v1","findings":[`))
	f.Add([]byte(`{"a":"\\\"","b":[{"c":"]"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readReport(bytes.NewReader(data), Limits{}.orDefaults(), t.TempDir(), func(seaworthy.Header) (string, error) { return "s1", nil })
		if err != nil {
			return
		}
		defer r.spool.Close()
		if !json.Valid(data) {
			return // what is not looked at is not held to the grammar
		}
		var whole seaworthy.Report
		if err := json.Unmarshal(data, &whole); err != nil {
			return // encoding/json also reads what is skipped here
		}
		known := map[string]bool{}
		for _, f := range whole.Findings {
			known[f.Fingerprint] = true
		}
		if len(r.findings) > len(whole.Findings) || len(r.findings) < len(known) && !bytes.Contains(data, []byte(`\`)) {
			t.Errorf("read %d findings, encoding/json %d", len(r.findings), len(whole.Findings))
		}
	})
}
