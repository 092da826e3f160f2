// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// Of others, static/ holds htmx.min.js, which is dist/htmx.min.js of the npm package
// htmx.org 4.0.1 (0BSD), and inter.woff2, which is files/inter-latin-wght-normal.woff2 of
// @fontsource-variable/inter 5.3.0 (OFL 1.1, text beside it). A test holds both to their
// SHA-256.
//
//go:embed pages partials static
var files embed.FS

// static is the files of static/ under an address that changes with their content, so
// that browsers may keep them for good.
type static struct {
	root  string // "/static/<digest>/"
	files map[string][]byte
}

func loadStatic() (static, error) {
	s := static{files: map[string][]byte{}}
	h := sha256.New()
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		return s, fmt.Errorf("read static files: %w", err)
	}
	for _, e := range entries {
		data, err := files.ReadFile("static/" + e.Name())
		if err != nil {
			return s, fmt.Errorf("read static files: %w", err)
		}
		s.files[e.Name()] = data
		fmt.Fprintf(h, "%s\x00%d\x00", e.Name(), len(data))
		h.Write(data)
	}
	s.root = "/static/" + hex.EncodeToString(h.Sum(nil)[:8]) + "/"
	return s, nil
}

// ServeHTTP serves one file. An address of an older version gets the file too, but not to
// keep: a page from before an upgrade still works.
func (s static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	data, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, s.root) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

// url is the address of a static file.
func (s static) url(name string) string { return s.root + name }
