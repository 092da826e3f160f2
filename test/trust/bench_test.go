// SPDX-License-Identifier: Apache-2.0

//go:build unix

package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// items is how many pieces of evidence the package of the benchmark has.
func items() int {
	if n, err := strconv.Atoi(os.Getenv("SEAWORTHY_BENCH_ITEMS")); err == nil {
		return n
	}
	return 100000
}

// TestPackageOfManyItems measures what a server uses to make a package, and the program to
// verify it, each in a process of its own, on each database. It runs where SEAWORTHY_BENCH
// is set, since filling takes minutes.
func TestPackageOfManyItems(t *testing.T) {
	if testing.Short() || os.Getenv("SEAWORTHY_BENCH") == "" {
		t.Skip("SKIPPED, no package was measured: SEAWORTHY_BENCH is not set")
	}
	if _, err := os.ReadFile("/proc/self/stat"); err != nil {
		t.Skip("SKIPPED, memory is measured on Linux")
	}
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := newWorld(t, server.Config{Database: c.Database})
		w.fill()
		w.pile(items())
		token := tokenOf(t, w.server.Auth(), seaworthy.ComplianceManager)
		key := w.server.LogKey()
		w.must(w.server.Close())
		p := serverProcess(t, w.config.Data, c.Database, token)
		t.Cleanup(p.kill)
		p.start()
		p.settle()
		file := filepath.Join(t.TempDir(), "package.zip")
		stop := measure(t, "export", p.PID(), time.Minute)
		p.Env = append(p.Env, "SEAWORTHY_TOKEN="+token)
		p.measured("package", "--server", "http://"+p.address, "--key", key, "-o", file)
		stop()
		w.must(p.Stop())
		p.measured("verify", "--key", key, file)
		t.Logf("%.2000s", p.Printed())
	})
}

// settle waits until the server did what servers do when they start: it checks itself.
func (p *process) settle() {
	p.t.Helper()
	for range 600 {
		r, err := http.NewRequest(http.MethodGet, "http://"+p.address+"/api/v1/log/self-checks", nil)
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+p.token)
		resp, err := client.Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			p.t.Fatal(err)
		}
		if strings.Contains(string(body), "finishedAt") {
			return
		}
		time.Sleep(time.Second)
	}
	p.t.Fatalf("the server has not checked itself in ten minutes:\n%s", p.Printed())
}

// measured runs the program to its end and holds it to what is wanted.
func (p *process) measured(args ...string) {
	p.t.Helper()
	cmd := p.Command(args...)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	most := map[string]time.Duration{"package": 90 * time.Second, "verify": 30 * time.Second}[args[0]]
	stop := measure(p.t, "seaworthy "+args[0], cmd.Process.Pid, most)
	err := cmd.Wait()
	stop()
	if err != nil {
		p.t.Errorf("seaworthy %s ends with %v:\n%s", args[0], err, p.Printed())
	}
}

// pile adds uploads of 1 to 8 KB, past the vault's syncing to disk.
func (w *world) pile(n int) {
	w.t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < n; done += 1000 {
		w.must(w.server.Store().Write(w.t.Context(), manager.Actor, func(tx *store.Tx) error {
			for i := done; i < min(done+1000, n); i++ {
				text := fmt.Sprintf("item %d\n", i) + strings.Repeat(fmt.Sprintf("%d,%x,allowed\n", i, random.Uint64()), 30+random.IntN(250))
				sum := sha256.Sum256([]byte(text))
				digest := hex.EncodeToString(sum[:])
				dir := filepath.Join(w.config.Data, "blobs", digest[:2])
				if err := os.MkdirAll(dir, 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, digest), []byte(text), 0o600); err != nil {
					return err
				}
				e := seaworthy.Evidence{
					Kind: seaworthy.EvidenceUpload, Title: fmt.Sprintf("Export of item %d", i), Shows: seaworthy.Design, Digest: digest, Size: int64(len(text)),
					MediaType: "text/csv", FileName: fmt.Sprintf("item-%d.csv", i), Collector: manager.Actor, Controls: []string{w.config.Controls[i%len(w.config.Controls)].ID},
					EffectiveFrom: w.now.Add(-2 * day), EffectiveTo: w.now.Add(-day), CollectedAt: w.now.Add(-time.Hour),
				}
				if err := tx.AddEvidence(&e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// wantedMemory is how much a process may hold, in MB.
const wantedMemory = 200

// measure watches a process. What it gives tells what the process used since, and holds it
// to the time and the memory that are wanted.
func measure(t testing.TB, what string, pid int, most time.Duration) (stop func()) {
	t.Helper()
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // forgets the peak
	began, peak, cpu := time.Now(), peakOf(pid), cpuOf(pid)
	before, used := peak, cpu
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if now := peakOf(pid); now > 0 {
				peak, used = max(peak, now), cpuOf(pid)
			}
			select {
			case <-end:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() {
		t.Helper()
		took := time.Since(began)
		close(end)
		<-ended
		t.Logf("%s: %s, %s of CPU, peak %d MB (%d MB before)", what, took.Round(time.Millisecond), used-cpu, peak, before)
		if took > most || peak > wantedMemory {
			t.Errorf("the %s took %s and %d MB, want at most %s and %d MB", what, took, peak, most, wantedMemory)
		}
	}
}

// peakOf is how much memory a process held at most, in MB; 0 when it is gone.
func peakOf(pid int) int {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, found := strings.Cut(string(data), "VmHWM:")
	if !found {
		return 0
	}
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kib * 1024 / 1000000
}

// cpuOf is what a process computed, for itself and in the kernel.
func cpuOf(pid int) time.Duration {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, found := strings.Cut(string(data), ") ")
	if !found {
		return 0
	}
	f := strings.Fields(rest) // from the third on
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
