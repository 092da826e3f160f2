// SPDX-License-Identifier: Apache-2.0

package output

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// openReports writes Reports and ClusterReports of openreports.io/v1alpha1, a List that
// kubectl applies as it is (https://github.com/openreports/reports-api). A Report holds
// what was found in its namespace, in parts, since the API server takes no object over
// a megabyte and a half. A waived finding is a warning that is not scored; what could not
// be judged stands there too, as error or skip.
type openReports struct {
	*jsonWriter
	source string
	at     openTime
	waits  map[string][]openResult // by namespace
	parts  map[string]int
	n      int // waiting
	wrote  int
}

// The bounds of a Report, and of what waits to be written.
const (
	resultsInReport = 500
	resultsWaiting  = 20_000
)

func newOpenReports(w io.Writer, _ Options) Handler {
	return &openReports{jsonWriter: newJSONWriter(w), waits: map[string][]openResult{}, parts: map[string]int{}}
}

type (
	openReport struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   openMeta       `json:"metadata"`
		Source     string         `json:"source"`
		Summary    map[string]int `json:"summary"`
		Results    []openResult   `json:"results"`
	}
	openMeta struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace,omitempty"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	}
	openResult struct {
		Source     string            `json:"source"`
		Policy     string            `json:"policy"`
		Category   string            `json:"category,omitempty"`
		Severity   string            `json:"severity,omitempty"`
		Timestamp  openTime          `json:"timestamp"`
		Result     string            `json:"result"`
		Scored     bool              `json:"scored"`
		Resources  []openResource    `json:"resources,omitempty"`
		Message    string            `json:"message,omitempty"`
		Properties map[string]string `json:"properties,omitempty"`
	}
	openResource struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Namespace  string `json:"namespace,omitempty"`
		Name       string `json:"name"`
	}
	openTime struct {
		Seconds int64 `json:"seconds"`
		Nanos   int32 `json:"nanos"`
	}
)

// Start implements [Handler].
func (x *openReports) Start(h *seaworthy.Header, _ []seaworthy.Check) error {
	x.source, x.at = h.Source.Name, openTime{Seconds: h.Source.Started.Unix()}
	x.text(`{"apiVersion":"v1","kind":"List","items":[`)
	return x.err
}

// Finding implements [Handler].
func (x *openReports) Finding(f *seaworthy.Finding) error {
	r := x.result(f.Check, "fail", f.Message, &f.Object)
	r.Category, r.Severity, r.Scored = f.Category, string(f.Severity), true
	r.Properties = map[string]string{}
	for name, value := range map[string]string{
		"fingerprint": f.Fingerprint, "container": f.Container, "path": f.Path, "file": f.File, "remediation": f.Remediation,
		"controls": strings.Join(f.Controls, ","), "requirements": strings.Join(f.Requirements, ","),
	} {
		if value != "" {
			r.Properties[name] = clean(value)
		}
	}
	if f.Waiver != nil {
		r.Result, r.Scored = "warn", false
		r.Properties["waiver"] = clean(waiverOf(f.Waiver))
	}
	return x.add(f.Object.Namespace, r)
}

// Pass implements [Handler].
func (x *openReports) Pass(p *seaworthy.Pass) error {
	r := x.result(p.Check, "pass", "", &p.Object)
	r.Scored = true
	return x.add(p.Object.Namespace, r)
}

// End implements [Handler].
func (x *openReports) End(t *seaworthy.Trailer) error {
	for _, p := range t.Errors {
		r := x.result(cmp.Or(p.Check, "error"), "error", p.Message, nil)
		r.Properties = map[string]string{}
		for name, value := range map[string]string{"object": p.Object, "file": p.File} {
			if value != "" {
				r.Properties[name] = clean(value)
			}
		}
		if err := x.add("", r); err != nil {
			return err
		}
	}
	for _, c := range t.Checks {
		if c.Status != seaworthy.StatusNotEvaluated && c.Status != seaworthy.StatusProvider {
			continue
		}
		if err := x.add("", x.result(c.ID, "skip", string(c.Status)+": "+c.Reason, nil)); err != nil {
			return err
		}
	}
	x.all()
	if x.wrote > 0 {
		x.text("\n")
	}
	x.text("]}\n")
	return x.flush()
}

func (x *openReports) result(check, result, message string, o *seaworthy.Object) openResult {
	r := openResult{Source: "seaworthy", Policy: clean(check), Result: result, Message: clean(message), Timestamp: x.at}
	if o != nil {
		r.Resources = []openResource{{clean(o.APIVersion), clean(o.Kind), clean(o.Namespace), clean(o.Name)}}
	}
	return r
}

func (x *openReports) add(namespace string, r openResult) error {
	x.waits[namespace] = append(x.waits[namespace], r)
	x.n++
	if len(x.waits[namespace]) == resultsInReport {
		x.write(namespace)
	}
	if x.n >= resultsWaiting {
		x.all()
	}
	return x.err
}

func (x *openReports) all() {
	for _, namespace := range slices.Sorted(maps.Keys(x.waits)) {
		x.write(namespace)
	}
}

// write writes what waits of one namespace as the next part of its report.
func (x *openReports) write(namespace string) {
	results := x.waits[namespace]
	delete(x.waits, namespace)
	x.n -= len(results)
	x.parts[namespace]++
	sum := sha256.Sum256([]byte(x.source))
	r := openReport{
		APIVersion: "openreports.io/v1alpha1", Kind: "Report", Source: "seaworthy", Results: results,
		Metadata: openMeta{
			Name: fmt.Sprintf("seaworthy-%s-%d", hex.EncodeToString(sum[:4]), x.parts[namespace]), Namespace: clean(namespace),
			Labels: map[string]string{"app.kubernetes.io/managed-by": "seaworthy"}, Annotations: map[string]string{"seaworthy.dev/source": clean(x.source)},
		},
		Summary: map[string]int{"pass": 0, "fail": 0, "warn": 0, "error": 0, "skip": 0},
	}
	if namespace == "" {
		r.Kind = "ClusterReport"
	}
	for i := range results {
		r.Summary[results[i].Result]++
	}
	x.element(x.wrote, x.encode(r))
	x.wrote++
}
