// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

func (a *API) workRoutes() {
	work := func(path, id, summary, doc string) operation {
		return operation{
			method: http.MethodPost, path: "/api/v1/findings/" + path, action: seaworthy.WorkFindings, id: id, tag: "Findings", summary: summary, doc: doc,
		}
	}
	const all = "All of them or none: one transaction. An engineer acts on what belongs to the engineer's teams."
	route(a, work("assign", "assign-findings", "Give findings to somebody, or to nobody", all), a.assign)
	route(a, work("due", "set-due-dates", "Set by when findings are to be fixed, with the reason", all), a.setDue)
	route(a, work("ticket", "link-ticket", "Give findings the address of a ticket, or take it away", all), a.linkTicket)
	route(a, work("comment", "comment-findings", "Say the same of several findings", all), a.commentFindings)
	waive := work("waive", "waive-findings", "Ask for waivers of exactly these findings, one for each", "They count once somebody else approved them.")
	waive.status = http.StatusCreated
	route(a, waive, a.waiveFindings)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/comments", action: seaworthy.ReadFindings, id: "list-comments", tag: "Findings",
		summary: "What was said of something, oldest first",
	}, a.comments)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/comments", action: seaworthy.WorkFindings, id: "comment", tag: "Findings",
		summary: "Say something of a finding, a control, an occurrence, evidence or a waiver", status: http.StatusCreated,
		doc: "People named as @address or @name are mentioned.",
	}, a.comment)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/objects", action: seaworthy.ReadFindings, id: "list-objects", tag: "Findings",
		summary: "Objects that reports named, with what was found about them",
	}, a.objects)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/objects/{id}", action: seaworthy.ReadFindings, id: "get-object", tag: "Findings",
		summary: "An object that reports named",
	}, a.object)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/objects/{id}/story", action: seaworthy.ReadFindings, id: "get-object-story", tag: "Findings",
		summary: "From when to when an object had findings, and why that changed",
	}, a.objectStory)
}

// Many are the findings that a step is taken with.
type Many struct {
	Findings []string `json:"findings" nullable:"false" minItems:"1" maxItems:"10000" doc:"Ids."`
}

// changed tells how many findings a step changed.
type changed struct {
	Changed int `json:"changed"`
}

type changedOutput struct{ Body changed }

func counting(n int, err error) (*changedOutput, error) {
	if err != nil {
		return nil, err
	}
	return &changedOutput{changed{n}}, nil
}

func (a *API) assign(ctx context.Context, in *struct {
	Body struct {
		Many
		User string `json:"user" maxLength:"100" doc:"The id of a user; empty: nobody."`
	}
}) (*changedOutput, error) {
	return counting(a.Triage.Assign(ctx, who(ctx), in.Body.Findings, in.Body.User))
}

func (a *API) setDue(ctx context.Context, in *struct {
	Body struct {
		Many
		DueAt  time.Time `json:"dueAt,omitzero" doc:"Absent: back to what the SLA says."`
		Reason string    `json:"reason,omitempty" maxLength:"10000"`
	}
}) (*changedOutput, error) {
	return counting(a.Triage.SetDue(ctx, who(ctx), in.Body.Findings, in.Body.DueAt, in.Body.Reason))
}

func (a *API) linkTicket(ctx context.Context, in *struct {
	Body struct {
		Many
		Address string `json:"address" maxLength:"2000" doc:"Empty: it is taken away."`
	}
}) (*changedOutput, error) {
	return counting(a.Triage.Link(ctx, who(ctx), in.Body.Findings, in.Body.Address))
}

func (a *API) commentFindings(ctx context.Context, in *struct {
	Body struct {
		Many
		Text string `json:"text" minLength:"1" maxLength:"20000"`
	}
}) (*changedOutput, error) {
	return counting(a.Triage.CommentFindings(ctx, who(ctx), in.Body.Findings, in.Body.Text))
}

// Terms are what a waiver is asked for with.
type Terms struct {
	Owner               string         `json:"owner,omitempty" maxLength:"100" doc:"The id of a user; who asks when absent."`
	Reason              string         `json:"reason" minLength:"1" maxLength:"10000"`
	CompensatingControl string         `json:"compensatingControl,omitempty" maxLength:"10000"`
	Expires             seaworthy.Date `json:"expires" doc:"YYYY-MM-DD."`
}

func (a *API) waiveFindings(ctx context.Context, in *struct {
	Body struct {
		Many
		Terms
	}
}) (*list[seaworthy.TrackedWaiver], error) {
	all, err := a.Triage.WaiveFindings(ctx, who(ctx), in.Body.Findings, triage.Terms(in.Body.Terms))
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) comments(ctx context.Context, in *struct {
	Paging
	Kind    string `query:"kind" required:"true" maxLength:"50" doc:"finding, control, occurrence, evidence or waiver."`
	Subject string `query:"subject" required:"true" maxLength:"200"`
}) (*list[seaworthy.Comment], error) {
	if err := everyone(ctx, "what others said"); err != nil {
		return nil, err
	}
	page, err := a.Store.Comments(ctx, in.Kind, in.Subject, in.Cursor, in.size())
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) comment(ctx context.Context, in *struct {
	Body struct {
		Kind    string `json:"kind" maxLength:"50" doc:"finding, control, occurrence, evidence or waiver."`
		Subject string `json:"subject" maxLength:"200"`
		Text    string `json:"text" minLength:"1" maxLength:"20000"`
	}
}) (*struct {
	Status int
	Body   seaworthy.Comment
}, error) {
	c, err := a.Triage.Comment(ctx, who(ctx), in.Body.Kind, in.Body.Subject, in.Body.Text)
	if err != nil {
		return nil, err
	}
	return &struct {
		Status int
		Body   seaworthy.Comment
	}{http.StatusCreated, c}, nil
}

func (a *API) objects(ctx context.Context, in *struct {
	Paging
	Through
	Source    []string `query:"source" maxItems:"200"`
	Namespace []string `query:"namespace" maxItems:"200"`
	Kind      []string `query:"kind" maxItems:"200"`
	Team      []string `query:"team" maxItems:"200"`
	Workloads bool     `query:"workloads" doc:"Only what runs containers."`
	Deleted   bool     `query:"deleted" doc:"Also what is not there any more."`
	Name      string   `query:"name" maxLength:"300" doc:"Its beginning."`
}) (*list[store.CountedObject], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Objects(ctx, store.ObjectFilter{
		Sources: in.Source, Namespaces: in.Namespace, Kinds: in.Kind, Teams: in.Team, Workloads: in.Workloads, Deleted: in.Deleted,
		Name: in.Name, Program: program, Cursor: in.Cursor, Limit: in.size(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) seenObject(ctx context.Context, id string) (store.CountedObject, error) {
	o, err := a.Store.Object(ctx, id)
	if err != nil {
		return o, err
	}
	return o, a.seesPlace(ctx, "object", id, o.SourceID, o.Object.Namespace)
}

func (a *API) object(ctx context.Context, in *ByID) (*one[store.CountedObject], error) {
	o, err := a.seenObject(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(o)
}

func (a *API) objectStory(ctx context.Context, in *ByID) (*list[store.Span], error) {
	if _, err := a.seenObject(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := a.Store.ObjectStory(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}
