// SPDX-License-Identifier: Apache-2.0

// Package program runs the program in processes of its own, without building it again:
// the binary of a test is the program too, where its TestMain calls [Main].
package program

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/cli"
	"github.com/seaworthy-dev/seaworthy/test/ports"
)

const environment = "SEAWORTHY_TEST_PROGRAM"

// Main runs the tests, or the program where a [Process] runs this binary. before is called
// in the program's process.
func Main(m *testing.M, before ...func()) {
	if os.Getenv(environment) == "" {
		os.Exit(m.Run())
	}
	for _, f := range before {
		f()
	}
	os.Exit(cli.Run())
}

// Process is the program with arguments, and what it prints. It may be started again after
// it has ended.
type Process struct {
	Binary string // the test's own
	Args   []string
	Env    []string
	// Change, where it is set, has the last word on how it is started.
	Change func(*exec.Cmd)

	t   testing.TB
	mu  sync.Mutex
	cmd *exec.Cmd
	out bytes.Buffer
}

// New prepares a process that is killed at the end of the test.
func New(t testing.TB, args ...string) *Process {
	p := &Process{t: t, Binary: os.Args[0], Args: args}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

// Command is the program with other arguments, not started.
func (p *Process) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.Binary, args...)
	cmd.Env = append(append(os.Environ(), environment+"=1"), p.Env...)
	cmd.Stdout, cmd.Stderr = p, p
	if p.Change != nil {
		p.Change(cmd)
	}
	return cmd
}

// Start starts it.
func (p *Process) Start() {
	p.t.Helper()
	cmd := p.Command(p.Args...)
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", strings.Join(p.Args, " "), err)
	}
	p.mu.Lock()
	p.cmd = cmd
	p.mu.Unlock()
}

// patience is how long a server may take to be ready where much else runs on the machine.
const patience = 3 * time.Minute

// Ready waits until a server answers at an address, and tells how long that took.
func (p *Process) Ready(address string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for time.Since(began) < patience {
		if resp, err := http.Get("http://" + address + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = p.Kill()
	p.t.Fatalf("it is not ready after %s:\n%s", patience, p.Printed())
	return 0
}

// PID is the number of the process that runs.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Kill ends it as a power cut does: it gets no word in.
func (p *Process) Kill() error { return p.end(os.Kill) }

// Stop asks it to end, and gives what it ends with.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Wait waits until it has ended by itself, and gives what it ended with.
func (p *Process) Wait() error { return p.taken().Wait() }

// taken gives what runs, which is nobody else's to wait for any more.
func (p *Process) taken() *exec.Cmd {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := p.cmd
	p.cmd = nil
	return cmd
}

func (p *Process) end(s os.Signal) error {
	cmd := p.taken()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return cmd.Wait()
}

// Write is io.Writer, for what the process prints.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Printed is what it has printed so far.
func (p *Process) Printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// FreeAddress gives an address on the loopback interface that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	free, err := ports.Free(1)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", free[0])
}

// Owner sets a new server up and gives its owner.
func Owner(t testing.TB, a *auth.Auth) seaworthy.Principal {
	t.Helper()
	link, err := a.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(link, auth.LinkPath)
	r := httptest.NewRequest(http.MethodPost, a.BaseURL()+"/welcome", nil)
	s, err := a.Setup(httptest.NewRecorder(), r, secret, "ada@example.com", "Ada", "a long and good passphrase 42")
	if err != nil {
		t.Fatal(err)
	}
	return seaworthy.Principal{Actor: "user:" + s.User.ID, UserID: s.User.ID, Name: "Ada", Role: seaworthy.Owner}
}
