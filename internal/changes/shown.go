// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// followed are the kinds of Kubernetes itself that every agent watches, by group. Of others it is
// not known here whether a watch would show them.
var followed = map[string][]string{
	"": {
		"ConfigMap", "LimitRange", "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod", "ReplicationController",
		"ResourceQuota", "Secret", "Service", "ServiceAccount",
	},
	"apps":                      {"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"},
	"autoscaling":               {"HorizontalPodAutoscaler"},
	"batch":                     {"CronJob", "Job"},
	"networking.k8s.io":         {"Ingress", "IngressClass", "NetworkPolicy"},
	"policy":                    {"PodDisruptionBudget"},
	"rbac.authorization.k8s.io": {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"},
	"scheduling.k8s.io":         {"PriorityClass"},
	"storage.k8s.io":            {"StorageClass"},
}

// Unconfirmed tells whether a watch would show what came of a request, and none did yet: the
// webhook alone told of it. What came of a deletion may take days, and no watch shows sessions.
func Unconfirmed(c *seaworthy.Change) bool {
	return c.Outcome == seaworthy.OutcomeUnknown && (c.Verb == seaworthy.VerbCreate || c.Verb == seaworthy.VerbUpdate) && c.Object.Subresource == "" &&
		slices.Contains(followed[c.Object.Group()], c.Object.Kind) &&
		!slices.ContainsFunc(c.Sightings, func(s seaworthy.Sighting) bool { return s.By != seaworthy.SeenByWebhook })
}

// OtherForm tells whether a write of the same object is on record that no webhook told of: it
// may be the request in another form.
func OtherForm(c *seaworthy.Change, l *Ledger) bool {
	for _, list := range [...][]seaworthy.Change{l.Changes, l.Folded} {
		if slices.ContainsFunc(list, func(o seaworthy.Change) bool {
			return o.ID != c.ID && o.Verb == c.Verb && !seenBy(&o, seaworthy.SeenByWebhook) && !o.Nothing() && o.At.Sub(c.At).Abs() <= Window
		}) {
			return true
		}
	}
	return false
}
