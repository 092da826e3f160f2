// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

func (a *API) waiverRoutes() {
	const waivers = "/api/v1/waivers"
	route(a, operation{
		method: http.MethodGet, path: waivers, action: seaworthy.ReadFindings, id: "list-waivers", tag: "Waivers",
		summary: "Waivers and requests for them, latest first",
	}, a.waivers)
	route(a, operation{
		method: http.MethodPost, path: waivers, action: seaworthy.WorkFindings, id: "request-waiver", tag: "Waivers",
		summary: "Ask for a waiver", status: http.StatusCreated,
		doc: "It counts once somebody else approved it, and until it expires. A waived object stays in n of N.",
	}, a.requestWaiver)
	route(a, operation{
		method: http.MethodGet, path: waivers + "/{id}", action: seaworthy.ReadFindings, id: "get-waiver", tag: "Waivers", summary: "A waiver",
	}, a.waiver)
	route(a, operation{
		method: http.MethodPost, path: waivers + "/{id}/approve", action: seaworthy.ApproveWaivers, id: "approve-waiver", tag: "Waivers",
		summary: "Approve the request of somebody else", doc: "What is given takes the place of what was asked for.",
	}, a.approve)
	route(a, operation{
		method: http.MethodPost, path: waivers + "/{id}/reject", action: seaworthy.ApproveWaivers, id: "reject-waiver", tag: "Waivers",
		summary: "Turn a request down",
	}, a.reject)
	route(a, operation{
		method: http.MethodPost, path: waivers + "/{id}/revoke", action: seaworthy.WorkFindings, id: "revoke-waiver", tag: "Waivers",
		summary: "End a waiver before its time, or take a request back",
	}, a.revoke)
	route(a, operation{
		method: http.MethodPost, path: waivers + "/{id}/renew", action: seaworthy.WorkFindings, id: "renew-waiver", tag: "Waivers",
		summary: "Ask to go on with a waiver", status: http.StatusCreated,
	}, a.renew)
}

func (a *API) waivers(ctx context.Context, in *struct {
	Paging
	Through
	State    []string `query:"state" maxItems:"5" enum:"requested,approved,rejected,revoked,expired"`
	Check    string   `query:"check" maxLength:"200"`
	Source   string   `query:"source" maxLength:"200"`
	ByExpiry bool     `query:"by-expiry" doc:"What ends first comes first."`
}) (*list[seaworthy.TrackedWaiver], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	page, err := a.Store.Waivers(ctx, store.WaiverFilter{
		States: in.State, Check: in.Check, Source: in.Source, ByExpiry: in.ByExpiry, Program: program, Cursor: in.Cursor, Limit: in.size(),
	})
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

func (a *API) waiver(ctx context.Context, in *ByID) (*one[seaworthy.TrackedWaiver], error) {
	w, err := a.Store.Waiver(ctx, in.ID)
	if err == nil && w.SourceID != "" {
		err = a.seesPlace(ctx, "waiver", in.ID, w.SourceID, w.Namespace)
	}
	if err != nil {
		return nil, err
	}
	return record(w)
}

func (a *API) requestWaiver(ctx context.Context, in *struct {
	Body struct {
		Source      string `json:"source,omitempty" maxLength:"100" doc:"The id of a source; any when absent."`
		Check       string `json:"check" minLength:"1" maxLength:"200" doc:"An id, or a pattern."`
		Kind        string `json:"kind,omitempty" maxLength:"300"`
		Namespace   string `json:"namespace,omitempty" maxLength:"300"`
		Name        string `json:"name,omitempty" maxLength:"300"`
		Container   string `json:"container,omitempty" maxLength:"300"`
		File        string `json:"file,omitempty" maxLength:"1000"`
		Fingerprint string `json:"fingerprint,omitempty" maxLength:"128"`
		Terms
	}
}) (*made[seaworthy.TrackedWaiver], error) {
	b := in.Body
	w, err := a.Triage.RequestWaiver(ctx, who(ctx), b.Source, seaworthy.Waiver{
		Check: b.Check, Kind: b.Kind, Namespace: b.Namespace, Name: b.Name, Container: b.Container, File: b.File, Fingerprint: b.Fingerprint,
		Owner: b.Owner, Reason: b.Reason, CompensatingControl: b.CompensatingControl, Expires: b.Expires,
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/waivers/"+w.ID, w)
}

func (a *API) approve(ctx context.Context, in *struct {
	ByID
	Body struct {
		Owner               string         `json:"owner,omitempty" maxLength:"100"`
		CompensatingControl string         `json:"compensatingControl,omitempty" maxLength:"10000"`
		Expires             seaworthy.Date `json:"expires,omitzero"`
		Note                string         `json:"note,omitempty" maxLength:"10000"`
	}
}) (*one[seaworthy.TrackedWaiver], error) {
	return single(a.Triage.Approve(ctx, who(ctx), []string{in.ID}, triage.Decision(in.Body)))
}

// single is the one record of a verb that takes several.
func single(all []seaworthy.TrackedWaiver, err error) (*one[seaworthy.TrackedWaiver], error) {
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, seaworthy.Conflict("the waiver is not in a state to do this")
	}
	return record(all[0])
}

// Noted is a decision with a note.
type Noted struct {
	Body struct {
		Note string `json:"note,omitempty" maxLength:"10000"`
	}
}

func (a *API) reject(ctx context.Context, in *struct {
	ByID
	Noted
}) (*one[seaworthy.TrackedWaiver], error) {
	return single(a.Triage.Reject(ctx, who(ctx), []string{in.ID}, in.Body.Note))
}

func (a *API) revoke(ctx context.Context, in *struct {
	ByID
	Noted
}) (*one[seaworthy.TrackedWaiver], error) {
	return single(a.Triage.Revoke(ctx, who(ctx), []string{in.ID}, in.Body.Note))
}

func (a *API) renew(ctx context.Context, in *struct {
	ByID
	Body Terms
}) (*made[seaworthy.TrackedWaiver], error) {
	w, err := a.Triage.Renew(ctx, who(ctx), in.ID, triage.Terms(in.Body))
	if err != nil {
		return nil, err
	}
	return created("/api/v1/waivers/"+w.ID, w)
}
