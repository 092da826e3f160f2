// SPDX-License-Identifier: Apache-2.0

// Command build puts the Helm of the tests into the cache and prints where.
package main

import (
	"os"

	"github.com/seaworthy-dev/seaworthy/test/charts"
)

func main() { os.Exit(charts.Helm.Main()) }
