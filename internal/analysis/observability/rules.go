// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// ruleGroups is what is read of a file or object of Prometheus rules.
type ruleGroups struct {
	Groups []struct {
		Rules []struct {
			Alert string `json:"alert"`
		} `json:"rules"`
	} `json:"groups"`
}

func (g *ruleGroups) alerts() bool {
	for _, group := range g.Groups {
		for _, r := range group.Rules {
			if r.Alert != "" {
				return true
			}
		}
	}
	return false
}

// alertKinds are the custom resources that define alerts as groups of rules.
var alertKinds = [][2]string{
	{"monitoring.coreos.com", "PrometheusRule"}, {"azmonitoring.coreos.com", "PrometheusRuleGroup"},
	{"operator.victoriametrics.com", "VMRule"},
	{"monitoring.googleapis.com", "Rules"}, {"monitoring.googleapis.com", "ClusterRules"}, {"monitoring.googleapis.com", "GlobalRules"},
	{"loki.grafana.com", "AlertingRule"},
}

// singleAlerts are the custom resources each of which is an alert or more.
var singleAlerts = [][2]string{
	{"datadoghq.com", "DatadogMonitor"}, {"grafana.integreatly.org", "GrafanaAlertRuleGroup"},
	{"coralogix.com", "Alert"}, {"coralogix.com", "RuleGroup"}, {"monitoring.newrelic.com", "AlertCondition"},
}

// alerting are the objects that define alerts.
type alerting struct {
	objects []*snapshot.Object            // custom resources
	files   map[string][]*snapshot.Object // ConfigMaps, by namespace
}

func (a *alerting) none() bool { return len(a.objects) == 0 && len(a.files) == 0 }

func (j *judge) alerts() *alerting {
	a := &alerting{files: map[string][]*snapshot.Object{}}
	type rule struct {
		Spec ruleGroups `json:"spec"`
	}
	for _, k := range alertKinds {
		each(j, rules, k[0], k[1], func(o *snapshot.Object, r *rule) {
			if r.Spec.alerts() {
				a.objects = append(a.objects, o)
			}
		})
	}
	for _, k := range singleAlerts {
		a.objects = append(a.objects, j.Snapshot.Custom(k[0], k[1])...)
	}
	for o, cm := range snapshot.All[*corev1.ConfigMap](j.Snapshot, "ConfigMap") {
		for _, text := range cm.Data {
			var g ruleGroups
			if snapshot.HoldsAlerts(text) && yaml.Unmarshal([]byte(text), &g) == nil && g.alerts() {
				a.files[o.EffectiveNamespace()] = append(a.files[o.EffectiveNamespace()], o)
				break
			}
		}
	}
	return a
}

// evaluator is what is read of the custom resources that evaluate rules.
type evaluator struct {
	Spec struct {
		RuleSelector          *metav1.LabelSelector `json:"ruleSelector"`
		RuleNamespaceSelector *metav1.LabelSelector `json:"ruleNamespaceSelector"`
		SelectAllByDefault    bool                  `json:"selectAllByDefault"`
		Alerting              map[string]any        `json:"alerting"`
		AdditionalAlerting    map[string]any        `json:"additionalAlertManagerConfigs"`
	} `json:"spec"`
}

// rules judges what evaluates alerts by whether it is given any, and a cluster that has
// nothing of the kind.
func (j *judge) rules() {
	if j.unlisted(rules, "ConfigMap", "PrometheusRule", "VMRule") {
		return
	}
	a := j.alerts()
	judged := false
	rulers := len(j.Snapshot.Custom("monitoring.coreos.com", "ThanosRuler")) > 0
	for _, kind := range []string{"Prometheus", "ThanosRuler"} {
		each(j, rules, "monitoring.coreos.com", kind, func(o *snapshot.Object, e *evaluator) {
			if kind == "Prometheus" && rulers && e.Spec.RuleSelector == nil {
				return // the rules are the ruler's
			}
			judged = true
			items, err := j.selected(o, e, a)
			if err != nil {
				j.Report.Error(rules, o, fmt.Errorf("read the selectors of rules: %w", err))
				return
			}
			j.Report.Judge(rules, o, items...)
		})
	}
	each(j, rules, "operator.victoriametrics.com", "VMAlert", func(o *snapshot.Object, _ *evaluator) {
		judged = true
		j.Report.Judge(rules, o, j.given(len(a.objects) > 0)...)
	})
	for _, w := range j.collectors.evaluators {
		judged = true
		j.Report.Judge(rules, w.Object, j.given(len(a.files[w.EffectiveNamespace()]) > 0 || len(a.objects) > 0)...)
	}
	if !judged {
		j.noRules(a)
	}
}

// noRules judges a cluster in which nothing was found that evaluates rules.
func (j *judge) noRules(a *alerting) {
	switch {
	case !j.whole(rules, "Prometheus or other program that evaluates alerts"):
	case !a.none():
		j.judgeWhole(rules, "")
	case len(j.collectors.outside) > 0:
		o := j.collectors.outside[0]
		j.Report.NotEvaluated(rules, fmt.Sprintf("%s %s reports to a service that may define the alerts outside the cluster", o.Kind, o.Name))
	default:
		j.judgeWhole(rules, "nothing in the cluster defines or evaluates alerts")
	}
}

func (j *judge) given(some bool) []seaworthy.Item {
	if some {
		return nil
	}
	return []seaworthy.Item{{Message: "it evaluates no alert: none is defined"}}
}

// selected judges a Prometheus by the PrometheusRules that it selects: none without a
// selector, and those of its own namespace without a namespace selector.
func (j *judge) selected(o *snapshot.Object, e *evaluator, a *alerting) ([]seaworthy.Item, error) {
	const path = "spec.ruleSelector"
	if e.Spec.RuleSelector == nil {
		return []seaworthy.Item{{Key: path, Path: path, Message: "without a rule selector it evaluates no PrometheusRule"}}, nil
	}
	sel, err := metav1.LabelSelectorAsSelector(e.Spec.RuleSelector)
	if err != nil {
		return nil, err
	}
	in, err := metav1.LabelSelectorAsSelector(e.Spec.RuleNamespaceSelector)
	if err != nil {
		return nil, err
	}
	for _, r := range a.objects {
		ns := r.EffectiveNamespace()
		own := e.Spec.RuleNamespaceSelector == nil && ns == o.EffectiveNamespace()
		if r.Kind == "PrometheusRule" && (own || in.Matches(j.Snapshot.NamespaceLabels(ns))) && sel.Matches(objectLabels(r)) {
			return nil, nil
		}
	}
	return []seaworthy.Item{{Key: path, Path: path, Message: "it selects no PrometheusRule that defines an alert"}}, nil
}

// objectLabels are the labels of a custom resource itself.
func objectLabels(o *snapshot.Object) labels.Set {
	m, err := snapshot.As[struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}](o)
	if err != nil {
		return nil
	}
	return m.Metadata.Labels
}

// evaluates tells whether a workload is a Prometheus that no operator configures.
func evaluates(w *snapshot.Workload, pod *corev1.PodSpec) bool {
	if w.PodMeta.Labels["operator.prometheus.io/name"] != "" || w.PodMeta.Labels["app.kubernetes.io/managed-by"] == "prometheus-operator" {
		return false
	}
	for _, c := range pod.Containers {
		agent := false
		for _, arg := range c.Args {
			agent = agent || strings.HasPrefix(arg, "--enable-feature=agent") || arg == "--agent"
		}
		if !agent && known(c.Image, []string{"prom/prometheus", "prometheus/prometheus", "bitnami/prometheus", "vmalert"}) {
			return true
		}
	}
	return false
}
