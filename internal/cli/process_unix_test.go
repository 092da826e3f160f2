// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program starts the real program in dir, with temporary files of its own.
func program(t *testing.T, dir string, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp = t.TempDir()
	cmd = exec.Command(self, args...)
	cmd.Args[0] = "seaworthy" // what it is called makes it the program
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	return cmd, temp
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left behind", e.Name())
	}
}

// bells writes manifests of n Deployments with findings to a new folder.
func bells(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		text := fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: bell-%d, namespace: shop}\nspec:\n"+
			"  selector: {matchLabels: {app: bell}}\n  template:\n    metadata: {labels: {app: bell}}\n    spec:\n"+
			"      containers:\n      - {name: app, image: bell, securityContext: {privileged: true}}\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("bell-%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		signal os.Signal
	}{
		"standard input": {[]string{"scan", "-"}, os.Interrupt},
		"to a file":      {[]string{"scan", "-", "bells", "-o", "json", "--output-file", "report.json"}, syscall.SIGTERM},
		"text of all":    {[]string{"scan", "bells", "-", "--all"}, os.Interrupt},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "to a file" {
				t.Skip("SKIPPED with -short: one way to interrupt will do")
			}
			dir := t.TempDir()
			if err := os.Symlink(bells(t, 300), filepath.Join(dir, "bells")); err != nil {
				t.Fatal(err)
			}
			cmd, temp := program(t, dir, c.args...)
			var msg bytes.Buffer
			cmd.Stderr = &msg
			in, err := cmd.StdinPipe() // which never ends
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// No pipe holds so much: when it is written, the program is at work.
			if _, err := io.WriteString(in, strings.Repeat("# and so on\n", 100_000)); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
			err = cmd.Wait()
			if !late.Stop() {
				t.Error("it did not end within five minutes")
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 {
				t.Errorf("it ended with %v, want exit code 2", err)
			}
			if got := msg.String(); got != "seaworthy: interrupted; there is no whole report\n" {
				t.Errorf("it says %q", got)
			}
			empty(t, temp)
			if _, err := os.Lstat(filepath.Join(dir, "bells")); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "bells")); err != nil {
				t.Fatal(err)
			}
			empty(t, dir)
		})
	}
}

// Whoever reads the first lines and goes away is no error.
func TestReaderGoesAway(t *testing.T) {
	cmd, temp := program(t, bells(t, 300), "scan", ".", "-o", "json", "--only", "Security")
	var msg bytes.Buffer
	cmd.Stderr = &msg
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("it ended with %v", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE {
		t.Errorf("it ended with %v, want the signal that ends every program of a pipe", err)
	}
	if msg.Len() > 0 {
		t.Errorf("it says %q", msg.String())
	}
	empty(t, temp)
}

// A disk that is full is told, and is no clean exit.
func TestDiskIsFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	for _, format := range []string{"text", "json", "html"} {
		cmd, temp := program(t, bells(t, 3), "scan", ".", "-o", format, "--output-file", "/dev/full")
		msg, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%s: it ended with %v, want exit code 1", format, err)
		}
		if !strings.Contains(string(msg), "no space left on device") {
			t.Errorf("%s: it says %q", format, msg)
		}
		empty(t, temp)
	}
}

// The program starts at once: whoever runs it in an editor waits for it at each key. Its own
// time of the processor counts, whatever else the machine does.
func TestStartsFast(t *testing.T) {
	best := time.Hour
	for range 5 {
		cmd, _ := program(t, t.TempDir(), "version")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		best = min(best, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	t.Logf("version takes %s", best)
	if best > 400*time.Millisecond { // well under 100 on a machine that does nothing else
		t.Errorf("version takes %s", best)
	}
}
