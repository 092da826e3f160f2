// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

func (a *API) packageRoutes() {
	const packages = "/api/v1/programs/{id}/packages"
	route(a, operation{
		method: http.MethodGet, path: packages, action: seaworthy.ReadProgramme, id: "list-packages", tag: "Packages",
		summary: "The evidence packages of a program that were made, newest first",
		doc:     "Of each its seal: what it holds, the SHA-256 of its list of files, and the entry of the log. The packages themselves are not kept.",
	}, a.packages)
	route(a, operation{
		method: http.MethodPost, path: packages, action: seaworthy.FreezeLists, id: "export-package", tag: "Packages",
		summary: "The evidence package of a program", media: "application/zip",
		doc: "A zip that 'seaworthy verify' verifies with the log's public key alone. That it was asked for is logged before its first byte, " +
			"and its seal before its last; an answer that breaks off is no package. A server makes two at once and refuses more with 503.",
	}, a.exportPackage)
}

func (a *API) packages(ctx context.Context, in *struct {
	ByID
	Paging
}) (*list[audit.MadePackage], error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	all, err := a.Audit.Packages(ctx, program.ID)
	if err != nil {
		return nil, err
	}
	for len(all) > 0 && in.Cursor != "" && all[0].ID >= in.Cursor {
		all = all[1:]
	}
	return cut(ctx, all, min(in.size(), 999), func(m audit.MadePackage) string { return m.ID }), nil
}

// packageBody says what goes into a package.
type packageBody struct {
	AsOf           time.Time `json:"asOf,omitzero" doc:"Leaves out what the log took later; now when absent."`
	WithoutBytes   bool      `json:"withoutBytes,omitempty" doc:"Leaves out the bytes of evidence; their digests stay."`
	WithoutLists   bool      `json:"withoutLists,omitempty" doc:"Leaves out the frozen lists, and with them the samples."`
	WithoutSamples bool      `json:"withoutSamples,omitempty" doc:"Leaves out the samples."`
}

func (a *API) exportPackage(ctx context.Context, in *struct {
	ByID
	Body packageBody
}) (*huma.StreamResponse, error) {
	program, err := a.program(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	r := audit.PackageRequest{
		Program: program.ID, AsOf: in.Body.AsOf, WithoutBytes: in.Body.WithoutBytes, WithoutLists: in.Body.WithoutLists, WithoutSamples: in.Body.WithoutSamples,
	}
	return a.stream(ctx, "evidence-"+program.ID+".zip", "application/zip", func(w io.Writer) error {
		_, err := a.Audit.Export(ctx, who(ctx), r, audit.Sealer{Signer: a.Signer, Stamp: a.Stamp}, w)
		return err
	}), nil
}
