// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

// TestSignatures: what the settings name is asked for, and nothing without them; what they
// get wrong is said.
func TestSignatures(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	file, junk := filepath.Join(t.TempDir(), "cosign.pub"), filepath.Join(t.TempDir(), "junk")
	for name, text := range map[string][]byte{file: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), junk: []byte("junk")} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policy := config.SignaturePolicy{Name: "release", Images: []string{"registry.example.com/**"}, KeyFiles: []string{file}}
	if v, err := signatures(config.Signatures{}); v != nil || err != nil {
		t.Errorf("without policies: %v, %v", v, err)
	}
	v, err := signatures(config.Signatures{Policies: []config.SignaturePolicy{policy}})
	if err != nil {
		t.Fatal(err)
	}
	if !v.Covers("registry.example.com/a/b:1") || v.Covers("nginx") {
		t.Error("what is covered is not what the settings name")
	}
	got, err := v.Verify(t.Context(), "registry.example.com/a/b:1")
	if err != nil || got.Signed || got.Policy != "release" || !strings.Contains(got.Reason, "no digest") {
		t.Errorf("a tag: %+v, %v", got, err)
	}
	wrong := policy
	wrong.KeyFiles = []string{junk}
	for name, s := range map[string]config.Signatures{
		"no such key":         {Policies: []config.SignaturePolicy{{Name: "a", Images: []string{"a"}, KeyFiles: []string{junk + "x"}}}},
		"a key that is none":  {Policies: []config.SignaturePolicy{wrong}},
		"a root that is none": {TrustedRoot: junk, Policies: []config.SignaturePolicy{policy}},
	} {
		if _, err := signatures(s); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
