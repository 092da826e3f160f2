// SPDX-License-Identifier: Apache-2.0

// Command build puts the identity provider of the tests into the cache and prints where.
package main

import (
	"os"

	"github.com/seaworthy-dev/seaworthy/test/openid"
)

func main() { os.Exit(openid.Provider.Main()) }
