// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// alertmanager is what is read of the custom resources that run an Alertmanager.
type alertmanager struct {
	Spec struct {
		ConfigSecret              string                `json:"configSecret"`
		ConfigRawYAML             string                `json:"configRawYaml"`
		ConfigSelector            *metav1.LabelSelector `json:"alertmanagerConfigSelector"`
		VMConfigSelector          *metav1.LabelSelector `json:"configSelector"`
		SelectAllByDefault        bool                  `json:"selectAllByDefault"`
		AlertmanagerConfiguration *struct {
			Name string `json:"name"`
		} `json:"alertmanagerConfiguration"`
	} `json:"spec"`
}

// configResource is an AlertmanagerConfig or VMAlertmanagerConfig.
type configResource struct {
	Spec alertmanagerConfig `json:"spec"`
}

// receivers judges the configurations of Alertmanagers by where their routes end.
func (j *judge) receivers() {
	r := &routing{judge: j, judged: map[*snapshot.Object]bool{}}
	for _, k := range [][2]string{{"monitoring.coreos.com", "AlertmanagerConfig"}, {"operator.victoriametrics.com", "VMAlertmanagerConfig"}} {
		each(j, receivers, k[0], k[1], func(o *snapshot.Object, c *configResource) { r.report(o, c.Spec.problems("spec")) })
	}
	for o, cm := range snapshot.All[*corev1.ConfigMap](j.Snapshot, "ConfigMap") {
		r.files(o, cm.Data)
	}
	for o, secret := range snapshot.All[*corev1.Secret](j.Snapshot, "Secret") {
		r.files(o, secretText(secret))
	}
	for _, k := range [][2]string{{"monitoring.coreos.com", "Alertmanager"}, {"operator.victoriametrics.com", "VMAlertmanager"}} {
		each(j, receivers, k[0], k[1], r.alertmanager)
	}
	r.prometheus()
	if len(r.judged)+len(r.unknown) == 0 {
		r.nothing()
	}
	for _, reason := range r.unknown {
		j.Report.NotEvaluated(receivers, reason)
	}
}

// routing gathers what is judged.
type routing struct {
	*judge
	judged  map[*snapshot.Object]bool
	sending bool     // some configuration delivers
	unknown []string // why some configurations cannot be seen
}

func (r *routing) report(o *snapshot.Object, items []seaworthy.Item) {
	r.judged[o] = true
	r.sending = r.sending || len(items) == 0
	r.Report.Judge(receivers, o, items...)
}

// files judges the first configuration among the keys of a ConfigMap or Secret.
func (r *routing) files(o *snapshot.Object, data map[string]string) {
	for _, key := range sortedKeys(data) {
		if c := parseAlertmanager(data[key]); c != nil {
			r.report(o, c.problems(`data["`+key+`"]`))
			return
		}
	}
}

// secretText gives the text of a Secret's values, unpacked where the key says gzip.
func secretText(s *corev1.Secret) map[string]string {
	out := make(map[string]string, len(s.Data))
	for key, value := range s.Data {
		if strings.HasSuffix(key, ".gz") {
			if z, err := gzip.NewReader(bytes.NewReader(value)); err == nil {
				if text, err := io.ReadAll(io.LimitReader(z, 10<<20)); err == nil {
					value = text
				}
			}
		}
		out[key] = string(value)
	}
	return out
}

// alertmanager finds the configuration of an Alertmanager: a Secret, unless a custom
// resource or the field itself holds it. Without one the operator drops every alert.
func (r *routing) alertmanager(o *snapshot.Object, a *alertmanager) {
	ns := o.EffectiveNamespace()
	if text := a.Spec.ConfigRawYAML; text != "" {
		if c := parseAlertmanager(text); c != nil {
			r.report(o, c.problems("spec.configRawYaml"))
			return
		}
	}
	if ref := a.Spec.AlertmanagerConfiguration; ref != nil {
		if r.Snapshot.Lookup("monitoring.coreos.com", "AlertmanagerConfig", ns, ref.Name) == nil {
			r.report(o, missingConfig("spec.alertmanagerConfiguration", "AlertmanagerConfig "+ref.Name))
		}
		return
	}
	name := a.Spec.ConfigSecret
	if name == "" && o.Kind == "Alertmanager" {
		name = "alertmanager-" + o.Name
	}
	config := r.Snapshot.Lookup("", "Secret", ns, name)
	selects := a.Spec.ConfigSelector != nil || a.Spec.VMConfigSelector != nil || a.Spec.SelectAllByDefault
	switch {
	case config != nil && r.judged[config]:
	case config != nil || r.Snapshot.Unlisted["Secret"] != "" || r.Snapshot.Cluster():
		r.unknown = append(r.unknown, fmt.Sprintf("the configuration of %s %s is in Secret %s, whose content was not read", o.Kind, o.Name, name))
	case r.fromElsewhere(ns, name):
		r.unknown = append(r.unknown, fmt.Sprintf("the configuration of %s %s is in Secret %s, which a controller makes", o.Kind, o.Name, name))
	case selects && r.sending:
		r.report(o, nil)
	default:
		r.report(o, missingConfig("spec.configSecret", "Secret "+name))
	}
}

func missingConfig(path, what string) []seaworthy.Item {
	return []seaworthy.Item{{Key: path, Path: path, Message: "its configuration, " + what + ", is not there, so it drops every alert"}}
}

// fromElsewhere tells whether a sealed or external secret of the name is in the input.
func (r *routing) fromElsewhere(ns, name string) bool {
	return slices.ContainsFunc([][2]string{{"bitnami.com", "SealedSecret"}, {"external-secrets.io", "ExternalSecret"}}, func(k [2]string) bool {
		return slices.ContainsFunc(r.Snapshot.Custom(k[0], k[1]), func(o *snapshot.Object) bool {
			target, err := snapshot.As[struct {
				Spec struct {
					Target struct {
						Name string `json:"name"`
					} `json:"target"`
				} `json:"spec"`
			}](o)
			return o.EffectiveNamespace() == ns && (o.Name == name || err == nil && target.Spec.Target.Name == name)
		})
	})
}

// prometheus judges every Prometheus that is given alerts and no Alertmanager.
func (r *routing) prometheus() {
	each(r.judge, receivers, "monitoring.coreos.com", "Prometheus", func(o *snapshot.Object, e *evaluator) {
		if e.Spec.RuleSelector == nil || len(e.Spec.Alerting)+len(e.Spec.AdditionalAlerting) > 0 {
			return
		}
		const path = "spec.alerting"
		r.report(o, []seaworthy.Item{{Key: path, Path: path, Message: "it evaluates rules and is told of no Alertmanager"}})
	})
}

// nothing judges a cluster in which no configuration was found.
func (r *routing) nothing() {
	if list := r.collectors.alertmanagers; len(list) > 0 {
		r.unknown = append(r.unknown, fmt.Sprintf("the configuration of %s %s is in no ConfigMap or Secret that was read", list[0].Kind, list[0].Name))
		return
	}
	if !r.whole(receivers, "Alertmanager configuration") {
		return
	}
	switch {
	case r.Snapshot.Unlisted["Secret"] != "":
		r.unknown = append(r.unknown, "an Alertmanager's configuration may be in a Secret, and Secrets were not read")
	case len(r.collectors.outside) > 0:
		o := r.collectors.outside[0]
		r.unknown = append(r.unknown, fmt.Sprintf("%s %s reports to a service that may send the alerts from outside the cluster", o.Kind, o.Name))
	default:
		r.judgeWhole(receivers, "no Alertmanager is configured, so no alert reaches anybody")
	}
}
