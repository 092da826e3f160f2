// SPDX-License-Identifier: Apache-2.0

package observability

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// logs judges the log collectors by the nodes that they leave out, and a cluster by
// whether it has one.
func (j *judge) logs() {
	if j.unlisted(logs, "DaemonSet") {
		return
	}
	for _, o := range j.collectors.logKinds {
		j.Report.Judge(logs, o)
	}
	if len(j.collectors.logs) == 0 {
		if len(j.collectors.logKinds) == 0 {
			j.noLogs()
		}
		return
	}
	nodes := j.nodes()
	if len(nodes) == 0 {
		for _, w := range j.collectors.logs {
			j.Report.Judge(logs, w.Object, j.constrained(w)...)
		}
		return
	}
	j.logsOf(nodes)
}

// noLogs judges a cluster in which no collector was found.
func (j *judge) noLogs() {
	if !j.whole(logs, "log collector") {
		return
	}
	s := j.Snapshot
	switch {
	case len(j.collectors.shippers) > 0:
		w := j.collectors.shippers[0]
		j.Report.NotEvaluated(logs, fmt.Sprintf("no DaemonSet reads the nodes' logs; %s %s may read them through the API, which its manifest does not show", w.Kind, w.Name))
	case strings.EqualFold(s.Source.Provider, "GKE"):
		j.Report.NotEvaluated(logs, "Google Kubernetes Engine collects logs itself unless it is switched off, which objects do not show")
	case s.Lookup("", "ConfigMap", "aws-observability", "aws-logging") != nil:
		j.Report.NotEvaluated(logs, "Fargate collects the logs of its pods; no DaemonSet collects those of other nodes")
	default:
		j.judgeWhole(logs, "no DaemonSet collects the container logs of the nodes")
	}
}

// nodes lists the nodes that can run a DaemonSet, by which collectors are judged. There
// are none in files.
func (j *judge) nodes() []*corev1.Node {
	if j.Snapshot.Unlisted["Node"] != "" {
		return nil
	}
	var out []*corev1.Node
	for _, n := range snapshot.All[*corev1.Node](j.Snapshot, "Node") {
		if n.Labels["type"] != "virtual-kubelet" && n.Labels["eks.amazonaws.com/compute-type"] != "fargate" {
			out = append(out, n)
		}
	}
	return out
}

// logsOf judges collectors against the nodes that there are. Nodes that one leaves to
// another are covered; those that all leave out are told of the one that covers most.
func (j *judge) logsOf(nodes []*corev1.Node) {
	covered := make([]bool, len(nodes))
	var main *snapshot.Workload
	most := -1
	for _, w := range j.collectors.logs {
		n := 0
		pod := w.Pod()
		for i, node := range nodes {
			if runsOn(pod, node) {
				covered[i] = true
				n++
			}
		}
		if n > most {
			main, most = w, n
		}
	}
	var left []string
	for i, node := range nodes {
		if !covered[i] {
			left = append(left, node.Name)
		}
	}
	for _, w := range j.collectors.logs {
		var items []seaworthy.Item
		if w == main && len(left) > 0 {
			names := left
			if len(names) > 5 {
				names = append(names[:5:5], "…")
			}
			path := w.PodPath + "." + because(w.Pod(), nodes, left)
			items = append(items, seaworthy.Item{
				Key: path, Path: path,
				Message: fmt.Sprintf("the collector leaves out %d of %d nodes: %s", len(left), len(nodes), strings.Join(names, ", ")),
			})
		}
		j.Report.Judge(logs, w.Object, items...)
	}
}

// because names the field that keeps a pod from the first of the nodes left out.
func because(pod *corev1.PodSpec, nodes []*corev1.Node, left []string) string {
	for _, n := range nodes {
		switch {
		case n.Name != left[0]:
		case !selects(pod.NodeSelector, n.Labels):
			return "nodeSelector"
		case !affine(pod, n):
			return "affinity"
		}
	}
	return "tolerations"
}

// constrained says, without knowing the nodes, what keeps a collector from some of them.
func (j *judge) constrained(w *snapshot.Workload) []seaworthy.Item {
	var items []seaworthy.Item
	add := func(field, message string) {
		path := w.PodPath + "." + field
		items = append(items, seaworthy.Item{Key: path, Path: path, Message: message})
	}
	pod := w.Pod()
	for _, key := range sortedKeys(pod.NodeSelector) {
		if !everyNode(key) {
			add("nodeSelector", "the collector runs only on nodes with the label "+key)
			break
		}
	}
	if key := requiredLabel(pod); key != "" {
		add("affinity", "the collector's node affinity leaves out nodes by the label "+key)
	}
	taint := &corev1.Taint{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}
	if _, managed := analysis.Managed(j.Snapshot.Source.Provider); !managed && !tolerated(pod.Tolerations, taint) {
		add("tolerations", "the collector does not tolerate the taint of control-plane nodes, so their logs are left out")
	}
	return items
}

// everyNode tells whether a label tells nodes apart only by what no collector can run
// on, or by system: those of another system have a collector of their own.
func everyNode(key string) bool {
	switch key {
	case corev1.LabelOSStable, "beta.kubernetes.io/os", corev1.LabelArchStable, "beta.kubernetes.io/arch", "eks.amazonaws.com/compute-type", "type", "kubernetes.azure.com/mode":
		return true
	}
	return false
}

// requiredLabel is a label that the required node affinity looks at, or empty.
func requiredLabel(pod *corev1.PodSpec) string {
	for _, term := range requiredTerms(pod) {
		for _, e := range term.MatchExpressions {
			if !everyNode(e.Key) {
				return e.Key
			}
		}
	}
	return ""
}
