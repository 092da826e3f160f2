// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/cli"
	"github.com/seaworthy-dev/seaworthy/internal/server"
)

// The test's own binary is the program too: a real process of 'seaworthy serve' that can
// be killed, without building it again.
const (
	asProgram = "SEAWORTHY_TRUST_PROGRAM"
	fileLimit = "SEAWORTHY_TRUST_FILE_LIMIT" // bytes that a file may have: a disk that is full
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	if n, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: ^uint64(0)}); err != nil {
			panic(err)
		}
	}
	os.Exit(cli.Run())
}

// process is a server in a process of its own.
type process struct {
	t        testing.TB
	binary   string
	data     string
	database string
	token    string
	address  string
	env      []string
	args     []string
	run      func(*exec.Cmd) // last word on how it is started

	mu  sync.Mutex
	cmd *exec.Cmd
	out *output
}

// output keeps what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// newProcess prepares a data folder with a token that sends reports.
func newProcess(t *testing.T, database string) *process {
	t.Helper()
	p := &process{t: t, binary: os.Args[0], data: t.TempDir(), database: database, address: freeAddress(t), out: &output{}}
	s, err := server.Open(t.Context(), server.Config{Data: p.data, Database: database, BaseURL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	p.token = tokenOf(t, s.Auth(), seaworthy.Reporter)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// tokenOf makes the owner, and a token of the owner's of a role.
func tokenOf(t *testing.T, a *auth.Auth, role seaworthy.Role) string {
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
	owner := seaworthy.Principal{Actor: "user:" + s.User.ID, UserID: s.User.ID, Name: "Ada", Role: seaworthy.Owner}
	_, token, err := a.CreateToken(t.Context(), owner, auth.NewToken{Name: string(role), Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// command is the program with arguments, not yet started.
func (p *process) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, args...)
	cmd.Env = append(os.Environ(), append(p.env, asProgram+"=1", "SEAWORTHY_DATABASE="+p.database)...)
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if p.run != nil {
		p.run(cmd)
	}
	return cmd
}

// begin starts the server without waiting for it.
func (p *process) begin() {
	p.t.Helper()
	cmd := p.command("serve", "--data", p.data, "--listen", p.address, "--base-url", "http://"+p.address, "--wait", "2s")
	cmd.Args = append(cmd.Args, p.args...)
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start the server: %v", err)
	}
	p.mu.Lock()
	p.cmd = cmd
	p.mu.Unlock()
}

// start starts the server, waits until it is ready, and tells how long that took.
func (p *process) start() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.begin()
	for time.Since(began) < time.Minute {
		if status, _ := p.get("/readyz"); status == http.StatusOK {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.kill()
	p.t.Fatalf("the server is not ready after a minute:\n%s", p.out)
	return 0
}

// kill ends the server as a power cut does for a process: it gets no word in.
func (p *process) kill() { _ = p.end(os.Kill) }

// stop asks the server to end, and gives what it ends with.
func (p *process) stop() error { return p.end(syscall.SIGTERM) }

func (p *process) end(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return cmd.Wait()
}

var client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

func (p *process) get(path string) (int, string) {
	resp, err := client.Get("http://" + p.address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// send sends a report once. Only 200 and 201 mean that it was taken; status 0 that nobody
// answered.
func (p *process) send(cluster string, body []byte) (run string, status int, said string) {
	r, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://%s/api/v1/sources/%s/reports", p.address, cluster), bytes.NewReader(body))
	if err != nil {
		return "", 0, err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return "", 0, err.Error()
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0, err.Error()
	}
	var taken struct{ ID string }
	_ = json.Unmarshal(data, &taken) // a problem has no id
	return taken.ID, resp.StatusCode, string(data)
}

// check opens what a server left behind and checks all of it. It gives the runs by the
// digest of their reports.
func (p *process) check() map[string][]string {
	p.t.Helper()
	s, err := server.Open(p.t.Context(), server.Config{Data: p.data, Database: p.database, BaseURL: "http://" + p.address})
	if err != nil {
		p.t.Fatalf("open what the server left behind: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			p.t.Error(err)
		}
	}()
	got, err := s.SelfCheck(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if !got.Intact() {
		p.t.Errorf("the server left behind %q", got.Problems)
	}
	if left, err := filepath.Glob(filepath.Join(p.data, "blobs", "temp", "*")); err != nil || len(left) > 100 {
		p.t.Errorf("%d temporary files are left, %v", len(left), err)
	}
	return runsOf(p.t, s)
}
