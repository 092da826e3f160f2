// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// An upload is a report that comes in pieces. Its bytes rest in a folder of the server
// that began it; of several servers behind one address, another one answers 404, and the
// client begins again, which costs time and nothing else.

func (a *API) uploadRoutes() {
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/uploads", action: seaworthy.SendReports, id: "begin-upload", tag: "Reports",
		summary: "Begin to send a report in pieces", status: http.StatusCreated,
		doc: "Then append pieces with PATCH, each with the offset at which it begins, and complete it. " +
			"After a break, GET tells how much has arrived.",
	}, a.beginUpload)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/uploads/{id}", action: seaworthy.SendReports, id: "get-upload", tag: "Reports",
		summary: "How much of an upload has arrived",
	}, a.getUpload)
	route(a, operation{
		method: http.MethodPatch, path: "/api/v1/uploads/{id}", action: seaworthy.SendReports, id: "append-upload", tag: "Reports",
		summary: "Append a piece", doc: "What arrived of a piece that broke off is kept. 409: the piece does not begin where the upload ends.",
		requestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
		}},
	}, a.appendUpload)
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/uploads/{id}/complete", action: seaworthy.SendReports, id: "complete-upload", tag: "Reports",
		summary: "Have the report taken", doc: "Answers as sending it at once does. The upload stays when the report is not taken because of the server, so that this can be tried again.",
		status: http.StatusCreated, also: http.StatusOK,
	}, a.completeUpload)
	route(a, operation{
		method: http.MethodDelete, path: "/api/v1/uploads/{id}", action: seaworthy.SendReports, id: "drop-upload", tag: "Reports",
		summary: "Give an upload up", status: http.StatusNoContent,
	}, a.dropUpload)
}

// upload is a report on its way.
type upload struct {
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	Encoding string    `json:"encoding,omitempty"`
	Offset   int64     `json:"offset" doc:"How many bytes have arrived."`
	Expires  time.Time `json:"expires"`
}

// kept is the file beside an upload's bytes.
type kept struct {
	Source, Encoding, Actor string
	Expires                 time.Time
}

const (
	uploadAge  = 24 * time.Hour
	maxUploads = 1000 // at once, of everybody
)

func (a *API) beginUpload(ctx context.Context, in *struct {
	Body struct {
		Source   string `json:"source" minLength:"1" maxLength:"300" doc:"The id of a source, or the name of one."`
		Encoding string `json:"encoding,omitempty" enum:"gzip,zstd,identity" doc:"How the bytes are compressed."`
	}
}) (*made[upload], error) {
	if err := a.mayReport(ctx, in.Body.Source); err != nil {
		return nil, err
	}
	if err := a.SweepUploads(ctx); err != nil {
		return nil, err
	}
	id := store.NewID(a.Store.Now())
	k := kept{in.Body.Source, in.Body.Encoding, who(ctx).Actor, a.Store.Now().Add(uploadAge)}
	data, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{id + ".part": nil, id + ".json": data} {
		if err := os.WriteFile(filepath.Join(a.Uploads, name), data, 0o600); err != nil {
			return nil, unkept(err)
		}
	}
	return created("/api/v1/uploads/"+id, upload{ID: id, Source: k.Source, Encoding: k.Encoding, Expires: k.Expires})
}

// unkept is trouble with the disk.
func unkept(err error) error {
	return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the upload cannot be kept; the server's disk may be full", Err: err}
}

var uploadID = regexp.MustCompile(`^[0-9a-z]{24}$`)

// uploadOf gives an upload of the principal's own.
func (a *API) uploadOf(ctx context.Context, id string) (upload, error) {
	missing := seaworthy.NotFound("there is no upload %s; begin another", id)
	if !uploadID.MatchString(id) {
		return upload{}, missing
	}
	data, err := os.ReadFile(filepath.Join(a.Uploads, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return upload{}, missing
	} else if err != nil {
		return upload{}, fmt.Errorf("read an upload: %w", err)
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return upload{}, fmt.Errorf("read an upload: %w", err)
	}
	if k.Actor != who(ctx).Actor || a.Store.Now().After(k.Expires) {
		return upload{}, missing
	}
	info, err := os.Stat(filepath.Join(a.Uploads, id+".part"))
	if err != nil {
		return upload{}, missing
	}
	return upload{id, k.Source, k.Encoding, info.Size(), k.Expires}, nil
}

func (a *API) getUpload(ctx context.Context, in *ByID) (*one[upload], error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(u)
}

func (a *API) appendUpload(ctx context.Context, in *struct {
	ByID
	Offset int64 `header:"Upload-Offset" required:"true" minimum:"0" doc:"Where the piece begins."`
}) (*one[upload], error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Offset != u.Offset {
		return nil, seaworthy.Conflict("the upload ends at %d, not at %d", u.Offset, in.Offset)
	}
	r := requestOf(ctx)
	f, err := os.OpenFile(filepath.Join(a.Uploads, u.ID+".part"), os.O_WRONLY, 0)
	if err != nil {
		return nil, unkept(err)
	}
	n, err := io.Copy(io.NewOffsetWriter(f, u.Offset), http.MaxBytesReader(r.w, r.r.Body, a.Limits.Report-u.Offset))
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return nil, unkept(err)
	}
	if err != nil {
		return nil, brokenOff(err)
	}
	u.Offset += n
	return record(u)
}

// brokenOff says why a piece did not arrive whole. What did is kept.
func brokenOff(err error) error {
	var path *fs.PathError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &path):
		return unkept(err)
	case errors.As(err, &large):
		return err
	}
	if told := unread(err); told != err {
		return told
	}
	return seaworthy.Invalid("the piece broke off; ask how much arrived and go on from there")
}

func (a *API) completeUpload(ctx context.Context, in *ByID) (*taken, error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(a.Uploads, u.ID+".part"))
	if err != nil {
		return nil, fmt.Errorf("read an upload: %w", err)
	}
	out, err := a.take(ctx, u.Source, u.Encoding, f)
	err = errors.Join(err, f.Close())
	switch kindOf(err) {
	case seaworthy.KindInternal, seaworthy.KindUnavailable:
		if err != nil {
			return nil, err
		}
	}
	return out, errors.Join(err, a.forget(u.ID))
}

func (a *API) dropUpload(ctx context.Context, in *ByID) (*struct{}, error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.forget(u.ID)
}

func (a *API) forget(id string) error {
	var errs []error
	for _, suffix := range []string{".json", ".part"} {
		if err := os.Remove(filepath.Join(a.Uploads, id+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("forget an upload: %w", err))
		}
	}
	return errors.Join(errs...)
}

// SweepUploads forgets uploads that were not completed in time. It refuses when there
// are too many of the rest.
func (a *API) SweepUploads(context.Context) error {
	entries, err := os.ReadDir(a.Uploads)
	if err != nil {
		return unkept(err)
	}
	rest := 0
	for _, e := range entries {
		id, found := strings.CutSuffix(e.Name(), ".part")
		if !found || !uploadID.MatchString(id) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // completed in between
		} else if err != nil {
			return fmt.Errorf("look through uploads: %w", err)
		}
		if rest++; time.Since(info.ModTime()) > uploadAge {
			rest--
			if err := a.forget(id); err != nil {
				return err
			}
		}
	}
	if rest >= maxUploads {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "too many uploads are on their way; try again later"}
	}
	return nil
}
