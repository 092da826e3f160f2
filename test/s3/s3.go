// SPDX-License-Identifier: Apache-2.0

// Package s3 runs a real S3-compatible server, versitygw, for tests of object storage.
//
// The module test/objectstore pins it, which stands beside go.mod since what it needs
// would move what we ship. `make objectstore` builds it into the cache (SEAWORTHY_CACHE,
// or ~/.cache/seaworthy) under a digest of its versions. A test without it is skipped,
// unless SEAWORTHY_REQUIRE_OBJECTSTORE is set: then it fails.
package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// program is what is built.
const program = "github.com/versity/versitygw/cmd/versitygw"

// Server is a running server with one empty bucket, called evidence.
type Server struct {
	// Address is the bucket's, as the product takes it.
	Address string
	// Dir holds the objects as files.
	Dir string

	t    testing.TB
	path string
	top  string
	host string
	cmd  *exec.Cmd
	out  *bytes.Buffer
}

const key, secret = "seaworthy-test", "seaworthy-test-secret"

// Start runs a server until the test ends, and sets the credentials for it in the
// environment.
func Start(t testing.TB) *Server {
	t.Helper()
	path, err := binary()
	if err == nil {
		_, err = os.Stat(path)
	}
	switch {
	case err == nil:
	case os.Getenv("SEAWORTHY_REQUIRE_OBJECTSTORE") != "":
		t.Fatalf("SEAWORTHY_REQUIRE_OBJECTSTORE is set, but %v: run `make objectstore`", err)
	default:
		t.Skipf("SKIPPED, nothing was kept in a real object storage: %v: run `make objectstore`", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, path: path, host: listener.Addr().String(), top: t.TempDir(), out: &bytes.Buffer{}}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.Address = "s3+http://" + s.host + "/evidence?region=us-east-1"
	s.Dir = filepath.Join(s.top, "objects")
	for _, dir := range []string{s.meta(), filepath.Join(s.Dir, "evidence")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// meta is where the server keeps what file systems without attributes cannot.
func (s *Server) meta() string { return filepath.Join(s.top, "meta") }

// Run starts the server, again after Kill, and waits until it answers.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command(s.path, "--quiet", "--port", s.host, "posix", "--sidecar", s.meta(), s.Dir)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+key, "ROOT_SECRET_ACCESS_KEY="+secret)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start the object storage: %v", err)
	}
	for give := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.host)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(give) {
			s.Kill()
			s.t.Fatalf("the object storage does not answer: %v\n%s", err, s.out)
		}
	}
}

// Kill ends the server at once, whatever it is doing.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed, and says so
	s.cmd = nil
}

// Build makes the server unless the cache has it, and gives its path.
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
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-ldflags", "-s -w", "-o", beside, program)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the object storage: %w", err)
	}
	return path, os.Rename(beside, path)
}

// module finds test/objectstore of the checkout around the working directory.
func module() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		m := filepath.Join(dir, "test", "objectstore")
		if _, err := os.Stat(filepath.Join(m, "go.mod")); err == nil {
			return m, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no test/objectstore/go.mod at or above %s", wd)
		}
	}
}

// binary is where the cache has the server, or would have it.
func binary() (string, error) {
	source, err := module()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
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
	return filepath.Join(cache, "objectstore", hex.EncodeToString(h.Sum(nil))[:12], "versitygw"), nil
}
