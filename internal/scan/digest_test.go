// SPDX-License-Identifier: Apache-2.0

package scan_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// A history of checks tells apart what changed: the check, or its parameters.
func TestParametersHaveADigestOfTheirOwn(t *testing.T) {
	of := func(registries string) (catalogue, parameters string) {
		t.Helper()
		c, err := scan.NewCatalogue(t.Context(), scan.Selection{Settings: map[string]scan.Setting{
			"image-registry-not-allowed": {Parameters: map[string]string{"registries": registries}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		d := c.Describe("test")
		return d.Digest, d.ParametersDigest
	}
	catalogue, parameters := of("registry.example/")
	wider, otherParameters := of("registry.example/, mirror.example/")
	if catalogue != wider {
		t.Errorf("the catalogue's digest changed with a parameter: %s, %s", catalogue, wider)
	}
	if parameters == otherParameters {
		t.Error("the digest of the parameters did not change with a parameter")
	}
}
