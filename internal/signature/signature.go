// SPDX-License-Identifier: Apache-2.0

// Package signature tells whether an image is signed by whom a policy names: cosign's keys,
// or the identities to which a certificate authority such as Fulcio gave certificates.
//
// Signatures are fetched from the image's own registry, in both forms that cosign writes
// (a tag sha256-….sig, and bundles that refer to the image), and verified with what is at
// hand: nothing is asked of a transparency log or a certificate authority. What could not
// be fetched is unknown, which is an error and never a pass; whoever asks decides about it.
//
// Only images that a policy names are ever asked for, so that who may write image names
// cannot make the verifier call where it likes.
package signature

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/seaworthy-dev/seaworthy"
)

// Policy says who signs some images. One signature of one of them suffices.
type Policy struct {
	Name string
	// Images are patterns of repositories with their registry: * stands for anything in one
	// step, ** for anything. The first policy with one that fits decides.
	Images     []string
	Keys       []Key
	Identities []Identity
	// Tags has images judged that name no digest, by what their tag points to now. A tag may
	// be moved before the image is pulled, so without it they count as not signed.
	Tags bool
}

// Key is a public key of cosign.
type Key struct {
	Name string
	PEM  string
}

// Identity is who got a certificate, as the issuer of the proof and the subject say. A
// pattern is a regular expression for the whole; either it or the text is given.
type Identity struct {
	Issuer, IssuerPattern   string
	Subject, SubjectPattern string
}

// Config says what is verified and how.
type Config struct {
	Policies []Policy
	// Root is what identities are verified with: certificate authorities and logs. See
	// [ReadRoot].
	Root root.TrustedMaterial
	// Keychain gives credentials of registries; nil: those of the Docker configuration that
	// the environment names, or none.
	Keychain authn.Keychain
	// Transport carries requests; nil: the default one.
	Transport http.RoundTripper
	// Insecure are registries that are asked without TLS.
	Insecure []string
	Timeout  time.Duration // of one verification; 0: 5 s
	Now      func() time.Time
}

// The times for which results are kept, by digest: what is signed stays so until the
// policies change, what is not may be signed a moment later.
const (
	keepSigned   = time.Hour
	keepUnsigned = 30 * time.Second
	maxKept      = 10_000
	atOnce       = 16
)

// Result is what is known of an image.
type Result struct {
	Digest string // sha256:…, of what was judged
	// Covered: a policy speaks of the image. Others are nobody's business.
	Covered bool
	Signed  bool
	Policy  string
	By      string // who signed it
	Reason  string // why it counts as not signed
}

// Verifier verifies images. It is safe for concurrent use.
type Verifier struct {
	config   Config
	policies []policy
	slots    chan struct{}

	mu   sync.Mutex
	kept map[string]kept // by policy, repository and digest
}

type kept struct {
	result Result
	until  time.Time
}

// policy is a Policy that was read.
type policy struct {
	Policy
	images     []*regexp.Regexp
	keys       []authority
	identities []authority
}

// New makes a verifier. An error is a mistake in a policy.
func New(c Config) (*Verifier, error) {
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Keychain == nil {
		c.Keychain = authn.DefaultKeychain
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	v := &Verifier{config: c, slots: make(chan struct{}, atOnce), kept: map[string]kept{}}
	for i := range c.Policies {
		p, err := newPolicy(c.Policies[i], c.Root)
		if err != nil {
			return nil, err
		}
		v.policies = append(v.policies, p)
	}
	return v, nil
}

func newPolicy(p Policy, trusted root.TrustedMaterial) (policy, error) {
	out := policy{Policy: p}
	bad := func(format string, args ...any) (policy, error) {
		return out, seaworthy.Invalid("signature policy %s: "+format, append([]any{p.Name}, args...)...)
	}
	switch {
	case p.Name == "":
		return out, seaworthy.Invalid("a signature policy needs a name")
	case len(p.Images) == 0:
		return bad("it names no images")
	case len(p.Keys)+len(p.Identities) == 0:
		return bad("it names neither a key nor an identity")
	case len(p.Identities) > 0 && trusted == nil:
		return bad("identities are verified with a trusted root, and none is given")
	}
	for _, pattern := range p.Images {
		re, err := glob(pattern)
		if err != nil {
			return bad("%v", err)
		}
		out.images = append(out.images, re)
	}
	for i, k := range p.Keys {
		public, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(k.PEM))
		if err != nil {
			return bad("key %d is no public key in PEM: %v", i+1, err)
		}
		a, err := keyAuthority(k.Name, public)
		if err != nil {
			return bad("key %d: %v", i+1, err)
		}
		out.keys = append(out.keys, a)
	}
	for i, id := range p.Identities {
		a, err := identityAuthority(id, trusted)
		if err != nil {
			return bad("identity %d: %v", i+1, err)
		}
		out.identities = append(out.identities, a)
	}
	return out, nil
}

