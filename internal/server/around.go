// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// ExampleHeader is in every answer of a server whose data is made up.
const ExampleHeader = "Seaworthy-Example-Data"

// around wraps all doors: it names each request, bounds how slowly it may come, writes
// one line about it, and turns a panic into an answer.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		id := strings.ToLower(rand.Text()[:16])
		w.Header().Set("X-Request-Id", id)
		if s.config.Example {
			w.Header().Set(ExampleHeader, "true")
		}
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		answer := &answer{ResponseWriter: w, deadlines: http.NewResponseController(w), patience: s.patience}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &body{ReadCloser: r.Body, deadlines: answer.deadlines, started: started, patience: s.patience}
		}
		defer func() {
			s.recovered(recover(), answer, id)
			s.note(r, answer, id, time.Since(started))
		}()
		next.ServeHTTP(answer, r)
	})
}

// recovered answers for a handler that panicked.
func (s *Server) recovered(p any, w *answer, id string) {
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		w.status = http.StatusInternalServerError
		panic(p) // how net/http is asked to cut the connection
	}
	s.log.Error("a request panicked", "request", id, "panic", p, "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // an answer that looks whole must not be half of one
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusInternalServerError)
	// Who went away needs no answer.
	_, _ = io.WriteString(w, `{"title":"Internal Server Error","status":500,"detail":"internal error","instance":"urn:request:`+id+`"}`+"\n")
}

// note writes the line about a request and counts it.
func (s *Server) note(r *http.Request, w *answer, id string, took time.Duration) {
	if w.status == 0 {
		w.status = http.StatusOK // nothing was written: net/http says so
	}
	pattern := r.Pattern
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	s.metrics.count(r.Method, pattern, w.status, took)
	level := slog.LevelInfo
	if quiet := pattern == "/healthz" || pattern == "/readyz" || pattern == "/metrics"; quiet {
		level = slog.LevelDebug
	}
	s.log.LogAttrs(r.Context(), level, "request", slog.String("request", id), slog.String("method", r.Method),
		slog.String("path", loggable(r.URL.Path, pattern)), slog.Int("status", w.status), slog.Int64("bytes", w.bytes),
		slog.Duration("took", took.Round(time.Microsecond)), slog.String("address", addresses{s.config.TrustedProxies}.of(r)))
}

// loggable is a path without secrets. Queries, which hold codes of sign-on, are not
// logged at all.
func loggable(path, pattern string) string {
	if strings.HasPrefix(path, auth.LinkPath) {
		return auth.LinkPath + "…"
	}
	const most = 300
	if len(path) > most {
		return path[:most] + "…"
	}
	if path == "" {
		return pattern
	}
	return path
}

// How slowly a client may send and take: patience at the start is free, then so many bytes
// a second.
const (
	usualPatience = 30 * time.Second
	slowest       = 1 << 10
)

// body cuts off a client that sends more slowly than anybody with something to say.
type body struct {
	io.ReadCloser
	deadlines *http.ResponseController
	started   time.Time
	patience  time.Duration
	read      int64
}

func (b *body) Read(p []byte) (int, error) {
	// Not every connection knows deadlines: those of tests do not.
	_ = b.deadlines.SetReadDeadline(b.started.Add(b.patience + time.Duration(b.read/slowest)*time.Second))
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err == io.EOF {
		_ = b.deadlines.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answer notes what was answered, and cuts off a client that does not take it.
type answer struct {
	http.ResponseWriter
	deadlines *http.ResponseController
	patience  time.Duration
	status    int
	bytes     int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	_ = a.deadlines.SetWriteDeadline(time.Now().Add(a.patience)) // as above
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
