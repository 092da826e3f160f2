// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// stingy is an answer that breaks off.
type stingy struct {
	http.ResponseWriter
	left int
}

func (s *stingy) Write(p []byte) (int, error) {
	n, err := s.ResponseWriter.Write(p[:min(len(p), s.left)])
	if s.left -= n; s.left == 0 {
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func TestPackage(t *testing.T) {
	var busy, cut atomic.Bool
	address, token := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			making := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/packages")
			switch {
			case making && busy.CompareAndSwap(true, false):
				w.WriteHeader(http.StatusServiceUnavailable)
			case making && cut.CompareAndSwap(true, false):
				h.ServeHTTP(&stingy{w, 1000}, r)
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
	c, ctx := newClient(t, address, token), t.Context()
	var program seaworthy.Program
	if err := c.Send(ctx, http.MethodPost, "/api/v1/programs", map[string]any{
		"name": "SOC 2", "type": "II", "from": "2026-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z", "categories": []string{"security"},
	}, &program); err != nil {
		t.Fatal(err)
	}
	var keys struct{ Log string }
	if err := c.Get(ctx, "/api/v1/log/key", nil, &keys); err != nil {
		t.Fatal(err)
	}
	key, err := note.NewVerifier(keys.Log)
	if err != nil {
		t.Fatal(err)
	}
	take := func(r client.PackageRequest) ([]byte, error) {
		body, err := c.Package(ctx, program.ID, r)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(body)
		return data, errors.Join(err, body.Close())
	}
	busy.Store(true) // it is asked again
	data, err := take(client.PackageRequest{WithoutBytes: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := vault.Verify(bytes.NewReader(data), int64(len(data)), vault.Trust{Key: key})
	if err != nil || !got.Intact() || got.Name != "SOC 2" || !strings.Contains(got.Partial, "left out on request") {
		t.Errorf("Verify = %+v, %v", got, err)
	}
	cut.Store(true)
	if data, err := take(client.PackageRequest{}); err == nil {
		t.Errorf("an answer that broke off after %d bytes is no error", len(data))
	}
	var answer *client.Error
	if _, err := c.Package(ctx, "none", client.PackageRequest{}); !errors.As(err, &answer) || answer.Status != http.StatusNotFound {
		t.Errorf("Package of no program: %v", err)
	}
	var made []client.MadePackage
	if err := c.Packages(ctx, program.ID, func(page []client.MadePackage) error { made = append(made, page...); return nil }); err != nil {
		t.Fatal(err)
	}
	if last := made[len(made)-1]; last.Sums != got.Sums || last.Entry != got.Seal || last.Files != got.Files {
		t.Errorf("listed are %+v, taken was %+v", made, got)
	}
}
