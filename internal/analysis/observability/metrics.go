// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// metrics judges workloads that offer metrics by whether something scrapes them, and a
// cluster by whether it collects metrics at all.
func (j *judge) metrics() {
	if j.unlisted(metrics, "Service", "ServiceMonitor", "PodMonitor", "VMServiceScrape", "VMPodScrape", "PodMonitoring") {
		return
	}
	if len(j.collectors.metrics) > 0 {
		if j.Snapshot.Cluster() {
			j.judgeWhole(metrics, "")
		}
	} else if j.Snapshot.Cluster() && len(j.Snapshot.Source.Namespaces) == 0 {
		j.judgeWhole(metrics, "nothing in the cluster collects metrics")
	}
	sc := j.scrapes()
	offers, unclear := false, ""
	for _, w := range j.Snapshot.Workloads() {
		if !w.LongRunning() {
			continue
		}
		ports := metricsPorts(w)
		if len(ports) == 0 {
			continue
		}
		offers = true
		switch {
		case sc.of[w]:
			j.Report.Judge(metrics, w.Object)
		case !sc.any:
		case sc.unclear != "":
			unclear = sc.unclear
		default:
			j.Report.Judge(metrics, w.Object, ports...)
		}
	}
	switch {
	case unclear != "":
		j.Report.NotEvaluated(metrics, unclear)
	case offers && !sc.any:
		j.whole(metrics, "ServiceMonitor, PodMonitor or scrape annotation")
	}
}

// metricsPorts makes an item of each container port that is named after metrics.
func metricsPorts(w *snapshot.Workload) []seaworthy.Item {
	var out []seaworthy.Item
	for i, c := range w.Pod().Containers {
		for k, port := range c.Ports {
			for part := range strings.SplitSeq(port.Name, "-") {
				if part == "metrics" || part == "prometheus" || part == "prom" {
					out = append(out, seaworthy.Item{
						Key:  fmt.Sprintf("%s.containers[%s].ports[%s]", w.PodPath, c.Name, port.Name),
						Path: fmt.Sprintf("%s.containers[%d].ports[%d]", w.PodPath, i, k), Container: c.Name,
						Message: fmt.Sprintf("port %s offers metrics and nothing scrapes it", port.Name),
					})
					break
				}
			}
		}
	}
	return out
}

// scrapes is what is known of the targets of metrics collectors.
type scrapes struct {
	any     bool // the input holds something that says what is scraped
	of      map[*snapshot.Workload]bool
	unclear string // why more may be scraped than can be seen
}

