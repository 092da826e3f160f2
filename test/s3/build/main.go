// SPDX-License-Identifier: Apache-2.0

// Command build puts the object storage of the tests into the cache and prints where.
package main

import (
	"os"

	"github.com/seaworthy-dev/seaworthy/test/s3"
)

func main() { os.Exit(s3.Storage.Main()) }
