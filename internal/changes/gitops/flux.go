// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"cmp"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

type fluxMeta struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type fluxCondition struct {
	Type  string    `json:"type"`
	Since time.Time `json:"lastTransitionTime"`
}

// kustomization is what claims need of a Kustomization of Flux.
type kustomization struct {
	Metadata fluxMeta `json:"metadata"`
	Spec     struct {
		Suspend        bool   `json:"suspend"`
		ServiceAccount string `json:"serviceAccountName"`
		SourceRef      struct {
			Kind      string `json:"kind"`
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
		} `json:"sourceRef"`
		KubeConfig any `json:"kubeConfig"`
	} `json:"spec"`
	Status struct {
		Applied    string          `json:"lastAppliedRevision"`
		Attempted  string          `json:"lastAttemptedRevision"`
		Conditions []fluxCondition `json:"conditions"`
		Inventory  struct {
			Entries []struct {
				ID      string `json:"id"`
				Version string `json:"v"`
			} `json:"entries"`
		} `json:"inventory"`
	} `json:"status"`
}

// kustomization claims what Flux writes for the rest of the day: it applies a revision
// again whenever the cluster drifts from it, which no status tells.
func (c Config) kustomization(before, after map[string]any, at time.Time) []seaworthy.Deployment {
	was, is := read[kustomization](before), read[kustomization](after)
	revision := cmp.Or(is.Status.Attempted, is.Status.Applied)
	if revision == "" || is.Spec.Suspend || is.Spec.KubeConfig != nil { // of another cluster
		return nil
	}
	d := c.flux(is.Metadata.Namespace, is.Spec.ServiceAccount, "kustomize-controller", at)
	d.Commit = commit(revision)
	d.Repository = c.source(is.Spec.SourceRef.Kind, cmp.Or(is.Spec.SourceRef.Namespace, is.Metadata.Namespace), is.Spec.SourceRef.Name)
	reasons(&d, after)
	changed := before != nil && (was.Status.Attempted != is.Status.Attempted || was.Status.Applied != is.Status.Applied)
	d.From = began(was.Status.Conditions, is.Status.Conditions, changed, at)
	seen := map[seaworthy.Object]bool{}
	for _, entries := range [...]kustomization{was, is} { // what was there before may be pruned
		for _, e := range entries.Status.Inventory.Entries {
			if o, ok := entry(e.ID, e.Version); ok && !seen[o] {
				seen[o] = true
				d.Objects = append(d.Objects, o)
			}
		}
	}
	return []seaworthy.Deployment{d}
}

// helmRelease is what claims need of a HelmRelease of Flux.
type helmRelease struct {
	Metadata fluxMeta `json:"metadata"`
	Spec     struct {
		Suspend         bool   `json:"suspend"`
		ServiceAccount  string `json:"serviceAccountName"`
		TargetNamespace string `json:"targetNamespace"`
		KubeConfig      any    `json:"kubeConfig"`
	} `json:"spec"`
	Status struct {
		Attempted  string          `json:"lastAttemptedRevision"`
		Conditions []fluxCondition `json:"conditions"`
		History    []struct {
			Chart    string    `json:"chartName"`
			Version  string    `json:"chartVersion"`
			Deployed time.Time `json:"lastDeployed"`
		} `json:"history"`
	} `json:"status"`
}

// helmRelease claims what Flux writes into the namespace of a release, whose objects it
// does not list.
func (c Config) helmRelease(before, after map[string]any, at time.Time) []seaworthy.Deployment {
	was, is := read[helmRelease](before), read[helmRelease](after)
	if is.Spec.Suspend || is.Spec.KubeConfig != nil {
		return nil
	}
	d := c.flux(is.Metadata.Namespace, is.Spec.ServiceAccount, "helm-controller", at)
	d.Namespaces = []string{cmp.Or(is.Spec.TargetNamespace, is.Metadata.Namespace)}
	d.Commit = is.Status.Attempted
	changed := before != nil && was.Status.Attempted != is.Status.Attempted
	d.From = began(was.Status.Conditions, is.Status.Conditions, changed, at)
	if len(is.Status.History) > 0 {
		newest := is.Status.History[0]
		d.Commit = cmp.Or(d.Commit, newest.Version)
		if newest.Deployed.After(at.Add(-time.Hour)) && newest.Deployed.Before(d.From) {
			d.From = newest.Deployed.UTC()
		}
		d.Repository = newest.Chart
	}
	reasons(&d, after)
	return []seaworthy.Deployment{d}
}

// flux begins a claim of one of Flux's controllers, to the end of the day.
func (c Config) flux(namespace, account, controller string, at time.Time) seaworthy.Deployment {
	d := seaworthy.Deployment{By: "flux", Until: at.Truncate(maxSpan).Add(maxSpan)}
	if account != "" {
		d.Identity = "system:serviceaccount:" + namespace + ":" + account
	} else {
		d.Identity = "system:serviceaccount:" + cmp.Or(c.Flux, "flux-system") + ":" + controller
	}
	return d
}

// began is since when a revision may have been applied: where it has just changed since
// Flux began with it, else since it was ready, at most since the day began.
func began(was, is []fluxCondition, changed bool, at time.Time) time.Time {
	day := at.Truncate(maxSpan)
	if changed {
		for _, list := range [][]fluxCondition{is, was} {
			if since := since(list, "Reconciling"); !since.IsZero() && !since.After(at) && at.Sub(since) < time.Hour {
				return since
			}
		}
		return at.Add(-lead)
	}
	if ready := since(is, "Ready").Add(-lead); ready.After(day) && !ready.After(at) {
		return ready
	}
	return day
}

func since(list []fluxCondition, condition string) time.Time {
	for _, c := range list {
		if c.Type == condition {
			return c.Since.UTC()
		}
	}
	return time.Time{}
}

// source names a source of Flux: its address where that is known.
func (c Config) source(kind, namespace, name string) string {
	if name == "" {
		return ""
	}
	if c.Source != nil {
		if url := c.Source(kind, namespace, name); url != "" {
			return url
		}
	}
	return kind + "/" + namespace + "/" + name
}

// commit takes the commit, or the digest, out of a revision: main@sha1:…, sha256:…, or
// main/… as it was written before.
func commit(revision string) string {
	if _, after, ok := strings.Cut(revision, "@"); ok {
		revision = after
	} else if i := strings.LastIndexByte(revision, '/'); i >= 0 {
		revision = revision[i+1:]
	}
	return strings.TrimPrefix(revision, "sha1:")
}

// entry reads an entry of an inventory: namespace_name_group_kind, where colons in names
// are doubled underscores.
func entry(id, version string) (seaworthy.Object, bool) {
	namespace, rest, ok := strings.Cut(id, "_")
	last := strings.LastIndexByte(rest, '_')
	if !ok || last < 0 {
		return seaworthy.Object{}, false
	}
	kind, rest := rest[last+1:], rest[:last]
	last = strings.LastIndexByte(rest, '_')
	if last < 0 {
		return seaworthy.Object{}, false
	}
	group, name := rest[last+1:], strings.ReplaceAll(rest[:last], "__", ":")
	o := seaworthy.Object{APIVersion: version, Kind: kind, Namespace: namespace, Name: name}
	if group != "" {
		o.APIVersion = group + "/" + version
	}
	return o, kind != "" && name != ""
}
