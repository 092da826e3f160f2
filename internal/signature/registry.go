// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// What is read of a registry is bounded: whoever may push an image may push anything.
const (
	maxSignatures = 50
	maxSigned     = 1 << 20 // bytes of one signature
)

// The media types of what cosign writes.
const (
	simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
	bundlePrefix  = "application/vnd.dev.sigstore.bundle"
)

// The annotations in which cosign keeps a signature.
const (
	signatureAnnotation   = "dev.cosignproject.cosign/signature"
	certificateAnnotation = "dev.sigstore.cosign/certificate"
	chainAnnotation       = "dev.sigstore.cosign/chain"
	bundleAnnotation      = "dev.sigstore.cosign/bundle"
)

// found is one signature as the registry has it.
type found struct {
	text        []byte // the bundle, or what was signed
	annotations map[string]string
	bundle      bool
}

func (v *Verifier) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(v.config.Keychain), remote.WithTransport(v.config.Transport), remote.WithUserAgent("seaworthy"),
		remote.WithRetryPredicate(func(error) bool { return false }), // who waits has little time
	}
}

// resolve finds what a tag points to.
func (v *Verifier) resolve(ctx context.Context, ref name.Reference) (name.Digest, error) {
	d, err := remote.Head(ref, v.options(ctx)...)
	if err != nil {
		return name.Digest{}, fmt.Errorf("resolve %s: %w", ref, err)
	}
	return ref.Context().Digest(d.Digest.String()), nil
}

// find looks for a signature that suffices: who made it, or why there is none.
func (v *Verifier) find(ctx context.Context, p *policy, image name.Digest) (by, reason string, err error) {
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return "", "its digest cannot be read", nil
	}
	n, last := 0, ""
	for _, list := range []func(context.Context, name.Digest, v1.Hash) ([]found, error){v.tagged, v.referring} {
		signatures, err := list(ctx, image, digest)
		if err != nil {
			return "", "", err
		}
		for _, s := range signatures {
			n++
			for _, a := range append(p.keys, p.identities...) {
				why := a.verify(s, digest)
				if why == nil {
					return a.who, "", nil
				}
				last = why.Error()
			}
		}
	}
	if n == 0 {
		return "", "it is not signed", nil
	}
	return "", fmt.Sprintf("it has %d signatures and none by whom policy %s names (%s)", n, p.Name, last), nil
}

// tagged reads the signatures below the tag that cosign makes of a digest.
func (v *Verifier) tagged(ctx context.Context, image name.Digest, digest v1.Hash) ([]found, error) {
	tag := image.Context().Tag(digest.Algorithm + "-" + digest.Hex + ".sig")
	img, err := remote.Image(tag, v.options(ctx)...)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", tag, err)
	}
	manifest, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tag, err)
	}
	var out []found
	for _, l := range manifest.Layers[:min(len(manifest.Layers), maxSignatures)] {
		if string(l.MediaType) != simpleSigning || l.Size > maxSigned {
			continue
		}
		text, err := v.blob(ctx, image.Context(), l.Digest)
		if err != nil {
			return nil, err
		}
		out = append(out, found{text: text, annotations: l.Annotations})
	}
	return out, nil
}

// referring reads the bundles that refer to an image.
func (v *Verifier) referring(ctx context.Context, image name.Digest, _ v1.Hash) ([]found, error) {
	index, err := remote.Referrers(image, v.options(ctx)...)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list what refers to %s: %w", image, err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("read what refers to %s: %w", image, err)
	}
	var out []found
	for _, d := range list.Manifests {
		if !strings.HasPrefix(d.ArtifactType, bundlePrefix) || len(out) == maxSignatures {
			continue
		}
		img, err := remote.Image(image.Context().Digest(d.Digest.String()), v.options(ctx)...)
		if absent(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("fetch bundle %s: %w", d.Digest, err)
		}
		manifest, err := img.Manifest()
		if err != nil {
			return nil, fmt.Errorf("read bundle %s: %w", d.Digest, err)
		}
		for _, l := range manifest.Layers {
			if !strings.HasPrefix(string(l.MediaType), bundlePrefix) || l.Size > maxSigned || len(out) == maxSignatures {
				continue
			}
			text, err := v.blob(ctx, image.Context(), l.Digest)
			if err != nil {
				return nil, err
			}
			out = append(out, found{text: text, bundle: true})
		}
	}
	return out, nil
}

// blob reads a blob, whose digest the library verifies.
func (v *Verifier) blob(ctx context.Context, in name.Repository, digest v1.Hash) ([]byte, error) {
	l, err := remote.Layer(in.Digest(digest.String()), v.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", digest, err)
	}
	r, err := l.Compressed()
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", digest, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxSigned+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", digest, err)
	}
	if len(text) > maxSigned {
		return nil, fmt.Errorf("read %s: it is larger than a signature", digest)
	}
	return text, nil
}

// absent tells whether a registry says that something is not there, which is an answer.
func absent(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
