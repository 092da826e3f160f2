// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// collectors are the programs of a snapshot that collect logs or metrics.
type collectors struct {
	logs     []*snapshot.Workload // DaemonSets that read the nodes' logs
	logKinds []*snapshot.Object   // custom resources for which an operator runs such
	// shippers can ship logs and run otherwise: as a Deployment, through the API.
	shippers []*snapshot.Workload
	metrics  []*snapshot.Object // whatever collects metrics
	// discovers are agents that find what to scrape in ways that objects do not show.
	discovers []*snapshot.Object
	// outside are agents of services that keep rules and receivers outside the cluster.
	outside []*snapshot.Object
	// evaluators are the Prometheus servers that no operator configures.
	evaluators []*snapshot.Workload
	// alertmanagers send the alerts.
	alertmanagers []*snapshot.Workload
}

// Images are known by the end of their path: one part, or several joined by slashes. The
// last part may carry a suffix or prefix set off by a dash.
var (
	logImages = []string{
		"fluent-bit", "fluentbit", "fluentd", "filebeat", "vector", "promtail", "alloy", "grafana/agent", "opentelemetry-collector",
		"otelcol", "otel-collector", "datadog/agent", "datadoghq/agent", "elastic-agent", "newrelic-fluentbit-output", "newrelic-logging",
		"logdna-agent", "oneagent", "dynatrace-logmonitoring", "cloudwatch-agent", "containerinsights/ciprod", "ama-logs", "vlagent",
		"syslog-ng", "axosyslog", "rsyslog", "cribl", "observe-agent", "logspout", "telegraf", "stanza", "loggie", "ilogtail",
		"loongcollector", "logagent", "edgedelta/agent", "signoz-otel-collector", "sumologic-otel-collector", "logging-agent",
	}
	metricImages = []string{
		"prometheus", "vmagent", "victoria-metrics", "grafana/agent", "alloy", "opentelemetry-collector", "otelcol", "otel-collector",
		"datadog/agent", "datadoghq/agent", "newrelic-infrastructure", "nri-kubernetes", "nri-prometheus", "oneagent", "activegate",
		"cloudwatch-agent", "prometheus-collector", "prometheus-engine/prometheus", "gke-metrics-agent", "telegraf", "netdata", "zabbix-agent",
		"zabbix-agent2", "checkmk", "metricbeat", "elastic-agent", "sysdig/agent", "agent-slim", "instana/agent", "coroot-node-agent",
		"signoz-otel-collector", "splunk-otel-collector", "sumologic-otel-collector", "observe-agent", "site24x7-agent",
	}
	// discoverImages find targets by configuration of their own.
	discoverImages = []string{
		"grafana/agent", "alloy", "opentelemetry-collector", "otelcol", "otel-collector", "datadog/agent", "datadoghq/agent", "nri-prometheus",
		"oneagent", "activegate", "telegraf", "prometheus-collector", "splunk-otel-collector", "signoz-otel-collector", "elastic-agent",
		"metricbeat", "sysdig/agent", "agent-slim", "instana/agent", "cloudwatch-agent", "sumologic-otel-collector", "observe-agent", "vmagent",
	}
	// outsideImages report to a service that raises the alerts itself, or to a database
	// that may be elsewhere.
	outsideImages = []string{
		"grafana/agent", "alloy", "opentelemetry-collector", "otelcol", "otel-collector", "datadog/agent", "datadoghq/agent",
		"newrelic-infrastructure", "nri-kubernetes", "nri-prometheus", "oneagent", "activegate", "cloudwatch-agent", "prometheus-collector",
		"gke-metrics-agent", "telegraf", "netdata", "zabbix-agent", "zabbix-agent2", "checkmk", "metricbeat", "elastic-agent", "sysdig/agent",
		"agent-slim", "instana/agent", "coroot-node-agent", "splunk-otel-collector", "sumologic-otel-collector", "observe-agent",
		"signoz-otel-collector", "site24x7-agent", "vmagent", "prometheus-engine/prometheus",
	}
)

// known tells whether an image is one of a list.
func known(image string, list []string) bool {
	image, _, _ = strings.Cut(image, "@")
	dir, last := path.Split(strings.ToLower(image))
	last, _, _ = strings.Cut(last, ":")
	full := "/" + dir + last
	return slices.ContainsFunc(list, func(name string) bool {
		if strings.Contains(name, "/") {
			return strings.HasSuffix(full, "/"+name)
		}
		return last == name || strings.HasPrefix(last, name+"-") || strings.HasSuffix(last, "-"+name)
	})
}

// runs tells whether a container of the pods is of a known image.
func runs(pod *corev1.PodSpec, list []string) bool {
	return slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
		// node-exporter and its like offer metrics and collect none.
		return known(c.Image, list) && !strings.Contains(c.Image, "operator") && !strings.Contains(c.Image, "exporter") &&
			!strings.Contains(c.Image, "config-reloader") && !strings.Contains(c.Image, "adapter")
	})
}

