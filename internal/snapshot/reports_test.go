// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlimReport(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"vulnerabilities": {
			`{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"VulnerabilityReport","report":{"scanner":{"name":"Trivy"},"artifact":{"tag":"1"},"vulnerabilities":[
			 {"vulnerabilityID":"A","severity":"HIGH","links":["x"],"description":"long"},{"vulnerabilityID":"B","severity":"LOW"},"odd"]}}`,
			`{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"VulnerabilityReport","report":{"artifact":{"tag":"1"},"vulnerabilities":[{"vulnerabilityID":"A","severity":"HIGH"},"odd"]}}`,
		},
		"secrets_without_what_matched": {
			`{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"ExposedSecretReport","report":{"secrets":[{"ruleID":"r","match":"hunter2"}]}}`,
			`{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"ExposedSecretReport","report":{"secrets":[{"ruleID":"r"}]}}`,
		},
		"oldest_pass_of_each_source": {
			`{"apiVersion":"wgpolicyk8s.io/v1alpha2","summary":{"pass":3},"results":[{"source":"a","policy":"p","result":"pass","timestamp":{"seconds":9}},
			 {"source":"a","policy":"q","result":"pass","timestamp":{"seconds":5}},{"source":"b","result":"pass","timestamp":{"seconds":7}},
			 {"source":"a","policy":"p","result":"fail","properties":{"x":"y"}},{"result":"skip"}]}`,
			`{"apiVersion":"wgpolicyk8s.io/v1alpha2","results":[{"source":"a","result":"pass","timestamp":{"seconds":5}},{"source":"b","result":"pass","timestamp":{"seconds":7}},
			 {"source":"a","policy":"p","result":"fail"}]}`,
		},
		"other_objects_stay": {
			`{"apiVersion":"v1","kind":"ConfigMap","results":[{"result":"skip"}],"report":{"scanner":1}}`,
			`{"apiVersion":"v1","kind":"ConfigMap","results":[{"result":"skip"}],"report":{"scanner":1}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := object(t, c.in), object(t, c.want)
			SlimReport(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			SlimReport(got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("a second time (-want +got):\n%s", d)
			}
		})
	}
}

func TestChanged(t *testing.T) {
	const at = 1795305600 // 2026-11-22T00:00:00Z
	for name, c := range map[string]struct {
		in   string
		want int64
	}{
		"created_only":           {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"creationTimestamp":"2026-11-22T00:00:00Z"}}`, at},
		"written_since":          {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"creationTimestamp":"2026-11-20T00:00:00Z","managedFields":[{"manager":"a","time":"2026-11-22T00:00:00Z"},{"time":"2026-11-21T00:00:00Z"}]}}`, at},
		"status_is_no_change":    {`{"apiVersion":"v1","kind":"Service","metadata":{"creationTimestamp":"2026-11-22T00:00:00Z","managedFields":[{"manager":"a","subresource":"status","time":"2026-11-25T00:00:00Z"}]}}`, at},
		"a_ReplicaSet_is_made":   {`{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"creationTimestamp":"2026-11-22T00:00:00Z","managedFields":[{"manager":"a","time":"2026-11-25T00:00:00Z"}]}}`, at},
		"nothing_tells":          {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`, 0},
		"nonsense_tells_nothing": {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"creationTimestamp":"yesterday"}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := object(t, c.in)
			KeepChange(m["metadata"].(map[string]any))
			o, err := NewDecoder().Decode(m, Origin{})
			if err != nil {
				t.Fatal(err)
			}
			if o.Changed != c.want {
				t.Errorf("changed at %d, want %d", o.Changed, c.want)
			}
			if _, ok := m["metadata"].(map[string]any)["managedFields"]; ok {
				t.Error("what says so is still there")
			}
		})
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}
