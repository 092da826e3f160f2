// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// A disk that takes no more: nothing is accepted that cannot be kept, what was accepted
// stays, and the server goes on when there is room again.
func TestDiskFull(t *testing.T) {
	p := newProcess(t, "")
	p.Env = append(p.Env, fmt.Sprintf("%s=%d", fileLimit, 3<<20))
	p.start()
	began := time.Now().Add(-24 * time.Hour)
	var refused []byte
	taken := map[string]string{}
	for n := 0; refused == nil; n++ {
		if n == 3000 {
			t.Fatal("the disk does not fill up")
		}
		body := report(t, "prod", began.Add(time.Duration(n)*time.Second), 40, 40*n)
		run, status, said := p.send("prod", body)
		switch {
		case status == http.StatusCreated:
			sum := sha256.Sum256(body)
			taken[hex.EncodeToString(sum[:])] = run
		case status == http.StatusServiceUnavailable && strings.Contains(said, "nothing was"):
			refused = body
		default:
			t.Fatalf("report %d is answered with %d: %s\n%s", n, status, said, p.Printed())
		}
	}
	if status, said := p.get("/healthz"); status != http.StatusOK {
		t.Errorf("the server is not alive with a full disk: %d %s", status, said)
	}
	p.makeRoom()
	if _, status, said := p.send("prod", refused); status != http.StatusCreated {
		t.Errorf("with room again the report is answered with %d: %s", status, said)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	kept := p.check()
	for digest, run := range taken {
		if got := kept[digest]; len(got) != 1 || got[0] != run {
			t.Errorf("run %s was taken; there are %v", run, got)
		}
	}
	if len(kept) != len(taken)+1 {
		t.Errorf("%d reports are there, %d were taken", len(kept), len(taken)+1)
	}
}

// makeRoom gives the running server its disk back. Without util-linux, another server
// finds it.
func (p *process) makeRoom() {
	p.t.Helper()
	p.Env = nil
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		p.t.Log("there is no prlimit: the server is started anew with room")
		p.kill()
		p.start()
		return
	}
	if out, err := exec.Command(prlimit, "--fsize=unlimited:", "--pid", strconv.Itoa(p.PID())).CombinedOutput(); err != nil {
		p.t.Fatalf("prlimit: %v\n%s", err, out)
	}
}

// asNobody runs the server as a user to whom the rights of folders matter, from where
// that user may read.
func (p *process) asNobody() {
	p.t.Helper()
	if os.Getuid() != 0 {
		return
	}
	dir, err := os.MkdirTemp("", "seaworthy-nobody-")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			p.t.Error(err)
		}
	})
	program := filepath.Join(dir, "seaworthy")
	data, err := os.ReadFile(p.Binary)
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "data"), os.DirFS(p.data))
	}
	if err == nil {
		err = filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.Binary, p.data = program, filepath.Join(dir, "data")
	p.Change = func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = dir
	}
}

const nobody = 65534

func chmod(t *testing.T, mode os.FileMode, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	p := newProcess(t, "")
	p.asNobody()
	chmod(t, 0o500, p.data)
	p.begin()
	if err := p.Wait(); err == nil || !strings.Contains(p.Printed(), "cannot be written") || !strings.Contains(p.Printed(), p.data) {
		t.Errorf("the server starts on a folder that it cannot write: %v\n%s", err, p.Printed())
	}
	chmod(t, 0o700, p.data)
	p.start()
	body := report(t, "prod", time.Now().Add(-time.Hour), 3, 0)
	folders, err := filepath.Glob(filepath.Join(p.data, "*"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(p.data, "blobs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, f := range append(append(folders, more...), p.data) {
		if info, err := os.Stat(f); err == nil && info.IsDir() {
			dirs = append(dirs, f)
		}
	}
	chmod(t, 0o500, dirs...)
	if _, status, said := p.send("prod", body); status != http.StatusServiceUnavailable {
		t.Errorf("a report that cannot be kept is answered with %d: %s\n%s", status, said, p.Printed())
	}
	chmod(t, 0o700, dirs...)
	if _, status, said := p.send("prod", body); status != http.StatusCreated {
		t.Errorf("with the folder writable again the report is answered with %d: %s", status, said)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if kept := p.check(); len(kept) != 1 {
		t.Errorf("%d reports are there", len(kept))
	}
}

// gate lets connections through to a database until it is shut.
type gate struct {
	t    *testing.T
	to   string
	l    net.Listener
	mu   sync.Mutex
	shut bool
	open map[net.Conn]bool
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, to: to, l: l, open: map[net.Conn]bool{}}
	go g.serve()
	t.Cleanup(func() { _ = l.Close(); g.set(true) })
	return g
}

func (g *gate) serve() {
	for {
		in, err := g.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		g.mu.Lock()
		if err != nil || g.shut {
			_ = in.Close()
			if out != nil {
				_ = out.Close()
			}
		} else {
			g.open[in], g.open[out] = true, true
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
		}
		g.mu.Unlock()
	}
}

// set shuts the gate, and cuts who is through, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.open {
			_ = c.Close()
		}
		g.open = map[net.Conn]bool{}
	}
}

