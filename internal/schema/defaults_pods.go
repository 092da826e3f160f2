// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// fillPodSpec sets what is defaulted in pods and pod templates alike.
func fillPodSpec(spec object) {
	if spec == nil {
		return
	}
	set(spec, "dnsPolicy", "ClusterFirst")
	set(spec, "restartPolicy", "Always")
	set(spec, "securityContext", object{})
	set(spec, "terminationGracePeriodSeconds", int64(30))
	set(spec, "schedulerName", "default-scheduler")
	// The server mirrors the two names of the service account.
	if old := str(spec, "serviceAccount"); old != "" {
		set(spec, "serviceAccountName", old)
	}
	if name := str(spec, "serviceAccountName"); name != "" {
		spec["serviceAccount"] = name
	}
	for _, key := range []string{"containers", "initContainers", "ephemeralContainers"} {
		each(spec, key, fillContainer)
	}
	each(spec, "volumes", fillVolume)
	roundUp(sub(spec, "overhead"))
	fillResources(sub(spec, "resources"))
}

func fillContainer(c object) {
	set(c, "imagePullPolicy", pullPolicy(str(c, "image")))
	set(c, "terminationMessagePath", "/dev/termination-log")
	set(c, "terminationMessagePolicy", "File")
	fillResources(made(c, "resources"))
	each(c, "ports", func(p object) { set(p, "protocol", "TCP") })
	each(c, "env", func(e object) {
		set(sub(e, "valueFrom", "fieldRef"), "apiVersion", "v1")
		set(sub(e, "valueFrom", "fileKeyRef"), "optional", false)
	})
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		p := sub(c, probe)
		if p == nil {
			continue
		}
		set(p, "timeoutSeconds", int64(1))
		set(p, "periodSeconds", int64(10))
		set(p, "successThreshold", int64(1))
		set(p, "failureThreshold", int64(3))
		fillHTTPGet(sub(p, "httpGet"))
		set(sub(p, "grpc"), "service", "")
	}
	for _, hook := range []string{"postStart", "preStop"} {
		fillHTTPGet(sub(c, "lifecycle", hook, "httpGet"))
	}
}

func pullPolicy(image string) string {
	if tagOf(image) == "latest" {
		return "Always"
	}
	return "IfNotPresent"
}

func fillHTTPGet(g object) {
	set(g, "path", "/")
	set(g, "scheme", "HTTP")
}

// fillPod sets what is defaulted in Pods and not in pod templates, and the rest.
func fillPod(o object) {
	spec := sub(o, "spec")
	if spec == nil {
		return
	}
	set(spec, "enableServiceLinks", true)
	for _, key := range []string{"containers", "initContainers"} {
		each(spec, key, func(c object) {
			limits := sub(c, "resources", "limits")
			if len(limits) == 0 {
				return
			}
			requests := made(sub(c, "resources"), "requests")
			for k, v := range limits {
				set(requests, k, v)
			}
		})
		if spec["hostNetwork"] == true {
			each(spec, key, func(c object) {
				each(c, "ports", func(p object) { set(p, "hostPort", p["containerPort"]) })
			})
		}
	}
	fillPodResources(spec)
	fillPodSpec(spec)
}

// fillPodResources completes the resources of a Pod as a whole, where it names some, from
// those of its containers.
func fillPodResources(spec object) {
	r := sub(spec, "resources")
	limits, requests := sub(r, "limits"), sub(r, "requests")
	if len(limits) == 0 && len(requests) == 0 {
		return
	}
	for name, sum := range sumUp(spec, "limits") {
		if strings.HasPrefix(name, hugePages) && requests[name] == nil {
			set(made(r, "limits"), name, sum)
		}
	}
	if limits = sub(r, "limits"); len(limits) == 0 {
		return
	}
	for name, sum := range sumUp(spec, "requests") {
		if name == "cpu" || name == "memory" {
			set(made(r, "requests"), name, sum)
		}
	}
	for name, limit := range limits {
		if name == "cpu" || name == "memory" || strings.HasPrefix(name, hugePages) {
			set(made(r, "requests"), name, limit)
		}
	}
}