// monitor is what is read of ServiceMonitors, PodMonitors and their like.
type monitor struct {
	Spec struct {
		Selector          metav1.LabelSelector `json:"selector"`
		NamespaceSelector struct {
			Any        bool     `json:"any"`
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
	} `json:"spec"`
}

// monitorKinds are the kinds that select what is scraped: Services or pods, in their own
// namespace, in those that they name, or everywhere.
var monitorKinds = []struct {
	group, kind      string
	services, global bool
}{
	{"monitoring.coreos.com", "ServiceMonitor", true, false},
	{"monitoring.coreos.com", "PodMonitor", false, false},
	{"azmonitoring.coreos.com", "ServiceMonitor", true, false},
	{"azmonitoring.coreos.com", "PodMonitor", false, false},
	{"operator.victoriametrics.com", "VMServiceScrape", true, false},
	{"operator.victoriametrics.com", "VMPodScrape", false, false},
	{"monitoring.googleapis.com", "PodMonitoring", false, false},
	{"monitoring.googleapis.com", "ClusterPodMonitoring", false, true},
}

func (j *judge) scrapes() *scrapes {
	sc := &scrapes{of: map[*snapshot.Workload]bool{}}
	pods, services := snapshot.IndexPods(j.Snapshot), indexServices(j.Snapshot)
	cover := func(ws []*snapshot.Workload) {
		for _, w := range ws {
			sc.of[w] = true
		}
	}
	for _, w := range j.Snapshot.Workloads() {
		if annotated(w.PodMeta.Annotations) {
			sc.any, sc.of[w] = true, true
		}
	}
	for o, svc := range snapshot.All[*corev1.Service](j.Snapshot, "Service") {
		if annotated(svc.Annotations) && len(svc.Spec.Selector) > 0 {
			sc.any = true
			cover(pods.SelectFor(o, o.EffectiveNamespace(), labels.SelectorFromSet(svc.Spec.Selector)))
		}
	}
	for _, k := range monitorKinds {
		each(j, metrics, k.group, k.kind, func(o *snapshot.Object, m *monitor) {
			sc.any = true
			sel, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
			if err != nil {
				j.Report.Error(metrics, o, fmt.Errorf("read spec.selector: %w", err))
				return
			}
			namespaces := []string{o.EffectiveNamespace()}
			switch {
			case k.global || m.Spec.NamespaceSelector.Any:
				namespaces = j.Snapshot.Namespaces()
			case len(m.Spec.NamespaceSelector.MatchNames) > 0:
				namespaces = m.Spec.NamespaceSelector.MatchNames
			}
			for _, ns := range namespaces {
				if !k.services {
					cover(pods.SelectFor(o, ns, sel))
					continue
				}
				for _, svc := range services.matching(ns, sel) {
					cover(pods.SelectFor(o, ns, labels.SelectorFromSet(svc.Spec.Selector)))
				}
			}
		})
	}
	sc.unclear = j.discovery()
	sc.any = sc.any || j.Snapshot.Cluster() && len(j.collectors.metrics) > 0
	return sc
}

// annotated tells whether annotations ask to be scraped: prometheus.io/scrape and what
// others call so, and Datadog's checks.
func annotated(annotations map[string]string) bool {
	for k, v := range annotations {
		if strings.HasSuffix(k, "/scrape") && v == "true" || strings.HasPrefix(k, "ad.datadoghq.com/") {
			return true
		}
	}
	return false
}

// discovery says what finds its targets in ways that the objects do not show, or nothing.
func (j *judge) discovery() string {
	for _, k := range [][2]string{
		{"monitoring.coreos.com", "ScrapeConfig"}, {"operator.victoriametrics.com", "VMScrapeConfig"},
		{"operator.victoriametrics.com", "VMStaticScrape"},
	} {
		if list := j.Snapshot.Custom(k[0], k[1]); len(list) > 0 {
			return fmt.Sprintf("%s %s may scrape more than its selectors show", list[0].Kind, list[0].Name)
		}
	}
	if len(j.collectors.discovers) > 0 {
		o := j.collectors.discovers[0]
		return fmt.Sprintf("%s %s finds what it scrapes by its own configuration", o.Kind, o.Name)
	}
	for o, cm := range snapshot.All[*corev1.ConfigMap](j.Snapshot, "ConfigMap") {
		for _, key := range sortedKeys(cm.Data) {
			// A job that keeps only annotated targets is seen by the annotations.
			text := cm.Data[key]
			if snapshot.HoldsDiscovery(text) && !strings.Contains(text, "annotation_prometheus_io_scrape") {
				return fmt.Sprintf("ConfigMap %s discovers targets in ways that are not followed", o.Name)
			}
		}
	}
	return ""
}

// serviceIndex finds Services by their own labels.
type serviceIndex struct {
	in      map[string][]*corev1.Service
	byLabel map[[3]string][]*corev1.Service // namespace, key, value
	memo    map[[2]string][]*corev1.Service
}

func indexServices(s *snapshot.Snapshot) *serviceIndex {
	x := &serviceIndex{map[string][]*corev1.Service{}, map[[3]string][]*corev1.Service{}, map[[2]string][]*corev1.Service{}}
	for o, svc := range snapshot.All[*corev1.Service](s, "Service") {
		if len(svc.Spec.Selector) == 0 {
			continue
		}
		ns := o.EffectiveNamespace()
		x.in[ns] = append(x.in[ns], svc)
		for k, v := range svc.Labels {
			x.byLabel[[3]string{ns, k, v}] = append(x.byLabel[[3]string{ns, k, v}], svc)
		}
	}
	return x
}

func (x *serviceIndex) matching(namespace string, sel labels.Selector) []*corev1.Service {
	key := [2]string{namespace, sel.String()}
	if out, ok := x.memo[key]; ok {
		return out
	}
	candidates := x.in[namespace]
	reqs, _ := sel.Requirements()
	for _, r := range reqs {
		if values := r.Values().UnsortedList(); len(values) == 1 && (r.Operator() == selection.Equals || r.Operator() == selection.In) {
			if few := x.byLabel[[3]string{namespace, r.Key(), values[0]}]; len(few) < len(candidates) {
				candidates = few
			}
		}
	}
	var out []*corev1.Service
	for _, svc := range candidates {
		if sel.Matches(labels.Set(svc.Labels)) {
			out = append(out, svc)
		}
	}
	x.memo[key] = out
	return out
}
