// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/seaworthy-dev/seaworthy/internal/schema"
)

// builtin lists the resources of Kubernetes itself that checks read, by group. What else
// the API server has (Events, Leases, EndpointSlices, ControllerRevisions, metrics, …) is
// left out.
var builtin = []groupResources{
	{"", []string{
		"configmaps", "limitranges", "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
		"podtemplates", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
	}},
	{"admissionregistration.k8s.io", []string{
		"mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations",
		"validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
	}},
	{"apiextensions.k8s.io", []string{"customresourcedefinitions"}},
	{"apiregistration.k8s.io", []string{"apiservices"}},
	{"apps", []string{"daemonsets", "deployments", "replicasets", "statefulsets"}},
	{"autoscaling", []string{"horizontalpodautoscalers"}},
	{"batch", []string{"cronjobs", "jobs"}},
	{"certificates.k8s.io", []string{"certificatesigningrequests"}},
	{"flowcontrol.apiserver.k8s.io", []string{"flowschemas", "prioritylevelconfigurations"}},
	{"networking.k8s.io", []string{"ingressclasses", "ingresses", "networkpolicies"}},
	{"node.k8s.io", []string{"runtimeclasses"}},
	{"policy", []string{"poddisruptionbudgets", "podsecuritypolicies"}},
	{"rbac.authorization.k8s.io", []string{"clusterrolebindings", "clusterroles", "rolebindings", "roles"}},
	{"scheduling.k8s.io", []string{"priorityclasses"}},
	{"storage.k8s.io", []string{"csidrivers", "storageclasses", "volumeattributesclasses"}},
}

type groupResources struct {
	group     string
	resources []string
}

// customGroups lists the groups of custom resources that checks read. They are listed
// wherever they are served, and not being allowed to is an error of the report. Other
// custom resources are listed as far as the rights go.
var customGroups = []string{
	"apisix.apache.org", "apps.openshift.io", "argoproj.io", "autoscaling.k8s.io", "cert-manager.io", "cilium.io",
	"configuration.konghq.com", "constraints.gatekeeper.sh", "crd.antrea.io", "crd.projectcalico.org",
	"external-secrets.io", "fluentbit.fluent.io", "gateway.networking.k8s.io", "getambassador.io", "grafana.integreatly.org",
	"keda.sh", "kyverno.io", "logging.banzaicloud.io", "loki.grafana.com", "monitoring.coreos.com", "network.openshift.io",
	"networking.istio.io", "opentelemetry.io", "operator.victoriametrics.com", "policies.kyverno.io",
	"policy.networking.k8s.io", "policy.sigstore.dev", "postgresql.cnpg.io", "projectcalico.org", "projectcontour.io",
	"route.openshift.io", "secrets-store.csi.x-k8s.io", "security.istio.io", "security.openshift.io",
	"serving.knative.dev", "snapshot.storage.k8s.io", "telemetry.istio.io", "templates.gatekeeper.sh", "traefik.containo.us",
	"traefik.io", "velero.io",
}

// reported lists resources in which other tools say what they found. They are listed where
// they are served and the rights go; not being allowed to is no error of the report.
var reported = []groupResources{
	{"aquasecurity.github.io", []string{
		"clusterconfigauditreports", "clusterinfraassessmentreports", "clusterrbacassessmentreports", "configauditreports",
		"exposedsecretreports", "infraassessmentreports", "rbacassessmentreports", "vulnerabilityreports",
	}},
	{"openreports.io", []string{"clusterreports", "reports"}},
	{"wgpolicyk8s.io", []string{"clusterpolicyreports", "policyreports"}},
}

// claiming lists resources by which Flux tells what it applies. A watch follows them, since
// they say who approved a change; Argo CD's are among the groups that checks read.
var claiming = []groupResources{
	{"helm.toolkit.fluxcd.io", []string{"helmreleases"}},
	{"kustomize.toolkit.fluxcd.io", []string{"kustomizations"}},
	{"source.toolkit.fluxcd.io", []string{"buckets", "gitrepositories", "helmrepositories", "ocirepositories"}},
}

