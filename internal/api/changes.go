// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) changeRoutes() {
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/sources/{source}/audit-events", action: seaworthy.SendReports, id: "send-audit-events", tag: "Changes",
		summary: "Send audit events of a cluster's API server",
		doc: "Events of audit.k8s.io/v1 as the API server's audit webhook sends them or its log holds them, or as the logs of EKS " +
			"(CloudWatch, also through Firehose or Lambda), GKE (Cloud Logging, also through Pub/Sub) and AKS (Azure Monitor, Event Hubs) " +
			"deliver them; plain or compressed with gzip. The same events again change nothing. What is no part of the change trail (reads, " +
			"dry runs, status) is counted and not kept; values of Secrets are reduced to keyed digests before anything is kept.",
		requestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Description: "Audit events, lists of them or the envelopes of a provider."}},
		}},
	}, a.sendAuditEvents)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/sources/{source}/deployments", action: seaworthy.SendReports, id: "record-deployment", tag: "Changes",
		summary: "Register a deployment", status: http.StatusCreated,
		doc: "A claim that changes of a cluster, in a time of a day at most, belong to a ticket, a pull request or a commit. Changes that are " +
			"there already are held against it too, and show that the claim came late.",
	}, a.recordDeployment)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/deployments", action: seaworthy.ReadFindings, id: "list-deployments", tag: "Changes",
		summary: "Deployments that were registered, newest first",
	}, a.deployments)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/deployments/{id}", action: seaworthy.ReadFindings, id: "get-deployment", tag: "Changes", summary: "A deployment",
	}, a.deployment)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/changes", action: seaworthy.ReadFindings, id: "list-changes", tag: "Changes",
		summary: "Changes of clusters, newest first",
	}, a.changes)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/changes/{id}", action: seaworthy.ReadFindings, id: "get-change", tag: "Changes", summary: "A change",
	}, a.change)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/changes/{id}/explanation", action: seaworthy.WorkFindings, id: "explain-change", tag: "Changes",
		summary: "Say why a change was made that nobody had approved",
		doc:     "It stays out of band. Who made the change cannot explain it; where nobody knows which person did, an engineer cannot.",
	}, a.explainChange)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/change-rules", action: seaworthy.ReadFindings, id: "list-change-rules", tag: "Changes",
		summary: "Rules that say which changes need an approval, in the order in which they are tried",
	}, a.changeRules)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/change-rules", action: seaworthy.ManageSources, id: "create-change-rule", tag: "Changes",
		summary: "Add a rule", status: http.StatusCreated, doc: "It counts for changes from now on: what happened under the rules before stays as it is.",
	}, a.createChangeRule)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/change-rules/{id}", action: seaworthy.ManageSources, id: "drop-change-rule", tag: "Changes",
		summary: "Remove a rule", status: http.StatusNoContent,
	}, func(ctx context.Context, in *ByID) (*struct{}, error) {
		if err := everyone(ctx, "rules of changes"); err != nil {
			return nil, err
		}
		return nil, trail.DropRule(ctx, a.Trail.Store, who(ctx), in.ID)
	})
}

// auditTaken says what became of audit events.
type auditTaken struct {
	trail.Taken
	Events   int                 `json:"events" doc:"How many there were."`
	Passed   int                 `json:"passed" doc:"Those that are no part of the trail: reads, dry runs, what controllers observe."`
	Problems []seaworthy.Problem `json:"problems" doc:"What could not be read, up to 100."`
}

