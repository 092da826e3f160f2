// SPDX-License-Identifier: Apache-2.0

// Package openid runs a real provider of OpenID Connect for tests of single sign-on.
//
// The provider is the module test/identityprovider, which stands beside go.mod since
// what it needs would move what we ship. `make identityprovider` builds it into the cache
// (SEAWORTHY_CACHE, or ~/.cache/seaworthy) under a digest of its source. A test without
// it is skipped, unless SEAWORTHY_REQUIRE_IDENTITYPROVIDER is set: then it fails.
package openid

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Setup is what a provider knows.
type Setup struct {
	ClientID, ClientSecret, RedirectURI string
	People                              []Person
	// Sparse leaves all but the subject to user information.
	Sparse bool
}

// Person is somebody who can sign in at the provider.
type Person struct {
	Subject, Email, Name, Password string
	Verified                       bool
	Groups                         []string
}

// Start runs a provider until the test ends, and gives its issuer.
func Start(t testing.TB, s Setup) string {
	t.Helper()
	path, err := binary()
	if err == nil {
		_, err = os.Stat(path)
	}
	switch {
	case err == nil:
	case os.Getenv("SEAWORTHY_REQUIRE_IDENTITYPROVIDER") != "":
		t.Fatalf("SEAWORTHY_REQUIRE_IDENTITYPROVIDER is set, but %v: run `make identityprovider`", err)
	default:
		t.Skipf("SKIPPED, no sign-on was tried against a real provider: %v: run `make identityprovider`", err)
	}
	cmd := exec.Command(path)
	cmd.Stderr = t.Output()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatalf("start the identity provider: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it stops when its input ends
		if err := cmd.Wait(); err != nil {
			t.Errorf("stop the identity provider: %v", err)
		}
	})
	if err := json.NewEncoder(in).Encode(s); err != nil {
		t.Fatalf("set up the identity provider: %v", err)
	}
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("wait for the identity provider: %v", err)
	}
	return strings.TrimSpace(issuer)
}

// Build makes the provider unless the cache has it, and gives its path.
func Build(ctx context.Context) (string, error) {
	path, err := binary()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	// It appears in the cache whole or not at all: built beside, then renamed.
	tmp, err := os.MkdirTemp(dir, ".build-")
	if err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	source, err := module()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(tmp, filepath.Base(path))
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-ldflags", "-s -w", "-o", beside, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the identity provider: %w", err)
	}
	return path, os.Rename(beside, path)
}

// module finds test/identityprovider of the checkout around the working directory.
func module() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		m := filepath.Join(dir, "test", "identityprovider")
		if _, err := os.Stat(filepath.Join(m, "go.mod")); err == nil {
			return m, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no test/identityprovider/go.mod at or above %s", wd)
		}
	}
}

// binary is where the cache has the provider, or would have it.
func binary() (string, error) {
	source, err := module()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", fmt.Errorf("read what is built: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(data), data)
	}
	fmt.Fprintf(h, "%s %s", runtime.GOOS, runtime.GOARCH)
	cache := os.Getenv("SEAWORTHY_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache: %w", err)
		}
		cache = filepath.Join(user, "seaworthy")
	}
	return filepath.Join(cache, "identityprovider", hex.EncodeToString(h.Sum(nil))[:12], "identityprovider"), nil
}
