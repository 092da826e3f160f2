// SPDX-License-Identifier: Apache-2.0

package auth

import "crypto/sha256"

// HashCheaply has tests that are not about the cost of hashes take less time.
func (a *Auth) HashCheaply() {
	a.hasher.derive = func(password string, h phc) []byte {
		sum := sha256.Sum256(append([]byte(password), h.salt...))
		return sum[:]
	}
}
