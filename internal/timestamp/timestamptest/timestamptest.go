// SPDX-License-Identifier: Apache-2.0

// Package timestamptest is a time-stamping authority for tests, with a root of its own.
package timestamptest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	rfc3161 "github.com/digitorus/timestamp"
)

// Authority is a running authority.
type Authority struct {
	URL string
	// Root and Leaf are the certificates in PEM: who vouches for it, and its own.
	Root, Leaf []byte

	key       *ecdsa.PrivateKey
	leaf, web *x509.Certificate
}

// Reply is what is about to be answered.
type Reply struct {
	Message            []byte // what is stamped instead of what was asked; nil: that
	Nonce              *big.Int
	WithoutCertificate bool
	Web                bool // sign with a certificate for web sites
}

// Start runs an authority until the test ends.
func Start(t testing.TB) *Authority {
	t.Helper()
	rootKey, root := certificate(t, "Test Root", nil, nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	a := &Authority{Root: encode(root)}
	a.key, a.leaf = certificate(t, "Test Time Authority", root, rootKey, func(c *x509.Certificate) {
		// RFC 3161 wants the extension to be critical, and alone.
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	})
	a.Leaf = encode(a.leaf)
	web := *a.leaf
	web.ExtraExtensions, web.Extensions, web.SerialNumber = nil, nil, big.NewInt(99)
	web.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, &web, root, a.key.Public(), rootKey)
	if err == nil {
		a.web, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Answer(nil))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func certificate(t testing.TB, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, set func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	set(c)
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, made
}

// Answer handles requests; change may change what is answered.
func (a *Authority) Answer(change func(*Reply)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		request, err := rfc3161.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply := Reply{Nonce: request.Nonce}
		if change != nil {
			change(&reply)
		}
		response, err := a.sign(request, reply)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = io.Copy(w, bytes.NewReader(response))
	}
}

func (a *Authority) sign(request *rfc3161.Request, reply Reply) ([]byte, error) {
	token := rfc3161.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Time: time.Now().UTC(), Nonce: reply.Nonce,
		Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1}, AddTSACertificate: request.Certificates && !reply.WithoutCertificate,
	}
	if reply.Message != nil {
		sum := sha256.Sum256(reply.Message)
		token.HashedMessage = sum[:]
	}
	signer := a.leaf
	if reply.Web {
		signer = a.web
	}
	return token.CreateResponseWithOpts(signer, a.key, crypto.SHA256)
}
