// SPDX-License-Identifier: Apache-2.0

package gitops

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// application is what claims need of an Application of Argo CD.
type application struct {
	Metadata struct {
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		argoSources
		Destination struct {
			Server string `json:"server"`
			Name   string `json:"name"`
		} `json:"destination"`
	} `json:"spec"`
	Status struct {
		Resources      []argoResource `json:"resources"`
		OperationState *struct {
			Phase      string    `json:"phase"`
			StartedAt  time.Time `json:"startedAt"`
			FinishedAt time.Time `json:"finishedAt"`
			Operation  struct {
				Sync *struct {
					Revision  string            `json:"revision"`
					Revisions []string          `json:"revisions"`
					Manifests []json.RawMessage `json:"manifests"`
				} `json:"sync"`
			} `json:"operation"`
			SyncResult *struct {
				argoSources
				Revision  string         `json:"revision"`
				Revisions []string       `json:"revisions"`
				Resources []argoResource `json:"resources"`
			} `json:"syncResult"`
		} `json:"operationState"`
	} `json:"status"`
}

type argoSources struct {
	Source  argoSource   `json:"source"`
	Sources []argoSource `json:"sources"`
}

type argoSource struct {
	Repository string `json:"repoURL"`
	Chart      string `json:"chart"`
}

type argoResource struct {
	Group     string `json:"group"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// application claims what the sync under way, or the last one, writes: what the
// Application manages, and what the sync itself names, such as hooks and what was pruned.
func (c Config) application(object map[string]any, at time.Time) []seaworthy.Deployment {
	a := read[application](object)
	op := a.Status.OperationState
	here := a.Spec.Destination.Name == "in-cluster" || a.Spec.Destination.Server == "https://kubernetes.default.svc"
	if op == nil || op.Operation.Sync == nil || op.StartedAt.IsZero() || !here || len(op.Operation.Sync.Manifests) > 0 {
		return nil
	}
	d := seaworthy.Deployment{
		By: "argocd", From: op.StartedAt.UTC(), Until: op.StartedAt.Add(syncing).UTC(),
		Identity: cmp.Or(c.ArgoCD, "system:serviceaccount:"+a.Metadata.Namespace+":argocd-application-controller"),
	}
	if !op.FinishedAt.IsZero() {
		d.Until = op.FinishedAt.UTC()
	}
	sources, revisions := a.Spec.argoSources, append([]string{op.Operation.Sync.Revision}, op.Operation.Sync.Revisions...)
	listed := a.Status.Resources
	if r := op.SyncResult; r != nil {
		if r.Source.Repository != "" || len(r.Sources) > 0 {
			sources = r.argoSources
		}
		revisions = append(append([]string{r.Revision}, r.Revisions...), revisions...)
		listed = append(listed, r.Resources...)
	}
	d.Repository, d.Commit = sources.of(revisions)
	reasons(&d, object)
	seen := map[seaworthy.Object]bool{}
	for _, r := range listed {
		o := seaworthy.Object{APIVersion: r.Version, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
		if r.Group != "" {
			o.APIVersion = r.Group + "/" + r.Version
		}
		if o.Kind != "" && !seen[o] {
			seen[o] = true
			d.Objects = append(d.Objects, o)
		}
	}
	return []seaworthy.Deployment{d}
}

// of pairs the revision with its repository: of several sources the first that is no
// packaged chart, since that is what people commit to.
func (s argoSources) of(revisions []string) (repository, commit string) {
	for i, source := range s.Sources {
		if source.Chart == "" && i+1 < len(revisions) && revisions[i+1] != "" {
			return source.Repository, revisions[i+1]
		}
	}
	for _, r := range revisions {
		if r != "" {
			if len(s.Sources) > 0 {
				return s.Sources[0].Repository, r
			}
			return s.Source.Repository, r
		}
	}
	return "", ""
}