// leftOut lists groups that hold what other tools keep for themselves, copies of what is
// listed elsewhere, runtime state in bulk, or secrets; a single resource is written with
// its group.
var leftOut = map[string]bool{
	"authorization.openshift.io": true, "custom.metrics.k8s.io": true,
	"external.metrics.k8s.io": true, "image.openshift.io": true, "metrics.k8s.io": true, "oauth.openshift.io": true,
	"packages.operators.coreos.com": true, "project.openshift.io": true,
	"reports.kyverno.io": true, "spdx.softwarecomposition.kubescape.io": true, "user.openshift.io": true,

	"admissionreports.kyverno.io": true, "backgroundscanreports.kyverno.io": true,
	"clusteradmissionreports.kyverno.io": true, "clusterbackgroundscanreports.kyverno.io": true,
	"updaterequests.kyverno.io": true, "ciliumendpoints.cilium.io": true, "ciliumendpointslices.cilium.io": true,
	"ciliumidentities.cilium.io": true, "ciliumnodes.cilium.io": true, "ipamblocks.crd.projectcalico.org": true,
	"ipamhandles.crd.projectcalico.org": true, "blockaffinities.crd.projectcalico.org": true,
	"downloadrequests.velero.io": true, "podvolumebackups.velero.io": true, "challenges.acme.cert-manager.io": true,
	"certificaterequests.cert-manager.io": true, "orders.acme.cert-manager.io": true,
}

// resource is one thing to list.
type resource struct {
	kschema.GroupVersionResource
	kind       string
	namespaced bool
	// optional resources may be forbidden without that being an error of the report.
	optional bool
	// polled resources cannot be watched; they are listed again and again.
	polled bool
}

// String names the resource as kubectl does: deployments.apps.
func (r resource) String() string { return r.GroupResource().String() }

// key is the kind under which the resource counts as not listed. A custom kind that is
// called like a built-in one carries its group.
func (r resource) key() string {
	if r.kind == "Secret" && r.Group == "" || isBuiltin(r.Group) || r.kind == "NetworkPolicy" || !builtinKinds[r.kind] {
		return r.kind
	}
	return r.kind + "." + r.Group
}

// builtinKinds are kinds of builtin that custom resources are also called.
var builtinKinds = map[string]bool{
	"Service": true, "Role": true, "RoleBinding": true, "ClusterRole": true, "ClusterRoleBinding": true, "Job": true,
	"Deployment": true, "Ingress": true, "Node": true, "Namespace": true, "Pod": true, "ConfigMap": true, "Secret": true,
	"ServiceAccount": true, "StatefulSet": true, "DaemonSet": true, "CronJob": true, "ReplicaSet": true,
}

func isBuiltin(group string) bool {
	return slices.ContainsFunc(builtin, func(g groupResources) bool { return g.group == group })
}

// path is where the resource is listed, in one namespace or everywhere.
func (r resource) path(namespace string) string {
	p := "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		p = "/api/" + r.Version
	}
	if namespace != "" {
		p += "/namespaces/" + namespace
	}
	return p + "/" + r.Resource
}

// rank orders the listing: what tells of other objects comes before these.
func (r resource) rank() int {
	switch r.String() {
	case "namespaces":
		return 0
	case "customresourcedefinitions.apiextensions.k8s.io":
		return 1
	case "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "replicationcontrollers":
		return 3
	case "replicasets.apps", "jobs.batch":
		return 4
	case "pods":
		return 5
	}
	return 2
}

// served are the groups that discovery found, and those that it could not ask.
type served struct {
	groups []*metav1.APIGroup
	lists  map[string]*metav1.APIResourceList // by group and version
	failed map[kschema.GroupVersion]error
}

