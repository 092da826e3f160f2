// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kwok has dependencies of its own that would move those of Kubernetes, so it is
// installed by itself and not through test/controlplane.
const kwok = "sigs.k8s.io/kwok/cmd/kwok@v0.8.0"

// Build makes those of names that the cache lacks and tells out about each.
func (p Pins) Build(ctx context.Context, names []string, out io.Writer) error {
	dir, err := p.Dir()
	if err != nil {
		return err
	}
	missing := Missing(dir, names)
	if len(missing) == 0 {
		fmt.Fprintf(out, "%s: up to date\n", dir)
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	// A binary appears in the cache whole or not at all: built beside, then renamed.
	tmp, err := os.MkdirTemp(dir, ".build-")
	if err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	for _, name := range missing {
		began := time.Now()
		fmt.Fprintf(out, "building %s (the first time takes minutes)\n", name)
		if err := p.command(ctx, name, tmp, out).Run(); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		if err := os.Rename(filepath.Join(tmp, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
		fmt.Fprintf(out, "built %s in %s\n", filepath.Join(dir, name), time.Since(began).Round(time.Second))
	}
	return nil
}

func (p Pins) command(ctx context.Context, name, dir string, out io.Writer) *exec.Cmd {
	var args []string
	switch name {
	case "kwok":
		args = []string{"install", "-ldflags", "-s -w", kwok}
	case "etcd":
		args = []string{"build", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), "go.etcd.io/etcd/server/v3"}
	default:
		args = []string{"build", "-ldflags", "-s -w " + p.stamp(), "-o", filepath.Join(dir, name), "k8s.io/kubernetes/cmd/" + name}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = p.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOBIN="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// stamp writes the version into the binary. Without it the server calls itself
// v0.0.0-master, and what depends on its version (deprecated APIs, compatibility) is off.
func (p Pins) stamp() string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(p.Kubernetes, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, kv := range [][2]string{
			{"gitVersion", p.Kubernetes},
			{"gitMajor", major},
			{"gitMinor", minor},
			{"gitTreeState", "clean"},
			{"gitCommit", "module"},
			{"buildDate", "1970-01-01T00:00:00Z"},
		} {
			flags = append(flags, "-X", pkg+"."+kv[0]+"="+kv[1])
		}
	}
	return strings.Join(flags, " ")
}
