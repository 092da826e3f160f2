// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"maps"
	"math"
)

func fillReplicationController(o object) {
	spec := sub(o, "spec")
	if labels := sub(spec, "template", "metadata", "labels"); len(labels) > 0 {
		set(spec, "selector", maps.Clone(labels))
		set(sub(o, "metadata"), "labels", maps.Clone(labels))
	}
	set(spec, "replicas", int64(1))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillReplicaSet(o object) {
	spec := sub(o, "spec")
	set(spec, "replicas", int64(1))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillDeployment(o object) {
	spec := sub(o, "spec")
	set(spec, "replicas", int64(1))
	strategy := made(spec, "strategy")
	set(strategy, "type", "RollingUpdate")
	if str(strategy, "type") == "RollingUpdate" {
		rolling := made(strategy, "rollingUpdate")
		set(rolling, "maxUnavailable", "25%")
		set(rolling, "maxSurge", "25%")
	}
	set(spec, "revisionHistoryLimit", int64(10))
	set(spec, "progressDeadlineSeconds", int64(600))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillStatefulSet(o object) {
	spec := sub(o, "spec")
	set(spec, "replicas", int64(1))
	set(spec, "podManagementPolicy", "OrderedReady")
	strategy := made(spec, "updateStrategy")
	if str(strategy, "type") == "" && strategy != nil {
		strategy["type"] = "RollingUpdate"
		made(strategy, "rollingUpdate")
	}
	if str(strategy, "type") == "RollingUpdate" {
		set(sub(strategy, "rollingUpdate"), "partition", int64(0))
	}
	set(spec, "revisionHistoryLimit", int64(10))
	retention := made(spec, "persistentVolumeClaimRetentionPolicy")
	set(retention, "whenDeleted", "Retain")
	set(retention, "whenScaled", "Retain")
	each(spec, "volumeClaimTemplates", func(c object) {
		set(c, "apiVersion", "v1")
		set(c, "kind", "PersistentVolumeClaim")
		set(made(c, "status"), "phase", "Pending")
		fillClaimSpec(sub(c, "spec"))
	})
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillDaemonSet(o object) {
	spec := sub(o, "spec")
	strategy := made(spec, "updateStrategy")
	set(strategy, "type", "RollingUpdate")
	if str(strategy, "type") == "RollingUpdate" {
		rolling := made(strategy, "rollingUpdate")
		set(rolling, "maxUnavailable", int64(1))
		set(rolling, "maxSurge", int64(0))
	}
	set(spec, "revisionHistoryLimit", int64(10))
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillJob(o object) {
	spec := sub(o, "spec")
	if labels := sub(spec, "template", "metadata", "labels"); len(labels) > 0 {
		set(sub(o, "metadata"), "labels", maps.Clone(labels))
	}
	if spec["completions"] == nil && spec["parallelism"] == nil {
		set(spec, "completions", int64(1))
	}
	set(spec, "parallelism", int64(1))
	retries := int64(6)
	if spec["backoffLimitPerIndex"] != nil {
		retries = math.MaxInt32
	}
	set(spec, "backoffLimit", retries)
	set(spec, "completionMode", "NonIndexed")
	set(spec, "suspend", false)
	replacement := "TerminatingOrFailed"
	if spec["podFailurePolicy"] != nil {
		replacement = "Failed"
	}
	set(spec, "podReplacementPolicy", replacement)
	set(spec, "manualSelector", false)
	fillJobSpec(spec)
}

// fillJobSpec sets what is defaulted in Jobs and in the template of a CronJob alike.
func fillJobSpec(spec object) {
	each(sub(spec, "podFailurePolicy"), "rules", func(r object) {
		each(r, "onPodConditions", func(c object) { setText(c, "status", "True") })
	})
	fillPodSpec(sub(spec, "template", "spec"))
}

func fillCronJob(o object) {
	spec := sub(o, "spec")
	set(spec, "concurrencyPolicy", "Allow")
	set(spec, "suspend", false)
	set(spec, "successfulJobsHistoryLimit", int64(3))
	set(spec, "failedJobsHistoryLimit", int64(1))
	fillJobSpec(sub(spec, "jobTemplate", "spec"))
}

func fillAutoscaler(o object) {
	spec := sub(o, "spec")
	set(spec, "minReplicas", int64(1))
	if str(o, "apiVersion") == "autoscaling/v1" {
		set(spec, "targetCPUUtilizationPercentage", int64(80))
		return
	}
	set(spec, "metrics", []any{object{"type": "Resource", "resource": object{
		"name": "cpu", "target": object{"type": "Utilization", "averageUtilization": int64(80)},
	}}})
	behavior := sub(spec, "behavior")
	if behavior == nil {
		return
	}
	policy := func(kind string, value int64) any {
		return object{"type": kind, "value": value, "periodSeconds": int64(15)}
	}
	up, down := made(behavior, "scaleUp"), made(behavior, "scaleDown")
	set(up, "stabilizationWindowSeconds", int64(0))
	set(up, "policies", []any{policy("Pods", 4), policy("Percent", 100)})
	set(down, "policies", []any{policy("Percent", 100)})
	for _, direction := range []object{up, down} {
		set(direction, "selectPolicy", "Max")
	}
}
