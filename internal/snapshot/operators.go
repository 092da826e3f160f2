// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// operated names labels that an operator puts on the pods it makes for a custom
// resource, by the resource's group and kind. %n stands for its name, %s for its
// namespace.
var operated = map[[2]string]labels.Set{
	{"monitoring.coreos.com", "Prometheus"}: {
		"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "%n", "prometheus": "%n",
		"app.kubernetes.io/managed-by": "prometheus-operator", "operator.prometheus.io/name": "%n",
	},
	{"monitoring.coreos.com", "PrometheusAgent"}: {
		"app.kubernetes.io/name": "prometheus-agent", "app.kubernetes.io/instance": "%n", "operator.prometheus.io/name": "%n",
	},
	{"monitoring.coreos.com", "Alertmanager"}: {
		"app.kubernetes.io/name": "alertmanager", "app.kubernetes.io/instance": "%n", "alertmanager": "%n",
		"app.kubernetes.io/managed-by": "prometheus-operator",
	},
	{"monitoring.coreos.com", "ThanosRuler"}: {
		"app.kubernetes.io/name": "thanos-ruler", "app.kubernetes.io/instance": "%n", "thanos-ruler": "%n",
	},
	{"operator.victoriametrics.com", "VMAgent"}:              {"app.kubernetes.io/name": "vmagent", "app.kubernetes.io/instance": "%n"},
	{"operator.victoriametrics.com", "VMAlert"}:              {"app.kubernetes.io/name": "vmalert", "app.kubernetes.io/instance": "%n"},
	{"operator.victoriametrics.com", "VMAlertmanager"}:       {"app.kubernetes.io/name": "vmalertmanager", "app.kubernetes.io/instance": "%n"},
	{"operator.victoriametrics.com", "VMSingle"}:             {"app.kubernetes.io/name": "vmsingle", "app.kubernetes.io/instance": "%n"},
	{"operator.victoriametrics.com", "VMCluster"}:            {"app.kubernetes.io/instance": "%n"},
	{"postgresql.cnpg.io", "Cluster"}:                        {"cnpg.io/cluster": "%n", "postgresql": "%n"},
	{"postgresql.cnpg.io", "Pooler"}:                         {"cnpg.io/poolerName": "%n"},
	{"kafka.strimzi.io", "Kafka"}:                            {"strimzi.io/cluster": "%n"},
	{"kafka.strimzi.io", "KafkaConnect"}:                     {"strimzi.io/cluster": "%n"},
	{"kafka.strimzi.io", "KafkaBridge"}:                      {"strimzi.io/cluster": "%n"},
	{"kafka.strimzi.io", "KafkaMirrorMaker2"}:                {"strimzi.io/cluster": "%n"},
	{"elasticsearch.k8s.elastic.co", "Elasticsearch"}:        {"elasticsearch.k8s.elastic.co/cluster-name": "%n"},
	{"kibana.k8s.elastic.co", "Kibana"}:                      {"kibana.k8s.elastic.co/name": "%n"},
	{"postgres-operator.crunchydata.com", "PostgresCluster"}: {"postgres-operator.crunchydata.com/cluster": "%n"},
	{"acid.zalan.do", "postgresql"}:                          {"cluster-name": "%n", "application": "spilo"},
	{"rabbitmq.com", "RabbitmqCluster"}:                      {"app.kubernetes.io/name": "%n"},
	{"serving.knative.dev", "Service"}:                       {"serving.knative.dev/service": "%n"},
	{"opentelemetry.io", "OpenTelemetryCollector"}:           {"app.kubernetes.io/name": "%n-collector", "app.kubernetes.io/instance": "%s.%n"},
	{"jaegertracing.io", "Jaeger"}:                           {"app.kubernetes.io/instance": "%n"},
	{"psmdb.percona.com", "PerconaServerMongoDB"}:            {"app.kubernetes.io/instance": "%n"},
	{"pxc.percona.com", "PerconaXtraDBCluster"}:              {"app.kubernetes.io/instance": "%n"},
	{"pgv2.percona.com", "PerconaPGCluster"}:                 {"postgres-operator.crunchydata.com/cluster": "%n"},
	{"mongodbcommunity.mongodb.com", "MongoDBCommunity"}:     {"app": "%n-svc"},
	{"mysql.oracle.com", "InnoDBCluster"}:                    {"mysql.oracle.com/cluster": "%n"},
	{"k8s.mariadb.com", "MariaDB"}:                           {"app.kubernetes.io/name": "mariadb", "app.kubernetes.io/instance": "%n"},
	{"k8s.keycloak.org", "Keycloak"}:                         {"app": "keycloak", "app.kubernetes.io/instance": "%n"},
	{"databases.spotahome.com", "RedisFailover"}:             {"redisfailovers.databases.spotahome.com/name": "%n"},
	{"redis.redis.opstreelabs.in", "Redis"}:                  {"app": "%n"},
	{"minio.min.io", "Tenant"}:                               {"v1.min.io/tenant": "%n"},
	{"gateway.networking.k8s.io", "Gateway"}:                 {"gateway.networking.k8s.io/gateway-name": "%n"},
	{"argoproj.io", "ArgoCD"}:                                {"app.kubernetes.io/part-of": "argocd"},
	{"cassandra.datastax.com", "CassandraDatacenter"}:        {"cassandra.datastax.com/datacenter": "%n"},
	{"scylla.scylladb.com", "ScyllaCluster"}:                 {"scylla/cluster": "%n"},
	{"clickhouse.altinity.com", "ClickHouseInstallation"}:    {"clickhouse.altinity.com/chi": "%n"},
	{"tempo.grafana.com", "TempoStack"}:                      {"app.kubernetes.io/instance": "%n"},
	{"loki.grafana.com", "LokiStack"}:                        {"app.kubernetes.io/instance": "%n"},
	{"grafana.integreatly.org", "Grafana"}:                   {"app": "%n"},
	{"nats.io", "NatsCluster"}:                               {"nats_cluster": "%n"},
	{"flink.apache.org", "FlinkDeployment"}:                  {"app": "%n"},
	{"sparkoperator.k8s.io", "SparkApplication"}:             {"sparkoperator.k8s.io/app-name": "%n"},
	{"trino.stackable.tech", "TrinoCluster"}:                 {"app.kubernetes.io/instance": "%n"},
	{"camel.apache.org", "Integration"}:                      {"camel.apache.org/integration": "%n"},
	{"kubevirt.io", "VirtualMachine"}:                        {"vm.kubevirt.io/name": "%n"},
}

