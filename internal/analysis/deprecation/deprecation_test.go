// SPDX-License-Identifier: Apache-2.0

package deprecation_test

import (
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/scheme"

	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/deprecation"
)

// later holds the API versions that the table calls deprecated later than k8s.io/api
// does, with the reason.
var later = map[string]string{
	"apps/v1beta1":       "deprecated by v1beta2 in 1.8, but apps/v1, which we name, is served since 1.9",
	"extensions/v1beta1": "its workloads were deprecated by apps/v1beta2 in 1.8; apps/v1 is served since 1.9",
}

type (
	deprecated interface{ APILifecycleDeprecated() (int, int) }
	removed    interface{ APILifecycleRemoved() (int, int) }
)

// TestTableAgreesWithTypes holds the table to what the types of k8s.io/api say: every
// deprecated kind is in it, is removed when they say, and is deprecated no later. It
// may be earlier, where the successor was served before the notice.
func TestTableAgreesWithTypes(t *testing.T) {
	n := 0
	for gvk := range scheme.Scheme.AllKnownTypes() {
		if gvk.Version == "__internal" || strings.HasSuffix(gvk.Kind, "List") && gvk.Kind != "List" {
			continue
		}
		o, err := scheme.Scheme.New(gvk)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := o.(deprecated)
		if !ok {
			continue
		}
		n++
		apiVersion := gvk.GroupVersion().String()
		a := deprecation.Find(apiVersion, gvk.Kind)
		if a == nil {
			t.Errorf("%s %s is deprecated, but not in the table", apiVersion, gvk.Kind)
			continue
		}
		if major, minor := d.APILifecycleDeprecated(); (analysis.Version{Major: major, Minor: minor}).Before(a.Deprecated) && later[apiVersion] == "" {
			t.Errorf("%s %s: deprecated %v, want %d.%d or before", apiVersion, gvk.Kind, a.Deprecated, major, minor)
		}
		want := analysis.Version{}
		if r, ok := o.(removed); ok {
			want.Major, want.Minor = r.APILifecycleRemoved()
		}
		if a.Removed != want {
			t.Errorf("%s %s: removed %v, want %v", apiVersion, gvk.Kind, a.Removed, want)
		}
	}
	if n < 80 {
		t.Errorf("only %d deprecated kinds were compared", n)
	}
}

// TestNewest fails when k8s.io/api moves on and the table was not looked through.
func TestNewest(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\tk8s.io/api v0." + strings.TrimPrefix(deprecation.Newest, "1.") + "."; !strings.Contains(string(mod), want) {
		t.Errorf("Newest is %s, and go.mod requires another k8s.io/api: look through apis.yaml", deprecation.Newest)
	}
}
