// SPDX-License-Identifier: Apache-2.0

package timestamp_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp/timestamptest"
)

func authority(t *testing.T, url string, roots *x509.CertPool) *timestamp.Authority {
	t.Helper()
	a, err := timestamp.New(timestamp.Config{URL: url, Plain: true, Private: true, Roots: roots, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func roots(t *testing.T, text []byte) *x509.CertPool {
	t.Helper()
	pool, err := timestamp.Roots(text)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

var note = []byte("log.example\n1\nAAAA\n\n— log.example c2ln\n")

func TestATokenVerifiesAndSaysWhen(t *testing.T) {
	tsa := timestamptest.Start(t)
	trusted := roots(t, tsa.Root)
	response, err := authority(t, tsa.URL, trusted).Stamp(t.Context(), note)
	if err != nil {
		t.Fatal(err)
	}
	at, err := timestamp.Check(response, note, trusted)
	if err != nil || time.Since(at) > time.Hour {
		t.Errorf("Check = %v, %v", at, err)
	}
	// The authority's own certificate will do as well as its root's.
	if _, err := timestamp.Check(response, note, roots(t, tsa.Leaf)); err != nil {
		t.Errorf("Check with the authority's certificate: %v", err)
	}
	if _, err := timestamp.Check(response, append([]byte("x"), note...), trusted); err == nil {
		t.Error("the token verifies of another message")
	}
	if _, err := timestamp.Check(response, note, roots(t, timestamptest.Start(t).Root)); err == nil {
		t.Error("the token verifies with a stranger's certificate")
	}
	if _, err := timestamp.Check(response, note, nil); err == nil {
		t.Error("the token verifies with no certificate")
	}
	if told, err := timestamp.Intact(response, note); err != nil || !told.Equal(at) {
		t.Errorf("Intact = %v, %v, want %v", told, err, at)
	}
	if _, err := timestamp.Intact(response, append([]byte("x"), note...)); err == nil {
		t.Error("the token is intact over another message")
	}
	for i := 0; i < len(response); i += 7 {
		altered := append([]byte(nil), response...)
		altered[i] ^= 1
		if at2, err := timestamp.Check(altered, note, trusted); err == nil && !at2.Equal(at) {
			t.Errorf("with byte %d altered it says %s", i, at2)
		}
	}
}

// What we keep is what openssl reads.
func TestOpenSSLVerifiesTheToken(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("SKIPPED, no token was verified by another program: there is no openssl")
	}
	tsa := timestamptest.Start(t)
	response, err := authority(t, tsa.URL, nil).Stamp(t.Context(), note)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{"note": note, "checkpoint.tsr": response, "ca.pem": tsa.Root} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(openssl, "ts", "-verify", "-in", "checkpoint.tsr", "-data", "note", "-CAfile", "ca.pem")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openssl ts -verify: %v\n%s", err, out)
	}
}

func TestWhatDoesNotVerifyIsNotKept(t *testing.T) {
	tsa := timestamptest.Start(t)
	trusted := roots(t, tsa.Root)
	stranger := timestamptest.Start(t)
	for name, handler := range map[string]http.HandlerFunc{
		"an answer to something else": tsa.Answer(func(r *timestamptest.Reply) { r.Message = []byte("else") }),
		"an old answer":               tsa.Answer(func(r *timestamptest.Reply) { r.Nonce = nil }),
		"no certificate":              tsa.Answer(func(r *timestamptest.Reply) { r.WithoutCertificate = true }),
		"a certificate for web sites": tsa.Answer(func(r *timestamptest.Reply) { r.Web = true }),
		"a stranger":                  stranger.Answer(nil),
		"no":                          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"a page":                      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"elsewhere":                   http.RedirectHandler("http://169.254.169.254/", http.StatusFound).ServeHTTP,
		"more than anybody asked for": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			for range 1000 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			web := httptest.NewServer(handler)
			defer web.Close()
			response, err := authority(t, web.URL, trusted).Stamp(t.Context(), note)
			var told *seaworthy.Error
			if response != nil || !errors.As(err, &told) || told.Kind != seaworthy.KindUnavailable {
				t.Errorf("Stamp = %d bytes, %v", len(response), err)
			}
		})
	}
}

func TestASlowAuthorityIsGivenUp(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that nobody waits
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	}))
	defer web.Close()
	a, err := timestamp.New(timestamp.Config{URL: web.URL, Plain: true, Private: true, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Stamp(t.Context(), note); err == nil {
		t.Error("Stamp waits")
	}
}

func TestAddressesThatAreNotAsked(t *testing.T) {
	for _, url := range []string{"", "timestamp.example", "ftp://timestamp.example", "http://timestamp.example", "https://user:secret@timestamp.example", "file:///etc/passwd"} {
		if _, err := timestamp.New(timestamp.Config{URL: url}); err == nil {
			t.Errorf("New takes %q", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q tells the password", err)
		}
	}
	asked := false
	web := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer web.Close()
	for _, url := range []string{web.URL, strings.Replace(web.URL, "127.0.0.1", "localhost", 1), "https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]:1/", "https://[::ffff:127.0.0.1]:1/", "https://100.100.100.200/", "https://0.0.0.0:1/"} {
		a, err := timestamp.New(timestamp.Config{URL: url, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Stamp(t.Context(), note); err == nil || !strings.Contains(err.Error(), "private network") || asked {
			t.Errorf("%s is asked: %v", url, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	tsa := timestamptest.Start(f)
	pool, err := timestamp.Roots(tsa.Root)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("0"), []byte("x"))
	f.Fuzz(func(t *testing.T, response, message []byte) {
		if at, err := timestamp.Check(response, message, pool); err == nil {
			t.Errorf("%x says %s", response, at)
		}
	})
}
