// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// The lives of certificates that are made here. A new one is made when a third of the
// life of the last is left, and used an hour later: by then its authority has reached the
// webhook configuration, and the API server.
const (
	certificateLife = 90 * 24 * time.Hour
	renewBefore     = certificateLife / 3
	useAfter        = time.Hour
	clockSkew       = 5 * time.Minute
)

// Pair is a certificate with its key, and the authority that signed it. Each has an
// authority of its own, whose key is forgotten as soon as it has signed: nobody can sign
// another.
type Pair struct {
	Authority []byte    `json:"authority"` // PEM
	Cert      []byte    `json:"certificate"`
	Key       []byte    `json:"key"`
	From      time.Time `json:"from"`  // when to begin to use it
	Until     time.Time `json:"until"` // when it ends
}

// Pairs are the certificates in use, the oldest first: one, or two while one takes over
// from the other. Replicas that share them serve the same. They are kept by the caller.
type Pairs []Pair

// Renew gives the pairs that there should be at a moment: it makes one where there is
// none or the last is about to end, or where the names are others, and drops what has
// ended. It tells whether it changed anything; then the authorities have to be published.
func (p Pairs) Renew(now time.Time, names []string) (Pairs, bool, error) {
	out := slices.DeleteFunc(slices.Clone(p), func(x Pair) bool { return !now.Before(x.Until) })
	changed := len(out) != len(p)
	if n := len(out); n > 0 && out[n-1].Until.Sub(now) > renewBefore && out[n-1].names(names) {
		return out, changed, nil
	}
	from := now
	if p.usable(now) && out[len(out)-1].names(names) {
		from = now.Add(useAfter)
	}
	x, err := newPair(now, from, names)
	if err != nil {
		return nil, false, err
	}
	return append(out, x), true, nil
}

// usable tells whether some pair can be served with.
func (p Pairs) usable(now time.Time) bool {
	return slices.ContainsFunc(p, func(x Pair) bool { return now.Before(x.Until) && !now.Before(x.From) })
}

// Authorities is what a webhook configuration has to trust: every authority whose pair is
// or will be served, in PEM.
func (p Pairs) Authorities() []byte {
	var out []byte
	for _, x := range p {
		out = append(out, x.Authority...)
	}
	return out
}

// Next is when Renew or Serving will have something else to say.
func (p Pairs) Next(now time.Time) time.Time {
	var out time.Time
	for _, x := range p {
		for _, at := range []time.Time{x.From, x.Until.Add(-renewBefore), x.Until} {
			if at.After(now) && (out.IsZero() || at.Before(out)) {
				out = at
			}
		}
	}
	return out
}

// Serving is the certificate to serve with at a moment: the newest that may be used.
func (p Pairs) Serving(now time.Time) (*tls.Certificate, error) {
	for _, x := range slices.Backward(p) {
		if now.Before(x.From) || !now.Before(x.Until) {
			continue
		}
		c, err := tls.X509KeyPair(x.Cert, x.Key)
		if err != nil {
			return nil, fmt.Errorf("read the webhook's certificate: %w", err)
		}
		return &c, nil
	}
	return nil, seaworthy.Invalid("the webhook has no certificate that is valid at %s", now.UTC().Format(time.RFC3339))
}

// names tells whether the certificate is for these names.
func (x *Pair) names(names []string) bool {
	b, _ := pem.Decode(x.Cert)
	if b == nil {
		return false
	}
	c, err := x509.ParseCertificate(b.Bytes)
	return err == nil && !slices.ContainsFunc(names, func(n string) bool { return c.VerifyHostname(n) != nil })
}

func newPair(now, from time.Time, names []string) (Pair, error) {
	if len(names) == 0 {
		return Pair{}, seaworthy.Invalid("a certificate needs the name of the service")
	}
	x := Pair{From: from.UTC(), Until: now.Add(certificateLife).UTC().Truncate(time.Second)}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return x, fmt.Errorf("make the authority's key: %w", err)
	}
	authority, err := template("Seaworthy webhook authority", now, x.Until)
	if err != nil {
		return x, err
	}
	authority.IsCA, authority.BasicConstraintsValid, authority.MaxPathLenZero = true, true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	signed, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return x, fmt.Errorf("make the authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return x, fmt.Errorf("make the webhook's key: %w", err)
	}
	leaf, err := template(names[0], now, x.Until)
	if err != nil {
		return x, err
	}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, n)
		}
	}
	if authority, err = x509.ParseCertificate(signed); err != nil {
		return x, fmt.Errorf("make the authority: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), authorityKey)
	if err != nil {
		return x, fmt.Errorf("sign the webhook's certificate: %w", err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return x, fmt.Errorf("write the webhook's key: %w", err)
	}
	x.Authority, x.Cert, x.Key = block("CERTIFICATE", signed), block("CERTIFICATE", der), block("EC PRIVATE KEY", private)
	return x, nil
}

func template(name string, now, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: cut(name, 64)}, NotBefore: now.Add(-clockSkew), NotAfter: until}, nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// Certificate hands out the certificate for TLS. It is safe for concurrent use.
type Certificate struct {
	now   func() time.Time
	pairs atomic.Pointer[Pairs]
	files *certificateFiles
}

// SelfMade serves with pairs that are set by [Certificate.Set].
func SelfMade(now func() time.Time) *Certificate {
	return &Certificate{now: clock(now)}
}

// FromFiles serves with files that something else keeps fresh, such as cert-manager: they
// are read again when they have changed, at most every ten seconds. What cannot be read
// then leaves the last certificate in place.
func FromFiles(cert, key string, now func() time.Time) (*Certificate, error) {
	c := &Certificate{now: clock(now), files: &certificateFiles{cert: cert, key: key}}
	if _, err := c.files.get(c.now()); err != nil {
		return nil, err
	}
	return c, nil
}

func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// Set puts other pairs in the place of those that were served.
func (c *Certificate) Set(p Pairs) { c.pairs.Store(&p) }

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.files != nil {
		return c.files.get(c.now())
	}
	p := c.pairs.Load()
	if p == nil {
		return nil, seaworthy.Invalid("the webhook has no certificate yet")
	}
	return p.Serving(c.now())
}

// certificateFiles is a certificate in files, and what was last read of it.
type certificateFiles struct {
	cert, key string

	mu    sync.Mutex
	asked time.Time
	raw   []byte
	read  *tls.Certificate
}

const rereadEvery = 10 * time.Second

func (f *certificateFiles) get(now time.Time) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.read != nil && now.Sub(f.asked).Abs() < rereadEvery {
		return f.read, nil
	}
	f.asked = now
	c, raw, err := f.load()
	if err != nil && f.read == nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "read the webhook's certificate", Err: err}
	}
	if err == nil && !bytes.Equal(raw, f.raw) {
		f.read, f.raw = c, raw
	}
	return f.read, nil
}

func (f *certificateFiles) load() (*tls.Certificate, []byte, error) {
	cert, err := os.ReadFile(f.cert)
	key, keyErr := os.ReadFile(f.key)
	if err := cmp.Or(err, keyErr); err != nil {
		return nil, nil, err
	}
	c, err := tls.X509KeyPair(cert, key)
	return &c, slices.Concat(cert, key), err
}
