// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestProvider(t *testing.T) {
	node := func(providerID, os string, labels ...string) []corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kubernetes.io/os": "linux"}}}
		n.Spec.ProviderID, n.Status.NodeInfo.OSImage = providerID, os
		for _, l := range labels {
			n.Labels[l] = "x"
		}
		return []corev1.Node{n}
	}
	for _, c := range []struct {
		name string
		e    evidence
		want string
	}{
		{"nothing known", evidence{version: "v1.36.3", host: "10.0.0.1"}, ""},
		{"EKS by version", evidence{version: "v1.33.4-eks-99d6cc0"}, "EKS"},
		{"EKS by host", evidence{version: "v1.33.4", host: "abc.gr7.eu-west-1.eks.amazonaws.com"}, "EKS"},
		{"EKS by node group", evidence{version: "v1.33.4", nodes: node("aws:///eu-west-1a/i-1", "", "eks.amazonaws.com/nodegroup")}, "EKS"},
		{"EKS by its API", evidence{version: "v1.33.4", groups: []string{"vpcresources.k8s.aws"}}, "EKS"},
		{"machines on AWS alone", evidence{version: "v1.33.4", nodes: node("aws:///eu-west-1a/i-1", "")}, ""},
		{"kOps on AWS", evidence{version: "v1.33.4", nodes: node("aws:///eu-west-1a/i-1", "", "kops.k8s.io/instancegroup")}, "kOps"},
		{"GKE", evidence{version: "v1.33.4-gke.1245000"}, "GKE"},
		{"AKS by host", evidence{version: "v1.33.4", host: "x-dns-1.hcp.westeurope.azmk8s.io"}, "AKS"},
		{"AKS by label", evidence{version: "v1.33.4", nodes: node("azure:///subscriptions/1", "", "kubernetes.azure.com/cluster")}, "AKS"},
		{"OpenShift", evidence{version: "v1.30.5", groups: []string{"config.openshift.io"}, host: "c1.containers.cloud.ibm.com"}, "OpenShift"},
		{"DigitalOcean", evidence{version: "v1.33.4", nodes: node("digitalocean://1", "", "doks.digitalocean.com/node-pool")}, "DOKS"},
		{"Oracle", evidence{version: "v1.33.1", nodes: node("ocid1.instance.oc1.iad.x", "")}, "OKE"},
		{"IBM", evidence{version: "v1.32.7+IKS"}, "IKS"},
		{"k3s", evidence{version: "v1.33.4+k3s1"}, "K3s"},
		{"RKE2", evidence{version: "v1.33.4+rke2r1"}, "RKE2"},
		{"kind", evidence{version: "v1.33.4", nodes: node("kind://docker/kind/kind-control-plane", "", "node-role.kubernetes.io/control-plane")}, "kind"},
		{"minikube", evidence{version: "v1.33.4", nodes: node("", "", "minikube.k8s.io/name", "node-role.kubernetes.io/control-plane")}, "minikube"},
		{"Talos", evidence{version: "v1.33.4", nodes: node("", "Talos (v1.10.5)", "node-role.kubernetes.io/control-plane")}, "Talos"},
		{"kubeadm", evidence{version: "v1.33.4", nodes: node("", "Debian GNU/Linux 12", "node-role.kubernetes.io/control-plane")}, SelfManaged},
		{"workers only", evidence{version: "v1.33.4", nodes: node("openstack:///1", "Debian GNU/Linux 12")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.e.provider(); got != c.want {
				t.Errorf("provider = %q, want %q", got, c.want)
			}
		})
	}
}
