// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// evidence is what may tell who runs a cluster.
type evidence struct {
	host, version string
	groups        []string
	nodes         []corev1.Node
}

// SelfManaged is the provider where nodes show that the control plane is the user's own.
const SelfManaged = "self-managed"

// hosts maps the domains under which providers serve their API servers.
var hosts = []struct{ suffix, provider string }{
	{".eks.amazonaws.com", "EKS"},            // docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
	{".gke.goog", "GKE"},                     // cloud.google.com/kubernetes-engine/docs/concepts/network-isolation (DNS endpoint)
	{".azmk8s.io", "AKS"},                    // learn.microsoft.com/azure/aks/private-clusters
	{".k8s.ondigitalocean.com", "DOKS"},      // docs.digitalocean.com/products/kubernetes
	{".linodelke.net", "LKE"},                // techdocs.akamai.com/cloud-computing/docs/linode-kubernetes-engine
	{".vultr-k8s.com", "VKE"},                // docs.vultr.com/vultr-kubernetes-engine
	{".containers.cloud.ibm.com", "IKS"},     // cloud.ibm.com/docs/containers
	{".k8s.scw.cloud", "Kapsule"},            // www.scaleway.com/en/docs/kubernetes
	{".k8s.ovh.net", "OVH"},                  // help.ovhcloud.com, Managed Kubernetes
	{".exo.io", "SKS"},                       // community.exoscale.com, Scalable Kubernetes Service
	{".k8s.civo.com", "Civo"},                // www.civo.com/docs/kubernetes
	{".onstackit.cloud", "SKE"},              // docs.stackit.cloud, Kubernetes Engine
	{".k8s.upcloud.com", "UKS"},              // upcloud.com/docs/products/managed-kubernetes
	{".cs.aliyuncs.com", "ACK"},              // www.alibabacloud.com/help/ack
	{".ccs.tencent-cloud.com", "TKE"},        // www.tencentcloud.com/document/product/457
	{".clusters.oci.oraclecloud.com", "OKE"}, // docs.oracle.com/en-us/iaas/Content/ContEng
}

// versions maps marks in the version of the API server.
var versions = []struct{ mark, provider string }{
	{"-eks-", "EKS"},     // v1.33.4-eks-99d6cc0
	{"-gke.", "GKE"},     // v1.33.4-gke.1245000
	{"+IKS", "IKS"},      // v1.32.7+IKS
	{"-aliyun.", "ACK"},  // v1.32.1-aliyun.1
	{"-tke.", "TKE"},     // v1.30.0-tke.9
	{"-CCE", "CCE"},      // v1.29.2-r0-CCE24.3.0
	{"+k3s", "K3s"},      // v1.33.4+k3s1
	{"+rke2", "RKE2"},    // v1.33.4+rke2r1
	{"+k0s", "k0s"},      // v1.33.4+k0s
	{"-rancher", "RKE"},  // v1.26.4-rancher2-1
	{"+vmware", "Tanzu"}, // v1.27.5+vmware.1
	{"-mirantis", "MKE"}, // v1.27.10-mirantis-1
}

// nodeLabels maps labels (or prefixes that end in a slash) that providers put on nodes.
var nodeLabels = []struct{ label, provider string }{
	{"eks.amazonaws.com/", "EKS"},            // docs.aws.amazon.com/eks, managed node groups
	{"cloud.google.com/gke-nodepool", "GKE"}, // cloud.google.com/kubernetes-engine/docs/concepts/node-pools
	{"cloud.google.com/gke-os-distribution", "GKE"},
	{"kubernetes.azure.com/cluster", "AKS"}, // learn.microsoft.com/azure/aks/use-labels
	{"doks.digitalocean.com/", "DOKS"},      // docs.digitalocean.com/products/kubernetes/details/managed
	{"lke.linode.com/", "LKE"},
	{"vke.vultr.com/", "VKE"},
	{"oke.oraclecloud.com/", "OKE"},
	{"ibm-cloud.kubernetes.io/", "IKS"}, // cloud.ibm.com/docs/containers, worker labels
	{"alibabacloud.com/nodepool-id", "ACK"},
	{"cloud.tencent.com/", "TKE"},
	{"k8s.scaleway.com/", "Kapsule"},
	{"node.k8s.ovh/", "OVH"},
	{"node.exoscale.net/", "SKS"},
	{"kubernetes.civo.com/", "Civo"},
	{"node.stackit.cloud/", "SKE"},
	{"minikube.k8s.io/", "minikube"}, // minikube.sigs.k8s.io
	{"microk8s.io/", "MicroK8s"},
	{"kops.k8s.io/", "kOps"},
	{"egress.rke2.io/", "RKE2"},
}

// providerIDs maps the schemes of spec.providerID that only one provider uses. Those of
// aws, gce and azure say where the machines are, not who runs the control plane.
var providerIDs = []struct{ scheme, provider string }{
	{"kind://", "kind"},
	{"k3s://", "K3s"},
	{"ocid1.", "OKE"},
	{"ibm://", "IKS"},
	{"scaleway://", "Kapsule"},
	{"exoscale://", "SKS"},
	{"civo://", "Civo"},
	{"ionos://", "IONOS"},
}

// provider names who runs the control plane: a managed service, a distribution,
// [SelfManaged], or nothing where it cannot be told.
func (e evidence) provider() string {
	if e.serves("config.openshift.io") { // also ROSA, ARO and OpenShift on IBM Cloud
		return "OpenShift"
	}
	for _, h := range hosts {
		if strings.HasSuffix(e.host, h.suffix) {
			return h.provider
		}
	}
	for _, v := range versions {
		if strings.Contains(e.version, v.mark) {
			return v.provider
		}
	}
	for i := range e.nodes {
		if p := nodeProvider(&e.nodes[i]); p != "" {
			return p
		}
	}
	switch {
	case e.serves("vpcresources.k8s.aws"): // installed by EKS itself
		return "EKS"
	case e.serves("nodemanagement.gke.io"), e.serves("auto.gke.io"):
		return "GKE"
	}
	// Providers do not show their control plane as nodes.
	for i := range e.nodes {
		for _, role := range []string{"control-plane", "master", "controlplane"} {
			if _, ok := e.nodes[i].Labels["node-role.kubernetes.io/"+role]; ok {
				return SelfManaged
			}
		}
	}
	return ""
}

func (e evidence) serves(group string) bool { return slices.Contains(e.groups, group) }

func nodeProvider(n *corev1.Node) string {
	for _, l := range nodeLabels {
		for key := range n.Labels {
			if key == l.label || strings.HasSuffix(l.label, "/") && strings.HasPrefix(key, l.label) {
				return l.provider
			}
		}
	}
	for _, p := range providerIDs {
		if strings.HasPrefix(n.Spec.ProviderID, p.scheme) {
			return p.provider
		}
	}
	if strings.HasPrefix(n.Status.NodeInfo.OSImage, "Talos") {
		return "Talos"
	}
	return ""
}

// Providers lists what a cluster may be found to be, sorted.
func Providers() []string {
	out := []string{SelfManaged, "OpenShift", "Talos"}
	for _, h := range hosts {
		out = append(out, h.provider)
	}
	for _, v := range versions {
		out = append(out, v.provider)
	}
	for _, l := range nodeLabels {
		out = append(out, l.provider)
	}
	for _, p := range providerIDs {
		out = append(out, p.provider)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
