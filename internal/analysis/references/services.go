// SPDX-License-Identifier: Apache-2.0

package references

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// services judges every Service that selects pods.
func services(p *analysis.Pass) {
	if unlisted(p, danglingService, "Service", "Pod", "Deployment", "StatefulSet", "DaemonSet") {
		return
	}
	pods := snapshot.IndexPods(p.Snapshot)
	for o, svc := range snapshot.All[*corev1.Service](p.Snapshot, "Service") {
		if len(svc.Spec.Selector) == 0 || svc.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		var items []seaworthy.Item
		ns := o.EffectiveNamespace()
		if sel := labels.SelectorFromSet(svc.Spec.Selector); !pods.MayMatch(o, ns, sel) {
			items = append(items, seaworthy.Item{
				Key: "spec.selector", Path: "spec.selector",
				Message: fmt.Sprintf("no pod of namespace %s has the labels %s", ns, sel),
			})
		}
		p.Report.Judge(danglingService, o, items...)
	}
}

// ingresses judges every Ingress that names a Service.
func ingresses(p *analysis.Pass) {
	if unlisted(p, danglingIngress, "Service", "Ingress") {
		return
	}
	made := operatorServices(p.Snapshot)
	for o, ing := range snapshot.All[*networkingv1.Ingress](p.Snapshot, "Ingress") {
		j := backends{s: p.Snapshot, made: made, ingress: o, namespace: o.EffectiveNamespace()}
		if b := ing.Spec.DefaultBackend; b != nil {
			j.judge(b, "spec.defaultBackend", "spec.defaultBackend")
		}
		for i, r := range ing.Spec.Rules {
			if r.HTTP == nil {
				continue
			}
			for k, path := range r.HTTP.Paths {
				j.judge(&path.Backend,
					fmt.Sprintf("spec.rules[%s].http.paths[%s].backend", r.Host, path.Path),
					fmt.Sprintf("spec.rules[%d].http.paths[%d].backend", i, k))
			}
		}
		if j.judged {
			p.Report.Judge(danglingIngress, o, j.items...)
		}
	}
}

// backends judges the backends of one Ingress.
type backends struct {
	s         *snapshot.Snapshot
	made      map[[2]string]bool
	ingress   *snapshot.Object
	namespace string

	judged bool
	items  []seaworthy.Item
}

func (j *backends) judge(b *networkingv1.IngressBackend, key, path string) {
	ref := b.Service
	// The AWS controller takes the name of an action instead of a Service.
	if ref == nil || ref.Port.Name == "use-annotation" {
		return
	}
	j.judged = true
	message := ""
	o := j.s.LookupFor(j.ingress, "", "Service", j.namespace, ref.Name)
	switch {
	case o == nil && j.made[[2]string{j.namespace, ref.Name}]:
	case o == nil:
		message = fmt.Sprintf("namespace %s has no Service %s", j.namespace, ref.Name)
	default:
		message = portMissing(o, ref.Port)
	}
	if message != "" && !slices.ContainsFunc(j.items, func(i seaworthy.Item) bool { return i.Key == key }) {
		j.items = append(j.items, seaworthy.Item{Key: key, Path: path + ".service", Message: message})
	}
}

// portMissing says that a Service lacks the port, or nothing.
func portMissing(o *snapshot.Object, port networkingv1.ServiceBackendPort) string {
	svc, ok := o.View().(*corev1.Service)
	if !ok || svc.Spec.Type == corev1.ServiceTypeExternalName && len(svc.Spec.Ports) == 0 || port.Name == "" && port.Number == 0 {
		return ""
	}
	var has []string
	for _, p := range svc.Spec.Ports {
		if port.Name != "" && p.Name == port.Name || port.Name == "" && p.Port == port.Number {
			return ""
		}
		has = append(has, strings.TrimPrefix(fmt.Sprintf("%s %d", p.Name, p.Port), " "))
	}
	wanted := port.Name
	if wanted == "" {
		wanted = fmt.Sprint(port.Number)
	}
	return fmt.Sprintf("Service %s has no port %s (it has: %s)", o.Name, wanted, strings.Join(has, ", "))
}

