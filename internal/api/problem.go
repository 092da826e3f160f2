// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// statuses is the answer to each kind of trouble.
var statuses = map[seaworthy.Kind]int{
	seaworthy.KindInternal:        http.StatusInternalServerError,
	seaworthy.KindInvalid:         http.StatusBadRequest,
	seaworthy.KindNotFound:        http.StatusNotFound,
	seaworthy.KindForbidden:       http.StatusForbidden,
	seaworthy.KindUnavailable:     http.StatusServiceUnavailable,
	seaworthy.KindConflict:        http.StatusConflict,
	seaworthy.KindUnauthenticated: http.StatusUnauthorized,
}

// statusError is trouble that HTTP has a word of its own for.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return e.detail }

func problem(status int, format string, args ...any) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: fmt.Sprintf(format, args...)}
}

// model makes of an error what users are told. Only the words of seaworthy.Error are;
// anything else is logged under the request's id.
func (a *API) model(ctx context.Context, err error, id string) (*huma.ErrorModel, http.Header) {
	header := http.Header{}
	var known *seaworthy.Error
	var status *statusError
	var many *auth.TooManyError
	var stage *auth.StageError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &many):
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(many.Wait.Seconds()))))
		return problem(http.StatusTooManyRequests, "%s", many), header
	case errors.As(err, &status):
		return problem(status.status, "%s", status.detail), header
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", large.Limit), header
	case errors.As(err, &stage):
		m := problem(http.StatusUnauthorized, "%s", stage)
		m.Errors = []*huma.ErrorDetail{{Message: stage.Stage, Location: "session.stage"}}
		return m, header
	case errors.As(err, &known) && known.Kind != seaworthy.KindInternal:
		m := problem(statuses[known.Kind], "%s", detail(known))
		switch known.Kind {
		case seaworthy.KindUnauthenticated:
			header.Set("WWW-Authenticate", "Bearer")
		case seaworthy.KindUnavailable:
			header.Set("Retry-After", "5")
			a.Log.WarnContext(ctx, "request refused", "request", id, "error", err)
		}
		return m, header
	case errors.Is(err, context.Canceled):
		return problem(http.StatusServiceUnavailable, "the request was given up"), header
	}
	a.Log.ErrorContext(ctx, "request failed", "request", id, "error", err)
	return problem(http.StatusInternalServerError, "internal error; the server's log says more under the request's id"), header
}

// detail is what users are told of a known error. What a database or a disk says of
// itself stays in the log.
func detail(e *seaworthy.Error) string {
	if e.Kind == seaworthy.KindUnavailable || e.Kind == seaworthy.KindConflict {
		return e.Message
	}
	return e.Error()
}

// explain is model for handlers of huma.
func (a *API) explain(ctx context.Context, err error) error {
	m, header := a.model(ctx, err, requestOf(ctx).w.Header().Get("X-Request-Id"))
	if len(header) == 0 {
		return m
	}
	return huma.ErrorWithHeaders(m, header)
}

// fail answers with an error outside of huma.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	m, header := a.model(r.Context(), err, w.Header().Get("X-Request-Id"))
	for k, v := range header {
		w.Header()[k] = v
	}
	a.write(w, m)
}

func (a *API) write(w http.ResponseWriter, m *huma.ErrorModel) {
	m.Instance = instance(w.Header().Get("X-Request-Id"))
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(m.Status)
	_ = json.NewEncoder(w).Encode(m) // who went away needs no answer
}

func instance(id string) string {
	if id == "" {
		return ""
	}
	return "urn:request:" + id
}

// problems completes every error that huma writes: it names the request, and does not
// repeat what was sent, which may be a password.
func (a *API) problems(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	m.Instance = instance(requestOf(ctx.Context()).w.Header().Get("X-Request-Id"))
	for _, d := range m.Errors {
		if d != nil {
			d.Value = nil
		}
	}
	return m, nil
}