func (a *API) sendAuditEvents(ctx context.Context, in *struct{ OfSource }) (*one[auditTaken], error) {
	source, err := trail.Cluster(ctx, a.Trail.Store, who(ctx), in.Source)
	if err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	last, err := ingest.LastAudited(ctx, a.Store, source.ID)
	if err != nil {
		return nil, err
	}
	reader := kubeaudit.Reader{Key: a.Trail.KeyOf(source.ID), Kinds: a.Trail.Kinds, After: last}
	read, err := reader.Read(http.MaxBytesReader(r.w, r.r.Body, kubeaudit.MaxBytes))
	if err != nil {
		return nil, err
	}
	taken, err := trail.Take(ctx, a.Trail, who(ctx), source, read.Observations)
	if err != nil {
		return nil, err
	}
	if err := ingest.Audited(ctx, a.Store, who(ctx), source.ID, ingest.AuditEvents{First: read.First, Latest: read.Latest}); err != nil {
		return nil, err
	}
	if err := ingest.Unread(ctx, a.Store, who(ctx), source.ID, read.Unread); err != nil {
		return nil, err
	}
	out := auditTaken{taken, read.Events, read.Passed, read.Problems}
	if out.Problems == nil {
		out.Problems = []seaworthy.Problem{}
	}
	return &one[auditTaken]{Body: out}, nil
}

