// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// backedUp is a server that took a few reports, and its backup with the keys.
type backedUp struct {
	*process
	config store.Config
	file   string
	runs   int
}

func backUp(t *testing.T, c store.Config) backedUp {
	t.Helper()
	b := backedUp{process: newProcess(t, c.Database), config: c, file: filepath.Join(t.TempDir(), "backup.tar"), runs: 4}
	b.start()
	for n := range b.runs {
		if _, status, said := b.send("prod", report(t, "prod", time.Now().Add(time.Duration(n-10)*time.Minute), 3+n, n)); status != http.StatusCreated {
			t.Fatalf("report %d is answered with %d: %s", n, status, said)
		}
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := b.Command("backup", "--with-keys", "--data", b.data, b.file).Run(); err != nil {
		t.Fatalf("backup: %v\n%s", err, b.Printed())
	}
	return b
}

// to prepares a process that restores into a new folder, beside a copy of a PostgreSQL
// database.
func (b backedUp) to(t *testing.T) *process {
	t.Helper()
	database := ""
	if b.database != "" {
		database = storetest.Copy(t, b.config).Database
	}
	return serverProcess(t, filepath.Join(t.TempDir(), "new"), database, b.token)
}

// part is where a file of a backup begins in it, and how many bytes it has.
type part struct {
	name        string
	begin, size int64
}

func parts(t *testing.T, file string) (out []part) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part{head.Name, at, head.Size})
	}
}

// refuses checks that nothing opens what a restore left that was cut.
func (p *process) refuses(what string) {
	p.t.Helper()
	for _, args := range [][]string{
		{"serve", "--data", p.data, "--listen", p.address, "--wait", "0s"},
		{"backup", "--data", p.data, filepath.Join(p.t.TempDir(), "none.tar")},
	} {
		before := len(p.Printed())
		cmd := p.Command(args...)
		if err := cmd.Start(); err != nil {
			p.t.Fatal(err)
		}
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); err == nil || !late.Stop() {
			p.t.Errorf("%s: %s ends with %v", what, args[0], err)
		}
		if said := p.Printed()[before:]; !strings.Contains(said, "run 'seaworthy restore' with the backup again") {
			p.t.Errorf("%s: %s says\n%s", what, args[0], said)
		}
	}
	if p.database != "" {
		return
	}
	for _, name := range []string{store.DatabaseFile, "log.key", "secret.key"} {
		if _, err := os.Lstat(filepath.Join(p.data, name)); !errors.Is(err, fs.ErrNotExist) {
			p.t.Errorf("%s: %s is in its place: %v", what, name, err)
		}
	}
}

// restores restores a whole backup, and checks that a server goes on with it.
func (p *process) restores(b backedUp) {
	p.t.Helper()
	if err := p.Command("restore", "--data", p.data, b.file).Run(); err != nil || !strings.Contains(p.Printed(), "and verified") {
		p.t.Fatalf("restore: %v\n%s", err, p.Printed())
	}
	for _, left := range []string{"restoring", "log.key.restoring", "secret.key.restoring", store.DatabaseFile + "-wal"} {
		if _, err := os.Lstat(filepath.Join(p.data, left)); !errors.Is(err, fs.ErrNotExist) {
			p.t.Errorf("%s is left: %v", left, err)
		}
	}
	if temps, err := filepath.Glob(filepath.Join(p.data, "blobs", "temp", "*")); err != nil || len(temps) > 0 && p.database == "" {
		p.t.Errorf("temporary files are left: %v, %v", temps, err)
	}
	if kept := p.check(); len(kept) != b.runs {
		p.t.Errorf("%d reports are there, want %d", len(kept), b.runs)
	}
	p.start()
	if _, status, said := p.send("prod", report(p.t, "prod", time.Now(), 4, 0)); status != http.StatusCreated {
		p.t.Errorf("the restored server answers a report with %d: %s", status, said)
	}
	if err := p.Stop(); err != nil {
		p.t.Error(err)
	}
}

