// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/base64"
	"strings"
)

// fillSecret also folds stringData into data, as the server does.
func fillSecret(o object) {
	set(o, "type", "Opaque")
	plain := sub(o, "stringData")
	if len(plain) == 0 {
		return
	}
	data := made(o, "data")
	for k, v := range plain {
		text, _ := v.(string)
		data[k] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	delete(o, "stringData")
}

func fillNamespace(o object) {
	m := sub(o, "metadata")
	if name := str(m, "name"); name != "" {
		made(m, "labels")["kubernetes.io/metadata.name"] = name
	}
}

func fillLimit(l object) {
	if str(l, "type") == "Container" {
		limit, request := made(l, "default"), made(l, "defaultRequest")
		for k, v := range sub(l, "max") {
			set(limit, k, v)
		}
		for k, v := range limit {
			set(request, k, v)
		}
		for k, v := range sub(l, "min") {
			set(request, k, v)
		}
		for _, key := range []string{"default", "defaultRequest"} {
			if len(sub(l, key)) == 0 {
				delete(l, key)
			}
		}
	}
	for _, key := range []string{"default", "defaultRequest", "max", "min", "maxLimitRequestRatio"} {
		roundUp(sub(l, key))
	}
}

func fillPersistentVolume(o object) {
	spec := sub(o, "spec")
	set(spec, "persistentVolumeReclaimPolicy", "Retain")
	set(spec, "volumeMode", "Filesystem")
	roundUp(sub(spec, "capacity"))
	fillVolumeSource(spec)
}

func fillStorageClass(o object) {
	set(o, "reclaimPolicy", "Delete")
	set(o, "volumeBindingMode", "Immediate")
}

func fillCSIDriver(o object) {
	spec := sub(o, "spec")
	set(spec, "attachRequired", true)
	set(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType")
	set(spec, "volumeLifecycleModes", []any{"Persistent"})
	for _, key := range []string{"podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"} {
		set(spec, key, false)
	}
}

func fillBinding(o object) {
	const group = "rbac.authorization.k8s.io"
	setText(sub(o, "roleRef"), "apiGroup", group)
	each(o, "subjects", func(s object) {
		if kind := str(s, "kind"); kind == "User" || kind == "Group" {
			set(s, "apiGroup", group)
		}
	})
}

func fillWebhooks(o object) {
	each(o, "webhooks", func(w object) {
		set(w, "failurePolicy", "Fail")
		set(w, "timeoutSeconds", int64(10))
		fillMatch(w)
		if str(o, "kind") == "MutatingWebhookConfiguration" {
			set(w, "reinvocationPolicy", "Never")
		}
		set(sub(w, "clientConfig", "service"), "port", int64(443))
		each(w, "rules", fillScope)
	})
}

func fillAdmissionPolicy(o object) {
	spec := sub(o, "spec")
	set(spec, "failurePolicy", "Fail")
	fillMatch(sub(spec, "matchConstraints"))
}

// fillMatch fills what webhooks, policies and bindings select requests by.
func fillMatch(m object) {
	set(m, "matchPolicy", "Equivalent")
	set(m, "namespaceSelector", object{})
	set(m, "objectSelector", object{})
	each(m, "resourceRules", fillScope)
	each(m, "excludeResourceRules", fillScope)
}

func fillScope(rule object) { set(rule, "scope", "*") }

func fillDefinition(o object) {
	spec := sub(o, "spec")
	names := sub(spec, "names")
	if kind := str(names, "kind"); kind != "" {
		set(names, "singular", strings.ToLower(kind))
		set(names, "listKind", kind+"List")
	}
	set(spec, "conversion", object{"strategy": "None"})
	set(sub(spec, "conversion", "webhook", "clientConfig", "service"), "port", int64(443))
}

func fillPriorityLevel(o object) {
	spec := sub(o, "spec")
	set(sub(spec, "exempt"), "nominalConcurrencyShares", int64(0))
	set(sub(spec, "exempt"), "lendablePercent", int64(0))
	limited := sub(spec, "limited")
	set(limited, "nominalConcurrencyShares", int64(30))
	set(limited, "lendablePercent", int64(0))
	queuing := sub(limited, "limitResponse", "queuing")
	setNumber(queuing, "handSize", 8)
	setNumber(queuing, "queues", 64)
	setNumber(queuing, "queueLengthLimit", 50)
}

// fillDeviceClaim fills the requests for devices of a ResourceClaim.
func fillDeviceClaim(spec object) {
	request := func(r object) {
		setText(r, "allocationMode", "ExactCount")
		if str(r, "allocationMode") == "ExactCount" {
			setNumber(r, "count", 1)
		}
		each(r, "tolerations", func(t object) { set(t, "operator", "Equal") })
	}
	each(sub(spec, "devices"), "requests", func(r object) {
		if exactly := sub(r, "exactly"); exactly != nil {
			request(exactly)
		}
		each(r, "firstAvailable", request)
	})
}