// ReadRoot reads a trusted root: trusted_root.json of Sigstore or of an installation of
// one's own.
func ReadRoot(data []byte) (root.TrustedMaterial, error) {
	r, err := root.NewTrustedRootFromJSON(data)
	if err != nil {
		return nil, seaworthy.Invalid("the trusted root cannot be read: %v", err)
	}
	return r, nil
}

// Covers tells whether a policy speaks of the image. An image that cannot be read is
// covered: it is no image that may run unseen.
func (v *Verifier) Covers(image string) bool {
	if len(v.policies) == 0 {
		return false
	}
	ref, err := v.parse(image)
	return err != nil || v.policy(ref) != nil
}

// Verify tells whether an image is signed as the policies ask. An error means that it is
// not known.
func (v *Verifier) Verify(ctx context.Context, image string) (Result, error) {
	if len(v.policies) == 0 {
		return Result{}, nil
	}
	ref, err := v.parse(image)
	if err != nil {
		return Result{Covered: true, Reason: "its name cannot be read"}, nil
	}
	p := v.policy(ref)
	if p == nil {
		return Result{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.config.Timeout)
	defer cancel()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return Result{Covered: true, Policy: p.Name}, fmt.Errorf("verify the signature of %s: too many at once: %w", image, ctx.Err())
	}
	digest, ok := ref.(name.Digest)
	if !ok {
		if !p.Tags {
			return Result{Covered: true, Policy: p.Name, Reason: "it names no digest, and a tag may be moved after it was verified"}, nil
		}
		if digest, err = v.resolve(ctx, ref); err != nil {
			return Result{Covered: true, Policy: p.Name}, err
		}
	}
	return v.judge(ctx, p, digest)
}

// judge gives what is kept of a digest, or finds out.
func (v *Verifier) judge(ctx context.Context, p *policy, digest name.Digest) (Result, error) {
	key := p.Name + "\x00" + digest.Name()
	v.mu.Lock()
	k, ok := v.kept[key]
	v.mu.Unlock()
	if ok && v.config.Now().Before(k.until) {
		return k.result, nil
	}
	r := Result{Covered: true, Policy: p.Name, Digest: digest.DigestStr()}
	by, reason, err := v.find(ctx, p, digest)
	if err != nil {
		return r, fmt.Errorf("verify the signature of %s: %w", digest, err)
	}
	r.Signed, r.By, r.Reason = by != "", by, reason
	lasts := keepUnsigned
	if r.Signed {
		lasts = keepSigned
	}
	v.keep(key, kept{r, v.config.Now().Add(lasts)})
	return r, nil
}

func (v *Verifier) keep(key string, k kept) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.kept) >= maxKept {
		now := v.config.Now()
		for old, e := range v.kept {
			if now.After(e.until) || len(v.kept) >= maxKept {
				delete(v.kept, old)
			}
		}
	}
	v.kept[key] = k
}

func (v *Verifier) parse(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return nil, err
	}
	for _, host := range v.config.Insecure {
		if host == ref.Context().RegistryStr() {
			return name.ParseReference(image, name.Insecure)
		}
	}
	return ref, nil
}

func (v *Verifier) policy(ref name.Reference) *policy {
	for i := range v.policies {
		for _, re := range v.policies[i].images {
			if re.MatchString(ref.Context().Name()) {
				return &v.policies[i]
			}
		}
	}
	return nil
}

// glob makes a pattern of repositories a regular expression. A pattern without a registry
// means Docker's, as the name of an image does.
func glob(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, fmt.Errorf("a pattern of images is empty")
	}
	first, rest, nested := strings.Cut(pattern, "/")
	switch {
	case pattern == "**":
	case !nested:
		pattern = name.DefaultRegistry + "/library/" + pattern
	case first == "docker.io":
		pattern = name.DefaultRegistry + "/" + rest
	case !strings.ContainsAny(first, ".:*") && first != "localhost":
		pattern = name.DefaultRegistry + "/" + pattern
	}
	text := regexp.QuoteMeta(pattern)
	text = strings.ReplaceAll(text, `\*\*`, ".*")
	text = strings.ReplaceAll(text, `\*`, "[^/]*")
	return regexp.Compile("^" + text + "$")
}
