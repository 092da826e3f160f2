// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// An upload is a report that comes in pieces. Its bytes rest in the database until it is
// whole, so that of several servers behind one address any takes the next piece.

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

const (
	uploadAge = 24 * time.Hour
	// What may be on its way at once: of one sender, of all, and in bytes.
	ownUploads     = 100
	maxUploads     = 1000
	maxUploadBytes = 16 << 30
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
	u := store.Upload{Actor: who(ctx).Actor, Source: in.Body.Source, Encoding: in.Body.Encoding}
	err := a.Store.Write(ctx, u.Actor, func(tx *store.Tx) error {
		if err := tx.SweepUploads(); err != nil {
			return err
		}
		own, all, bytes, err := tx.UploadTotals(u.Actor)
		if err != nil {
			return err
		}
		if own >= ownUploads || all >= maxUploads || bytes >= maxUploadBytes {
			return tooMany()
		}
		u.ID, u.Expires = tx.NewID(), tx.At.Add(uploadAge)
		return tx.PutUpload(u)
	})
	if err != nil {
		return nil, err
	}
	return created("/api/v1/uploads/"+u.ID, shown(u))
}

func shown(u store.Upload) upload { return upload{u.ID, u.Source, u.Encoding, u.Size, u.Expires} }

// uploadOf gives an upload of the principal's own.
func (a *API) uploadOf(ctx context.Context, id string) (store.Upload, error) {
	missing := seaworthy.NotFound("there is no upload %s; begin another", id)
	if !uploadID.MatchString(id) {
		return store.Upload{}, missing
	}
	u, err := a.Store.Upload(ctx, id)
	if err == nil && u.Actor != who(ctx).Actor {
		err = missing
	}
	return u, err
}

var uploadID = regexp.MustCompile(`^[0-9a-z]{24}$`)

func (a *API) getUpload(ctx context.Context, in *ByID) (*one[upload], error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return record(shown(u))
}

func (a *API) appendUpload(ctx context.Context, in *struct {
	ByID
	Offset int64 `header:"Upload-Offset" required:"true" minimum:"0" doc:"Where the piece begins."`
}) (*one[upload], error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Offset != u.Size {
		return nil, seaworthy.Conflict("the upload ends at %d, not at %d", u.Size, in.Offset)
	}
	r := requestOf(ctx)
	body := http.MaxBytesReader(r.w, r.r.Body, a.Limits.Report-u.Size)
	room := int64(store.UploadPiece)
	if r.r.ContentLength > 0 {
		room = min(room, r.r.ContentLength)
	}
	buf := make([]byte, room)
	for {
		n, broken := fill(body, buf)
		if n > 0 {
			if err := a.keepPiece(ctx, &u, buf[:n]); err != nil {
				return nil, err
			}
		}
		if broken == io.EOF {
			return record(shown(u))
		} else if broken != nil {
			return nil, brokenOff(broken)
		}
	}
}

// fill reads until the buffer is full. io.EOF is the end of the body, any other error a
// body that broke off.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var more int
		more, err = r.Read(buf[n:])
		n += more
	}
	return n, err
}

// keepPiece adds a piece to an upload. What arrived counts, also when the client does not
// wait to hear it.
func (a *API) keepPiece(ctx context.Context, u *store.Upload, piece []byte) error {
	err := a.Store.Write(context.WithoutCancel(ctx), u.Actor, func(tx *store.Tx) error {
		_, _, bytes, err := tx.UploadTotals(u.Actor)
		if err != nil {
			return err
		}
		if bytes+int64(len(piece)) > maxUploadBytes {
			return tooMany()
		}
		return tx.AppendUpload(u.ID, u.Size, piece)
	})
	if err == nil {
		u.Size += int64(len(piece))
	}
	return err
}

func tooMany() error {
	return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "too many uploads are on their way; try again later, and give up those that are not needed"}
}

// brokenOff says why a piece did not arrive whole. What did is kept.
func brokenOff(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) {
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
	out, err := a.take(ctx, u.Source, u.Encoding, a.Store.ReadUpload(ctx, u))
	switch kindOf(err) {
	case seaworthy.KindInternal, seaworthy.KindUnavailable:
		if err != nil {
			return nil, err
		}
	}
	return out, errors.Join(err, a.forget(ctx, u))
}

func (a *API) dropUpload(ctx context.Context, in *ByID) (*struct{}, error) {
	u, err := a.uploadOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return nil, a.forget(ctx, u)
}

func (a *API) forget(ctx context.Context, u store.Upload) error {
	return a.Store.Write(ctx, u.Actor, func(tx *store.Tx) error { return tx.DropUpload(u.ID) })
}
