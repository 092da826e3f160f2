// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

const outdatedCheck = "outdated-kubernetes"

// endOfLife is the day after which a minor version gets no patches, by
// https://kubernetes.io/releases/patch-releases/. Those of the newest versions are
// as planned. What a vendor supports for longer is not counted.
var endOfLife = map[analysis.Version]string{
	{Major: 1, Minor: 20}: "2022-02-28", {Major: 1, Minor: 21}: "2022-06-28", {Major: 1, Minor: 22}: "2022-10-28",
	{Major: 1, Minor: 23}: "2023-02-28", {Major: 1, Minor: 24}: "2023-07-28", {Major: 1, Minor: 25}: "2023-10-27",
	{Major: 1, Minor: 26}: "2024-02-28", {Major: 1, Minor: 27}: "2024-07-16", {Major: 1, Minor: 28}: "2024-10-22",
	{Major: 1, Minor: 29}: "2025-02-28", {Major: 1, Minor: 30}: "2025-06-28", {Major: 1, Minor: 31}: "2025-11-11",
	{Major: 1, Minor: 32}: "2026-02-28", {Major: 1, Minor: 33}: "2026-06-28", {Major: 1, Minor: 34}: "2026-10-27",
	{Major: 1, Minor: 35}: "2027-02-28", {Major: 1, Minor: 36}: "2027-06-28", {Major: 1, Minor: 37}: "2027-10-28",
}

// The first and the last version of endOfLife.
var (
	firstKnown = analysis.Version{Major: 1, Minor: 20}
	lastKnown  = analysis.Version{Major: 1, Minor: 37}
)

// outdated judges the API server's version, the kubelets' and the versions that cluster
// configurations ask for, on the day of the scan.
func outdated(p *analysis.Pass) {
	day := p.Snapshot.Source.Started
	if day.IsZero() {
		day = time.Now()
	}
	judged := 0
	judge := func(o *snapshot.Object, version, path, what string) {
		judged++
		v, err := analysis.ParseVersion(version)
		if err != nil {
			p.Report.NotEvaluated(outdatedCheck, fmt.Sprintf("%s: %s is given as %q, which names no version", o, what, version))
			return
		}
		message, known := supported(v, day)
		switch {
		case !known:
			p.Report.NotEvaluated(outdatedCheck, fmt.Sprintf("Kubernetes %s is newer than this program, which does not know how long it is supported", v))
		case message == "":
			p.Report.Judge(outdatedCheck, o)
		default:
			p.Report.Judge(outdatedCheck, o, seaworthy.Item{Key: path, Path: path, Message: what + " is " + version + ", " + message})
		}
	}
	if v := p.Snapshot.Source.KubernetesVersion; v != "" && p.Snapshot.Cluster() {
		judge(theCluster(p.Snapshot), v, "version", "the API server")
	}
	for o, n := range snapshot.All[*corev1.Node](p.Snapshot, "Node") {
		if v := n.Status.NodeInfo.KubeletVersion; v != "" {
			judge(o, v, "status.nodeInfo.kubeletVersion", "the kubelet")
		}
	}
	for _, o := range p.Snapshot.Kind("ClusterConfiguration") {
		if v, ok := o.Content()["kubernetesVersion"].(string); ok && o.Group() == "kubeadm.k8s.io" {
			judge(o, v, "kubernetesVersion", "the version to install")
		}
	}
	for _, o := range p.Snapshot.Kind("ClusterConfig") {
		meta, _ := o.Content()["metadata"].(map[string]any)
		if v, ok := meta["version"].(string); ok && o.Group() == "eksctl.io" {
			judge(o, v, "metadata.version", "the version to install")
		}
	}
	if judged == 0 && p.Snapshot.Cluster() {
		p.Report.NotEvaluated(outdatedCheck, "the cluster did not tell its version")
	}
}

// supported says since when a version gets no patches, or nothing where it does. It is
// not known for versions that came later than the table, once its last has ended.
func supported(v analysis.Version, day time.Time) (message string, known bool) {
	if v.Before(firstKnown) {
		return "which gets no security patches any more", true
	}
	at := v
	if lastKnown.Before(v) {
		at = lastKnown // what came later ends later
	}
	end, err := time.Parse(time.DateOnly, endOfLife[at])
	if err != nil {
		return "", false
	}
	if day.Before(end.AddDate(0, 0, 1)) {
		return "", true
	}
	if at != v {
		return "", false
	}
	return "which gets no security patches since " + endOfLife[at], true
}

// theCluster stands for the cluster as a whole, where no object of its own is at fault.
func theCluster(s *snapshot.Snapshot) *snapshot.Object {
	return &snapshot.Object{Object: seaworthy.Object{APIVersion: "seaworthy.dev/v1", Kind: "Cluster", Name: s.Source.Name}}
}
