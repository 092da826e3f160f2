// SPDX-License-Identifier: Apache-2.0

// Package beside builds programs that tests run and nobody ships: a provider of sign-on,
// a storage. Their modules stand beside go.mod, since what they need would move what we
// ship. They are built into the cache (SEAWORTHY_CACHE, or ~/.cache/seaworthy), under a
// digest of what they are built from.
package beside

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Program is one that is built.
type Program struct {
	Name    string   // what it is, as in "build the identity provider"
	Module  string   // the folder of test/ that is its module, and the target of make
	Package string   // what is built there
	Binary  string   // the name of the file
	Sources []string // files of the module that it is made of
	Without string   // what was not tried without it
}

// Need gives the path of a program that was built. Without it the test is skipped, unless
// SEAWORTHY_REQUIRE_<MODULE> is set: then it fails.
func (p Program) Need(t testing.TB) string {
	t.Helper()
	path, err := p.path()
	if err == nil {
		_, err = os.Stat(path)
	}
	required := "SEAWORTHY_REQUIRE_" + strings.ToUpper(p.Module)
	switch {
	case err == nil:
	case os.Getenv(required) != "":
		t.Fatalf("%s is set, but %v: run `make %s`", required, err, p.Module)
	default:
		t.Skipf("SKIPPED, %s: %v: run `make %s`", p.Without, err, p.Module)
	}
	return path
}

// Main builds the program, prints where it is, and gives the exit code.
func (p Program) Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path, err := p.build(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	fmt.Println(path)
	return 0
}

// build makes the program unless the cache has it, and gives its path.
func (p Program) build(ctx context.Context) (string, error) {
	path, err := p.path()
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
	source, err := p.module()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(tmp, p.Binary)
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-ldflags", "-s -w", "-o", beside, p.Package)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the %s: %w", p.Name, err)
	}
	return path, os.Rename(beside, path)
}

// module finds the module in the checkout around the working directory.
func (p Program) module() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		m := filepath.Join(dir, "test", p.Module)
		if _, err := os.Stat(filepath.Join(m, "go.mod")); err == nil {
			return m, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no test/%s/go.mod at or above %s", p.Module, wd)
		}
	}
}

// path is where the cache has the program, or would have it.
func (p Program) path() (string, error) {
	source, err := p.module()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range p.Sources {
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
	return filepath.Join(cache, p.Module, hex.EncodeToString(h.Sum(nil))[:12], p.Binary), nil
}
