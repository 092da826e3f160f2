// SPDX-License-Identifier: Apache-2.0

package analysis

import (
	"maps"
	"slices"
	"strings"
)

// managed lists the services that run the control plane for their customers, by the
// names that a scan gives or --provider takes, in lower case.
var managed = map[string]string{
	"eks": "Amazon EKS", "gke": "Google Kubernetes Engine", "aks": "Azure Kubernetes Service",
	"openshift": "OpenShift", "rosa": "Red Hat OpenShift Service on AWS", "aro": "Azure Red Hat OpenShift",
	"oke": "Oracle Kubernetes Engine", "iks": "IBM Cloud Kubernetes Service", "ack": "Alibaba Cloud ACK",
	"doks": "DigitalOcean Kubernetes", "lke": "Linode Kubernetes Engine", "vke": "Vultr Kubernetes Engine",
	"tke": "Tencent Kubernetes Engine", "cce": "Huawei Cloud CCE", "kapsule": "Scaleway Kapsule",
	"ovh": "OVHcloud Managed Kubernetes", "sks": "Exoscale SKS", "civo": "Civo", "ske": "STACKIT Kubernetes Engine",
	"ionos": "IONOS Managed Kubernetes", "uks": "UpCloud Managed Kubernetes",
}

// Managed gives the name of the service that runs the control plane, and whether there
// is one: self-managed and unknown providers have none.
func Managed(provider string) (string, bool) {
	name, ok := managed[strings.ToLower(strings.TrimSpace(provider))]
	return name, ok
}

// Providers lists what [Managed] knows, in lower case.
func Providers() []string { return slices.Sorted(maps.Keys(managed)) }
