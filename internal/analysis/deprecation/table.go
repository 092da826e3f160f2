// SPDX-License-Identifier: Apache-2.0

package deprecation

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
)

// Newest is the newest Kubernetes version that this table knows: what is judged
// against where no version is given.
const Newest = "1.36"

// kubernetes is the component whose version is the snapshot's target.
const kubernetes = "kubernetes"

// API is one API version and when it came to its end.
type API struct {
	Component  string
	APIVersion string
	Kinds      []string // nil: all of the version
	Deprecated analysis.Version
	Removed    analysis.Version // zero where no removal is planned
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
			if a.Deprecated, err = analysis.ParseVersion(e.Deprecated); err != nil {
				return nil, fmt.Errorf("read apis.yaml: %s: %w", e.API, err)
			}
			if e.Removed != "" {
				if a.Removed, err = analysis.ParseVersion(e.Removed); err != nil {
					return nil, fmt.Errorf("read apis.yaml: %s: %w", e.API, err)
				}
			}
			out[e.API] = append(out[e.API], a)
		}
	}
	return out, nil
}
