// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) evidenceRoutes() {
	const evidence = "/api/v1/evidence"
	route(a, operation{
		method: http.MethodGet, path: evidence, action: seaworthy.ReadProgramme, id: "list-evidence", tag: "Evidence",
		summary: "Evidence, latest logged first",
	}, a.evidence)
	route(a, operation{
		method: http.MethodPost, path: evidence, action: seaworthy.ReadProgramme, id: "add-evidence", tag: "Evidence",
		summary: "Add evidence that is a link or an attestation", status: http.StatusCreated,
		doc: "Who manages the programme may add any; the owner of a control adds evidence for it.",
	}, a.addEvidence)
	route(a, operation{
		method: http.MethodPost, path: evidence + "/upload", action: seaworthy.ReadProgramme, id: "upload-evidence", tag: "Evidence",
		summary: "Add evidence that is a file", status: http.StatusCreated,
		doc:         "A form of two parts: evidence, which is JSON as for links, and then file. Who manages the programme may add any; the owner of a control adds evidence for it.",
		requestBody: uploadForm(),
	}, a.uploadEvidence)
	route(a, operation{
		method: http.MethodGet, path: evidence + "/{id}", action: seaworthy.ReadProgramme, id: "get-evidence", tag: "Evidence",
		summary: "How a piece of evidence came about, and what it is for",
	}, a.getEvidence)
	route(a, operation{
		method: http.MethodGet, path: evidence + "/{id}/content", action: seaworthy.ReadProgramme, id: "download-evidence", tag: "Evidence",
		summary: "The bytes of a piece of evidence", media: "*/*", doc: "They are checked against their digest while they are sent; the answer breaks off when they were altered.",
	}, a.downloadEvidence)
	route(a, operation{
		method: http.MethodPost, path: evidence + "/{id}/erase", action: seaworthy.ManageProgramme, id: "erase-evidence", tag: "Evidence",
		summary: "Destroy what evidence holds of people", status: http.StatusNoContent,
		doc: "Identity, digest, times and a tombstone with the reason stay.",
	}, a.eraseEvidence)
}

func uploadForm() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
		Type: "object", Required: []string{"evidence", "file"}, Properties: map[string]*huma.Schema{
			"evidence": {Type: "string", Description: "JSON, as the body of add-evidence; kind is upload"},
			"file":     {Type: "string", Format: "binary"},
		},
	}}}}
}

func (a *API) evidence(ctx context.Context, in *struct {
	Paging
	Through
	Control    string    `query:"control" maxLength:"200"`
	Occurrence string    `query:"occurrence" maxLength:"200"`
	Kind       string    `query:"kind" enum:"run,trail,upload,link,attestation"`
	Shows      string    `query:"shows" enum:"design,operation"`
	Source     string    `query:"source" maxLength:"200"`
	From       time.Time `query:"from" doc:"Evidence that speaks of the interval from here."`
	To         time.Time `query:"to"`
}) (*list[seaworthy.Evidence], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	f := store.EvidenceFilter{
		Control: in.Control, Occurrence: in.Occurrence, Kind: in.Kind, Shows: in.Shows, Source: in.Source, From: in.From, To: in.To,
		Program: program, Before: in.Cursor, Limit: min(in.size()+1, 1000),
	}
	all, err := a.Store.EvidenceList(ctx, f)
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(e seaworthy.Evidence) string { return e.ID }), nil
}

// seenEvidence gives evidence that the principal may see.
func (a *API) seenEvidence(ctx context.Context, id string) (seaworthy.Evidence, error) {
	e, err := a.Store.Evidence(ctx, id)
	if err != nil {
		return e, err
	}
	program, err := a.bound(ctx)
	if err == nil && program != nil && !program.HasEvidence(e) {
		err = seaworthy.NotFound("there is no evidence %s", id)
	}
	return e, err
}

