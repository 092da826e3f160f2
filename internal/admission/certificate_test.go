// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
)

var names = []string{"seaworthy-agent.seaworthy.svc", "127.0.0.1"}

// handshake connects as the API server does, at a moment and with the authorities that
// were published.
func handshake(t *testing.T, c *admission.Certificate, authorities []byte, now time.Time) error {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		t.Fatal("there is no authority")
	}
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		s := tls.Server(server, &tls.Config{GetCertificate: c.Get})
		_ = s.Handshake() // the client says what went wrong
		s.Close()
	}()
	return tls.Client(client, &tls.Config{RootCAs: pool, ServerName: names[0], Time: func() time.Time { return now }}).Handshake()
}

// TestRotation lives through a year: at no moment does the API server meet a certificate
// whose authority was not published before.
func TestRotation(t *testing.T) {
	now := day()
	c := admission.SelfMade(func() time.Time { return now })
	if _, err := c.Get(nil); err == nil {
		t.Error("there is a certificate before any was made")
	}
	var pairs admission.Pairs
	var published []byte
	renewals := 0
	for now.Before(day().AddDate(1, 0, 0)) {
		next, changed, err := pairs.Renew(now, names)
		if err != nil {
			t.Fatal(err)
		}
		if len(pairs) > 0 { // the configuration is updated later than the certificate
			c.Set(next)
			if err := handshake(t, c, published, now); err != nil {
				t.Fatalf("%s, before the authorities are published: %v", now, err)
			}
		}
		if changed {
			renewals++
			published = next.Authorities()
		}
		pairs = next
		c.Set(pairs)
		if err := handshake(t, c, published, now); err != nil {
			t.Fatalf("%s: %v", now, err)
		}
		if len(pairs) > 2 || bytes.Count(published, []byte("BEGIN")) != len(pairs) {
			t.Fatalf("%s: %d pairs", now, len(pairs))
		}
		if at := pairs.Next(now); !at.After(now) || at.Sub(now) > 61*24*time.Hour {
			t.Fatalf("%s: the next change is said to be at %s", now, at)
		}
		now = now.Add(7 * time.Hour)
	}
	if renewals < 8 || renewals > 14 { // each is made once and dropped once
		t.Errorf("%d changes in a year", renewals)
	}
}

func TestRenewal(t *testing.T) {
	made, _, err := admission.Pairs(nil).Renew(day(), names)
	if err != nil {
		t.Fatal(err)
	}
	if again, changed, _ := made.Renew(day().Add(time.Hour), names); changed || len(again) != 1 {
		t.Error("a fresh certificate is made anew")
	}
	renamed, changed, err := made.Renew(day().Add(time.Hour), []string{"other.svc"})
	if err != nil || !changed || len(renamed) != 2 || !renamed[1].From.Equal(day().Add(time.Hour)) {
		t.Errorf("other names: %v, changed %t, %d pairs", err, changed, len(renamed))
	}
	late := day().AddDate(2, 0, 0) // the clock jumped, or the agent slept
	after, changed, err := made.Renew(late, names)
	if err != nil || !changed || len(after) != 1 || !after[0].From.Equal(late) {
		t.Errorf("after the end: %v, changed %t, %d pairs", err, changed, len(after))
	}
	if _, err := made.Serving(late); err == nil || !strings.Contains(err.Error(), "no certificate that is valid") {
		t.Errorf("a certificate that has ended is served: %v", err)
	}
	if _, _, err := made.Renew(late, nil); err == nil {
		t.Error("a certificate for nobody was made")
	}
}

func TestCertificateFromFiles(t *testing.T) {
	now := day()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write := func() []byte {
		p, _, err := admission.Pairs(nil).Renew(now, names)
		if err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{cert: p[0].Cert, key: p[0].Key} {
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return p[0].Authority
	}
	if _, err := admission.FromFiles(cert, key, nil); err == nil || !strings.Contains(err.Error(), "read the webhook's certificate") {
		t.Errorf("files that are not there: %v", err)
	}
	first := write()
	c, err := admission.FromFiles(cert, key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	second := write()
	if err := handshake(t, c, first, now); err != nil {
		t.Errorf("the first certificate: %v", err)
	}
	now = now.Add(11 * time.Second)
	if err := handshake(t, c, second, now); err != nil {
		t.Errorf("the files have changed: %v", err)
	}
	if err := os.WriteFile(key, []byte("half a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(11 * time.Second)
	if err := handshake(t, c, second, now); err != nil {
		t.Errorf("while the files are being written: %v", err)
	}
}
