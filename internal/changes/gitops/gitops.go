// SPDX-License-Identifier: Apache-2.0

// Package gitops reads from what a watch shows which changes Argo CD and Flux are about to
// make, or made, and which the one who wrote an object gives a ticket for: claims, against
// which changes are held as against those that pipelines register.
//
// A claim of a controller is bound to the user that the controller is, to the objects that
// it manages and to a time: that Argo CD synced covers nobody else's change. What did not
// come from a repository (manifests from somebody's machine) is no claim. An annotation
// claims the one write that brings it, never a later one.
//
// Everything here is a function of its arguments: the same objects at the same time give
// the same claims.
package gitops

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// The annotations by which who writes an object, or an Application, gives the reason.
const (
	TicketAnnotation      = "seaworthy.dev/ticket"
	PullRequestAnnotation = "seaworthy.dev/pull-request"
)

// The bounds of claims.
const (
	maxObjects = 1000
	maxSpan    = 24 * time.Hour
	// syncing is how long a sync that has begun is taken to last; its end tells better.
	syncing = 30 * time.Minute
	// lead is how long before Flux says that it is done it may have begun.
	lead = 10 * time.Minute
)

// Config says how the controllers are known in the cluster.
type Config struct {
	// ArgoCD is the user that Argo CD's application controller is; empty: the service
	// account of a standard installation in the namespace of the Application.
	ArgoCD string
	// Flux is the namespace of Flux's controllers; empty: flux-system.
	Flux string
	// Source gives the address of a source of Flux; nil or an empty answer: its name is used.
	Source func(kind, namespace, name string) string
}

// Claims reads the claims from one thing that a watch shows: the object before, nil where
// it is new or was not known, and after, both redacted. Claims lack cluster and id.
func (c Config) Claims(before, after map[string]any, at time.Time) []seaworthy.Deployment {
	if after == nil {
		return nil
	}
	at = at.UTC()
	version, _ := after["apiVersion"].(string)
	group, _, _ := strings.Cut(version, "/")
	var out []seaworthy.Deployment
	switch group + "/" + text(after, "kind") {
	case "argoproj.io/Application":
		out = c.application(after, at)
	case "kustomize.toolkit.fluxcd.io/Kustomization":
		out = c.kustomization(before, after, at)
	case "helm.toolkit.fluxcd.io/HelmRelease":
		out = c.helmRelease(before, after, at)
	}
	return append(bounded(out, at), annotated(before, after, at)...)
}

// bounded leaves out claims of long ago, which a list of everything brings up again, ends
// those that last too long, and takes those of many objects apart.
func bounded(claims []seaworthy.Deployment, at time.Time) []seaworthy.Deployment {
	var out []seaworthy.Deployment
	for _, d := range claims {
		if d.Until.Sub(d.From) > maxSpan {
			d.Until = d.From.Add(maxSpan)
		}
		if d.From.After(at.Add(time.Hour)) || d.Until.Before(at.Add(-maxSpan)) || d.Until.Before(d.From) || d.Commit == "" {
			continue
		}
		if len(d.Objects) == 0 {
			if len(d.Namespaces) > 0 {
				out = append(out, d)
			}
			continue
		}
		for all := d.Objects; len(all) > 0; {
			n := min(len(all), maxObjects)
			d.Objects, all = all[:n:n], all[n:]
			out = append(out, d)
		}
	}
	return out
}

// annotated is the claim of who wrote the object: new with this write.
func annotated(before, after map[string]any, at time.Time) []seaworthy.Deployment {
	ticket, pull := text(after, "metadata", "annotations", TicketAnnotation), text(after, "metadata", "annotations", PullRequestAnnotation)
	if ticket == text(before, "metadata", "annotations", TicketAnnotation) && pull == text(before, "metadata", "annotations", PullRequestAnnotation) ||
		ticket == "" && pull == "" {
		return nil
	}
	if before == nil { // new, or seen for the first time: it was written when it was made
		made, err := time.Parse(time.RFC3339, text(after, "metadata", "creationTimestamp"))
		if err != nil || at.Sub(made) > time.Hour {
			return nil
		}
		at = made.UTC()
	}
	o := seaworthy.Object{
		APIVersion: text(after, "apiVersion"), Kind: text(after, "kind"), Namespace: text(after, "metadata", "namespace"), Name: text(after, "metadata", "name"),
	}
	if o.Kind == "" || o.Name == "" {
		return nil
	}
	return []seaworthy.Deployment{{By: "annotation", Objects: []seaworthy.Object{o}, Ticket: short(ticket), PullURL: short(pull), From: at, Until: at}}
}

// reasons adds the ticket and the pull request that an object names to a claim.
func reasons(d *seaworthy.Deployment, o map[string]any) {
	d.Ticket, d.PullURL = short(text(o, "metadata", "annotations", TicketAnnotation)), short(text(o, "metadata", "annotations", PullRequestAnnotation))
}

// short cuts a text that people write to what a claim holds.
func short(s string) string {
	const most = 500
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// text follows a path of mappings to a string; empty where there is none.
func text(m map[string]any, path ...string) string {
	for _, step := range path[:len(path)-1] {
		m, _ = m[step].(map[string]any)
	}
	s, _ := m[path[len(path)-1]].(string)
	return s
}

// read reads an object into a struct that names what it wants. What is of another type
// than its documentation says reads as nothing, so it makes no claim.
func read[T any](m map[string]any) (out T) {
	b, err := json.Marshal(m)
	if err != nil || json.Unmarshal(b, &out) != nil {
		var none T
		return none
	}
	return out
}
