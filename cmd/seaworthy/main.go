// SPDX-License-Identifier: Apache-2.0

// Command seaworthy keeps a company that runs on Kubernetes ready for its SOC 2 audit.
package main

import (
	"os"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

func main() { os.Exit(cli.Run()) }
