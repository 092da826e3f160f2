// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// patience is how long something is waited for that takes a moment where nothing else runs.
const patience = 3 * time.Minute

// running is a server with its output.
type running struct {
	*server.Server
	url, said string
	log       *bytes.Buffer
	stop      func() error
}

func run(t *testing.T, c server.Config) *running {
	t.Helper()
	return runOn(t, listen(t), c)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func runOn(t *testing.T, l net.Listener, c server.Config) *running {
	t.Helper()
	out, log := &bytes.Buffer{}, &bytes.Buffer{}
	ctx, cancel := context.WithCancel(t.Context())
	if c.BaseURL == "" {
		c.BaseURL = "http://" + l.Addr().String()
	}
	c.Out, c.Log = out, slog.New(slog.NewTextHandler(log, nil))
	s, err := server.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	r := &running{Server: s, url: "http://" + l.Addr().String(), log: log}
	r.stop = func() error {
		cancel()
		select {
		case err := <-done:
			r.said = out.String()
			return errors.Join(err, s.Close())
		case <-time.After(patience):
			return errors.New("the server does not stop")
		}
	}
	r.get(t, "/healthz", http.StatusOK)
	return r
}

func (r *running) get(t *testing.T, path string, status int) string {
	t.Helper()
	resp, err := http.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Errorf("GET %s answers %d, want %d: %.300s", path, resp.StatusCode, status, data)
	}
	if resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("the answer to %s names no request", path)
	}
	return string(data)
}

func TestServerOnAnEmptyMachine(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, sc store.Config) {
		dir := filepath.Join(t.TempDir(), "data")
		c := server.Config{Data: dir, Database: sc.Database}
		r := run(t, c)
		r.get(t, "/readyz", http.StatusOK)
		r.get(t, "/metrics", http.StatusUnauthorized)
		r.get(t, "/api/v1/programs", http.StatusUnauthorized)
		r.get(t, "/sign-in", http.StatusOK)
		r.get(t, "/api/v1/openapi.json", http.StatusOK)
		deadline := time.Now().Add(patience)
		for _, err := r.Store().LastCheckpoint(t.Context()); err != nil && time.Now().Before(deadline); _, err = r.Store().LastCheckpoint(t.Context()) {
			time.Sleep(20 * time.Millisecond)
		}
		head := r.get(t, "/log/checkpoint", http.StatusOK)
		if !strings.HasPrefix(head, strings.TrimPrefix(r.url, "http://")+"/") {
			t.Errorf("the log calls itself %q", head)
		}
		r.get(t, auth.LinkPath+"thisisasecret", http.StatusNotFound)
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.said, auth.LinkPath) {
			t.Errorf("the server says %q, which holds no link", r.said)
		}
		_, secret, _ := strings.Cut(strings.TrimSpace(r.said), auth.LinkPath)
		if log := r.log.String(); strings.Contains(log, secret) || strings.Contains(log, "thisisasecret") {
			t.Errorf("the log holds a secret: %s", log)
		}
		for _, name := range []string{"log.key", "secret.key"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file %s: %v, %v", name, info, err)
			}
		}
		again := run(t, c) // it goes on where it stopped
		if again.LogKey() != r.LogKey() {
			t.Error("the log has another key after a start")
		}
		result, err := again.SelfCheck(t.Context())
		if err != nil || !result.Intact() {
			t.Errorf("SelfCheck = %v, %v", result.Problems, err)
		}
		if err := again.stop(); err != nil {
			t.Error(err)
		}
	})
}

// What goes wrong at the start is said in words that help.
func TestStartsThatFail(t *testing.T) {
	used := storetest.Dir(t)
	if err := run(t, server.Config{Data: used}).stop(); err != nil {
		t.Fatal(err)
	}
	other := storetest.Dir(t)
	if err := run(t, server.Config{Data: other}).stop(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := storetest.Dir(t)
	if err := run(t, server.Config{Data: gone}).stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(gone, "log.key")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config server.Config
		want   string
	}{
		"folder_is_a_file": {server.Config{Data: filepath.Join(file, "data")}, "cannot be written"},
		"another_key":      {server.Config{Data: used, LogKey: filepath.Join(other, "log.key")}, "give the right one with --log-key"},
		"key_is_gone":      {server.Config{Data: gone}, "restore the file, or give it with --log-key"},
		"no_key":           {server.Config{Data: t.TempDir(), LogKey: file}, "holds no key"},
		"database_is_away": {server.Config{Data: t.TempDir(), Database: "postgres://u:secretpassword@127.0.0.1:1/x"}, "cannot be used"},
		"no_database_url":  {server.Config{Data: t.TempDir(), Database: "postgres://u:secretpassword@:x:/"}, "cannot be read"},
		"no_base_url":      {server.Config{Data: t.TempDir(), BaseURL: "seaworthy"}, "must be like https://"},
		"no_witness":       {server.Config{Data: t.TempDir(), Witnesses: []string{"nonsense"}}, "witness"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := server.Open(t.Context(), c.config)
			if err == nil {
				_ = s.Close()
				t.Fatal("the server starts")
			}
			var told *seaworthy.Error
			if !errors.As(err, &told) || told.Kind == seaworthy.KindInternal || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want %q in it", err, c.want)
			}
			if strings.Contains(err.Error(), "secretpassword") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
	r := run(t, server.Config{Data: storetest.Dir(t)})
	if _, err := server.Listen(t.Context(), strings.TrimPrefix(r.url, "http://")); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("the second listener: %v", err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