func (a *API) recordDeployment(ctx context.Context, in *struct {
	OfSource
	Body struct {
		Namespaces []string           `json:"namespaces,omitempty" maxItems:"200"`
		Images     []string           `json:"images,omitempty" maxItems:"500" doc:"With digests: a tag proves nothing."`
		Objects    []seaworthy.Object `json:"objects,omitempty" maxItems:"1000" doc:"Only these; whatever is in the namespaces when absent."`
		Identity   string             `json:"identity,omitempty" maxLength:"300" doc:"The user by which the cluster knows the pipeline; anybody when absent."`
		Repository string             `json:"repository,omitempty" maxLength:"500"`
		Commit     string             `json:"commit,omitempty" maxLength:"100"`
		PullURL    string             `json:"pullRequest,omitempty" maxLength:"1000" format:"uri"`
		Ticket     string             `json:"ticket,omitempty" maxLength:"500"`
		From       time.Time          `json:"from,omitzero" doc:"Now when absent."`
		Until      time.Time          `json:"until,omitzero" doc:"Half an hour after from when absent; a day at most."`
		Lasts      time.Duration      `json:"lasts,omitempty" minimum:"1" doc:"In the place of until, for who does not trust the own clock."`
	}
}) (*made[seaworthy.Deployment], error) {
	source, err := trail.Cluster(ctx, a.Trail.Store, who(ctx), in.Source)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Lasts > 0 && b.Until.IsZero() {
		if b.From.IsZero() {
			b.From = a.Store.Now()
		}
		b.Until = b.From.Add(b.Lasts)
	}
	d, err := trail.Record(ctx, a.Trail, who(ctx), seaworthy.Deployment{
		SourceID: source.ID, Namespaces: b.Namespaces, Images: b.Images, Objects: b.Objects, Identity: b.Identity, Repository: b.Repository,
		Commit: b.Commit, PullURL: b.PullURL, Ticket: b.Ticket, From: b.From, Until: b.Until,
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/deployments/"+d.ID, d)
}

func (a *API) deployments(ctx context.Context, in *struct {
	Paging
	Through
	Source  string `query:"source" maxLength:"200"`
	Image   string `query:"image" maxLength:"1000" doc:"An image as it is written, with its digest, or the digest alone."`
	Commit  string `query:"commit" maxLength:"100" doc:"A commit, or how it begins."`
	Ticket  string `query:"ticket" maxLength:"500"`
	PullURL string `query:"pullRequest" maxLength:"1000"`
}) (*list[seaworthy.Deployment], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Deployments(ctx, store.DeploymentFilter{
		Source: in.Source, Image: in.Image, Commit: in.Commit, Ticket: in.Ticket, Pull: in.PullURL, Program: program, Cursor: in.Cursor, Limit: in.size(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) deployment(ctx context.Context, in *ByID) (*one[seaworthy.Deployment], error) {
	d, err := a.Store.Deployment(ctx, in.ID)
	if err == nil {
		err = a.seesSource(ctx, "deployment", in.ID, d.SourceID)
	}
	if err != nil {
		return nil, err
	}
	return record(d)
}

func (a *API) changes(ctx context.Context, in *struct {
	Paging
	Through
	Source      string    `query:"source" maxLength:"200"`
	Namespace   string    `query:"namespace" maxLength:"300"`
	Kind        string    `query:"kind" maxLength:"300"`
	Name        string    `query:"name" maxLength:"300"`
	Actor       string    `query:"actor" maxLength:"300" doc:"The user as the cluster knows it."`
	Verb        string    `query:"verb" maxLength:"50"`
	Match       []string  `query:"match" maxItems:"10" enum:"verified,claimed,out-of-band,not required,controller"`
	Unexplained bool      `query:"unexplained" doc:"Only what is out of band and was not explained."`
	Flag        string    `query:"flag" enum:"audit removed,own configuration,made and undone,bypassed admission,session in production,access widened,secret read" doc:"Only what is remarkable in this way."`
	Image       string    `query:"image" maxLength:"1000" doc:"Only what runs this image: as it is written, with its digest, or the digest alone."`
	From        time.Time `query:"from"`
	To          time.Time `query:"to" doc:"Exclusive."`
}) (*list[seaworthy.Change], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Changes(ctx, store.ChangeFilter{
		Source: in.Source, Namespace: in.Namespace, Kind: in.Kind, Name: in.Name, Actor: in.Actor, Verb: in.Verb, Approvals: in.Match,
		Unexplained: in.Unexplained, Flag: seaworthy.Flag(in.Flag), Image: in.Image, From: in.From, To: in.To, Program: program, Cursor: in.Cursor, Limit: in.size(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) change(ctx context.Context, in *ByID) (*one[seaworthy.Change], error) {
	c, err := a.Store.Change(ctx, in.ID)
	if err == nil {
		err = a.seesPlace(ctx, "change", in.ID, c.SourceID, c.Object.Namespace)
	}
	if err != nil {
		return nil, err
	}
	return record(c)
}

func (a *API) explainChange(ctx context.Context, in *struct {
	ByID
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"10000"`
	}
}) (*one[seaworthy.Change], error) {
	c, err := trail.Explain(ctx, a.Trail.Store, who(ctx), in.ID, in.Body.Note)
	if err != nil {
		return nil, err
	}
	return record(c)
}

func (a *API) changeRules(ctx context.Context, _ *struct{}) (*list[seaworthy.ChangeRule], error) {
	if err := everyone(ctx, "rules of changes"); err != nil {
		return nil, err
	}
	all, err := a.Store.ChangeRules(ctx)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) createChangeRule(ctx context.Context, in *struct {
	Body struct {
		Source     string   `json:"source,omitempty" maxLength:"200" doc:"The id of a cluster; every one when absent."`
		Place      int      `json:"place,omitempty" minimum:"0" maximum:"1000000" doc:"After all others when absent."`
		Name       string   `json:"name" minLength:"1" maxLength:"200"`
		Namespaces []string `json:"namespaces,omitempty" maxItems:"200"`
		Kinds      []string `json:"kinds,omitempty" maxItems:"200"`
		Names      []string `json:"names,omitempty" maxItems:"200"`
		Users      []string `json:"users,omitempty" maxItems:"200"`
		Verbs      []string `json:"verbs,omitempty" maxItems:"20"`
		Paths      []string `json:"paths,omitempty" maxItems:"200" doc:"Must cover every edit, as prefixes: spec.replicas."`
		Approval   bool     `json:"approval,omitempty" doc:"Whether what fits needs an approval."`
	}
}) (*made[seaworthy.ChangeRule], error) {
	b := in.Body
	r, err := trail.PutRule(ctx, a.Trail.Store, who(ctx), seaworthy.ChangeRule{
		SourceID: b.Source, Place: b.Place, Name: b.Name, Namespaces: b.Namespaces, Kinds: b.Kinds, Names: b.Names, Users: b.Users,
		Verbs: b.Verbs, Paths: b.Paths, Approval: b.Approval,
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/change-rules", r)
}
