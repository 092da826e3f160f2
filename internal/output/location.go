// SPDX-License-Identifier: Apache-2.0

package output

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// relative names a file as a repository does: with slashes, relative to root where the
// file lies in it, and without a leading "./".
func relative(file, root string) string {
	if root != "" && filepath.IsAbs(file) {
		if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
			file = rel
		}
	}
	return strings.TrimPrefix(filepath.ToSlash(file), "./")
}

// located names the file of a finding for readers that need one. An object of a cluster
// has none: its path in the cluster stands for it.
func located(f *seaworthy.Finding, root string) string {
	if f.File != "" {
		return relative(f.File, root)
	}
	return "cluster/" + f.Object.String()
}

// uri writes a slash-separated path as a URI reference, relative unless the path is
// absolute.
func uri(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), ":", "%3A")
	}
	if u := strings.Join(parts, "/"); strings.HasPrefix(path, "/") {
		return "file://" + u
	} else {
		return u
	}
}
