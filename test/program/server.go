// SPDX-License-Identifier: Apache-2.0

package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// Server is the program as a server on SQLite, with an owner of whom it has a token.
type Server struct {
	*Process
	Data, Address, Token string
}

// NewServer prepares a server in a data folder that is not there yet, with further flags.
func NewServer(t testing.TB, data string, flags ...string) *Server {
	t.Helper()
	s := &Server{Data: data, Address: FreeAddress(t)}
	opened := s.open(t)
	_, token, err := opened.Auth().CreateToken(t.Context(), Owner(t, opened.Auth()), auth.NewToken{Name: "test", Role: seaworthy.Owner})
	if err = errors.Join(err, opened.Close()); err != nil {
		t.Fatal(err)
	}
	s.Token = token
	s.Process = New(t, append([]string{"serve", "--data", data, "--listen", s.Address, "--base-url", s.URL(), "--log-level", "warn"}, flags...)...)
	return s
}

// open opens what the server has, from this process, as long as it does not run.
func (s *Server) open(t testing.TB) *server.Server {
	t.Helper()
	opened, err := server.Open(context.WithoutCancel(t.Context()), server.Config{Data: s.Data, BaseURL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// URL is where it answers.
func (s *Server) URL() string { return "http://" + s.Address }

// Run starts it and waits until it is ready.
func (s *Server) Run() {
	s.t.Helper()
	s.Start()
	s.Ready(s.Address)
}

// Cluster declares a cluster in production.
func (s *Server) Cluster(name string) (source seaworthy.DeclaredSource) {
	s.t.Helper()
	s.Ask(http.MethodPost, "/api/v1/sources", map[string]any{"kind": "cluster", "name": name, "environment": "production"}, &source)
	return source
}

// Ask asks it as the owner something that has to work.
func (s *Server) Ask(method, path string, body, into any) {
	s.t.Helper()
	if err := s.Try(method, path, body, into); err != nil {
		s.t.Fatal(err)
	}
}

// Try asks it as the owner, once.
func (s *Server) Try(method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, s.URL()+path, text)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %s %v", method, path, resp.Status, raw, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// Intact stops it and holds its log against everything on record.
func (s *Server) Intact() {
	s.t.Helper()
	_ = s.Stop()
	opened := s.open(s.t)
	got, err := opened.SelfCheck(context.WithoutCancel(s.t.Context()))
	if err = errors.Join(err, opened.Close()); err != nil {
		s.t.Fatal(err)
	}
	if !got.Intact() {
		s.t.Errorf("the log does not verify: %q", got.Problems)
	}
}
