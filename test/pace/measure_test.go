// SPDX-License-Identifier: Apache-2.0

//go:build linux

package pace

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpu is the time that a process has taken on all processors, as /proc/PID/stat counts it.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may hold anything
	fields := strings.Fields(string(rest))
	const user, system, perSecond = 11, 12, 100
	ticks := 0
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond
}

// child finds the process of that name that this one started.
func child(t testing.TB, name string) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		var pid, parent int
		var called, state string
		stat, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		if _, err := fmt.Sscan(string(stat), &pid, &called, &state, &parent); err == nil && called == "("+name+")" && parent == os.Getpid() {
			return pid
		}
	}
	t.Fatalf("there is no process %s", name)
	return 0
}

// memory is what /proc/PID/status says of a process.
type memory struct{ all, own, file, height float64 } // MB

func (m memory) String() string {
	return fmt.Sprintf("%.0f MB resident, %.0f MB of it own and %.0f MB pages of the program's file; %.0f MB at the height", m.all, m.own, m.file, m.height)
}

func memoryOf(t testing.TB, pid int) (m memory) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	into := map[string]*float64{"VmRSS:": &m.all, "RssAnon:": &m.own, "RssFile:": &m.file, "VmHWM:": &m.height}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || into[fields[0]] == nil {
			continue
		}
		kB, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		*into[fields[0]] = kB * 1024 / 1e6
	}
	return m
}

// shares tells what processes took between two moments.
type shares struct {
	t    testing.TB
	at   time.Time
	took map[string]time.Duration
	pids map[string]int
}

func (w *world) shares() *shares {
	s := &shares{t: w.t, at: time.Now(), took: map[string]time.Duration{}, pids: map[string]int{
		"agent": w.agent.PID(), "server": w.server.PID(), "kube-apiserver": child(w.t, "kube-apiserver"),
	}}
	for name, pid := range s.pids {
		s.took[name] = cpu(s.t, pid)
	}
	return s
}

func (s *shares) of(name string) time.Duration { return cpu(s.t, s.pids[name]) - s.took[name] }

func (s *shares) String() string {
	all := time.Since(s.at)
	var out []string
	for _, name := range []string{"agent", "server", "kube-apiserver"} {
		took := s.of(name)
		out = append(out, fmt.Sprintf("%s %.2f s (%.1f %% of a core)", name, took.Seconds(), 100*took.Seconds()/all.Seconds()))
	}
	return fmt.Sprintf("in %.1f s: CPU of %s", all.Seconds(), strings.Join(out, ", "))
}

// quantiles are those of times, in milliseconds.
func quantiles(list []time.Duration) string {
	if len(list) == 0 {
		return "none"
	}
	list = slices.Sorted(slices.Values(list))
	at := func(q int) float64 { return float64(list[min(len(list)*q/100, len(list)-1)].Microseconds()) / 1000 }
	return fmt.Sprintf("p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, most %.2f ms of %d", at(50), at(90), at(99), at(100), len(list))
}