const hugePages = "hugepages-"

// sumUp is what the containers of a Pod need together: the sum of all that run at once,
// or what it takes to get there, whichever is more.
func sumUp(spec object, what string) map[string]string {
	total, sidecars, starting := quantities{}, quantities{}, quantities{}
	each(spec, "containers", func(c object) { total.add(sub(c, "resources", what)) })
	each(spec, "initContainers", func(c object) {
		wanted := sub(c, "resources", what)
		now := quantities{}
		if str(c, "restartPolicy") == "Always" {
			total.add(wanted)
			sidecars.add(wanted)
		} else {
			now.add(wanted)
		}
		for name, q := range sidecars {
			now.plus(name, q)
		}
		starting.atLeast(now)
	})
	total.atLeast(starting)
	out := map[string]string{}
	for name, q := range total {
		out[name] = q.String()
	}
	return out
}

type quantities map[string]resource.Quantity

func (l quantities) add(list object) {
	for name, v := range list {
		text, _ := v.(string)
		if q, err := resource.ParseQuantity(text); err == nil {
			l.plus(name, q)
		}
	}
}

func (l quantities) plus(name string, q resource.Quantity) {
	sum, ok := l[name]
	if !ok {
		l[name] = q.DeepCopy()
		return
	}
	sum.Add(q)
	l[name] = sum
}

func (l quantities) atLeast(other quantities) {
	for name, q := range other {
		if has, ok := l[name]; !ok || q.Cmp(has) > 0 {
			l[name] = q.DeepCopy()
		}
	}
}

func fillResources(r object) {
	roundUp(sub(r, "limits"))
	roundUp(sub(r, "requests"))
}

// roundUp makes quantities whole thousandths, as the server does.
func roundUp(list object) {
	for name, v := range list {
		text, _ := v.(string)
		if !strings.HasSuffix(text, "u") && !strings.HasSuffix(text, "n") && !strings.Contains(text, "e-") {
			continue
		}
		if q, err := resource.ParseQuantity(text); err == nil {
			q.RoundUp(resource.Milli)
			list[name] = q.String()
		}
	}
}

func fillVolume(v object) {
	if len(v) == 1 && v["name"] != nil || len(v) == 0 {
		v["emptyDir"] = object{}
	}
	for _, key := range []string{"secret", "configMap", "downwardAPI", "projected"} {
		set(sub(v, key), "defaultMode", int64(0o644))
	}
	fillVolumeSource(v)
	if i := sub(v, "image"); i != nil {
		set(i, "pullPolicy", pullPolicy(str(i, "reference")))
	}
	fillClaimSpec(sub(v, "ephemeral", "volumeClaimTemplate", "spec"))
	each(sub(v, "downwardAPI"), "items", fillDownward)
	each(sub(v, "projected"), "sources", func(s object) {
		set(sub(s, "serviceAccountToken"), "expirationSeconds", int64(3600))
		each(sub(s, "downwardAPI"), "items", fillDownward)
	})
}

// fillVolumeSource sets what volumes of pods and PersistentVolumes have in common.
func fillVolumeSource(v object) {
	set(sub(v, "hostPath"), "type", "")
	set(sub(v, "iscsi"), "iscsiInterface", "default")
	if r := sub(v, "rbd"); r != nil {
		set(r, "pool", "rbd")
		set(r, "user", "admin")
		set(r, "keyring", "/etc/ceph/keyring")
	}
	if a := sub(v, "azureDisk"); a != nil {
		set(a, "cachingMode", "ReadWrite")
		set(a, "fsType", "ext4")
		set(a, "readOnly", false)
		set(a, "kind", "Shared")
	}
	if s := sub(v, "scaleIO"); s != nil {
		set(s, "storageMode", "ThinProvisioned")
		set(s, "fsType", "xfs")
	}
}

func fillDownward(i object) {
	set(sub(i, "fieldRef"), "apiVersion", "v1")
}

func fillClaimSpec(spec object) {
	set(spec, "volumeMode", "Filesystem")
	fillResources(sub(spec, "resources"))
}
