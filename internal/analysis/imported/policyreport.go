// SPDX-License-Identifier: Apache-2.0

package imported

import (
	"cmp"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// policyReport is a PolicyReport of wgpolicyk8s.io or a Report of openreports.io, which
// have the same form.
type policyReport struct {
	Metadata struct {
		CreationTimestamp time.Time `json:"creationTimestamp"`
	} `json:"metadata"`
	Source  string         `json:"source"`
	Scope   *subject       `json:"scope"`
	Results []policyResult `json:"results"`
}

type policyResult struct {
	Source    string `json:"source"`
	Policy    string `json:"policy"`
	Rule      string `json:"rule"`
	Severity  string `json:"severity"`
	Result    string `json:"result"`
	Message   string `json:"message"`
	Timestamp struct {
		Seconds int64 `json:"seconds"`
	} `json:"timestamp"`
	Resources []subject `json:"resources"`
}

// ours is what our own reports name as their source: they are no other tool's.
const ours = "seaworthy"

func policyReports(b *book) {
	both := []string{kyvernoCheck, othersCheck}
	list := b.reports(
		kind{snapshot.PolicyReportGroup, "PolicyReport", both}, kind{snapshot.PolicyReportGroup, "ClusterPolicyReport", both},
		kind{snapshot.OpenReportsGroup, "Report", both}, kind{snapshot.OpenReportsGroup, "ClusterReport", both},
	)
	trivy := len(b.Snapshot.Kind("VulnerabilityReport"))+len(b.Snapshot.Kind("ConfigAuditReport")) > 0
	for _, o := range list {
		r, err := snapshot.As[policyReport](o)
		if err != nil {
			for _, check := range both {
				b.Report.Error(check, o, err)
			}
			continue
		}
		for i := range r.Results {
			v := &r.Results[i]
			v.Source = cmp.Or(v.Source, r.Source)
			source := strings.ToLower(v.Source)
			if source == ours || trivy && strings.HasPrefix(source, "trivy") {
				continue // Trivy's own reports say the same
			}
			b.result(o, r, v)
		}
	}
}

// sourceChecks are the checks of the tools that have one of their own, by how the name of
// the source begins.
func sourceCheck(source string) string {
	switch s := strings.ToLower(source); {
	case strings.HasPrefix(s, "kyverno"):
		return kyvernoCheck
	case strings.HasPrefix(s, "kube-bench"), strings.HasPrefix(s, "kube bench"):
		return benchCheck
	}
	return othersCheck
}

func (b *book) result(report *snapshot.Object, r *policyReport, v *policyResult) {
	subjects := v.Resources
	if len(subjects) == 0 {
		subjects = []subject{{APIVersion: "seaworthy.dev/v1", Kind: "Cluster", Name: b.Snapshot.Source.Name}}
		if r.Scope != nil {
			subjects[0] = *r.Scope
		}
	}
	at := r.Metadata.CreationTimestamp
	if v.Timestamp.Seconds > 0 {
		at = time.Unix(v.Timestamp.Seconds, 0)
	}
	for _, s := range subjects {
		if s.Kind == "Namespace" {
			s.Namespace = ""
		}
		o := b.subject(s, report)
		if o == nil {
			continue
		}
		b.weigh(sourceCheck(v.Source), o, v, at)
	}
}

func (b *book) subject(s subject, report *snapshot.Object) *snapshot.Object {
	if s.Kind == "Cluster" && s.APIVersion == "seaworthy.dev/v1" {
		return b.whole()
	}
	return b.resolve(s, report)
}

// whole stands for the whole of what was scanned, the same object each time.
func (b *book) whole() *snapshot.Object {
	w := b.Snapshot.Whole()
	if b.strange[w.Object] == nil {
		b.strange[w.Object] = w
	}
	return b.strange[w.Object]
}

// weigh takes in one result about one object.
func (b *book) weigh(check string, o *snapshot.Object, v *policyResult, at time.Time) {
	what := strings.TrimSuffix(v.Policy+"/"+v.Rule, "/")
	stale := b.stale(check, o, at)
	switch v.Result {
	case "pass":
		if stale != "" {
			b.lack(check, o, "%s", stale)
			return
		}
		b.pass(check, o)
	case "fail", "warn":
		worst := severity(v.Severity)
		if worst == "" && v.Result == "warn" {
			worst = seaworthy.Low
		}
		message := cmp.Or(sentence(v.Message), "it fails")
		b.fail(check, o, seaworthy.Item{
			Key: cmp.Or(strings.ToLower(v.Source), "unnamed") + " " + what, Severity: worst, Message: v.Source + " policy " + what + ": " + message,
		})
	case "error":
		b.lack(check, o, "%s could not evaluate policy %s: %s", v.Source, what, sentence(v.Message))
	}
}
