// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) findingRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/findings", action: seaworthy.ReadFindings, id: "list-findings", tag: "Findings",
		summary: "Findings, worst first",
		doc: "Filters of several values take findings that have any of them. '-' is nobody and no team. " +
			"The list holds what is so now. " + findingsThen,
	}, a.findings)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/findings/{id}", action: seaworthy.ReadFindings, id: "get-finding", tag: "Findings",
		summary: "A finding",
	}, a.finding)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/findings/{id}/events", action: seaworthy.ReadFindings, id: "list-finding-events", tag: "Findings",
		summary: "The life of a finding, oldest first",
	}, a.findingEvents)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/checks", action: seaworthy.ReadFindings, id: "list-checks", tag: "Findings",
		summary: "The checks of the catalogue, with what came of them in the latest report of each source",
	}, a.checks)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/checks/{id}/history", action: seaworthy.ReadFindings, id: "list-check-versions", tag: "Findings",
		summary: "With which version, parameters and mode a check judged, from when to when",
	}, a.checkHistory)
}

// findingsThen says where what the list of findings cannot give is to be had. How each of
// millions stood at a moment is in its events alone, which no list can be sorted by.
const findingsThen = "What happened to findings until a past moment is the list finding-events of a program: freeze it as of that moment (POST /api/v1/populations), or read /api/v1/findings/{id}/events of one."

// findingsInput narrows the list of findings.
type findingsInput struct {
	Paging
	Through
	Status     []string  `query:"status" maxItems:"10" enum:"open,waived,fixed"`
	Severity   []string  `query:"severity" maxItems:"10" enum:"critical,high,medium,low,info"`
	Check      []string  `query:"check" maxItems:"200" doc:"Ids of checks."`
	Control    string    `query:"control" maxLength:"200" doc:"Checks that support this control."`
	Source     []string  `query:"source" maxItems:"200"`
	Namespace  []string  `query:"namespace" maxItems:"200"`
	Team       []string  `query:"team" maxItems:"200"`
	Assignee   []string  `query:"assignee" maxItems:"200"`
	Kind       []string  `query:"kind" maxItems:"200"`
	Object     string    `query:"object" maxLength:"64" doc:"The id of an object."`
	Waiver     string    `query:"waiver" maxLength:"64" doc:"The id of a waiver."`
	Overdue    bool      `query:"overdue" doc:"Only what is open past its due date."`
	OpenedFrom time.Time `query:"opened-from"`
	OpenedTo   time.Time `query:"opened-to" doc:"Exclusive."`
	Text       string    `query:"text" maxLength:"200" doc:"The beginning of a name, a namespace, a check or a message."`
	Sort       string    `query:"sort" enum:"age,due" doc:"Opened longest ago first, or due first; worst first when absent."`
	AsOf       string    `query:"as-of" maxLength:"100" doc:"Refused with 400, whatever it says: the list holds what is so now."`
}

func (a *API) findings(ctx context.Context, in *findingsInput) (*list[seaworthy.TrackedFinding], error) {
	if in.AsOf != "" {
		return nil, seaworthy.Invalid("the list of findings holds what is so now and cannot be given as of %s. %s", in.AsOf, findingsThen)
	}
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	f := store.FindingFilter{
		Checks: in.Check, Sources: in.Source, Namespaces: in.Namespace, Teams: in.Team, Assignees: in.Assignee, Kinds: in.Kind,
		Object: in.Object, Waiver: in.Waiver, Overdue: in.Overdue, OpenedFrom: in.OpenedFrom, OpenedTo: in.OpenedTo, Text: in.Text,
		Program: program, Sort: store.Sort(in.Sort), Cursor: in.Cursor, Limit: in.size(),
	}
	for _, s := range in.Status {
		f.Status = append(f.Status, seaworthy.FindingStatus(s))
	}
	for _, s := range in.Severity {
		f.Severities = append(f.Severities, seaworthy.Severity(s))
	}
	if in.Control != "" {
		if f.Checks = a.checksOf(in.Control, in.Check); len(f.Checks) == 0 {
			return whole(ctx, []seaworthy.TrackedFinding{}), nil
		}
	}
	page, err := a.Store.Findings(ctx, f)
	if err != nil {
		return nil, err
	}
	return pageOf(ctx, page.Items, page.Next), nil
}

// checksOf lists the checks that support a control, those among the given ones if there
// are any.
func (a *API) checksOf(control string, among []string) []string {
	var out []string
	for _, c := range a.Checks {
		if slices.Contains(c.Controls, control) && (len(among) == 0 || slices.Contains(among, c.ID)) {
			out = append(out, c.ID)
		}
	}
	return out
}

// seenFinding gives a finding that the principal may see.
func (a *API) seenFinding(ctx context.Context, id string) (seaworthy.TrackedFinding, error) {
	f, err := a.Store.Finding(ctx, id)
	if err != nil {
		return f, err
	}
	return f, a.seesPlace(ctx, "finding", id, f.SourceID, f.Object.Namespace)
}

func (a *API) finding(ctx context.Context, in *ByID) (*one[seaworthy.TrackedFinding], error) {
	f, err := a.seenFinding(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(f)
}

func (a *API) findingEvents(ctx context.Context, in *ByID) (*list[eventView], error) {
	if _, err := a.seenFinding(ctx, in.ID); err != nil {
		return nil, err
	}
	events, err := a.Store.FindingEvents(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := make([]eventView, len(events))
	for i, e := range events {
		out[i] = eventView{strconv.FormatInt(e.Chunk, 10), e.N, e.FindingEvent}
	}
	return whole(ctx, out), nil
}

// eventView is a step in a finding's life and where the log has it.
type eventView struct {
	Chunk string `json:"chunk" doc:"The subject of the entry of the log, of kind events, whose root is over it."`
	N     int    `json:"n"`
	seaworthy.FindingEvent
}

// checkView is a check of the catalogue and what came of it.
type checkView struct {
	ID          string             `json:"id"`
	Title       string             `json:"title"`
	Severity    seaworthy.Severity `json:"severity"`
	Category    string             `json:"category"`
	Rationale   string             `json:"rationale,omitempty"`
	Remediation string             `json:"remediation,omitempty"`
	Controls    []string           `json:"controls" nullable:"false"`
	Tally       *store.CheckTally  `json:"tally,omitempty" doc:"Absent while no report knows the check."`
}

func (a *API) checks(ctx context.Context, in *struct{ Through }) (*list[checkView], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	tallies, err := a.Store.Checks(ctx, program)
	if err != nil {
		return nil, err
	}
	out := make([]checkView, 0, len(a.Checks))
	known := map[string]int{}
	for _, c := range a.Checks {
		known[c.ID] = len(out)
		out = append(out, checkView{
			ID: c.ID, Title: c.Title, Severity: c.Severity, Category: c.Category, Rationale: c.Rationale, Remediation: c.Remediation,
			Controls: notNil(c.Controls),
		})
	}
	for i := range tallies {
		t := &tallies[i]
		at, ok := known[t.ID]
		if !ok { // a company's own
			at = len(out)
			out = append(out, checkView{ID: t.ID, Title: t.ID, Controls: []string{}})
		}
		out[at].Tally = t
	}
	return whole(ctx, out), nil
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *API) checkHistory(ctx context.Context, in *struct {
	ByID
	Through
}) (*list[store.CheckVersion], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.CheckHistory(ctx, in.ID, program)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}
