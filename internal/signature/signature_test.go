// SPDX-License-Identifier: Apache-2.0

package signature_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"

	"github.com/seaworthy-dev/seaworthy/internal/signature"
)

const (
	issuer   = "https://token.actions.example.com"
	workflow = "https://git.example.com/shop/.github/workflows/release.yaml@refs/heads/main"
	bundleV3 = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// shop is a registry with images.
type shop struct {
	*testing.T
	host  string
	asked atomic.Int64
	down  atomic.Bool
	slow  atomic.Bool
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t}
	real := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		switch {
		case s.down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case s.slow.Load():
			<-r.Context().Done()
		default:
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// push pushes an image and gives its name with its digest.
func (s *shop) push(repository string) (image string, digest v1.Hash) {
	s.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		s.Fatal(err)
	}
	s.write(repository+":1", img)
	digest, err = img.Digest()
	if err != nil {
		s.Fatal(err)
	}
	return s.host + "/" + repository + "@" + digest.String(), digest
}

func (s *shop) write(ref string, img v1.Image) {
	s.Helper()
	tag, err := name.ParseReference(s.host + "/" + ref)
	if err == nil {
		err = remote.Write(tag, img)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// sign pushes a signature as cosign keeps it below a tag.
func (s *shop) sign(repository string, of v1.Hash, payload []byte, annotations map[string]string) {
	s.Helper()
	layer := static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, Annotations: annotations})
	if err != nil {
		s.Fatal(err)
	}
	s.write(repository+":sha256-"+of.Hex+".sig", img)
}

// refer pushes a bundle that refers to an image.
func (s *shop) refer(repository string, of v1.Hash, bundle []byte) {
	s.Helper()
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: static.NewLayer(bundle, types.MediaType(bundleV3))})
	if err != nil {
		s.Fatal(err)
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.MediaType(bundleV3))
	img = mutate.Subject(img, v1.Descriptor{MediaType: types.DockerManifestSchema2, Digest: of, Size: 1}).(v1.Image)
	digest, err := img.Digest()
	if err != nil {
		s.Fatal(err)
	}
	s.write(repository+"@"+digest.String(), img)
}

func payloadOf(digest string) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":""},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`, digest)
}

func statementOf(digest v1.Hash, predicate string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":%q}}],"predicateType":%q,"predicate":{}}`, digest.Hex, predicate)
}

const signs = "https://sigstore.dev/cosign/sign/v1"

type key struct {
	private *ecdsa.PrivateKey
	pem     string
}

