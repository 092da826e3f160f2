// SPDX-License-Identifier: Apache-2.0

// Package charts holds the Helm charts of the server and the agent, as they are published,
// so that the program can render its own.
package charts

import (
	"embed"
	"io/fs"
)

//go:embed all:seaworthy-agent
var files embed.FS

// Agent is the folder of the agent's chart.
func Agent() (fs.FS, error) { return fs.Sub(files, "seaworthy-agent") }
