// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// serve runs a real server whose connections a test can trouble, and gives a token.
func serve(t *testing.T, trouble func(http.Handler) http.Handler) (address, token string) {
	t.Helper()
	known, err := frameworks.List()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(t.Context(), server.Config{Data: storetest.Dir(t), BaseURL: "http://seaworthy.example.com", Frameworks: known, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	link, err := s.Auth().SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, auth.LinkPath)
	session, err := s.Auth().Setup(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil), secret, "ada@example.com", "Ada", "a long and good passphrase 42")
	if err != nil {
		t.Fatal(err)
	}
	owner := seaworthy.Principal{Actor: "user:" + session.User.ID, UserID: session.User.ID, Role: seaworthy.Owner}
	_, token, err = s.Auth().CreateToken(t.Context(), owner, auth.NewToken{Name: "ci", Role: seaworthy.ComplianceManager})
	if err != nil {
		t.Fatal(err)
	}
	if trouble == nil {
		trouble = func(h http.Handler) http.Handler { return h }
	}
	web := httptest.NewServer(trouble(s))
	t.Cleanup(web.Close)
	return web.URL, token
}

func newClient(t *testing.T, address, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: address, Token: token, Tries: 8, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// report is a report with findings whose messages do not compress below a size.
func report(t *testing.T, findings, noise int) []byte {
	t.Helper()
	started := time.Now().Add(-time.Minute).UTC()
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source:    seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "prod", Asked: []string{}, Started: started},
			Catalogue: seaworthy.Catalogue{Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: started, Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Checks: []seaworthy.CheckResult{{ID: "privileged-container", Title: "Privileged", Severity: seaworthy.High, Status: seaworthy.StatusFailed, Controls: []string{}}},
		},
	}
	for i := range findings {
		text := make([]byte, noise)
		_, _ = rand.Read(text)
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "api-" + hex.EncodeToString(text[:4])}
		r.Findings = append(r.Findings, seaworthy.Finding{
			Check: "privileged-container", Severity: seaworthy.High, Category: "Security", Message: hex.EncodeToString(text), Object: o,
			Fingerprint: seaworthy.Fingerprint("prod", "privileged-container", o, string(rune('a'+i%26))), Controls: []string{}, Requirements: []string{},
		})
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func spool(t *testing.T, data []byte) *client.Report {
	t.Helper()
	r, err := client.Spool(t.TempDir(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestSendReport(t *testing.T) {
	address, token := serve(t, nil)
	c := newClient(t, address, token)
	r := spool(t, report(t, 3, 8))
	first, fresh, err := c.SendReport(t.Context(), "prod", r)
	if err != nil || !fresh || first.Opened != 3 || first.Digest != r.Digest() {
		t.Fatalf("SendReport = %+v, %v, %v", first, fresh, err)
	}
	again, fresh, err := c.SendReport(t.Context(), "prod", r)
	if err != nil || fresh || again.ID != first.ID {
		t.Errorf("the second time: run %s, fresh %v, %v; want run %s, not fresh", again.ID, fresh, err, first.ID)
	}
	n := 0
	err = c.Findings(t.Context(), url.Values{"limit": {"2"}}, func(page []seaworthy.TrackedFinding) error {
		n += len(page)
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("Findings gives %d, %v; want 3", n, err)
	}
}

// A server that is away, answers of proxies, and lines that break cost time only.
func TestTroubleOnTheWay(t *testing.T) {
	var asked atomic.Int32
	address, token := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := asked.Add(1)
			switch {
			case n%4 == 1:
				http.Error(w, "<h1>Bad gateway</h1>", http.StatusBadGateway)
			case n%4 == 2:
				panic(http.ErrAbortHandler)
			case n%4 == 3 && r.Method == http.MethodPatch: // the piece breaks off in the middle
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 1<<20), broken{}))
				h.ServeHTTP(w, r)
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
	c := newClient(t, address, token)
	r := spool(t, report(t, 40, 400_000)) // some 16 MB: several pieces
	run, fresh, err := c.SendReport(t.Context(), "prod", r)
	if err != nil || !fresh || run.Opened != 40 {
		t.Fatalf("SendReport opens %d, fresh %v, %v; want 40", run.Opened, fresh, err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// An answer that was lost does not make a report count twice.
func TestLostAnswer(t *testing.T) {
	var lost atomic.Bool
	address, token := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && lost.CompareAndSwap(false, true) {
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	})
	run, _, err := newClient(t, address, token).SendReport(t.Context(), "prod", spool(t, report(t, 2, 8)))
	if err != nil || run.Opened != 2 {
		t.Fatalf("SendReport = %+v, %v", run, err)
	}
	var runs struct{ Items []seaworthy.Run }
	if err := newClient(t, address, token).Get(t.Context(), "/api/v1/runs", nil, &runs); err != nil || len(runs.Items) != 1 {
		t.Errorf("%d runs were taken, %v; want 1", len(runs.Items), err)
	}
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	var asked atomic.Int32
	address, _ := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			h.ServeHTTP(w, r)
		})
	})
	_, _, err := newClient(t, address, "swt_wrong").SendReport(t.Context(), "prod", spool(t, report(t, 1, 8)))
	var e *client.Error
	if !errors.As(err, &e) || e.Status != http.StatusUnauthorized || e.Instance == "" || asked.Load() != 1 {
		t.Errorf("%v after %d requests, want 401 after one", err, asked.Load())
	}
}

func TestServerIsAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	_, _, err := newClient(t, "http://127.0.0.1:1", "swt_x").SendReport(ctx, "prod", spool(t, []byte("{}")))
	var told *seaworthy.Error
	if !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable {
		t.Errorf("the error is %v", err)
	}
}

// The token stays with the server that it is for.
func TestRedirectsKeepTheToken(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host is asked, with %q", r.Header.Get("Authorization"))
	}))
	defer other.Close()
	web := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer web.Close()
	err := newClient(t, web.URL, "swt_x").Get(t.Context(), "/api/v1/me", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("the error is %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "seaworthy.example.com", "ftp://example.com", "https://", ":"} {
		if _, err := client.New(client.Config{URL: bad, Token: "t"}); err == nil {
			t.Errorf("New takes the address %q", bad)
		}
	}
	if _, err := client.New(client.Config{URL: "https://example.com"}); err == nil {
		t.Error("New takes no token")
	}
}
