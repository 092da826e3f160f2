// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// program is what is built, and of when.
type program struct {
	root    string // of the module
	pkg     string // the package of main
	name    string // of the binary
	tags    string
	stamp   string // whether the commit names the version: true, or auto
	commit  string
	changed bool // the checkout is not that commit
	at      time.Time
}

// platform is one that is built for.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "-" + p.arch }

// product is the program of the checkout.
func product(ctx context.Context, root string) (*program, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find the checkout: %w", err)
	}
	p := &program{root: root, pkg: "./cmd/seaworthy", name: "seaworthy", tags: "kustomize_disable_go_plugin_support", stamp: "true"}
	head, err := p.git(ctx, "log", "-1", "--format=%H %ct")
	if err != nil {
		return nil, err
	}
	commit, seconds, _ := strings.Cut(head, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read the time of the commit: %w", err)
	}
	status, err := p.git(ctx, "status", "--porcelain")
	p.commit, p.at, p.changed = commit, time.Unix(unix, 0).UTC(), status != ""
	return p, err
}

func (p *program) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = p.root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask git for the commit: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes the static binary for a platform and gives its bytes. Neither the folder of
// the checkout nor the machine shows in it.
func (p *program) build(ctx context.Context, at platform) ([]byte, error) {
	dir, err := os.MkdirTemp("", "seaworthy-build-")
	if err != nil {
		return nil, fmt.Errorf("make a folder to build in: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, p.name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs="+p.stamp, "-mod=readonly", "-tags", p.tags, "-ldflags=-s -w -buildid=", "-o", file, p.pkg)
	cmd.Dir = p.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+at.os, "GOARCH="+at.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOTOOLCHAIN=local")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build for %s: %w\n%s", at, err, said.Bytes())
	}
	return os.ReadFile(file)
}

// version is what the binary calls itself, without the v.
func version(binary []byte) (string, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("read what the binary is made of: %w", err)
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v"), nil
	}
	return "devel", nil
}

// goVersion is the Go that builds: another one gives other bytes.
func goVersion() string { return runtime.Version() }
