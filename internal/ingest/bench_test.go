// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
	"github.com/seaworthy-dev/seaworthy/test/processor"
)

// benchChecks are how many checks a generated report has.
const benchChecks = 60

// generated streams a report of n findings, as large as real ones are.
func generated(n int, started time.Time) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriterSize(w, 1<<16)
		head := cluster()
		head.Source.Started = started
		tool, _ := json.Marshal(head.Tool)
		source, _ := json.Marshal(head.Source)
		catalogue, _ := json.Marshal(head.Catalogue)
		fmt.Fprintf(b, "{\n  \"apiVersion\": %q,\n  \"tool\": %s,\n  \"source\": %s,\n  \"catalogue\": %s,\n  \"findings\": [", head.APIVersion, tool, source, catalogue)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			check := "check-" + strconv.Itoa(i%benchChecks)
			o := deployment("team-"+strconv.Itoa(i/5%40), "service-"+strconv.Itoa(i/5))
			fmt.Fprintf(b, "\n    {\"check\":%q,\"severity\":\"high\",\"category\":\"Security\",\"message\":\"container main-%d allows privilege escalation\",\"object\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"namespace\":%q,\"name\":%q},\"container\":\"main-%d\",\"path\":\"spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation\",\"controls\":[\"workload-isolation\",\"least-privilege\"],\"requirements\":[\"soc2:CC6.1\",\"soc2:CC6.6\",\"soc2:CC6.8\",\"iso27001-2022:A.8.22\",\"pci-dss-4:2.2.3\",\"pci-dss-4:6.5.3\"],\"remediation\":\"Set securityContext.allowPrivilegeEscalation to false for the container; it needs no right beyond those of its parent process.\",\"fingerprint\":%q,\"new\":true,\"waiver\":null}",
				check, i%3, o.Namespace, o.Name, i%3, seaworthy.Fingerprint("prod", check, o, strconv.Itoa(i)))
		}
		b.WriteString("\n  ],\n  \"finished\": \"2026-03-02T09:00:00Z\",\n  \"checks\": [")
		for i := range benchChecks {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "\n{\"id\":\"check-%d\",\"title\":\"Check %d\",\"severity\":\"high\",\"category\":\"Security\",\"status\":\"failed\",\"inScope\":10,\"passed\":1,\"failed\":9,\"controls\":[]}", i, i)
		}
		b.WriteString("],\n\"errors\": [], \"skipped\": [], \"waivers\": [], \"summary\": {}}\n")
		w.CloseWithError(b.Flush())
	}()
	return r
}

// BenchmarkReport takes reports of 200,000 findings into an empty store ("new"), again
// without a difference ("unchanged"), and with every finding gone ("fixed"). It reports
// the most memory that was in use.
func BenchmarkReport(b *testing.B) {
	n := 200_000
	if v, err := strconv.Atoi(os.Getenv("SEAWORTHY_BENCH_FINDINGS")); err == nil {
		n = v
	}
	run := func(b *testing.B, c store.Config, server func() float64) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		c.Now = func() time.Time { return now }
		s := storetest.Open(b, c)
		folder, err := vault.OpenFolder(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer folder.Close()
		cfg := ingest.Config{Store: s, Vault: vault.New(folder, folder), TempDir: b.TempDir()}
		for _, step := range []struct {
			name     string
			findings int
		}{{"new", n}, {"unchanged", n}, {"half", n / 2}, {"back", n}, {"fixed", 0}} {
			now = now.Add(time.Hour)
			peak := watchMemory()
			started, own, theirs := time.Now(), processor.Used().Seconds(), server()
			body := generated(step.findings, now)
			run, err := ingest.Report(b.Context(), cfg, robot, "prod", body)
			if err != nil {
				b.Fatal(err)
			}
			body.Close()
			b.ReportMetric(time.Since(started).Seconds(), step.name+"-s")
			b.ReportMetric(float64(peak())/1e6, step.name+"-MB")
			b.Logf("%s: opened %d, regressed %d, fixed %d, unchanged %d in %.1f s, with %.1f CPU s and %.1f of the database server", step.name,
				run.Opened, run.Regressed, run.Fixed, run.Unchanged, time.Since(started).Seconds(), processor.Used().Seconds()-own, server()-theirs)
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, store.Config{Dir: b.TempDir()}, func() float64 { return 0 }) })
	b.Run("postgres", func(b *testing.B) {
		if os.Getenv(storetest.Environment) == "" {
			b.Skipf("PostgreSQL is not measured: %s is not set", storetest.Environment)
		}
		c := store.Config{Database: storetest.Database(b)}
		run(b, c, serverCPU(b, c.Database))
	})
}

// watchMemory samples the memory of the Go program until the function it gives is called.
func watchMemory() (peak func() uint64) {
	runtime.GC()
	var most atomic.Uint64
	done := make(chan struct{})
	go func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse+m.StackInuse))
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(done); return most.Load() }
}
