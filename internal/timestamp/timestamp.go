// SPDX-License-Identifier: Apache-2.0

// Package timestamp has an outside authority say when something was there: RFC 3161. A
// token proves that whoever made it saw a digest at a time by its own clock; it proves
// nothing of what the digest is of, and nothing of what came later.
//
// A response is verified before anybody keeps it.
package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/digitorus/pkcs7"
	rfc3161 "github.com/digitorus/timestamp"

	"github.com/seaworthy-dev/seaworthy"
)

// Config names an authority.
type Config struct {
	// URL is where requests are posted.
	URL string
	// Plain allows http: the token is signed, so that nobody between can forge it, but they
	// see the digest and can keep the answer back.
	Plain bool
	// Private allows addresses of private networks and of this machine.
	Private bool
	// Roots are the certificates that the authority's must stand on; nil: any is taken, and
	// whoever verifies the token later has to know it.
	Roots *x509.CertPool
	// Timeout bounds one request; 0: 15 seconds.
	Timeout time.Duration
}

// Authority is a time-stamping authority. It is safe for concurrent use.
type Authority struct {
	config Config
	client *http.Client
}

// maxResponse bounds what an authority answers: a token with a chain is some kilobytes.
const maxResponse = 256 << 10

// New makes an Authority. It asks nothing yet.
func New(c Config) (*Authority, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, seaworthy.Invalid("the timestamp authority's address is no URL without credentials")
	}
	switch {
	case u.Scheme == "https", u.Scheme == "http" && c.Plain:
	case u.Scheme == "http":
		return nil, seaworthy.Invalid("the timestamp authority %s is not asked over plain http unless that is allowed", u.Host)
	default:
		return nil, seaworthy.Invalid("the timestamp authority %s must be an https address", c.URL)
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	dialer := &net.Dialer{Timeout: c.Timeout}
	proxy := http.ProxyFromEnvironment
	if !c.Private {
		dialer.Control, proxy = onlyPublic, nil // behind a proxy nobody sees who is asked
	}
	return &Authority{config: c, client: &http.Client{
		Timeout: c.Timeout,
		Transport: &http.Transport{
			Proxy: proxy, DialContext: dialer.DialContext, TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConns: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it sends elsewhere; give the address that answers")
		},
	}}, nil
}

// onlyPublic refuses to connect to what only this machine or its network can reach. It
// sees the address after names were resolved.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) || translated.Contains(ip) {
		return fmt.Errorf("%s is an address of a private network, which is not asked unless that is allowed", ip)
	}
	return nil
}

// shared is what carriers and clouds use inside; translated are IPv4 addresses in disguise.
var (
	shared     = netip.MustParsePrefix("100.64.0.0/10")
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

// Stamp has the authority see the SHA-256 of a message, verifies what it answers, and
// gives the response in DER as 'openssl ts -verify -in' reads it.
func (a *Authority) Stamp(ctx context.Context, message []byte) ([]byte, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, err
	}
	request, err := rfc3161.CreateRequest(bytes.NewReader(message), &rfc3161.RequestOptions{Hash: crypto.SHA256, Certificates: true, Nonce: nonce})
	if err != nil {
		return nil, fmt.Errorf("make a timestamp request: %w", err)
	}
	response, err := a.post(ctx, request)
	if err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the timestamp authority " + a.config.URL + " gave no timestamp", Err: err}
	}
	token, err := open(response, message, a.config.Roots)
	if err == nil && (token.Nonce == nil || token.Nonce.Cmp(nonce) != 0) {
		err = errors.New("it is no answer to what was asked: its nonce differs")
	}
	if err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the timestamp of " + a.config.URL + " does not verify and is not kept", Err: err}
	}
	return response, nil
}

func (a *Authority) post(ctx context.Context, request []byte) (_ []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.config.URL, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	r.Header.Set("Accept", "application/timestamp-reply")
	resp, err := a.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of its text repeats ours
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "application/timestamp-reply" {
		return nil, fmt.Errorf("it answers %s with %q", resp.Status, kind)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err == nil && len(data) > maxResponse {
		err = fmt.Errorf("it answers with more than %d bytes", maxResponse)
	}
	return data, err
}

// Check verifies a response over a message with certificates that the reader trusts, and
// gives the authority's time. Certificates count as of that time, so that a response can
// be verified years later.
func Check(response, message []byte, roots *x509.CertPool) (time.Time, error) {
	if roots == nil {
		return time.Time{}, errors.New("no certificate is given to verify the timestamp with")
	}
	token, err := open(response, message, roots)
	if err != nil {
		return time.Time{}, err
	}
	return token.Time, nil
}

// Intact verifies all of a response but whose it is, and gives the time that it tells: it
// was not damaged since it was taken, unless somebody replaced it by another.
func Intact(response, message []byte) (time.Time, error) {
	token, err := open(response, message, nil)
	if err != nil {
		return time.Time{}, err
	}
	return token.Time, nil
}

// open reads a response and verifies it; without roots all but whose it is.
func open(response, message []byte, roots *x509.CertPool) (*rfc3161.Timestamp, error) {
	token, err := rfc3161.ParseResponse(response)
	if err != nil {
		return nil, fmt.Errorf("read the timestamp: %w", err)
	}
	sum := sha256.Sum256(message)
	if token.HashAlgorithm != crypto.SHA256 || !bytes.Equal(token.HashedMessage, sum[:]) {
		return nil, errors.New("the timestamp is of something else")
	}
	p7, err := pkcs7.Parse(token.RawToken)
	if err != nil {
		return nil, fmt.Errorf("read the timestamp's signature: %w", err)
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return nil, errors.New("the timestamp does not hold the certificate of its one signer")
	}
	if roots == nil {
		roots = x509.NewCertPool()
		roots.AddCert(signer)
	}
	intermediates := x509.NewCertPool()
	for _, c := range p7.Certificates {
		intermediates.AddCert(c)
	}
	err = p7.VerifyWithOpts(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: token.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return nil, fmt.Errorf("verify the timestamp's signature: %w", err)
	}
	return token, nil
}

// Roots reads certificates in PEM: of an authority, or of those that vouch for it.
func Roots(data []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for len(data) > 0 {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, seaworthy.Invalid("a certificate of the timestamp authority cannot be read: %v", err)
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, seaworthy.Invalid("there is no certificate in PEM of a timestamp authority")
	}
	return pool, nil
}
