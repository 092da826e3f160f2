// SPDX-License-Identifier: Apache-2.0

// Package binaries knows where the binaries of the test control plane are cached and
// how they are built.
//
// The module test/controlplane pins what is built: its go.mod and go.sum, together with
// the platform, name the folder in the cache, so a change of versions never meets
// binaries of the versions before. Only the standard library is imported, so that the
// program that builds runs on a clean machine in a second.
package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Server lists what an API server alone needs, in the order in which it is built.
func Server() []string { return []string{"etcd", "kube-apiserver"} }

// Cluster lists what a whole cluster needs on top of Server: controllers, a scheduler,
// simulated nodes, and the command line to look at it.
func Cluster() []string {
	return []string{"kube-controller-manager", "kube-scheduler", "kubectl", "kwok"}
}

// Pins are the versions that a checkout builds.
type Pins struct {
	Module     string // folder of the module test/controlplane
	Kubernetes string // v1.36.3
	digest     string
}

// Find reads the pins of the checkout around the working directory.
func Find() (Pins, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Pins{}, fmt.Errorf("find the checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		p, err := read(filepath.Join(dir, "test", "controlplane"))
		if !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
		if dir == filepath.Dir(dir) {
			return Pins{}, fmt.Errorf("no test/controlplane/go.mod at or above %s", wd)
		}
	}
}

func read(module string) (Pins, error) {
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return Pins{}, fmt.Errorf("read the pinned versions: %w", err)
	}
	sum, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return Pins{}, fmt.Errorf("read the pinned versions: %w", err)
	}
	h := sha256.New()
	for _, part := range []string{string(mod), string(sum), kwok, runtime.GOOS, runtime.GOARCH} {
		fmt.Fprintf(h, "%d\n%s", len(part), part)
	}
	p := Pins{Module: module, digest: hex.EncodeToString(h.Sum(nil))[:12]}
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(strings.TrimPrefix(line, "require ")); len(f) >= 2 && f[0] == "k8s.io/kubernetes" {
			p.Kubernetes = f[1]
		}
	}
	if p.Kubernetes == "" {
		return Pins{}, fmt.Errorf("%s/go.mod does not require k8s.io/kubernetes", module)
	}
	return p, nil
}

// Dir is the folder of the cache that holds these versions. It need not exist.
// SEAWORTHY_CACHE moves the cache.
func (p Pins) Dir() (string, error) {
	cache := os.Getenv("SEAWORTHY_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache: %w", err)
		}
		cache = filepath.Join(user, "seaworthy")
	}
	return filepath.Join(cache, "controlplane", p.Kubernetes+"-"+p.digest), nil
}

// Missing lists those of names that dir does not hold.
func Missing(dir string, names []string) []string {
	var missing []string
	for _, name := range names {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || !fi.Mode().IsRegular() {
			missing = append(missing, name)
		}
	}
	return missing
}
