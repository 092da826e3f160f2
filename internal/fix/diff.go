// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Diff shows what changes in the file as a unified diff that patch -p1 and git apply take.
func (f *File) Diff() []byte {
	name := strings.TrimPrefix(filepath.ToSlash(filepath.Clean(f.Path)), "/")
	text := diff.Diff("a/"+name, f.Old, "b/"+name, f.New)
	_, text, _ = bytes.Cut(text, []byte{'\n'}) // the name of the tool that it stands in for
	return text
}
