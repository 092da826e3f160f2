// SPDX-License-Identifier: Apache-2.0

package deprecation

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

// Newest is the newest Kubernetes version that this table knows: what is judged
// against where no version is given.
const Newest = "1.36"

// kubernetes is the component whose version is the snapshot's target.
const kubernetes = "kubernetes"

// Version is major.minor of Kubernetes or of an add-on.
type Version struct{ Major, Minor int }

// ParseVersion reads "1.36", "v1.36.2" or "v1.33.5-eks-113cf36".
func ParseVersion(s string) (Version, error) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(s, "v"), ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	m, err1 := strconv.Atoi(major)
	n, err2 := strconv.Atoi(rest[:end])
	if err1 != nil || err2 != nil || m < 0 {
		return Version{}, fmt.Errorf("version %q is not of the form 1.36", s)
	}
	return Version{m, n}, nil
}

// Before tells whether v is older than w.
func (v Version) Before(w Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}

// String gives "1.36".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// API is one API version and when it came to its end.
type API struct {
	Component  string
	APIVersion string
	Kinds      []string // nil: all of the version
	Deprecated Version
	Removed    Version // zero where no removal is planned
	Use        string
}

// covers tells whether the entry is about the kind, or about lists of it.
func (a *API) covers(kind string) bool {
	return len(a.Kinds) == 0 || slices.Contains(a.Kinds, kind) || slices.Contains(a.Kinds, strings.TrimSuffix(kind, "List"))
}

// Find gives the entry of a kind, or nil.
func Find(apiVersion, kind string) *API {
	for i := range table()[apiVersion] {
		if a := &table()[apiVersion][i]; a.covers(kind) {
			return a
		}
	}
	return nil
}

//go:embed apis.yaml
var apisYAML []byte

// table holds the entries by API version. It is never changed.
var table = sync.OnceValue(func() map[string][]API {
	t, err := parse(apisYAML)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return t
})

func parse(data []byte) (map[string][]API, error) {
	var file map[string][]struct {
		API                      string
		Kinds                    []string
		Deprecated, Removed, Use string
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("read apis.yaml: %w", err)
	}
	out := map[string][]API{}
	for component, entries := range file {
		for _, e := range entries {
			a := API{Component: component, APIVersion: e.API, Kinds: e.Kinds, Use: e.Use}
			var err error
			if a.Deprecated, err = ParseVersion(e.Deprecated); err != nil {
				return nil, fmt.Errorf("read apis.yaml: %s: %w", e.API, err)
			}
			if e.Removed != "" {
				if a.Removed, err = ParseVersion(e.Removed); err != nil {
					return nil, fmt.Errorf("read apis.yaml: %s: %w", e.API, err)
				}
			}
			out[e.API] = append(out[e.API], a)
		}
	}
	return out, nil
}