func newKey(t *testing.T) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key{private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

func (k key) sign(t *testing.T, text []byte) string {
	t.Helper()
	sum := sha256.Sum256(text)
	sig, err := ecdsa.SignASN1(rand.Reader, k.private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

// bundle is what cosign makes with a key since version 3.
func (k key) bundle(t *testing.T, statement []byte) []byte {
	t.Helper()
	const kind = "application/vnd.in-toto+json"
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(statement), statement)
	b, err := json.Marshal(map[string]any{
		"mediaType":            bundleV3,
		"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": "x"}},
		"dsseEnvelope": map[string]any{
			"payload": base64.StdEncoding.EncodeToString(statement), "payloadType": kind, "signatures": []any{map[string]any{"sig": k.sign(t, pae)}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyless makes the annotations of a signature by an identity.
func keyless(t *testing.T, sigstore *ca.VirtualSigstore, subject string, payload []byte) map[string]string {
	t.Helper()
	entity, err := sigstore.Sign(subject, issuer, payload)
	if err != nil {
		t.Fatal(err)
	}
	content, err := entity.SignatureContent()
	if err != nil {
		t.Fatal(err)
	}
	material, err := entity.VerificationContent()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := entity.TlogEntries()
	if err != nil {
		t.Fatal(err)
	}
	id, err := sigstore.RekorLogID()
	if err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	entry := tlog.RekorPayload{Body: e.Body(), IntegratedTime: e.IntegratedTime().Unix(), LogIndex: e.LogIndex(), LogID: id}
	promise, err := sigstore.RekorSignPayload(entry)
	if err != nil {
		t.Fatal(err)
	}
	rekor, err := json.Marshal(map[string]any{"SignedEntryTimestamp": promise, "Payload": entry})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(content.Signature()),
		"dev.sigstore.cosign/certificate":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: material.Certificate().Raw})),
		"dev.sigstore.cosign/bundle":         string(rekor),
	}
}

func verifier(t *testing.T, c signature.Config) *signature.Verifier {
	t.Helper()
	c.Timeout = cmp.Or(c.Timeout, time.Minute) // the machine may be slow
	v, err := signature.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVerify: who signed, in which form, and whether that suffices.
func TestVerify(t *testing.T) {
	s, good, bad := open(t), newKey(t), newKey(t)
	sigstore, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	v := verifier(t, signature.Config{Root: unlogged{sigstore}, Timeout: time.Minute, Policies: []signature.Policy{
		{Name: "keyless", Images: []string{s.host + "/ci/**"}, Identities: []signature.Identity{{Issuer: issuer, SubjectPattern: `https://git\.example\.com/shop/.*@refs/heads/main`}}},
		{Name: "release", Images: []string{s.host + "/app/*"}, Keys: []signature.Key{{Name: "release", PEM: good.pem}}},
		{Name: "tags", Images: []string{s.host + "/tags/*"}, Tags: true, Keys: []signature.Key{{Name: "release", PEM: good.pem}}},
	}})
	sig := func(k key, payload []byte) map[string]string {
		return map[string]string{"dev.cosignproject.cosign/signature": k.sign(t, payload)}
	}
	for name, c := range map[string]struct {
		repository string
		prepare    func(repository string, digest v1.Hash)
		by, reason string
		tag        bool
	}{
		"with the key, below a tag": {"app/a", func(r string, d v1.Hash) { s.sign(r, d, payloadOf(d.String()), sig(good, payloadOf(d.String()))) }, "key release", "", false},
		"with the key, in a bundle": {"app/b", func(r string, d v1.Hash) { s.refer(r, d, good.bundle(t, statementOf(d, signs))) }, "key release", "", false},
		"not signed":                {"app/c", func(string, v1.Hash) {}, "", "it is not signed", false},
		"with another key":          {"app/d", func(r string, d v1.Hash) { s.sign(r, d, payloadOf(d.String()), sig(bad, payloadOf(d.String()))) }, "", "none by whom policy release names", false},
		"of another image": {"app/e", func(r string, d v1.Hash) {
			p := payloadOf("sha256:" + strings.Repeat("0", 64))
			s.sign(r, d, p, sig(good, p))
		}, "", "what was signed is another image", false},
		"a bundle with another key": {"app/f", func(r string, d v1.Hash) { s.refer(r, d, bad.bundle(t, statementOf(d, signs))) }, "", "none by whom", false},
		"a bundle of another image": {"app/g", func(r string, d v1.Hash) {
			s.refer(r, d, good.bundle(t, statementOf(v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, signs)))
		}, "", "none by whom", false},
		"a statement of the signer that is no signature": {"app/h", func(r string, d v1.Hash) {
			s.refer(r, d, good.bundle(t, statementOf(d, "https://cosign.sigstore.dev/attestation/vuln/v1")))
		}, "", "which is no signature", false},
		"nonsense": {"app/i", func(r string, d v1.Hash) {
			s.sign(r, d, []byte("{"), map[string]string{"dev.cosignproject.cosign/signature": "!"})
			s.refer(r, d, []byte("{}"))
		}, "", "it has 2 signatures", false},
		"by the workflow": {"ci/a", func(r string, d v1.Hash) {
			s.sign(r, d, payloadOf(d.String()), keyless(t, sigstore, workflow, payloadOf(d.String())))
		}, "shop", "", false},
		"by another branch": {"ci/b", func(r string, d v1.Hash) {
			s.sign(r, d, payloadOf(d.String()), keyless(t, sigstore, strings.Replace(workflow, "main", "evil", 1), payloadOf(d.String())))
		}, "", "none by whom", false},
		"by the same name from elsewhere": {"ci/c", func(r string, d v1.Hash) {
			s.sign(r, d, payloadOf(d.String()), keyless(t, elsewhere, workflow, payloadOf(d.String())))
		}, "", "none by whom", false},
		"by the workflow, in no log": {"ci/d", func(r string, d v1.Hash) {
			a := keyless(t, sigstore, workflow, payloadOf(d.String()))
			delete(a, "dev.sigstore.cosign/bundle")
			s.sign(r, d, payloadOf(d.String()), a)
		}, "", "no transparency log", false},
		"with a key where an identity is asked": {"ci/e", func(r string, d v1.Hash) {
			s.sign(r, d, payloadOf(d.String()), sig(good, payloadOf(d.String())))
		}, "", "not by an identity", false},
		"a tag":                  {"app/t", func(r string, d v1.Hash) { s.sign(r, d, payloadOf(d.String()), sig(good, payloadOf(d.String()))) }, "", "names no digest", true},
		"a tag, where that does": {"tags/t", func(r string, d v1.Hash) { s.sign(r, d, payloadOf(d.String()), sig(good, payloadOf(d.String()))) }, "key release", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			image, digest := s.push(c.repository)
			c.prepare(c.repository, digest)
			if c.tag {
				image = s.host + "/" + c.repository + ":1"
			}
			got, err := v.Verify(t.Context(), image)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Covered || got.Signed != (c.by != "") || !strings.Contains(got.By, c.by) || !strings.Contains(got.Reason, c.reason) || got.Signed && got.Digest != digest.String() {
				t.Errorf("%+v, want signed by %q, reason %q", got, c.by, c.reason)
			}
		})
	}
}

// unlogged is a Sigstore that enters certificates in no log, as the one for tests does.
type unlogged struct{ *ca.VirtualSigstore }

func (unlogged) CTLogs() map[string]*root.TransparencyLog { return nil }

// TestCertificatesAreLogged: where the trusted root has logs of certificates, one that
// stands in none of them is none.
func TestCertificatesAreLogged(t *testing.T) {
	s := open(t)
	sigstore, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	image, digest := s.push("ci/a")
	s.sign("ci/a", digest, payloadOf(digest.String()), keyless(t, sigstore, workflow, payloadOf(digest.String())))
	for want, trusted := range map[bool]root.TrustedMaterial{false: sigstore, true: unlogged{sigstore}} {
		v := verifier(t, signature.Config{Root: trusted, Timeout: time.Minute, Policies: []signature.Policy{
			{Name: "p", Images: []string{s.host + "/**"}, Identities: []signature.Identity{{Issuer: issuer, Subject: workflow}}},
		}})
		if r, err := v.Verify(t.Context(), image); err != nil || r.Signed != want {
			t.Errorf("%+v, %v; want signed %v", r, err, want)
		}
	}
}

// TestUnknownIsNoPass: a registry that fails, or is slow, gives an error and no answer, and
// the error is not kept; what is known is, and costs no request.
func TestUnknownIsNoPass(t *testing.T) {
	s, k := open(t), newKey(t)
	now := time.Now()
	v := verifier(t, signature.Config{Timeout: 300 * time.Millisecond, Now: func() time.Time { return now }, Policies: []signature.Policy{
		{Name: "p", Images: []string{s.host + "/**"}, Keys: []signature.Key{{PEM: k.pem}}},
	}})
	image, digest := s.push("app")
	for name, fault := range map[string]*atomic.Bool{"down": &s.down, "slow": &s.slow} {
		fault.Store(true)
		if r, err := v.Verify(t.Context(), image); err == nil || r.Signed || !r.Covered {
			t.Errorf("%s: %+v, %v; want an error", name, r, err)
		}
		fault.Store(false)
	}
	verify := func(want bool) {
		t.Helper()
		r, err := v.Verify(context.Background(), image)
		for end := time.Now().Add(3 * time.Minute); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
			r, err = v.Verify(context.Background(), image) // the machine is slow; it is the answer that counts
		}
		if err != nil || r.Signed != want {
			t.Fatalf("%+v, %v; want signed %v", r, err, want)
		}
	}
	verify(false)
	s.sign("app", digest, payloadOf(digest.String()), map[string]string{"dev.cosignproject.cosign/signature": k.sign(t, payloadOf(digest.String()))})
	before := s.asked.Load()
	verify(false) // for a moment
	if s.asked.Load() != before {
		t.Error("a result is not kept")
	}
	now = now.Add(time.Minute)
	verify(true)
	s.down.Store(true)
	verify(true) // kept
	now = now.Add(2 * time.Hour)
	if r, err := v.Verify(t.Context(), image); err == nil || r.Signed {
		t.Errorf("hours later, with the registry down: %+v, %v", r, err)
	}
}