func TestDatabaseGoneAndBack(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.Database == "" {
			return // its own file: see the full disk and the folder that is read-only
		}
		u, err := url.Parse(c.Database)
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(t, u.Host)
		u.Host = g.l.Addr().String()
		p := newProcess(t, u.String())

		g.set(true)
		p.begin()
		if err := p.Wait(); err == nil || !strings.Contains(p.Printed(), "cannot be used") {
			t.Errorf("the server starts without its database: %v\n%s", err, p.Printed())
		}
		g.set(false)
		p.start()
		began := time.Now().Truncate(time.Hour)
		send := func(n, want int) {
			t.Helper()
			body := report(t, "prod", began.Add(time.Duration(n-100)*time.Minute), 3, n)
			give := time.Now().Add(patience)
			for {
				_, status, said := p.send("prod", body)
				if status == want {
					return
				}
				// Connections that were cut may still be tried when the database is back.
				if status != http.StatusServiceUnavailable || time.Now().After(give) {
					t.Errorf("report %d is answered with %d, want %d: %s\n%s", n, status, want, said, p.Printed())
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		send(1, http.StatusCreated)
		g.set(true)
		send(2, http.StatusServiceUnavailable)
		if status, _ := p.get("/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("readyz says %d without a database", status)
		}
		if status, _ := p.get("/healthz"); status != http.StatusOK {
			t.Errorf("healthz says %d without a database", status)
		}
		g.set(false)
		send(2, http.StatusCreated)
		send(1, http.StatusOK)
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if kept := p.check(); len(kept) != 2 {
			t.Errorf("%d reports are there", len(kept))
		}
	})
}

// A database that comes and goes while reports come: what was accepted is there, once.
func TestDatabaseThatComesAndGoes(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.Database == "" {
			return
		}
		u, err := url.Parse(c.Database)
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(t, u.Host)
		u.Host = g.l.Addr().String()
		p := newProcess(t, u.String())
		p.start()
		ctx, cancel := context.WithCancel(t.Context())
		a := &accepted{runs: map[string]string{}}
		var loops sync.WaitGroup
		for n := range 3 {
			loops.Go(func() { p.reporting(ctx, fmt.Sprint("cluster-", n), a) })
		}
		times := 15
		if testing.Short() {
			times = 3
		}
		for range times {
			before := a.count()
			for give := time.Now().Add(patience); a.count() < before+3; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(give) {
					t.Fatalf("with its database back the server takes no reports\n%s", p.Printed())
				}
			}
			g.set(true)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			g.set(false)
		}
		cancel()
		loops.Wait()
		if err := p.Stop(); err != nil {
			t.Errorf("the server does not stop when asked to: %v\n%s", err, p.Printed())
		}
		kept := p.check()
		for digest, run := range a.runs {
			if got := kept[digest]; len(got) != 1 || got[0] != run {
				t.Errorf("the report %s was taken as run %s; there are the runs %v", digest, run, got)
			}
		}
	})
}
