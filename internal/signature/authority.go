// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

// authority is a key or an identity whose signature suffices.
type authority struct {
	who string
	// key verifies what was signed with a key; nil for identities.
	key    signature.Verifier
	bundle *verify.SignedEntityVerifier
	option verify.PolicyOption
}

// signedImage is the predicate of a bundle that signs an image: other statements of the
// same signer, such as that it is vulnerable, are no signature of it.
const signedImage = "https://sigstore.dev/cosign/sign/v1"

func keyAuthority(name string, public crypto.PublicKey) (authority, error) {
	key, err := signature.LoadVerifier(public, crypto.SHA256)
	if err != nil {
		return authority{}, err
	}
	if name == "" {
		name = "of the policy"
	}
	trusted := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return root.NewExpiringKey(key, time.Time{}, time.Time{}), nil
	})
	v, err := verify.NewSignedEntityVerifier(trusted, verify.WithCurrentTime())
	return authority{who: "key " + name, key: key, bundle: v, option: verify.WithKey()}, err
}

func identityAuthority(id Identity, trusted root.TrustedMaterial) (authority, error) {
	if id.Issuer+id.IssuerPattern == "" || id.Subject+id.SubjectPattern == "" {
		return authority{}, errors.New("it needs an issuer and a subject: anybody has an identity")
	}
	whole := func(pattern string) string {
		if pattern == "" {
			return ""
		}
		return "^(?:" + pattern + ")$"
	}
	certificate, err := verify.NewShortCertificateIdentity(id.Issuer, whole(id.IssuerPattern), id.Subject, whole(id.SubjectPattern))
	if err != nil {
		return authority{}, err
	}
	options := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1)}
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	v, err := verify.NewSignedEntityVerifier(trusted, options...)
	return authority{
		who: id.Subject + id.SubjectPattern + " of " + id.Issuer + id.IssuerPattern, bundle: v, option: verify.WithCertificateIdentity(certificate),
	}, err
}

// verify says why a signature is not the authority's over the image; nil: it is.
func (a *authority) verify(s found, image v1.Hash) error {
	if s.bundle {
		return a.verifyBundle(s.text, image)
	}
	signed, err := base64.StdEncoding.DecodeString(s.annotations[signatureAnnotation])
	if err != nil || len(signed) == 0 {
		return errors.New("the signature cannot be read")
	}
	if err := names(s.text, image); err != nil {
		return err
	}
	if a.key != nil {
		return a.key.VerifySignature(bytes.NewReader(signed), bytes.NewReader(s.text))
	}
	b, err := bundleOf(s, signed)
	if err != nil {
		return err
	}
	_, err = a.bundle.Verify(b, verify.NewPolicy(verify.WithArtifact(bytes.NewReader(s.text)), a.option))
	return err
}

func (a *authority) verifyBundle(text []byte, image v1.Hash) error {
	b := &bundle.Bundle{}
	if err := b.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("read a bundle: %w", err)
	}
	digest, err := hex.DecodeString(image.Hex)
	if err != nil {
		return err
	}
	result, err := a.bundle.Verify(b, verify.NewPolicy(verify.WithArtifactDigest(image.Algorithm, digest), a.option))
	if err != nil {
		return err
	}
	if result.Statement != nil && result.Statement.GetPredicateType() != signedImage {
		return fmt.Errorf("it is a statement of type %s, which is no signature", result.Statement.GetPredicateType())
	}
	return nil
}

// names tells whether what was signed speaks of the image.
func names(payload []byte, image v1.Hash) error {
	var said struct {
		Critical struct {
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	if err := json.Unmarshal(payload, &said); err != nil {
		return fmt.Errorf("read what was signed: %w", err)
	}
	if said.Critical.Type != "cosign container image signature" || said.Critical.Image.Digest != image.String() {
		return errors.New("what was signed is another image")
	}
	return nil
}

// rekorBundle is what a log said when the signature was entered.
type rekorBundle struct {
	SignedEntryTimestamp []byte
	Payload              struct {
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogIndex       int64  `json:"logIndex"`
		LogID          string `json:"logID"`
	}
}

// bundleOf puts what cosign keeps in annotations into a bundle.
func bundleOf(s found, signed []byte) (*bundle.Bundle, error) {
	var chain []*protocommon.X509Certificate
	for rest := []byte(s.annotations[certificateAnnotation] + "\n" + s.annotations[chainAnnotation]); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		chain = append(chain, &protocommon.X509Certificate{RawBytes: block.Bytes})
	}
	if len(chain) == 0 {
		return nil, errors.New("it was made with a key and not by an identity")
	}
	entry, err := logEntry(s.annotations[bundleAnnotation])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.text)
	return bundle.NewBundle(&protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content: &protobundle.VerificationMaterial_X509CertificateChain{
				X509CertificateChain: &protocommon.X509CertificateChain{Certificates: chain[:1]},
			},
			TlogEntries: []*protorekor.TransparencyLogEntry{entry},
		},
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: sum[:]}, Signature: signed,
		}},
	})
}

func logEntry(text string) (*protorekor.TransparencyLogEntry, error) {
	var r rekorBundle
	if err := json.Unmarshal([]byte(text), &r); err != nil || len(r.Payload.Body) == 0 {
		return nil, errors.New("it was entered in no transparency log")
	}
	var kind struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := json.Unmarshal(r.Payload.Body, &kind); err != nil {
		return nil, fmt.Errorf("read the log's entry: %w", err)
	}
	id, err := hex.DecodeString(r.Payload.LogID)
	if err != nil {
		return nil, fmt.Errorf("read the log's id: %w", err)
	}
	return &protorekor.TransparencyLogEntry{
		LogIndex: r.Payload.LogIndex, LogId: &protocommon.LogId{KeyId: id}, IntegratedTime: r.Payload.IntegratedTime,
		KindVersion:      &protorekor.KindVersion{Kind: kind.Kind, Version: kind.Version},
		InclusionPromise: &protorekor.InclusionPromise{SignedEntryTimestamp: r.SignedEntryTimestamp}, CanonicalizedBody: r.Payload.Body,
	}, nil
}
