// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) listRoutes() {
	const program, populations = "/api/v1/programs/{id}", "/api/v1/populations"
	route(a, operation{
		method: http.MethodGet, path: program + "/due", action: seaworthy.ReadProgramme, id: "list-due", tag: "Programs",
		summary: "What the program needs somebody to do, overdue first",
	}, a.due)
	route(a, operation{
		method: http.MethodGet, path: program + "/honesty", action: seaworthy.ReadProgramme, id: "get-honesty", tag: "Programs",
		summary: "Measures of honesty: what is suppressed, never fixed, switched off, missed",
	}, a.honesty)
	route(a, operation{
		method: http.MethodGet, path: program + "/lists/{list}", action: seaworthy.ReadFindings, id: "export-list", tag: "Populations",
		summary: "A whole list as a file", media: "*/*",
		doc: "Query parameters beside format are filters of the list.",
		any: true,
	}, a.exportList)
	route(a, operation{
		method: http.MethodGet, path: populations, action: seaworthy.ReadFindings, id: "list-populations", tag: "Populations",
		summary: "Lists that were frozen, latest first",
	}, a.populations)
	route(a, operation{
		method: http.MethodPost, path: populations, action: seaworthy.FreezeLists, id: "freeze-list", tag: "Populations",
		summary: "Freeze a list", status: http.StatusCreated,
		doc: "Its rows are kept with the query, the filters, the count and the digest. What changes afterwards does not change it.",
	}, a.freeze)
	route(a, operation{
		method: http.MethodGet, path: populations + "/{id}", action: seaworthy.ReadFindings, id: "get-population", tag: "Populations",
		summary: "A list that was frozen",
	}, a.population)
	route(a, operation{
		method: http.MethodGet, path: populations + "/{id}/rows", action: seaworthy.ReadFindings, id: "export-population", tag: "Populations",
		summary: "The rows of a frozen list as a file", media: "*/*",
	}, a.exportPopulation)
	route(a, operation{
		method: http.MethodGet, path: populations + "/{id}/samples", action: seaworthy.ReadFindings, id: "list-samples", tag: "Populations",
		summary: "What was selected of a frozen list",
	}, a.samples)
	route(a, operation{
		method: http.MethodPost, path: populations + "/{id}/samples", action: seaworthy.FreezeLists, id: "sample-population", tag: "Populations",
		summary: "Select rows by a seed, or take a list that was selected elsewhere", status: http.StatusCreated,
		doc: "By a seed: rows in the order of SHA-256(seed, newline, digest, newline, row number), the first of which are taken; anyone can do it again.",
	}, a.sample)
}

func (a *API) due(ctx context.Context, in *struct {
	ByID
	Until time.Time `query:"until" doc:"In a week when absent."`
}) (*list[audit.Due], error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	until := in.Until
	if until.IsZero() {
		until = a.Store.Now().AddDate(0, 0, 7)
	}
	all, err := a.Audit.DueUntil(ctx, *program, until)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

// honesty are the measures, and how long it took to fix what was fixed in the period.
type honesty struct {
	audit.Honesty
	Fixed     []store.FixTime `json:"fixed" nullable:"false" doc:"What was fixed since the period began, by severity, and how long the median finding was open."`
	FixedMore bool            `json:"fixedMore" doc:"More was fixed than the latest 10,000 that were measured."`
}

func (a *API) honesty(ctx context.Context, in *ByID) (*one[honesty], error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	h, err := a.Audit.Honesty(ctx, *program)
	if err != nil {
		return nil, err
	}
	fixed, more, err := a.Store.FixTimes(ctx, program, program.From)
	if err != nil {
		return nil, err
	}
	return record(honesty{h, fixed, more})
}

// media are the types of the forms.
var media = map[string]string{
	"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

func (a *API) exportList(ctx context.Context, in *struct {
	ByID
	List   string `path:"list" maxLength:"100"`
	Format string `query:"format" enum:"csv,xlsx" default:"csv"`
}) (*huma.StreamResponse, error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	filters := map[string]string{}
	for name, values := range requestOf(ctx).r.URL.Query() {
		if name != "format" {
			filters[name] = strings.Join(values, ",")
		}
	}
	q := store.ListQuery{List: in.List, Program: *program, Filters: filters}
	return a.stream(ctx, in.List+"."+in.Format, media[in.Format], func(w io.Writer) error {
		return a.Audit.ExportList(ctx, who(ctx), q, in.Format, w)
	}), nil
}

// stream sends a file while it is made. What goes wrong before its first byte is an
// answer like any other; afterwards the answer breaks off.
func (a *API) stream(ctx context.Context, name, kind string, write func(io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		r := requestOf(ctx)
		w := &late{w: c.BodyWriter(), begin: func() { a.attach(c, name, kind) }}
		switch err := write(w); {
		case err == nil && !w.begun:
			a.attach(c, name, kind)
		case err != nil && !w.begun:
			a.fail(r.w, r.r, err)
		case err != nil:
			a.breakOff(ctx, err)
		}
	}}
}

// late sets headers when the first byte is written.
type late struct {
	w     io.Writer
	begin func()
	begun bool
}

func (l *late) Write(p []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.begin()
	}
	return l.w.Write(p)
}

