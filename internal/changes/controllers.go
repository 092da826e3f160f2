// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// planes name what a control plane runs as, in clusters of one's own and in managed ones.
// A name alone folds nothing: who has their credentials has their name.
var planes = []string{
	"system:kube-controller-manager", "system:kube-scheduler", "system:cloud-controller-manager", "system:apiserver",
	"eks:kube-controller-manager", "eks:kube-scheduler", "eks:cloud-controller-manager", "eks:node-manager",
	"system:gke-controller-manager", "system:gcp-controller-manager", "system:controller:glbc", "system:gke-common-webhooks",
}

// managers are the service accounts in kube-system by which the controllers of the
// controller managers work, one for each. Whatever else has a service account there is an
// add-on: what that writes is a change.
var managers = []string{
	"attachdetach-controller", "certificate-controller", "cloud-controller-manager", "cloud-node-manager", "clusterrole-aggregation-controller",
	"cronjob-controller", "daemon-set-controller", "deployment-controller", "device-taint-eviction-controller", "disruption-controller",
	"endpoint-controller", "endpointslice-controller", "endpointslicemirroring-controller", "ephemeral-volume-controller", "expand-controller",
	"generic-garbage-collector", "horizontal-pod-autoscaler", "job-controller", "legacy-service-account-token-cleaner", "namespace-controller",
	"node-controller", "persistent-volume-binder", "pod-garbage-collector", "pv-protection-controller", "pvc-protection-controller",
	"replicaset-controller", "replication-controller", "resource-claim-controller", "resourcequota-controller", "root-ca-cert-publisher",
	"route-controller", "selinux-warning-controller", "service-account-controller", "service-cidrs-controller", "service-controller",
	"statefulset-controller", "storage-version-migrator-controller", "taint-eviction-controller", "ttl-after-finished-controller",
	"ttl-controller", "validatingadmissionpolicy-status-controller", "volumeattributesclass-protection-controller",
}

const (
	systemAccount = "system:serviceaccount:kube-system:"
	anyAccount    = "system:serviceaccount:"
	nodeUser      = "system:node:"
	sharedManager = "system:kube-controller-manager"
)

// Controls tells whether a request came under the name of one of the cluster's own
// controllers, and nobody acted as it.
func Controls(a *seaworthy.Actor) bool {
	name, own := strings.CutPrefix(a.Username, systemAccount)
	return a.Impersonator == "" && (slices.Contains(planes, a.Username) || own && slices.Contains(managers, name) || kubelet(a))
}

// kubelet tells whether a request came under the name of a node.
func kubelet(a *seaworthy.Actor) bool {
	return a.Impersonator == "" && strings.HasPrefix(a.Username, nodeUser) && (a.Groups == nil || slices.Contains(a.Groups, "system:nodes"))
}

// Account tells whether a name is a service account's or one of the cluster's own, behind
// which there is no person.
func Account(username string) bool {
	return strings.HasPrefix(username, "system:") && username != "system:admin" && username != "system:anonymous" ||
		slices.Contains(planes, username) || strings.HasSuffix(username, ".gserviceaccount.com")
}

// as tells whether the actor is one of the controllers, under its own name or that of what
// runs all of them.
func as(a *seaworthy.Actor, controllers ...string) bool {
	if a.Impersonator != "" {
		return false
	}
	if a.Username == sharedManager || a.Username == "eks:kube-controller-manager" || a.Username == "system:gke-controller-manager" {
		return true
	}
	name, own := strings.CutPrefix(a.Username, systemAccount)
	return own && slices.Contains(controllers, name)
}

// makers names the controllers that make objects of what an owner says, by the owner.
var makers = map[string]string{
	"/ReplicationController": "replication-controller",
	"apps/Deployment":        "deployment-controller",
	"apps/ReplicaSet":        "replicaset-controller",
	"apps/StatefulSet":       "statefulset-controller",
	"apps/DaemonSet":         "daemon-set-controller",
	"batch/Job":              "job-controller",
	"batch/CronJob":          "cronjob-controller",
}

// templated are the kinds that are made of a template which their owner holds.
var templated = map[string]bool{"/Pod": true, "/ReplicationController": true, "apps/ReplicaSet": true, "batch/Job": true}

func kindOf(o *seaworthy.Object) string { return o.Group() + "/" + o.Kind }

// Made tells whether objects of the kind are made by controllers as their owners say.
func Made(o *seaworthy.Object) bool { return templated[kindOf(o)] }

// Extras are what authentication tells beside a name and groups that helps to find the
// person behind it, in the order in which it is believed: the names of sessions of EKS,
// what OpenID Connect and AKS tell, what Rancher's proxy adds, and which pod used the token
// of a service account. Assertions and keys that some put there are credentials and are
// never kept.
var Extras = []string{
	"sessionName", "sigs.k8s.io/aws-iam-authenticator/sessionName", "arn", "sigs.k8s.io/aws-iam-authenticator/arn", "canonicalArn",
	"sigs.k8s.io/aws-iam-authenticator/canonicalArn", "email", "upn", "preferred_username", "username", "oid", "principalid", "principalId",
	"sigs.k8s.io/aws-iam-authenticator/principalId", "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/node-name",
}

// The bounds of what is kept of it.
const (
	mostExtras = 4
	maxExtra   = 500
)

// Extra keeps what helps of what authentication tells beside; nil for nothing.
func Extra(all map[string][]string) map[string][]string {
	var out map[string][]string
	for key, values := range all {
		i := slices.IndexFunc(Extras, func(k string) bool { return strings.EqualFold(k, key) })
		if i < 0 {
			continue
		}
		var kept []string
		for _, v := range values[:min(len(values), mostExtras)] {
			if v != "" && len(v) <= maxExtra {
				kept = append(kept, v)
			}
		}
		if len(kept) == 0 {
			continue
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[Extras[i]] = kept
	}
	return out
}