// logKinds are custom resources for which an operator collects the logs of every node,
// with the field that switches it on where that is not the kind itself.
var logKinds = []struct {
	group, kind string
	on          func(*collectorSpec) bool
}{
	{"observability.openshift.io", "ClusterLogForwarder", nil},
	{"logging.openshift.io", "ClusterLogForwarder", nil},
	{"logging.openshift.io", "ClusterLogging", nil},
	{"logging.banzaicloud.io", "FluentbitAgent", nil},
	{"logging.banzaicloud.io", "Logging", func(s *collectorSpec) bool { return s.Fluentbit != nil }},
	{"fluentbit.fluent.io", "FluentBit", nil},
	{"datadoghq.com", "DatadogAgent", func(s *collectorSpec) bool { return s.Features.LogCollection.Enabled }},
	{"beat.k8s.elastic.co", "Beat", func(s *collectorSpec) bool { return s.Type == "filebeat" && s.DaemonSet != nil }},
	{"opentelemetry.io", "OpenTelemetryCollector", func(s *collectorSpec) bool {
		return s.Mode == "daemonset" && slices.ContainsFunc(s.VolumeMounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(m.MountPath, "/var/log") })
	}},
	{"operator.victoriametrics.com", "VLAgent", nil},
	{"vector.kaasops.io", "Vector", nil},
}

// collectorSpec holds what the kinds above say of themselves.
type collectorSpec struct {
	Mode         string               `json:"mode"`
	Type         string               `json:"type"`
	DaemonSet    map[string]any       `json:"daemonSet"`
	Fluentbit    map[string]any       `json:"fluentbit"`
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts"`
	Features     struct {
		LogCollection struct {
			Enabled bool `json:"enabled"`
		} `json:"logCollection"`
	} `json:"features"`
}

// metricKinds are custom resources for which an operator runs what collects metrics.
var metricKinds = [][2]string{
	{"monitoring.coreos.com", "Prometheus"}, {"monitoring.coreos.com", "PrometheusAgent"},
	{"operator.victoriametrics.com", "VMAgent"}, {"operator.victoriametrics.com", "VMSingle"},
	{"opentelemetry.io", "OpenTelemetryCollector"}, {"datadoghq.com", "DatadogAgent"},
	{"dynatrace.com", "DynaKube"}, {"agent.k8s.elastic.co", "Agent"},
}

// find gathers the collectors of a snapshot.
func find(s *snapshot.Snapshot) *collectors {
	c := &collectors{}
	for _, w := range s.Workloads() {
		pod := w.Pod()
		switch {
		case w.Kind == "DaemonSet" && readsNodeLogs(pod):
			c.logs = append(c.logs, w)
		case runs(pod, logImages):
			c.shippers = append(c.shippers, w)
		}
		if runs(pod, metricImages) {
			c.metrics = append(c.metrics, w.Object)
		}
		if runs(pod, discoverImages) {
			c.discovers = append(c.discovers, w.Object)
		}
		if runs(pod, outsideImages) {
			c.outside = append(c.outside, w.Object)
		}
		if evaluates(w, pod) {
			c.evaluators = append(c.evaluators, w)
		}
		if runs(pod, []string{"alertmanager"}) {
			c.alertmanagers = append(c.alertmanagers, w)
		}
	}
	for _, k := range logKinds {
		for _, o := range s.Custom(k.group, k.kind) {
			r, err := snapshot.As[struct {
				Spec collectorSpec `json:"spec"`
			}](o)
			if k.on == nil || err == nil && k.on(&r.Spec) {
				c.logKinds = append(c.logKinds, o)
			}
		}
	}
	for _, k := range metricKinds {
		list := s.Custom(k[0], k[1])
		c.metrics = append(c.metrics, list...)
		switch k[0] {
		case "opentelemetry.io", "datadoghq.com", "dynatrace.com", "agent.k8s.elastic.co":
			c.discovers, c.outside = append(c.discovers, list...), append(c.outside, list...)
		}
	}
	return c
}

// readsNodeLogs tells whether the pods mount the folders in which a node keeps the
// logs of its containers: /var/log in a known collector, the folders of the containers
// in any program.
func readsNodeLogs(pod *corev1.PodSpec) bool {
	shipper := runs(pod, logImages) && !switchedOff(pod)
	for _, v := range pod.Volumes {
		if v.HostPath == nil {
			continue
		}
		switch strings.TrimSuffix(v.HostPath.Path, "/") {
		case "/var/log", "/var/log/journal", "/run/log/journal", "/var/lib/containers":
			if shipper {
				return true
			}
		case "/var/log/pods", "/var/log/containers", "/var/lib/docker/containers":
			if shipper || !runs(pod, logImages) {
				return true
			}
		}
	}
	return false
}

// switchedOff tells whether an agent that can do more is told not to collect logs:
// Datadog's does so only when told to.
func switchedOff(pod *corev1.PodSpec) bool {
	for _, c := range pod.Containers {
		if !known(c.Image, []string{"datadog/agent", "datadoghq/agent"}) {
			continue
		}
		for _, e := range c.Env {
			if e.Name == "DD_LOGS_ENABLED" && (e.Value == "true" || e.ValueFrom != nil) {
				return false
			}
		}
		return len(c.EnvFrom) == 0
	}
	return false
}
