// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/signature"
)

// signatures makes what verifies images at admission; nil where no policy asks for it.
func signatures(s config.Signatures) (admission.Signatures, error) {
	if len(s.Policies) == 0 {
		return nil, nil
	}
	c := signature.Config{Insecure: s.Insecure}
	if s.TrustedRoot != "" {
		text, err := os.ReadFile(s.TrustedRoot)
		if err != nil {
			return nil, seaworthy.Invalid("read agent.admission.signatures.trustedRoot: %v", err)
		}
		if c.Root, err = signature.ReadRoot(text); err != nil {
			return nil, err
		}
	}
	for _, p := range s.Policies {
		policy := signature.Policy{Name: p.Name, Images: p.Images, Tags: p.Tags}
		for _, file := range p.KeyFiles {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, seaworthy.Invalid("read a key of signature policy %s: %v", p.Name, err)
			}
			policy.Keys = append(policy.Keys, signature.Key{Name: filepath.Base(file), PEM: string(text)})
		}
		for _, id := range p.Identities {
			policy.Identities = append(policy.Identities, signature.Identity(id))
		}
		c.Policies = append(c.Policies, policy)
	}
	v, err := signature.New(c)
	if err != nil {
		return nil, err
	}
	return verifying{v}, nil
}

// verifying is a verifier as the webhook asks it.
type verifying struct{ *signature.Verifier }

// Verify implements [admission.Signatures].
func (v verifying) Verify(ctx context.Context, image string) (admission.Signature, error) {
	r, err := v.Verifier.Verify(ctx, image)
	return admission.Signature{Signed: r.Signed, Policy: r.Policy, By: r.By, Reason: r.Reason}, err
}
