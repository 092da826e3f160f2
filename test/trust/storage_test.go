// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/s3"
)

// A server whose blobs are in object storage: nothing is taken while that is away, without
// harm and without a restart, and a backup of it comes back whole, into storage too.
func TestObjectStorageGoneAndBack(t *testing.T) {
	storage := s3.Start(t)
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		bucket := strings.Replace(storage.Address, "/evidence", "/evidence/"+filepath.Base(t.Name()), 1)
		p := newProcess(t, c.Database)
		p.args = []string{"--storage", bucket}
		p.start()
		began := time.Now().Add(-time.Hour)
		send := func(n, want int) {
			t.Helper()
			_, status, said := p.send("prod", report(t, "prod", began.Add(time.Duration(n)*time.Second), 3, n))
			if status != want {
				t.Errorf("report %d is answered with %d, want %d: %s", n, status, want, said)
			}
		}
		send(1, http.StatusCreated)
		storage.Kill()
		send(2, http.StatusServiceUnavailable)
		if status, said := p.get("/healthz"); status != http.StatusOK {
			t.Errorf("without its storage the server is not alive: %d %s", status, said)
		}
		storage.Run()
		send(2, http.StatusCreated)
		send(1, http.StatusOK)
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if left, err := filepath.Glob(filepath.Join(p.data, "blobs", "??", "*")); err != nil || len(left) > 0 {
			t.Errorf("blobs are in the data folder: %v, %v", left, err)
		}
		from := server.Config{Data: p.data, Database: p.database, Storage: bucket}
		file := filepath.Join(t.TempDir(), "backup.tar")
		if err := p.Command(append(where(from), "backup", file)...).Run(); err != nil {
			t.Fatalf("backup: %v\n%s", err, p.Printed())
		}
		to := server.Config{Data: filepath.Join(t.TempDir(), "new"), Database: p.database, Storage: strings.Replace(bucket, "?", "-again?", 1)}
		if err := p.Command(append(where(to), "restore", file)...).Run(); err != nil {
			t.Fatalf("restore: %v\n%s", err, p.Printed())
		}
		to.LogKey = filepath.Join(p.data, "log.key")
		s, err := server.Open(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got, err := s.SelfCheck(t.Context()); err != nil || !got.Intact() {
			t.Errorf("what was restored: %q, %v", got.Problems, err)
		}
		runs := runsOf(t, s)
		if len(runs) != 2 {
			t.Errorf("%d reports are there", len(runs))
		}
		page, err := s.Store().Runs(t.Context(), store.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			if err := s.Vault().Check(t.Context(), r.Blob); err != nil {
				t.Errorf("the raw report of %s: %v", r.ID, err)
			}
		}
	})
}

// where are the flags that say where the data is. Commands read the database's address
// from the environment too, which is that of the first server.
func where(c server.Config) []string {
	args := []string{"--data", c.Data}
	if c.Database != "" {
		args = append(args, "--database", c.Database)
	}
	if c.Storage != "" {
		args = append(args, "--storage", c.Storage)
	}
	return args
}

// postgresProgram finds one of PostgreSQL's own, where Debian keeps them.
func postgresProgram(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return filepath.Join(dir, name)
			}
		}
		t.Skipf("SKIPPED, no PostgreSQL was dumped and restored: there is no %s", name)
	}
	return found[len(found)-1]
}
