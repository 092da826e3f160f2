// SPDX-License-Identifier: Apache-2.0

//go:build linux

package fleet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/test/program"
)

// The server is a process of its own, so that what it takes is told apart from what the
// agents take.
func TestMain(m *testing.M) { program.Main(m) }

// serve starts the server and waits until it is ready.
func serve(t *testing.T, data, database, address string) *program.Process {
	t.Helper()
	p := program.New(t, "serve", "--data", data, "--listen", address, "--base-url", "http://"+address, "--log-level", "warn")
	p.Env = []string{"SEAWORTHY_DATABASE=" + database}
	p.Start()
	p.Ready(address)
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if said := p.Printed(); t.Failed() {
			t.Logf("the server said:\n%s", said[:min(len(said), 20_000)])
		}
	})
	return p
}

// cpu is the time that a process has taken on all processors, as /proc/PID/stat counts it.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	return cpuOf(stat, user, system)
}

// Fields of /proc/PID/stat after the name: time of the process, and of children that it has
// waited for, in user space and in the kernel's.
const user, system, childUser, childSystem = 11, 12, 13, 14

func cpuOf(stat []byte, which ...int) time.Duration {
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything
	fields := strings.Fields(string(rest))
	const perSecond = 100 // USER_HZ is 100 on every architecture of ours
	if len(fields) <= childSystem {
		return 0
	}
	ticks := 0
	for _, i := range which {
		n, _ := strconv.Atoi(fields[i])
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond
}

// cpuOfDatabase is what all processes of PostgreSQL have taken, those that have ended by way
// of who waited for them; 0 where there is none, as with SQLite.
func cpuOfDatabase() (sum time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if stat, err := os.ReadFile(name); err == nil && bytes.Contains(stat, []byte(" (postgres) ")) {
			sum += cpuOf(stat, user, system, childUser, childSystem)
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