// A restore that is killed at any of its parts leaves nothing that a server starts on, and
// the next one needs no help.
func TestRestoreIsKilled(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		b := backUp(t, c)
		all := parts(t, b.file)
		var blobs []part
		for _, one := range all {
			if strings.HasPrefix(one.name, "blobs/") {
				blobs = append(blobs, one)
			}
		}
		if len(blobs) < 2 {
			t.Fatalf("the backup holds %v", all)
		}
		type cut struct {
			at   int64
			sign string // a file that is there when so much was read
		}
		blob := strings.TrimPrefix(blobs[0].name, "blobs/")
		cuts := map[string]cut{
			"in the last blob": {blobs[len(blobs)-1].begin + blobs[len(blobs)-1].size/2, filepath.Join("blobs", blob[:2], "*"+blob[2:])},
		}
		if database := all[1]; c.Database == "" {
			cuts["in the database"] = cut{database.begin + database.size/2, "restoring/*/" + store.DatabaseFile}
			cuts["in the first blob"] = cut{blobs[0].begin + blobs[0].size/2, "restoring/*/secret.key"}
		} else {
			cuts["in the first blob"] = cut{blobs[0].begin + blobs[0].size/2, "restoring/*/secret.key"}
		}
		for name, one := range cuts {
			p := b.to(t)
			p.killedIn(b.file, one.at, one.sign)
			p.refuses("killed " + name)
			p.restores(b)
		}
	})
}

// killedIn restores the beginning of a backup until a file is there, and then no more.
func (p *process) killedIn(file string, upTo int64, sign string) {
	p.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	r, w, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Close()
	cmd := p.Command("restore", "--data", p.data, "-")
	cmd.Stdin = r
	if err := errors.Join(cmd.Start(), r.Close()); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if _, err := io.CopyN(w, f, upTo); err != nil {
		p.t.Errorf("it reads no more: %v\n%s", err, p.Printed())
	}
	for give := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if there, err := filepath.Glob(filepath.Join(p.data, sign)); err == nil && len(there) > 0 {
			break
		}
		if time.Now().After(give) {
			p.t.Errorf("there is no %s", sign)
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		p.t.Error(err)
	}
	var exit *exec.ExitError
	if err := <-ended; !errors.As(err, &exit) || exit.Exited() {
		p.t.Errorf("it was not killed: %v\n%s", err, p.Printed())
	}
}

// A backup that ends in the middle is as good as none, and a whole one comes after it.
func TestRestoreOfHalfABackup(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		b := backUp(t, c)
		data, err := os.ReadFile(b.file)
		if err != nil {
			t.Fatal(err)
		}
		half := filepath.Join(t.TempDir(), "half.tar")
		all := parts(t, b.file)
		last := all[len(all)-1]
		if err := os.WriteFile(half, data[:last.begin+last.size/2], 0o600); err != nil {
			t.Fatal(err)
		}
		p := b.to(t)
		cmd := p.Command("restore", "--data", p.data, half)
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(p.Printed(), "no whole backup") {
			t.Errorf("restoring half a backup: %v\n%s", err, p.Printed())
		}
		p.refuses("half a backup")
		p.restores(b)
	})
}

// A disk that takes no more than a part of the database.
func TestRestoreOnAFullDisk(t *testing.T) {
	b := backUp(t, store.Config{Dir: storetest.Dir(t)})
	p := b.to(t)
	p.Env = append(p.Env, fmt.Sprintf("%s=%d", fileLimit, 64<<10))
	if err := p.Command("restore", "--data", p.data, b.file).Run(); err == nil || !strings.Contains(p.Printed(), "cannot be written") {
		t.Errorf("restoring on a full disk: %v\n%s", err, p.Printed())
	}
	p.Env = p.Env[:len(p.Env)-1]
	p.refuses("a full disk")
	p.restores(b)
}

// No server starts on a database into which pg_restore brought a part of a dump, however far
// it came: it makes the tables, fills them, and makes the keys and indexes.
func TestADumpThatIsLoadedInPart(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.Database == "" {
			return // it has no dumps
		}
		b := backUp(t, c)
		dir := t.TempDir()
		run := func(name string, args ...string) {
			t.Helper()
			if out, err := exec.Command(postgresProgram(t, name), args...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
		run("pg_dump", "--format=custom", "--file="+filepath.Join(dir, "dump"), c.Database)
		again := storetest.Database(t)
		refused := func(after string) {
			t.Helper()
			s, err := server.Open(t.Context(), server.Config{Data: filepath.Join(dir, "none"), Database: again})
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "holds a part of a dump") || !strings.Contains(err.Error(), "--single-transaction") {
				t.Errorf("after %s the database is opened: %v", after, err)
			}
		}
		load := func(section string) {
			t.Helper()
			run("pg_restore", "--no-owner", "--section="+section, "--dbname="+again, filepath.Join(dir, "dump"))
		}
		load("pre-data")
		refused("its tables")
		load("data")
		refused("its rows")
		load("post-data")
		p := serverProcess(t, filepath.Join(t.TempDir(), "new"), again, b.token)
		p.restores(b)
	})
}