func (c *Cluster) discover() (*served, error) {
	groups, lists, err := c.discovery.ServerGroupsAndResources()
	s := &served{groups: groups, lists: map[string]*metav1.APIResourceList{}}
	if failed, ok := discovery.GroupDiscoveryFailedErrorGroups(err); ok {
		s.failed = failed
	} else if err != nil {
		return nil, told("ask "+c.name+" for its resources", err)
	}
	for _, l := range lists {
		s.lists[l.GroupVersion] = l
	}
	return s, nil
}

// plan chooses what to list, one version of each resource, in the order of listing.
func (s *served) plan(secrets bool) []resource {
	var out []resource
	calico := slices.ContainsFunc(s.groups, func(g *metav1.APIGroup) bool { return g.Name == "projectcalico.org" })
	for _, g := range s.groups {
		if leftOut[g.Name] || g.Name == "crd.projectcalico.org" && calico {
			continue
		}
		chosen := map[string]bool{}
		for _, v := range versionsOf(g) {
			list := s.lists[v.GroupVersion]
			if list == nil {
				continue
			}
			for _, r := range list.APIResources {
				res := resource{kschema.GroupVersionResource{Group: g.Name, Version: v.Version, Resource: r.Name}, r.Kind, r.Namespaced, false, !slices.Contains(r.Verbs, "watch")}
				if !slices.Contains(r.Verbs, "list") || strings.Contains(r.Name, "/") || chosen[r.Name] || !res.wanted(secrets) {
					continue
				}
				chosen[r.Name] = true
				res.optional = !isBuiltin(g.Name) && !slices.Contains(customGroups, g.Name)
				res.Version = s.version(g, r, v.Version)
				out = append(out, res)
			}
		}
	}
	slices.SortStableFunc(out, resource.compare)
	return out
}

// compare orders resources as they are listed.
func (r resource) compare(o resource) int {
	return cmp.Or(cmp.Compare(r.rank(), o.rank()), cmp.Compare(r.Group, o.Group), cmp.Compare(r.Resource, o.Resource))
}

// version prefers, for kinds of Kubernetes itself, a version whose types this build has.
func (s *served) version(g *metav1.APIGroup, r metav1.APIResource, preferred string) string {
	if !isBuiltin(g.Name) {
		return preferred
	}
	for _, v := range versionsOf(g) {
		list := s.lists[v.GroupVersion]
		if list == nil || !schema.Known(kschema.GroupVersionKind{Group: g.Name, Version: v.Version, Kind: r.Kind}) {
			continue
		}
		if slices.ContainsFunc(list.APIResources, func(o metav1.APIResource) bool { return o.Name == r.Name }) {
			return v.Version
		}
	}
	return preferred
}

// versionsOf lists the versions of a group, the preferred one first.
func versionsOf(g *metav1.APIGroup) []metav1.GroupVersionForDiscovery {
	out := slices.Clone(g.Versions)
	slices.SortStableFunc(out, func(a, b metav1.GroupVersionForDiscovery) int {
		first := func(v metav1.GroupVersionForDiscovery) int {
			if v.Version == g.PreferredVersion.Version {
				return 0
			}
			return 1
		}
		return cmp.Compare(first(a), first(b))
	})
	return out
}

// wanted tells whether checks, or the user's own policies, may read the resource.
func (r resource) wanted(secrets bool) bool {
	switch {
	case r.String() == "secrets":
		return secrets
	case leftOut[r.String()]:
		return false
	}
	for _, g := range slices.Concat(builtin, reported) {
		if g.group == r.Group {
			return slices.Contains(g.resources, r.Resource)
		}
	}
	// Groups of Kubernetes that no check reads have no domain or end in .k8s.io, as have
	// some of the custom resources that checks read.
	return slices.Contains(customGroups, r.Group) || strings.Contains(r.Group, ".") && !strings.HasSuffix(r.Group, ".k8s.io")
}