func (a *API) getEvidence(ctx context.Context, in *ByID) (*one[seaworthy.Evidence], error) {
	e, err := a.seenEvidence(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(e)
}

// evidenceBody is what people say of evidence that they bring.
type evidenceBody struct {
	Kind          string    `json:"kind" enum:"link,attestation,upload"`
	Title         string    `json:"title" minLength:"1" maxLength:"500"`
	Shows         string    `json:"shows" enum:"design,operation"`
	URL           string    `json:"url,omitempty" maxLength:"2000"`
	Statement     string    `json:"statement,omitempty" maxLength:"100000"`
	Collector     string    `json:"collector,omitempty" maxLength:"300" doc:"Who or what collected it; the sender when absent."`
	SourceID      string    `json:"sourceId,omitempty" maxLength:"100"`
	System        string    `json:"system,omitempty" maxLength:"300"`
	Query         string    `json:"query,omitempty" maxLength:"10000"`
	Scope         []string  `json:"scope,omitempty" maxItems:"1000"`
	Rows          int       `json:"rows,omitempty" minimum:"0"`
	Controls      []string  `json:"controls,omitempty" maxItems:"200"`
	Occurrences   []string  `json:"occurrences,omitempty" maxItems:"1000"`
	EffectiveFrom time.Time `json:"effectiveFrom"`
	EffectiveTo   time.Time `json:"effectiveTo"`
	CollectedAt   time.Time `json:"collectedAt,omitzero" doc:"Now when absent."`
	PerformedAt   time.Time `json:"performedAt,omitzero" doc:"When the control was performed; when it was collected when absent."`
	Result        string    `json:"result,omitempty" enum:"as expected,deviation"`
	Reason        string    `json:"reason,omitempty" maxLength:"10000" doc:"How the performance deviates."`
}

func (b evidenceBody) evidence() (seaworthy.Evidence, audit.Performance) {
	return seaworthy.Evidence{
		Kind: b.Kind, Title: b.Title, Shows: b.Shows, URL: b.URL, Statement: b.Statement, Collector: b.Collector, SourceID: b.SourceID,
		System: b.System, Query: b.Query, Scope: notNil(b.Scope), Rows: b.Rows, Controls: notNil(b.Controls), Occurrences: notNil(b.Occurrences),
		EffectiveFrom: b.EffectiveFrom, EffectiveTo: b.EffectiveTo, CollectedAt: b.CollectedAt,
	}, audit.Performance{At: b.PerformedAt, Result: b.Result, Reason: b.Reason}
}

func (a *API) addEvidence(ctx context.Context, in *struct{ Body evidenceBody }) (*made[seaworthy.Evidence], error) {
	if in.Body.Kind == seaworthy.EvidenceUpload {
		return nil, seaworthy.Invalid("a file is sent to /api/v1/evidence/upload")
	}
	e, how := in.Body.evidence()
	e, err := a.Audit.AddEvidence(ctx, who(ctx), e, how)
	if err != nil {
		return nil, err
	}
	return created("/api/v1/evidence/"+e.ID, e)
}

func (a *API) uploadEvidence(ctx context.Context, in *struct {
	ContentType string `header:"Content-Type"`
}) (*made[seaworthy.Evidence], error) {
	r := requestOf(ctx)
	kind, params, err := mime.ParseMediaType(in.ContentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, seaworthy.Invalid("send a form: multipart/form-data with the parts evidence and file")
	}
	const rest = 1 << 20 // for what is around the file
	form := multipart.NewReader(http.MaxBytesReader(r.w, r.r.Body, a.Limits.Evidence+rest), params["boundary"])
	body, err := formEvidence(form)
	if err != nil {
		return nil, err
	}
	e, how := body.evidence()
	if err := a.mayUpload(ctx, e); err != nil {
		return nil, err
	}
	file, err := form.NextPart()
	if err != nil || file.FormName() != "file" || file.FileName() == "" {
		return nil, errors.Join(seaworthy.Invalid("the second part of the form must be the file, with its name"), unreadForm(err))
	}
	e.Kind, e.FileName, e.MediaType = seaworthy.EvidenceUpload, file.FileName(), mediaType(file.Header.Get("Content-Type"))
	if e.Digest, e.Size, err = a.Vault.Put(ctx, &limited{file, a.Limits.Evidence}, a.Limits.Evidence+1); err != nil {
		return nil, unread(err)
	}
	if e, err = a.Audit.AddEvidence(ctx, who(ctx), e, how); err != nil {
		return nil, err
	}
	return created("/api/v1/evidence/"+e.ID, e)
}

// limited refuses what is longer than it may be.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &statusError{http.StatusRequestEntityTooLarge, "the file is larger than this server takes"}
	}
	return n, err
}

