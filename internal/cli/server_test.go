// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// find gives the path of a program of the script.
func find(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	ts.Fatalf("there is no program %s", name)
	return ""
}

// serve starts a server on a data folder and a free port. $SERVER is its address, $LINK
// that of the first owner. It ends with the script, or with 'unserve'.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve FOLDER [flags...]")
	}
	cmd := exec.Command(find(ts, "seaworthy"), append([]string{"serve", "--listen", "127.0.0.1:0", "--data", args[0]}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ended := false
	stop := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
			_ = cmd.Wait()
		}
	}
	ts.Defer(stop)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if at, ok := strings.CutPrefix(line, "Seaworthy is at "); ok {
			ts.Setenv("SERVER", at)
		}
		if strings.Contains(line, "/welcome/") {
			ts.Setenv("LINK", line)
			break
		}
		if line != "" && !strings.Contains(line, "Seaworthy is at") && !strings.Contains(line, "account") {
			break
		}
		if ts.Getenv("LINK") != "" && ts.Getenv("SERVER") != "" {
			break // not the first start: no link follows
		}
	}
	ts.Setenv("PID", strconv.Itoa(cmd.Process.Pid))
	serverOf(ts).stop = stop
}

// process is the server of a script; stop is nil before it runs.
type process struct{ stop func() }

type processKey struct{}

func serverOf(ts *testscript.TestScript) *process {
	p, ok := ts.Value(processKey{}).(*process)
	if !ok {
		ts.Fatalf("the script was not set up for a server")
	}
	return p
}

func unserve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 || serverOf(ts).stop == nil {
		ts.Fatalf("usage: unserve, after serve")
	}
	serverOf(ts).stop()
}

// signup makes the first owner by $LINK, and $SEAWORTHY_TOKEN of a role.
func signup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signup ROLE")
	}
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	const password = "a long and good passphrase 42"
	resp, err := c.PostForm(ts.Getenv("LINK"), url.Values{"name": {"Ada"}, "email": {"ada@example.com"}, "password": {password}, "again": {password}})
	ts.Check(err)
	ts.Check(resp.Body.Close())
	resp, err = c.Post(ts.Getenv("SERVER")+"/api/v1/tokens", "application/json", strings.NewReader(`{"name":"t","role":"`+args[0]+`"}`))
	ts.Check(err)
	data, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	var made struct{ Text string }
	if err := json.Unmarshal(data, &made); err != nil || made.Text == "" {
		ts.Fatalf("no token is made: %s: %s", resp.Status, data)
	}
	ts.Setenv("SEAWORTHY_TOKEN", made.Text)
}

// get asks the server for a path, as the bearer of $SEAWORTHY_TOKEN if there is one, and
// writes status, headers and body to standard output of the script.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(args[2])
	}
	r, err := http.NewRequest(args[0], ts.Getenv("SERVER")+args[1], body)
	ts.Check(err)
	if token := ts.Getenv("SEAWORTHY_TOKEN"); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	var b bytes.Buffer
	b.WriteString(resp.Status + "\n")
	ts.Check(resp.Header.Write(&b))
	_, err = b.ReadFrom(resp.Body)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	_, err = ts.Stdout().Write(b.Bytes())
	ts.Check(err)
}
