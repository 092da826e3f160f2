// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// items is how many pieces of evidence the package of the benchmark has.
func items() int {
	if n, err := strconv.Atoi(os.Getenv("SEAWORTHY_BENCH_ITEMS")); err == nil {
		return n
	}
	return 100000
}

// TestPackageOfManyItems measures the export of a package and its verification, on
// SQLite. It runs where SEAWORTHY_BENCH is set, since filling takes minutes.
func TestPackageOfManyItems(t *testing.T) {
	if testing.Short() || os.Getenv("SEAWORTHY_BENCH") == "" {
		t.Skip("SKIPPED, no package was measured: SEAWORTHY_BENCH is not set")
	}
	w := newWorld(t, server.Config{})
	w.fill()
	w.pile(items())
	path := filepath.Join(t.TempDir(), "package.zip")
	out, err := os.Create(path)
	w.must(err)
	began, peak := time.Now(), resetPeak(t)
	seal, err := w.audit.Export(t.Context(), manager, audit.PackageRequest{Program: w.program.ID}, audit.Sealer{Signer: w.signer}, out)
	w.must(err)
	w.must(out.Close())
	took, memory := time.Since(began), peak()
	t.Logf("export: %d files, %s, peak %d MiB", seal.Files, took.Round(time.Millisecond), memory)
	if took > time.Minute || memory > 200 {
		t.Errorf("the export took %s and %d MiB", took, memory)
	}
	in, err := os.Open(path)
	w.must(err)
	defer in.Close()
	info, err := in.Stat()
	w.must(err)
	began, peak = time.Now(), resetPeak(t)
	got, err := vault.Verify(in, info.Size(), vault.Trust{Key: w.key})
	w.must(err)
	took, memory = time.Since(began), peak()
	t.Logf("verify: %d MB, %d entries, %s, peak %d MiB", info.Size()/1000000, got.Entries, took.Round(time.Millisecond), memory)
	if !got.Intact() || got.LeftOut > 0 || took > 30*time.Second {
		t.Errorf("the verification took %s and tells %.500q", took, got.Problems)
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

// resetPeak forgets how much memory the process held, and gives a function that tells how
// much it held since at most, in MiB.
func resetPeak(t *testing.T) func() int {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Logf("peak memory since the start of the process: %v", err)
	}
	peak := func() int {
		data, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Skip("SKIPPED, memory is measured on Linux")
		}
		_, rest, _ := strings.Cut(string(data), "VmHWM:")
		kb, _ := strconv.Atoi(strings.Fields(rest)[0])
		return kb / 1024
	}
	t.Logf("held before: %d MiB", peak())
	return peak
}
