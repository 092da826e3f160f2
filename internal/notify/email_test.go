// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// mailbox is a real SMTP server.
type mailbox struct {
	mu       sync.Mutex
	from     string
	to       []string
	data     []byte
	secure   bool
	user     string
	refuse   *smtp.SMTPError
	port     int
	certs    *x509.CertPool
	implicit bool
}

type session struct {
	box  *mailbox
	conn *smtp.Conn
}

func (b *mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{b, c}, nil }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "open" {
			return smtp.ErrAuthFailed
		}
		s.box.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.box.refuse != nil {
		return s.box.refuse
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.from, s.box.to = from, nil
	_, s.box.secure = s.conn.TLSConnectionState()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.to = append(s.box.to, to)
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	s.box.data, err = io.ReadAll(r)
	return err
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

func openMailbox(t *testing.T, implicit bool) *mailbox {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{certs: x509.NewCertPool(), implicit: implicit}
	box.certs.AddCert(cert)
	server := smtp.NewServer(box)
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box.port = l.Addr().(*net.TCPAddr).Port
	if implicit {
		l = tls.NewListener(l, server.TLSConfig)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return box
}

func (b *mailbox) sender() notify.Email {
	return notify.Email{
		Host: "127.0.0.1", Port: b.port, Username: "seaworthy", Password: "open", From: "Seaworthy <seaworthy@example.com>",
		To: []string{"security@example.com", "oncall@example.com"}, Implicit: b.implicit, TLS: &tls.Config{RootCAs: b.certs, ServerName: "127.0.0.1"},
	}
}

func TestEmail(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		box := openMailbox(t, implicit)
		id, err := box.sender().Send(context.Background(), message(false))
		if err != nil {
			t.Fatalf("implicit TLS %t: %v", implicit, err)
		}
		if !box.secure || box.user != "seaworthy" || box.from != "seaworthy@example.com" || len(box.to) != 2 {
			t.Errorf("from %s as %s to %q, over TLS: %t", box.from, box.user, box.to, box.secure)
		}
		m, err := mail.ReadMessage(bytes.NewReader(box.data))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || strings.ContainsAny(subject, "\r\n\u202e") || !strings.Contains(subject, "out of band") {
			t.Errorf("subject %q, %v", subject, err)
		}
		if m.Header.Get("Bcc") != "" || id != "<msg_1@seaworthy>" && id != "msg_1@seaworthy" || !strings.Contains(m.Header.Get("Message-Id"), "msg_1@seaworthy") {
			t.Errorf("message %q with headers %v", id, m.Header)
		}
		text, html := parts(t, m)
		if !strings.Contains(text, "https://seaworthy.example.com/changes/c1") || !strings.Contains(html, `href="https://seaworthy.example.com/changes/c1"`) {
			t.Errorf("no link in\n%s\n%s", text, html)
		}
		if strings.Contains(html, "<b>&") || strings.Contains(text, "\nBcc:") {
			t.Errorf("a name is read as markup:\n%s\n%s", text, html)
		}
	}
}

func parts(t *testing.T, m *mail.Message) (text, html string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = string(body)
		} else {
			text = strings.ReplaceAll(string(body), "\r\n", "\n")
		}
	}
}

func TestEmailFailures(t *testing.T) {
	box := openMailbox(t, false)
	for name, test := range map[string]struct {
		spoil   func(e *notify.Email)
		refuse  *smtp.SMTPError
		refused bool
	}{
		"nobody there":        {spoil: func(e *notify.Email) { e.Port = 1 }},
		"a wrong certificate": {spoil: func(e *notify.Email) { e.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"} }},
		"busy":                {refuse: &smtp.SMTPError{Code: 451, Message: "later"}},
		"not from you":        {refuse: &smtp.SMTPError{Code: 550, Message: "no"}, refused: true},
		"no such address":     {spoil: func(e *notify.Email) { e.To = []string{"nobody at all"} }, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			box.refuse = test.refuse
			e := box.sender()
			if test.spoil != nil {
				test.spoil(&e)
			}
			_, err := e.Send(context.Background(), message(false))
			var refusal notify.Refusal
			if err == nil || errors.As(err, &refusal) != test.refused || strings.Contains(err.Error(), "open") && !strings.Contains(err.Error(), "open:") {
				t.Errorf("%v, want it given up: %t", err, test.refused)
			}
		})
	}
}
