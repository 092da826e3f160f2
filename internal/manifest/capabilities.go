// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// lifecycled is a type that knows in which versions of Kubernetes it is served.
type lifecycled interface {
	APILifecycleIntroduced() (major, minor int)
}

// removed is a type that has stopped being served, or will.
type removed interface {
	APILifecycleRemoved() (major, minor int)
}

// servedAPIs lists what charts see as .Capabilities.APIVersions: the groups, versions
// and kinds that a server of that version serves unless told otherwise. Helm alone would
// name the groups and versions of its own build, removed ones too, and no kinds, so that
// charts which ask for "policy/v1/PodDisruptionBudget" render what no server takes.
func servedAPIs(v common.KubeVersion) common.VersionSet {
	major, _ := strconv.Atoi(v.Major)
	minor, _ := strconv.Atoi(strings.TrimSuffix(v.Minor, "+"))
	seen := map[string]bool{"v1": true}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		gv := gvk.GroupVersion().String()
		if gvk.Version == runtime.APIVersionInternal || strings.Contains(gvk.Version, "alpha") || strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		o, err := scheme.Scheme.New(gvk)
		if err != nil {
			continue
		}
		if l, ok := o.(removed); ok {
			if ma, mi := l.APILifecycleRemoved(); ma > 0 && !before(major, minor, ma, mi) {
				continue
			}
		}
		l, ok := o.(lifecycled)
		if ok {
			ma, mi := l.APILifecycleIntroduced()
			beta := strings.Contains(gvk.Version, "beta")
			if before(major, minor, ma, mi) || beta && !before(ma, mi, 1, 24) {
				continue // not there yet, or a beta of the time when betas are off
			}
		}
		if ok {
			seen[gv], seen[gv+"/"+gvk.Kind] = true, true
		}
	}
	if before(major, minor, 1, 25) { // gone from the types, too
		seen["policy/v1beta1/PodSecurityPolicy"] = true
	}
	seen["apiextensions.k8s.io/v1"], seen["apiextensions.k8s.io/v1/CustomResourceDefinition"] = true, true
	seen["apiregistration.k8s.io/v1"], seen["apiregistration.k8s.io/v1/APIService"] = true, true
	out := make(common.VersionSet, 0, len(seen))
	for api := range seen {
		out = append(out, api)
	}
	slices.Sort(out)
	return out
}

func before(major, minor, otherMajor, otherMinor int) bool {
	return major < otherMajor || major == otherMajor && minor < otherMinor
}
