// SPDX-License-Identifier: Apache-2.0

package config

import "fmt"

// Signatures says which images have to be signed, and by whom.
type Signatures struct {
	Policies    []SignaturePolicy `yaml:"policies" doc:"Who signs which images; the first with a pattern that fits decides, and images that none names are let be"`
	TrustedRoot string            `yaml:"trustedRoot" doc:"File with the certificate authorities and logs by which identities are verified (trusted_root.json)"`
	Insecure    []string          `yaml:"insecure" doc:"Registries that are asked without TLS"`
}

// SignaturePolicy says who signs some images. One signature of one of them suffices.
type SignaturePolicy struct {
	Name       string              `yaml:"name" required:"true" doc:"What messages call it"`
	Images     []string            `yaml:"images" required:"true" doc:"Repositories with their registry; * stands for one step, ** for any: registry.example.com/shop/**"`
	KeyFiles   []string            `yaml:"keyFiles" doc:"Files with public keys of cosign"`
	Identities []SignatureIdentity `yaml:"identities" doc:"Who signs without keys"`
	Tags       bool                `yaml:"tags" doc:"Verify what a tag points to now. Default: an image without a digest counts as not signed, since a tag may be moved after"`
}

// SignatureIdentity is who got a certificate to sign with. Patterns are regular expressions
// for the whole.
type SignatureIdentity struct {
	Issuer         string `yaml:"issuer" doc:"Who vouches for it, such as https://token.actions.githubusercontent.com"`
	IssuerPattern  string `yaml:"issuerPattern" doc:"The same as a pattern"`
	Subject        string `yaml:"subject" doc:"Who it is: an e-mail address, or the address of a workflow"`
	SubjectPattern string `yaml:"subjectPattern" doc:"The same as a pattern"`
}

func (s *Signatures) validate(bad func(path, flag, format string, args ...any)) {
	names := map[string]bool{}
	for i, p := range s.Policies {
		at := fmt.Sprintf("agent.admission.signatures.policies[%d]", i)
		switch {
		case p.Name == "" || names[p.Name]:
			bad(at+".name", "", "each policy needs a name of its own")
		case len(p.Images) == 0:
			bad(at+".images", "", "it names no images")
		case len(p.KeyFiles)+len(p.Identities) == 0:
			bad(at, "", "it names neither a key nor an identity")
		case len(p.Identities) > 0 && s.TrustedRoot == "":
			bad("agent.admission.signatures.trustedRoot", "", "identities are verified with a trusted root")
		}
		names[p.Name] = true
		for _, id := range p.Identities {
			if id.Issuer+id.IssuerPattern == "" || id.Subject+id.SubjectPattern == "" {
				bad(at+".identities", "", "an identity needs an issuer and a subject: anybody has one")
			}
		}
	}
}
