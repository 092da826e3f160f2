// SPDX-License-Identifier: Apache-2.0

package oidc

// LeftOut tells whether the provider left out the groups.
func (p *Provider) LeftOut(claims map[string]any) bool { return p.leftOut(claims) }
