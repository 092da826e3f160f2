// SPDX-License-Identifier: Apache-2.0

// Package examples holds the example company, Harbour Lane, for the programs that show
// Seaworthy with something in it: the manifests that it runs, what they looked like
// earlier, and records of its work. Everything in it is made up; README.md tells.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed all:shop all:history
var files embed.FS

// Shop is the folder of the shop as it is today.
func Shop() fs.FS { return under("shop") }

// History is what the shop looked like earlier, and how its clusters differ from it.
func History() fs.FS { return under("history") }

func under(name string) fs.FS {
	dir, err := fs.Sub(files, name)
	if err != nil { // the names are those above
		panic(err)
	}
	return dir
}