// operatedLabels are the labels known of the pods that an operator will make for the
// object, or nil. Labels that a resource asks for on its pods are among them.
func operatedLabels(o *Object) labels.Set {
	if o.BuiltIn() {
		return nil
	}
	known := operated[[2]string{o.Group(), o.Kind}]
	if known == nil {
		return nil
	}
	fill := strings.NewReplacer("%n", o.Name, "%s", o.EffectiveNamespace())
	out := make(labels.Set, len(known))
	for k, v := range known {
		out[k] = fill.Replace(v)
	}
	wanted, err := As[struct {
		Spec struct {
			PodMetadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"podMetadata"`
			InheritedMetadata struct {
				Labels map[string]string `json:"labels"`
			} `json:"inheritedMetadata"`
		} `json:"spec"`
	}](o)
	if err != nil {
		return out
	}
	return labels.Merge(labels.Merge(out, wanted.Spec.PodMetadata.Labels), wanted.Spec.InheritedMetadata.Labels)
}

// mayOperate tells whether a selector fits what is known of pods to be: it must agree
// with every label that is known and name at least one of them.
func mayOperate(known labels.Set, reqs labels.Requirements) bool {
	named := false
	for i := range reqs {
		if !known.Has(reqs[i].Key()) {
			continue
		}
		if !reqs[i].Matches(known) {
			return false
		}
		named = true
	}
	return named
}
