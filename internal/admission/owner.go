// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// manager is who Kubernetes' controllers are where they share one identity.
const manager = "system:kube-controller-manager"

// controllers names the user by which each of Kubernetes' own controllers makes objects.
var controllers = map[string]string{
	"/ReplicationController": "replication-controller",
	"apps/Deployment":        "deployment-controller",
	"apps/ReplicaSet":        "replicaset-controller",
	"apps/StatefulSet":       "statefulset-controller",
	"apps/DaemonSet":         "daemon-set-controller",
	"batch/Job":              "job-controller",
	"batch/CronJob":          "cronjob-controller",
}

// templated are the resources that are made of a template which their owner holds.
var templated = []string{"pods", "replicasets.apps", "jobs.batch", "replicationcontrollers"}

// owner gives the object through which this one is judged, or nil. The word of an object
// on its owner counts only when the owner's controller is who writes it: anybody may put
// an owner reference on a Pod.
func (g *Guard) owner(r *Review) *seaworthy.Object {
	if g.cfg.JudgeOwned || r.Subresource != "" {
		return nil
	}
	meta, _ := r.Object["metadata"].(map[string]any)
	refs, _ := meta["ownerReferences"].([]any)
	for _, ref := range refs {
		m, _ := ref.(map[string]any)
		if m["controller"] != true {
			continue
		}
		text := func(k string) string { s, _ := m[k].(string); return s }
		o := &seaworthy.Object{APIVersion: text("apiVersion"), Kind: text("kind"), Namespace: r.Namespace, Name: text("name")}
		if g.madeBy(r, o) {
			return o
		}
	}
	return nil
}

func (g *Guard) madeBy(r *Review, owner *seaworthy.Object) bool {
	if !slices.Contains(templated, r.Resource.String()) {
		return false
	}
	if slices.Contains(g.cfg.Controllers, r.User.Username) {
		return true
	}
	name, known := controllers[owner.Group()+"/"+owner.Kind]
	return known && (r.User.Username == "system:serviceaccount:kube-system:"+name || r.User.Username == manager)
}

// spared tells why a request is never refused, or "". It is judged all the same.
func (g *Guard) spared(r *Review) string {
	namespace := r.Namespace
	if r.Resource.Group == "" && r.Resource.Resource == "namespaces" {
		namespace = r.Name
	}
	switch {
	case namespace == "kube-system":
		return "nothing is refused in kube-system"
	case namespace != "" && namespace == g.cfg.Namespace:
		return "nothing is refused where the webhook runs"
	case r.User.Username == apiServer:
		return "the API server itself asks"
	case strings.HasPrefix(r.User.Username, "system:node:") && mirrors(r.Object):
		return "a static Pod runs whether it is shown here or not"
	}
	return ""
}

// apiServer is the user by which kube-apiserver makes what it needs, such as the roles
// that come with Kubernetes.
const apiServer = "system:apiserver"

// mirrors tells whether a Pod only shows what a kubelet runs by itself.
func mirrors(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	notes, _ := meta["annotations"].(map[string]any)
	return notes["kubernetes.io/config.mirror"] != nil
}
