// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// input plans what to read.
func (p *program) input(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string, _ bool) (*scan.Input, error) {
	plan, dec, err := p.manifests(ctx, cfg, sc, args)
	if err != nil {
		return nil, err
	}
	in := scan.Files(source(cfg, sc, args), plan, dec)
	return &in, nil
}

// manifests plans what to read of paths, and learns the custom kinds that they define.
func (p *program) manifests(ctx context.Context, cfg *config.Config, sc *scan.Config, args []string) (*manifest.Plan, *snapshot.Decoder, error) {
	sc.Base, _ = sourceOf(args[0])
	plan, err := manifest.NewPlan(ctx, manifest.Options{
		Paths: args, Stdin: &interruptible{ctx: ctx, in: p.in}, ValuesFiles: cfg.Helm.Values, Set: cfg.Helm.Set, ReleaseName: cfg.Helm.Release,
		Namespace: cfg.Helm.Namespace, KubernetesVersion: sc.Target, AllowNetwork: cfg.Inputs.AllowNetwork,
		RespectGitignore: cfg.Inputs.Gitignore, SkipVendored: cfg.Inputs.SkipVendored,
	})
	if err != nil {
		return nil, nil, err
	}
	dec := snapshot.NewDecoder()
	plan.Learn(ctx, dec)
	return plan, dec, nil
}

// source is what the report says of the paths.
func source(cfg *config.Config, sc *scan.Config, args []string) seaworthy.Source {
	_, name := sourceOf(args[0])
	return seaworthy.Source{
		Kind: seaworthy.SourceFiles, Name: cmp.Or(cfg.Source, name), Provider: cfg.Provider,
		KubernetesVersion: sc.Target, Asked: args,
	}
}

// sourceOf finds the root of the repository of a path and a name for it that does not
// depend on where it was checked out: the address of its origin, else the folder's name.
func sourceOf(path string) (root, name string) {
	if path == "-" {
		path = "."
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", "files"
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = filepath.Dir(dir)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, cmp.Or(originOf(at), filepath.Base(at))
		}
		if filepath.Dir(at) == at {
			return dir, filepath.Base(dir)
		}
	}
}

// originOf reads the address of remote "origin" as host/owner/name.
func originOf(root string) string {
	raw, err := os.ReadFile(filepath.Join(root, ".git", "config"))
	if err != nil || len(raw) > 1<<20 {
		return ""
	}
	inOrigin := false
	for line := range strings.SplitSeq(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inOrigin = line == `[remote "origin"]`
		} else if key, value, ok := strings.Cut(line, "="); ok && inOrigin && strings.TrimSpace(key) == "url" {
			return address(strings.TrimSpace(value))
		}
	}
	return ""
}

// address strips scheme, user, password and .git from a Git address, so that no
// credential reaches a report.
func address(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	} else if host, p, ok := strings.Cut(url, ":"); ok && !strings.Contains(host, "/") {
		url = host + "/" + p // git@host:owner/name
	}
	if i := strings.LastIndexByte(url, '@'); i >= 0 {
		url = url[i+1:]
	}
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
}

// interruptible is a reader that gives up waiting when its context ends: nobody should
// have to close standard input to end a scan. The read that waits is left behind.
type interruptible struct {
	ctx  context.Context
	in   io.Reader
	read chan chunk
}

type chunk struct {
	data []byte
	err  error
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	if r.read == nil {
		r.read = make(chan chunk, 1)
	}
	go func() {
		own := make([]byte, len(p)) // p is the caller's again once Read has returned
		n, err := r.in.Read(own)
		r.read <- chunk{own[:n], err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case c := <-r.read:
		return copy(p, c.data), c.err
	}
}
