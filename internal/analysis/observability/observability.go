// SPDX-License-Identifier: Apache-2.0

// Package observability tells whether logs and metrics are collected, whether alerts are
// defined and whether they reach anybody.
//
// Each of these is a fact about a whole cluster. Manifests of one application do not
// show it, so files are judged only by what they hold: a collector, a Prometheus, an
// Alertmanager. A cluster scan that sees every namespace judges the cluster as well.
// What a provider or a service outside the cluster does cannot be seen, and is said to
// be so.
package observability

import (
	"context"
	"fmt"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const (
	logs      = "log-collector-missing"
	metrics   = "metrics-missing"
	rules     = "alert-rules-missing"
	receivers = "alert-receiver-missing"
)

// Analyzer judges collectors, metrics ports, alert definitions and alert routes.
var Analyzer = &analysis.Analyzer{
	Name: "observability",
	Doc:  "Logs, metrics and alerts that nobody would get to see.",
	Checks: []seaworthy.Check{
		{
			ID: logs, Title: "Container logs of some nodes are not collected",
			Severity: seaworthy.High, Category: "Logging", Scope: seaworthy.ScopeCross,
			Rationale: "A node keeps the logs of its containers only until they are rotated or the node is gone. " +
				"Without a collector on every node, incidents cannot be investigated and there is no record to show.",
			Remediation: "Run a log collector as a DaemonSet that tolerates every taint and is bound to no node selector.",
			Snippet:     "spec:\n  template:\n    spec:\n      tolerations:\n      - operator: Exists\n",
			Controls:    []string{"log-collection"},
		},
		{
			ID: metrics, Title: "Metrics are offered and nobody collects them",
			Severity: seaworthy.Medium, Category: "Monitoring", Scope: seaworthy.ScopeCross,
			Rationale: "Metrics that nobody scrapes raise no alert and show no trend. " +
				"Overload and attacks are then noticed by customers first.",
			Remediation: "Add a ServiceMonitor or PodMonitor that selects the workload, or the scrape annotations that your collector honours.",
			Snippet: `apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: web
spec:
  selector:
    matchLabels:
      app: web
  podMetricsEndpoints:
  - port: metrics
`,
			Controls: []string{"monitoring-alerting"},
		},
		{
			ID: rules, Title: "No alerts are defined",
			Severity: seaworthy.Medium, Category: "Monitoring", Scope: seaworthy.ScopeCross,
			Rationale: "Metrics without alert definitions are looked at only after something broke. " +
				"Monitoring as a control needs conditions that were agreed on and that call someone.",
			Remediation: "Define alerts in a PrometheusRule or VMRule that the monitoring system selects.",
			Snippet: `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: web
spec:
  groups:
  - name: web
    rules:
    - alert: HighErrorRate
      expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
      for: 10m
      labels:
        severity: critical
`,
			Controls: []string{"monitoring-alerting"},
		},
		{
			ID: receivers, Title: "Alerts reach no receiver",
			Severity: seaworthy.High, Category: "Monitoring", Scope: seaworthy.ScopeCross,
			Rationale: "An alert whose route ends in an empty receiver is raised and read by nobody. " +
				"The default configuration of common charts is exactly that.",
			Remediation: "Route alerts to a receiver with at least one integration (e-mail, chat, pager, webhook).",
			Snippet: `route:
  receiver: on-call
receivers:
- name: on-call
  pagerduty_configs:
  - routing_key_file: /etc/alertmanager/secrets/pagerduty/key
`,
			Controls: []string{"monitoring-alerting"},
		},
	},
	Run: run,
}

func run(ctx context.Context, p *analysis.Pass) error {
	j := &judge{Pass: p, collectors: find(p.Snapshot)}
	for _, step := range []struct {
		check string
		judge func()
	}{{logs, j.logs}, {metrics, j.metrics}, {rules, j.rules}, {receivers, j.receivers}} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.Enabled(step.check) {
			step.judge()
		}
	}
	return nil
}

type judge struct {
	*analysis.Pass
	collectors *collectors
}

// unlisted reports a check as not evaluated where a kind that it needs is unknown.
func (j *judge) unlisted(check string, kinds ...string) bool {
	for _, kind := range kinds {
		if reason := j.Snapshot.Unlisted[kind]; reason != "" {
			j.Report.NotEvaluated(check, fmt.Sprintf("%s objects could not be listed: %s", kind, reason))
			return true
		}
	}
	return false
}

// whole tells whether the snapshot shows all of a cluster. Otherwise it reports the
// check as not evaluated, since the input does not hold what it looks for.
func (j *judge) whole(check, what string) bool {
	switch {
	case !j.Snapshot.Cluster():
		j.Report.NotEvaluated(check, "the files hold no "+what+"; a cluster scan shows it")
	case len(j.Snapshot.Source.Namespaces) > 0:
		j.Report.NotEvaluated(check, "the scan is limited to some namespaces and these hold no "+what)
	default:
		return true
	}
	return false
}

// judgeWhole judges the cluster as such.
func (j *judge) judgeWhole(check, message string) {
	var items []seaworthy.Item
	if message != "" {
		items = append(items, seaworthy.Item{Message: message})
	}
	j.Report.Judge(check, j.Snapshot.Whole(), items...)
}

// each reads the custom resources of a kind; those that cannot be read are an error of
// the check.
func each[T any](j *judge, check, group, kind string, f func(*snapshot.Object, *T)) {
	for _, o := range j.Snapshot.Custom(group, kind) {
		t, err := snapshot.As[T](o)
		if err != nil {
			j.Report.Error(check, o, err)
			continue
		}
		f(o, t)
	}
}
