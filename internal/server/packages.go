// SPDX-License-Identifier: Apache-2.0

package server

import "github.com/seaworthy-dev/seaworthy/internal/audit"

// sealer seals packages, with a timestamp where there is an authority.
func (s *Server) sealer() audit.Sealer {
	out := audit.Sealer{Signer: s.signer}
	if s.stamps != nil {
		out.Stamp = s.stampPackage
	}
	return out
}