func (a *API) populations(ctx context.Context, in *struct {
	Paging
	Through
}) (*list[seaworthy.Population], error) {
	program, err := a.program(ctx, in.Program)
	if err != nil {
		return nil, err
	}
	id := ""
	if program != nil {
		id = program.ID
	}
	all, err := a.Store.Populations(ctx, id, in.Cursor, min(in.size()+1, 1000))
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(p seaworthy.Population) string { return p.ID }), nil
}

func (a *API) freeze(ctx context.Context, in *struct {
	Body struct {
		Name    string            `json:"name" minLength:"1" maxLength:"300"`
		Program string            `json:"program" maxLength:"100"`
		List    string            `json:"list" maxLength:"100"`
		Filters map[string]string `json:"filters,omitempty"`
		AsOf    time.Time         `json:"asOf,omitzero" doc:"A past moment, for lists that only ever grow; now when absent."`
	}
}) (*made[seaworthy.Population], error) {
	p, err := a.Audit.Freeze(ctx, who(ctx), audit.FreezeRequest(in.Body))
	if err != nil {
		return nil, err
	}
	return created("/api/v1/populations/"+p.ID, p)
}

func (a *API) population(ctx context.Context, in *ByID) (*one[seaworthy.Population], error) {
	p, err := a.Audit.Population(ctx, who(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return record(p)
}

func (a *API) exportPopulation(ctx context.Context, in *struct {
	ByID
	Format string `query:"format" enum:"csv,xlsx,jsonl" default:"csv" doc:"jsonl is the bytes that the digest is of."`
	Sample string `query:"sample" maxLength:"100" doc:"The id of a sample; adds a column that says which rows it selected."`
}) (*huma.StreamResponse, error) {
	p, err := a.Audit.Population(ctx, who(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if in.Format == "jsonl" {
		return a.frozen(ctx, p), nil
	}
	return a.stream(ctx, "population-"+in.ID+"."+in.Format, media[in.Format], func(w io.Writer) error {
		return a.Audit.ExportPopulation(ctx, who(ctx), in.ID, in.Sample, in.Format, w)
	}), nil
}

// frozen sends the rows of a population as they were kept.
func (a *API) frozen(ctx context.Context, p seaworthy.Population) *huma.StreamResponse {
	return a.stream(ctx, "population-"+p.ID+".jsonl", media["jsonl"], func(w io.Writer) error {
		blob, err := a.Vault.Open(ctx, p.Digest)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, blob)
		return errors.Join(err, blob.Close())
	})
}

func (a *API) samples(ctx context.Context, in *ByID) (*list[seaworthy.Sample], error) {
	if _, err := a.Audit.Population(ctx, who(ctx), in.ID); err != nil {
		return nil, err
	}
	all, err := a.Store.Samples(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return whole(ctx, all), nil
}

func (a *API) sample(ctx context.Context, in *struct {
	ByID
	Body struct {
		Seed  string `json:"seed,omitempty" maxLength:"300"`
		Size  int    `json:"size,omitempty" minimum:"0"`
		Items []int  `json:"items,omitempty" maxItems:"100000" doc:"Row numbers from 1, selected elsewhere."`
	}
}) (s *made[seaworthy.Sample], err error) {
	b := in.Body
	var v seaworthy.Sample
	switch {
	case len(b.Items) > 0 && (b.Seed != "" || b.Size != 0):
		return nil, seaworthy.Invalid("give a seed and a size, or items, not both")
	case len(b.Items) > 0:
		v, err = a.Audit.SampleByList(ctx, who(ctx), in.ID, b.Items)
	default:
		v, err = a.Audit.SampleBySeed(ctx, who(ctx), in.ID, b.Seed, b.Size)
	}
	if err != nil {
		return nil, err
	}
	return created("/api/v1/populations/"+in.ID+"/samples", v)
}