// TestNobodyAsksForOthers: an image that no policy names is asked for nowhere, and one whose
// name cannot be read is no pass.
func TestNobodyAsksForOthers(t *testing.T) {
	s, k := open(t), newKey(t)
	v := verifier(t, signature.Config{Policies: []signature.Policy{{Name: "p", Images: []string{"registry.example.com/**", "nginx"}, Keys: []signature.Key{{PEM: k.pem}}}}})
	if r, err := v.Verify(t.Context(), s.host+"/x:1"); err != nil || r.Covered || r.Signed || s.asked.Load() != 0 {
		t.Errorf("%+v, %v after %d requests", r, err, s.asked.Load())
	}
	for image, want := range map[string]bool{
		"registry.example.com/a/b:1": true, "registry.example.com.evil.org/a": false, "nginx": true, "docker.io/library/nginx:1": true, "bitnami/nginx": false, "A B": true,
	} {
		if got := v.Covers(image); got != want {
			t.Errorf("covers %q: %v, want %v", image, got, want)
		}
	}
	if r, err := v.Verify(t.Context(), "A B"); err != nil || !r.Covered || r.Signed {
		t.Errorf("%+v, %v; want it covered and not signed", r, err)
	}
}

// TestPolicies: what a policy lacks is said when it is read.
func TestPolicies(t *testing.T) {
	good := newKey(t).pem
	for want, p := range map[string]signature.Policy{
		"needs a name":             {Images: []string{"a"}, Keys: []signature.Key{{PEM: good}}},
		"names no images":          {Name: "p", Keys: []signature.Key{{PEM: good}}},
		"neither a key":            {Name: "p", Images: []string{"a"}},
		"no public key in PEM":     {Name: "p", Images: []string{"a"}, Keys: []signature.Key{{PEM: "x"}}},
		"with a trusted root":      {Name: "p", Images: []string{"a"}, Identities: []signature.Identity{{Issuer: "a", Subject: "b"}}},
		"a pattern of images is e": {Name: "p", Images: []string{""}, Keys: []signature.Key{{PEM: good}}},
	} {
		if _, err := signature.New(signature.Config{Policies: []signature.Policy{p}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
	}
	sigstore, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []signature.Identity{{Issuer: "a"}, {Subject: "a"}, {Issuer: "a", SubjectPattern: "("}} {
		if _, err := signature.New(signature.Config{Root: sigstore, Policies: []signature.Policy{{Name: "p", Images: []string{"a"}, Identities: []signature.Identity{id}}}}); err == nil {
			t.Errorf("identity %+v is taken", id)
		}
	}
	if _, err := signature.ReadRoot(bytes.Repeat([]byte("x"), 10)); err == nil {
		t.Error("nonsense is a trusted root")
	}
}
