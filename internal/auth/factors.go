// SPDX-License-Identifier: Apache-2.0

package auth

// The kinds of credentials.
const (
	kindPassword = "password"
	kindTOTP     = "totp"
	kindTOTPNew  = "totp-new" // not yet confirmed
	kindRecovery = "recovery"
	kindPasskey  = "passkey"
)

// secondKey counts attempts at the second factor of a user.
func secondKey(user string) string { return "second:" + user }
