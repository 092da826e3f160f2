// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) controlRoutes() {
	const controls, occurrences = "/api/v1/controls", "/api/v1/occurrences"
	route(a, operation{
		method: http.MethodGet, path: controls, action: seaworthy.ReadProgramme, id: "list-controls", tag: "Controls",
		summary: "What the company says that it does, by id, as of now or of a past moment",
	}, a.controls)
	route(a, operation{
		method: http.MethodPost, path: controls, action: seaworthy.ManageProgramme, id: "create-control", tag: "Controls",
		summary: "Make a control of the company's own", status: http.StatusCreated,
	}, a.createControl)
	route(a, operation{
		method: http.MethodGet, path: controls + "/{id}", action: seaworthy.ReadProgramme, id: "get-control", tag: "Controls",
		summary: "A control",
	}, a.control)
	route(a, operation{
		method: http.MethodPut, path: controls + "/{id}", action: seaworthy.ManageProgramme, id: "change-control", tag: "Controls",
		summary: "Make the next version of a control",
		doc:     "version is the version that was changed; 409 when there is a later one.",
	}, a.changeControl)
	route(a, operation{
		method: http.MethodGet, path: controls + "/{id}/versions", action: seaworthy.ReadProgramme, id: "list-control-versions", tag: "Controls",
		summary: "All versions of a control",
	}, a.controlVersions)
	route(a, operation{
		method: http.MethodPost, path: controls + "/{id}/occurrences", action: seaworthy.ManageProgramme, id: "expect-occurrence", tag: "Controls",
		summary: "Expect a performance that an event asks for", status: http.StatusCreated,
	}, a.expect)
	route(a, operation{
		method: http.MethodGet, path: occurrences, action: seaworthy.ReadProgramme, id: "list-occurrences", tag: "Controls",
		summary: "Expected performances of controls, by when they are due",
	}, a.occurrences)
	route(a, operation{
		method: http.MethodGet, path: occurrences + "/{id}", action: seaworthy.ReadProgramme, id: "get-occurrence", tag: "Controls",
		summary: "An expected performance of a control",
	}, a.occurrence)
	route(a, operation{
		method: http.MethodGet, path: occurrences + "/{id}/history", action: seaworthy.ReadProgramme, id: "list-occurrence-history", tag: "Controls",
		summary: "What was said of a performance, oldest first",
	}, a.occurrenceHistory)
	route(a, operation{
		method: http.MethodPost, path: occurrences + "/{id}/not-required", action: seaworthy.ManageProgramme, id: "excuse-occurrence", tag: "Controls",
		summary: "Say why a performance is not required",
	}, a.notRequired)
}

