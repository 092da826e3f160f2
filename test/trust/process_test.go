// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

// fileLimit names the bytes that a file of the program may have: a disk that is full.
const fileLimit = "SEAWORTHY_TRUST_FILE_LIMIT"

func TestMain(m *testing.M) {
	program.Main(m, func() {
		if n, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: ^uint64(0)}); err != nil {
				panic(err)
			}
		}
	})
}

// patience is how long something is waited for that takes a moment where nothing else runs.
const patience = 3 * time.Minute

// process is a server in a process of its own.
type process struct {
	*program.Process
	t        testing.TB
	data     string
	database string
	token    string
	address  string
	args     []string
	killed   int // times
}

// serverProcess prepares a process for a data folder and a database that are there.
func serverProcess(t testing.TB, data, database, token string) *process {
	p := &process{Process: program.New(t), t: t, data: data, database: database, token: token, address: program.FreeAddress(t)}
	p.Env = []string{"SEAWORTHY_DATABASE=" + database}
	return p
}

// newProcess prepares a data folder with a token that sends reports.
func newProcess(t *testing.T, database string) *process {
	t.Helper()
	p := serverProcess(t, storetest.Dir(t), database, "")
	s, err := server.Open(t.Context(), server.Config{Data: p.data, Database: database, BaseURL: "http://" + p.address})
	if err != nil {
		t.Fatal(err)
	}
	p.token = tokenOf(t, s.Auth(), seaworthy.Reporter)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// tokenOf makes the owner, and a token of the owner's of a role.
func tokenOf(t testing.TB, a *auth.Auth, role seaworthy.Role) string {
	t.Helper()
	_, token, err := a.CreateToken(t.Context(), program.Owner(t, a), auth.NewToken{Name: string(role), Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// begin starts the server without waiting for it.
func (p *process) begin() {
	p.t.Helper()
	p.Args = append([]string{"serve", "--data", p.data, "--listen", p.address, "--base-url", "http://" + p.address, "--wait", "2s"}, p.args...)
	p.Start()
}

// start starts the server, waits until it is ready, and tells how long that took.
func (p *process) start() time.Duration {
	p.t.Helper()
	p.begin()
	return p.Ready(p.address)
}

// kill ends the server as a power cut does for a process: it gets no word in.
func (p *process) kill() {
	_ = p.Kill()
	p.killed++
}

var client = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

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
	// What was on its way when the server was killed stays for a day.
	if left, err := filepath.Glob(filepath.Join(p.data, "blobs", "temp", "*")); err != nil || len(left) > max(100, p.killed) {
		p.t.Errorf("%d temporary files are left, %v", len(left), err)
	}
	return runsOf(p.t, s)
}
