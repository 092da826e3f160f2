// SPDX-License-Identifier: Apache-2.0

// Package s3 runs a real S3-compatible server, versitygw, for tests of object storage.
//
// The module test/objectstore pins it, and `make objectstore` builds it. A test without it
// is skipped, unless SEAWORTHY_REQUIRE_OBJECTSTORE is set: then it fails.
package s3

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/test/beside"
	"github.com/seaworthy-dev/seaworthy/test/ports"
)

// Storage is what is built.
var Storage = beside.Program{
	Name: "object storage", Module: "objectstore", Package: "github.com/versity/versitygw/cmd/versitygw", Binary: "versitygw",
	Sources: []string{"go.mod", "go.sum"}, Without: "nothing was kept in a real object storage",
}

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
	path := Storage.Need(t)
	t.Setenv("AWS_ACCESS_KEY_ID", key)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	free, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, path: path, host: net.JoinHostPort("127.0.0.1", free[0]), top: t.TempDir(), out: &bytes.Buffer{}}
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
	for give := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
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
