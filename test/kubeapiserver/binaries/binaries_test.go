// SPDX-License-Identifier: Apache-2.0

package binaries_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/test/kubeapiserver/binaries"
)

// The evaluator offline is the code of the server that it is compared with only as long
// as both are of one version.
func TestServerIsOfTheVersionOfTheLibraries(t *testing.T) {
	pins, err := binaries.Find()
	if err != nil {
		t.Fatal(err)
	}
	want := "k8s.io/apiserver v0." + strings.TrimPrefix(pins.Kubernetes, "v1.")
	for _, mod := range []string{
		filepath.Join(pins.Module, "..", "..", "go.mod"),
		filepath.Join(pins.Module, "go.mod"),
	} {
		b, err := os.ReadFile(mod)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "k8s.io/apiserver => ", "")
		if !strings.Contains(text, want) {
			t.Errorf("%s does not have %s", mod, want)
		}
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "etcd"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, want := binaries.Missing(dir, binaries.Server()), []string{"kube-apiserver"}; !slices.Equal(got, want) {
		t.Errorf("Missing = %v, want %v", got, want)
	}
}

func TestCacheCanBeMoved(t *testing.T) {
	pins, err := binaries.Find()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SEAWORTHY_CACHE", "/elsewhere")
	dir, err := pins.Dir()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join("/elsewhere", "controlplane", pins.Kubernetes+"-"); !strings.HasPrefix(dir, want) {
		t.Errorf("Dir = %s, want %s…", dir, want)
	}
}