// serviceNames are the names of the Services that an operator makes for a custom
// resource; %n stands for the resource's name.
var serviceNames = map[[2]string][]string{
	{"monitoring.coreos.com", "Prometheus"}:                  {"prometheus-operated"},
	{"monitoring.coreos.com", "Alertmanager"}:                {"alertmanager-operated"},
	{"monitoring.coreos.com", "ThanosRuler"}:                 {"thanos-ruler-operated"},
	{"operator.victoriametrics.com", "VMSingle"}:             {"vmsingle-%n"},
	{"operator.victoriametrics.com", "VMAgent"}:              {"vmagent-%n"},
	{"operator.victoriametrics.com", "VMAlert"}:              {"vmalert-%n"},
	{"operator.victoriametrics.com", "VMAlertmanager"}:       {"vmalertmanager-%n"},
	{"operator.victoriametrics.com", "VMCluster"}:            {"vmselect-%n", "vminsert-%n", "vmstorage-%n"},
	{"postgresql.cnpg.io", "Cluster"}:                        {"%n-rw", "%n-ro", "%n-r"},
	{"postgresql.cnpg.io", "Pooler"}:                         {"%n"},
	{"postgres-operator.crunchydata.com", "PostgresCluster"}: {"%n-primary", "%n-replicas", "%n-pgbouncer", "%n-ha"},
	{"acid.zalan.do", "postgresql"}:                          {"%n", "%n-repl", "%n-pooler"},
	{"elasticsearch.k8s.elastic.co", "Elasticsearch"}:        {"%n-es-http", "%n-es-transport"},
	{"kibana.k8s.elastic.co", "Kibana"}:                      {"%n-kb-http"},
	{"apm.k8s.elastic.co", "ApmServer"}:                      {"%n-apm-http"},
	{"kafka.strimzi.io", "Kafka"}:                            {"%n-kafka-bootstrap", "%n-kafka-brokers"},
	{"kafka.strimzi.io", "KafkaBridge"}:                      {"%n-bridge-service"},
	{"kafka.strimzi.io", "KafkaConnect"}:                     {"%n-connect-api"},
	{"rabbitmq.com", "RabbitmqCluster"}:                      {"%n", "%n-nodes"},
	{"serving.knative.dev", "Service"}:                       {"%n"},
	{"serving.kserve.io", "InferenceService"}:                {"%n", "%n-predictor"},
	{"opentelemetry.io", "OpenTelemetryCollector"}:           {"%n-collector", "%n-collector-headless"},
	{"jaegertracing.io", "Jaeger"}:                           {"%n-query", "%n-collector"},
	{"k8s.keycloak.org", "Keycloak"}:                         {"%n-service"},
	{"grafana.integreatly.org", "Grafana"}:                   {"%n-service"},
	{"minio.min.io", "Tenant"}:                               {"minio", "%n-console", "%n-hl"},
	{"argoproj.io", "ArgoCD"}:                                {"%n-server", "%n-repo-server", "%n-redis", "%n-metrics"},
	{"mongodbcommunity.mongodb.com", "MongoDBCommunity"}:     {"%n-svc"},
	{"mysql.oracle.com", "InnoDBCluster"}:                    {"%n"},
	{"k8s.mariadb.com", "MariaDB"}:                           {"%n", "%n-primary", "%n-secondary"},
	{"ray.io", "RayCluster"}:                                 {"%n-head-svc"},
	{"ray.io", "RayService"}:                                 {"%n-head-svc", "%n-serve-svc"},
	{"flink.apache.org", "FlinkDeployment"}:                  {"%n-rest"},
	{"clickhouse.altinity.com", "ClickHouseInstallation"}:    {"clickhouse-%n"},
	{"tempo.grafana.com", "TempoStack"}:                      {"tempo-%n-query-frontend", "tempo-%n-gateway", "tempo-%n-distributor"},
	{"loki.grafana.com", "LokiStack"}:                        {"%n-gateway-http", "%n-distributor-http", "%n-query-frontend-http"},
	{"argoproj.io", "EventSource"}:                           {"%n-eventsource-svc"},
}

// operatorServices are the Services, by namespace and name, that operators will make.
func operatorServices(s *snapshot.Snapshot) map[[2]string]bool {
	out := map[[2]string]bool{}
	for k, names := range serviceNames {
		for _, o := range s.Custom(k[0], k[1]) {
			for _, name := range names {
				out[[2]string{o.EffectiveNamespace(), strings.ReplaceAll(name, "%n", o.Name)}] = true
			}
		}
	}
	return out
}
