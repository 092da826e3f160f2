// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

const reported = `apiVersion: v1
kind: ConfigMap
metadata: {name: bad, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: old, namespace: shop}
---
apiVersion: wgpolicyk8s.io/v1alpha2
kind: PolicyReport
metadata: {name: a, namespace: shop}
results:
- {source: kyverno, policy: p, result: fail, severity: critical, message: bad, timestamp: {seconds: 1795305600}, resources: [{apiVersion: v1, kind: ConfigMap, namespace: shop, name: bad}]}
- {source: kyverno, policy: q, result: fail, message: bad, timestamp: {seconds: 1795305600}, resources: [{apiVersion: v1, kind: ConfigMap, namespace: shop, name: bad}]}
- {source: kyverno, policy: p, result: pass, timestamp: {seconds: 1700000000}, resources: [{apiVersion: v1, kind: ConfigMap, namespace: shop, name: old}]}
`

// TestWhatOtherToolsSay: a finding has the severity that the tool gives, unless the
// configuration gives one; an object of which only an old report tells is left out by
// name, so that nothing of it closes, and is no pass.
func TestWhatOtherToolsSay(t *testing.T) {
	for name, c := range map[string]struct {
		set  seaworthy.Severity
		want []seaworthy.Severity
	}{
		"the tool's":          {"", []seaworthy.Severity{seaworthy.Critical, seaworthy.Medium}},
		"the configuration's": {seaworthy.Low, []seaworthy.Severity{seaworthy.Low, seaworthy.Low}},
	} {
		t.Run(name, func(t *testing.T) {
			k := run(t, config(t, scan.Selection{
				Only: []string{"kyverno-policy-failed"}, Settings: map[string]scan.Setting{"kyverno-policy-failed": {Severity: c.set}},
			}), today(t, reported))
			var got []seaworthy.Severity
			for _, f := range k.Findings {
				got = append(got, f.Severity)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("severities %v, want %v", got, c.want)
			}
			if r := k.check(t, "kyverno-policy-failed"); r.InScope != 1 || r.Passed != 0 || len(k.Errors) != 0 {
				t.Errorf("in scope %d, passed %d, errors %v; want 1, 0, none", r.InScope, r.Passed, k.Errors)
			}
			if !slices.ContainsFunc(k.Skipped, func(p seaworthy.Problem) bool {
				return p.Check == "kyverno-policy-failed" && p.Object == "shop/ConfigMap/old" && strings.Contains(p.Message, "older than")
			}) {
				t.Errorf("left out: %+v; want the object of the old report", k.Skipped)
			}
		})
	}
	old := reported[:strings.Index(reported, "- {source: kyverno, policy: p, result: fail")] + reported[strings.LastIndex(reported, "- {source"):]
	k := run(t, config(t, only("kyverno-policy-failed")), today(t, old))
	if r := k.check(t, "kyverno-policy-failed"); r.Status != seaworthy.StatusNotEvaluated {
		t.Errorf("with nothing but an old pass the check is %s (%s), want not evaluated", r.Status, r.Reason)
	}
}

// today is the input of a text that is scanned today.
func today(t *testing.T, text string) scan.Input {
	t.Helper()
	folder(t, map[string]string{"a.yaml": text})
	return files(t, "a.yaml")
}