func (a *API) controls(ctx context.Context, in *struct {
	AsOf time.Time `query:"as-of" doc:"A past moment; now when absent."`
}) (*list[seaworthy.TrackedControl], error) {
	read := a.Store.Controls
	if !in.AsOf.IsZero() {
		read = func(ctx context.Context) ([]seaworthy.TrackedControl, error) {
			return a.Store.ControlsAsOf(ctx, in.AsOf)
		}
	}
	all, err := read(ctx)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) control(ctx context.Context, in *ByID) (*one[seaworthy.TrackedControl], error) {
	c, err := a.Store.Control(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(c)
}

func (a *API) controlVersions(ctx context.Context, in *ByID) (*list[seaworthy.TrackedControl], error) {
	all, err := a.Store.ControlVersions(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, seaworthy.NotFound("there is no control %s", in.ID)
	}
	return whole(ctx, all), nil
}

// ControlBody is what people say of a control.
type ControlBody struct {
	Title     string                `json:"title" minLength:"1" maxLength:"300"`
	Statement string                `json:"statement" minLength:"1" maxLength:"10000"`
	Owner     string                `json:"owner" maxLength:"300" doc:"A role, not a person."`
	OwnerUser string                `json:"ownerUser,omitempty" maxLength:"100" doc:"The id of the user who answers for it."`
	Kind      string                `json:"kind" enum:"preventive,detective,corrective"`
	Cadence   string                `json:"cadence" enum:"continuous,daily,weekly,monthly,quarterly,semi-annual,annual,event,once"`
	Evidence  []string              `json:"evidence" nullable:"false" maxItems:"100"`
	Sources   []string              `json:"sources" nullable:"false" maxItems:"3"`
	Checks    []string              `json:"checks,omitempty" maxItems:"1000"`
	Scope     []seaworthy.ScopeItem `json:"scope,omitempty" maxItems:"10000"`
	Active    *bool                 `json:"active,omitempty" doc:"false: the company does not have it. true when absent."`
	Reason    string                `json:"reason,omitempty" maxLength:"10000" doc:"Why it is not active."`
	Test      string                `json:"test,omitempty" maxLength:"10000"`
	GraceDays int                   `json:"graceDays,omitempty" minimum:"0" maximum:"92"`
}

func (b ControlBody) apply(c *seaworthy.TrackedControl) {
	c.Title, c.Statement, c.Owner, c.OwnerUser = b.Title, b.Statement, b.Owner, b.OwnerUser
	c.Kind, c.Cadence, c.Evidence, c.Sources = b.Kind, b.Cadence, b.Evidence, b.Sources
	c.Checks, c.Scope, c.Reason, c.Test, c.GraceDays = notNil(b.Checks), notNil(b.Scope), b.Reason, b.Test, b.GraceDays
	c.Active = b.Active == nil || *b.Active
}

func (a *API) createControl(ctx context.Context, in *struct {
	Body struct {
		ID string `json:"id" maxLength:"200"`
		ControlBody
	}
}) (*made[seaworthy.TrackedControl], error) {
	var c seaworthy.TrackedControl
	in.Body.apply(&c)
	c.ID = in.Body.ID
	c, err := a.Audit.CreateControl(ctx, who(ctx), c)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/controls/"+c.ID, c)
}

func (a *API) changeControl(ctx context.Context, in *struct {
	ByID
	Edit
	Body struct {
		Version int `json:"version" minimum:"1"`
		ControlBody
	}
}) (*one[seaworthy.TrackedControl], error) {
	c, err := a.Store.Control(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ctx = in.guard(ctx, func(tx *store.Tx) (any, error) { return tx.Control(in.ID) })
	in.Body.apply(&c)
	c.Version = in.Body.Version
	if c, err = a.Audit.ChangeControl(ctx, who(ctx), c); err != nil {
		return nil, err
	}
	return record(c)
}

func (a *API) expect(ctx context.Context, in *struct {
	ByID
	Body struct {
		Event string    `json:"event" minLength:"1" maxLength:"1000" doc:"What asked for it."`
		From  time.Time `json:"from"`
		DueAt time.Time `json:"dueAt"`
	}
}) (*made[seaworthy.Occurrence], error) {
	o, err := a.Audit.Expect(ctx, who(ctx), in.ID, in.Body.Event, in.Body.From, in.Body.DueAt)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/occurrences/"+o.ID, o)
}

func (a *API) occurrences(ctx context.Context, in *struct {
	Paging
	Control string    `query:"control" maxLength:"200"`
	State   []string  `query:"state" maxItems:"5" enum:"expected,performed,late,missed,not-required"`
	From    time.Time `query:"from" doc:"Windows that overlap the interval from here."`
	To      time.Time `query:"to"`
	DueFrom time.Time `query:"due-from" doc:"Due in the interval from here."`
	DueTo   time.Time `query:"due-to"`
	Program string    `query:"program" maxLength:"200" doc:"What this program counts; where it looks at other clusters than others do, its own."`
}) (*list[seaworthy.Occurrence], error) {
	program, err := a.bound(ctx)
	if err != nil {
		return nil, err
	}
	f := store.OccurrenceFilter{Control: in.Control, From: in.From, To: in.To, DueFrom: in.DueFrom, DueTo: in.DueTo, Program: in.Program, Limit: min(in.size()+1, 1000)}
	if program != nil {
		f.Program = program.ID
		f.From, f.To = within(program, f.From, f.To)
	}
	for _, s := range in.State {
		f.States = append(f.States, seaworthy.OccurrenceState(s))
	}
	if in.Cursor != "" {
		if f.AfterDue, f.AfterID, err = afterDue(in.Cursor); err != nil {
			return nil, err
		}
	}
	all, err := a.Store.Occurrences(ctx, f)
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(o seaworthy.Occurrence) string {
		return strconv.FormatInt(o.DueAt.UnixMicro(), 36) + "." + o.ID
	}), nil
}

// within narrows an interval to the period of a program.
func within(p *seaworthy.Program, from, to time.Time) (time.Time, time.Time) {
	if from.Before(p.From) {
		from = p.From
	}
	if to.IsZero() || to.After(p.To) {
		to = p.To
	}
	return from, to
}

func afterDue(cursor string) (time.Time, string, error) {
	at, id, found := strings.Cut(cursor, ".")
	us, err := strconv.ParseInt(at, 36, 64)
	if !found || err != nil {
		return time.Time{}, "", seaworthy.Invalid("the cursor %q is not one of this list", cursor)
	}
	return time.UnixMicro(us).UTC(), id, nil
}

// seenOccurrence gives an occurrence that the principal may see: for who is bound to a
// program, one that it counts.
func (a *API) seenOccurrence(ctx context.Context, id string) (seaworthy.Occurrence, error) {
	o, err := a.Store.Occurrence(ctx, id)
	if err != nil {
		return o, err
	}
	program, err := a.bound(ctx)
	if err == nil && program != nil && !program.HasOccurrence(o) {
		err = seaworthy.NotFound("there is no occurrence %s", id)
	}
	return o, err
}

func (a *API) occurrence(ctx context.Context, in *ByID) (*one[seaworthy.Occurrence], error) {
	o, err := a.seenOccurrence(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(o)
}

func (a *API) occurrenceHistory(ctx context.Context, in *ByID) (*list[store.LogEntry], error) {
	if _, err := a.seenOccurrence(ctx, in.ID); err != nil {
		return nil, err
	}
	all, err := a.Store.OccurrenceHistory(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) notRequired(ctx context.Context, in *struct {
	ByID
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"10000"`
	}
}) (*one[seaworthy.Occurrence], error) {
	o, err := a.Audit.NotRequired(ctx, who(ctx), in.ID, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return record(o)
}
