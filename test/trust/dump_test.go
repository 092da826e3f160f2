// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// A PostgreSQL server is backed up as the documentation says, while reports come: the dump,
// then the rest; and what comes back is whole, goes on, and shows what was altered.
func TestPostgresBackupAndRestore(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		if c.Database == "" {
			return // see TestBackupAndRestore in internal/server
		}
		dump, load := postgresProgram(t, "pg_dump"), postgresProgram(t, "pg_restore")
		p := newProcess(t, c.Database)
		p.start()
		ctx, cancel := context.WithCancel(t.Context())
		a := &accepted{runs: map[string]string{}}
		var g sync.WaitGroup
		g.Go(func() { p.reporting(ctx, "prod", a) })
		for a.count() < 5 {
			time.Sleep(20 * time.Millisecond)
		}
		dir := t.TempDir()
		run := func(name string, args ...string) {
			t.Helper()
			if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
			}
		}
		run(dump, "--format=custom", "--file="+filepath.Join(dir, "dump"), c.Database)
		if err := p.Command("backup", "--data", p.data, filepath.Join(dir, "rest.tar")).Run(); err != nil {
			t.Fatalf("backup: %v\n%s", err, p.Printed())
		}
		cancel()
		g.Wait()
		if err := p.Stop(); err != nil {
			t.Error(err)
		}

		again := storetest.Database(t)
		run(load, "--exit-on-error", "--single-transaction", "--no-owner", "--dbname="+again, filepath.Join(dir, "dump"))
		q := serverProcess(t, filepath.Join(dir, "new"), again, p.token)
		q.args = []string{"--log-key", filepath.Join(p.data, "log.key"), "--secret-key", filepath.Join(p.data, "secret.key")}
		t.Cleanup(q.kill)
		if err := q.Command("restore", "--data", q.data, filepath.Join(dir, "rest.tar")).Run(); err != nil || !strings.Contains(q.Printed(), "and verified") {
			t.Fatalf("restore: %v\n%s", err, q.Printed())
		}
		q.start()
		if _, status, said := q.send("prod", report(t, "prod", time.Now(), 4, 0)); status != http.StatusCreated {
			t.Errorf("the restored server answers a report with %d: %s", status, said)
		}
		if err := q.Stop(); err != nil {
			t.Error(err)
		}
		s, err := server.Open(t.Context(), server.Config{Data: q.data, Database: again, LogKey: filepath.Join(p.data, "log.key"), SecretKey: filepath.Join(p.data, "secret.key")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.SelfCheck(t.Context())
		if err != nil || !got.Intact() {
			t.Errorf("the restored server went on to %q, %v", got.Problems, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		altered := storetest.Copy(t, store.Config{Database: again})
		storetest.Tamper(t, altered, `UPDATE findings SET message = 'all is well' WHERE id = (SELECT MIN(id) FROM findings)`)
		cmd := q.Command("restore", "--data", filepath.Join(dir, "third"), "--database", altered.Database, filepath.Join(dir, "rest.tar"))
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("restoring beside an altered database exits with %v\n%s", err, q.Printed())
		}
	})
}

// count is how many reports were taken so far.
func (a *accepted) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.runs)
}
