// SPDX-License-Identifier: Apache-2.0

package oidc

import "github.com/seaworthy-dev/seaworthy/internal/auth"

// LeftOut tells whether the provider left out the groups.
func (p *Provider) LeftOut(claims map[string]any) bool { return p.leftOut(claims) }

// External is who a provider says that somebody is.
func (p *Provider) External(subject string, claims map[string]any) auth.External {
	return p.external(subject, claims)
}

// NewMapping is a provider that is never asked, for what is read of claims.
func NewMapping(c Config) *Provider { return &Provider{config: c} }