// formEvidence reads the first part of a form.
func formEvidence(form *multipart.Reader) (body evidenceBody, err error) {
	part, err := form.NextPart()
	if err != nil || part.FormName() != "evidence" {
		return body, errors.Join(seaworthy.Invalid("the first part of the form must be evidence, as JSON"), unreadForm(err))
	}
	d := json.NewDecoder(io.LimitReader(part, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return body, seaworthy.Invalid("the part evidence of the form: %v", err)
	}
	return body, nil
}

// unreadForm keeps of an error what is not only a form of another shape.
func unreadForm(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return nil
}

// mayUpload refuses before the file is read what would be refused afterwards.
func (a *API) mayUpload(ctx context.Context, e seaworthy.Evidence) error {
	p := who(ctx)
	if p.Can(seaworthy.ManageProgramme) {
		return nil
	}
	ids := e.Controls
	for _, id := range e.Occurrences {
		o, err := a.Store.Occurrence(ctx, id)
		if err != nil {
			return err
		}
		ids = append(ids, o.ControlID)
	}
	for _, id := range ids {
		c, err := a.Store.Control(ctx, id)
		if err != nil {
			return err
		}
		if c.OwnerUser == "" || c.OwnerUser != p.UserID {
			return seaworthy.Forbidden("control %s is not yours to add evidence to", id)
		}
	}
	if len(ids) == 0 {
		return seaworthy.Forbidden("the role %s may add evidence for controls that it owns only", p.Role)
	}
	return nil
}

// mediaType is what a sender calls the bytes, if that is one.
func mediaType(sent string) string {
	kind, _, err := mime.ParseMediaType(sent)
	if err != nil || len(kind) > 100 {
		return "application/octet-stream"
	}
	return kind
}

func (a *API) downloadEvidence(ctx context.Context, in *ByID) (*huma.StreamResponse, error) {
	e, err := a.seenEvidence(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if e.Digest == "" || !e.ErasedAt.IsZero() {
		return nil, seaworthy.NotFound("evidence %s has no bytes here", in.ID)
	}
	blob, err := a.Vault.Open(ctx, e.Digest)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		if e.Size > 0 { // of reports it is not known
			c.SetHeader("Content-Length", strconv.FormatInt(e.Size, 10))
		}
		c.SetHeader("Repr-Digest", "sha-256=:"+base64Of(e.Digest)+":")
		a.attach(c, e.FileName, e.MediaType)
		_, err := io.Copy(c.BodyWriter(), blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			a.breakOff(ctx, err)
		}
	}}, nil
}

// attach says that what follows is a file to keep and never a page to show.
func (a *API) attach(c huma.Context, name, kind string) {
	if name == "" {
		name = "evidence"
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\"`, r) {
			return '_'
		}
		return r
	}, name)
	if kind == "" {
		kind = "application/octet-stream"
	}
	c.SetHeader("Content-Type", kind)
	c.SetHeader("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	c.SetHeader("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
}

// breakOff ends an answer so that it cannot be taken for a whole one.
func (a *API) breakOff(ctx context.Context, err error) {
	if ctx.Err() == nil {
		a.Log.ErrorContext(ctx, "answer broke off", "request", requestOf(ctx).w.Header().Get("X-Request-Id"), "error", err)
	}
	panic(http.ErrAbortHandler)
}

func (a *API) eraseEvidence(ctx context.Context, in *struct {
	ByID
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"10000"`
	}
}) (*struct{}, error) {
	return nil, a.Audit.EraseEvidence(ctx, who(ctx), in.ID, in.Body.Reason)
}
