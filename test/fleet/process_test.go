// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fleet

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/cli"
)

// The test's own binary is the program too: the server is a process of its own, so that
// what it takes is told apart from what the agents take.
const asProgram = "SEAWORTHY_FLEET_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Run())
	}
	os.Exit(m.Run())
}

// process is a running 'seaworthy serve'.
type process struct {
	cmd *exec.Cmd
	out bytes.Buffer
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

// serve starts the server and waits until it is ready.
func serve(t *testing.T, data, database, address string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "serve", "--data", data, "--listen", address, "--base-url", "http://"+address, "--log-level", "warn")}
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "SEAWORTHY_DATABASE="+database)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the server said:\n%s", p.out.Bytes()[:min(p.out.Len(), 20_000)])
		}
	})
	for range 3000 {
		if resp, err := http.Get("http://" + address + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return p
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("the server is not ready after a minute:\n%s", p.out.String())
	return nil
}

// cpu is the time that a process has taken on all processors, as /proc/PID/stat counts it.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return cpuOf(stat)
}

func cpuOf(stat []byte) time.Duration {
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything
	fields := strings.Fields(string(rest))
	const user, system, perSecond = 11, 12, 100 // USER_HZ is 100 on every architecture of ours
	if len(fields) <= system {
		return 0
	}
	ticks := 0
	for _, i := range []int{user, system} {
		n, _ := strconv.Atoi(fields[i])
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond
}

// cpuOfDatabase is what all processes of PostgreSQL that run now have taken; 0 where there
// is none, as with SQLite.
func cpuOfDatabase() (sum time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if stat, err := os.ReadFile(name); err == nil && bytes.Contains(stat, []byte(" (postgres) ")) {
			sum += cpuOf(stat)
		}
	}
	return sum
}

// resident is the memory of a process in bytes: now, and at its height.
func resident(t testing.TB, pid int) (now, height int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			height = n << 10
		}
	}
	return now, height
}
