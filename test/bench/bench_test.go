// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/bench"
)

// sizes are the numbers of workloads; cost must grow in proportion.
var sizes = []int{400, 10000}

func generated(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	files, size, err := bench.Generate(dir, n, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d workloads in %d files, %d bytes", n, files, size)
	return dir
}

// binary builds the program as it is released.
func binary(b *testing.B) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), "seaworthy")
	cmd := exec.Command("go", "build", "-tags", "kustomize_disable_go_plugin_support", "-o", out, "../../cmd/seaworthy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if msg, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, msg)
	}
	return out
}

// BenchmarkProgram measures whole processes: CPU seconds (user and system) and peak
// memory of scanning with every check, with JSON output to a file.
func BenchmarkProgram(b *testing.B) {
	program := binary(b)
	b.Run("version", func(b *testing.B) { measure(b, program, "version") })
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := generated(b, n)
			measure(b, program, "scan", dir, "--no-progress", "--fail-on", "none", "-o", "json", "--output-file", filepath.Join(b.TempDir(), "report.json"))
		})
	}
}

func measure(b *testing.B, program string, args ...string) {
	b.Helper()
	var cpu float64
	var peak int64
	for b.Loop() {
		cmd := exec.Command(program, args...)
		var msg bytes.Buffer
		cmd.Stderr = &msg
		if err := cmd.Run(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, msg.Bytes())
		}
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		peak = max(peak, usage.Maxrss)
	}
	b.ReportMetric(cpu/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(peak)/1024, "MiB-peak")
}

// BenchmarkScan runs in this process, for profiles.
func BenchmarkScan(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := generated(b, n)
			for b.Loop() {
				scanFolder(b, dir)
			}
		})
	}
}

func scanFolder(b *testing.B, dir string) {
	b.Helper()
	ctx := context.Background()
	catalogue, err := scan.NewCatalogue(ctx, scan.Selection{})
	if err != nil {
		b.Fatal(err)
	}
	plan, err := manifest.NewPlan(ctx, manifest.Options{Paths: []string{dir}})
	if err != nil {
		b.Fatal(err)
	}
	format, err := output.Named("json")
	if err != nil {
		b.Fatal(err)
	}
	source := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "bench"}
	cfg := scan.Config{Catalogue: catalogue, Target: "1.36"}
	if _, err := scan.Run(ctx, cfg, scan.Files(source, plan, snapshot.NewDecoder()), format.New(io.Discard, output.Options{})); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDecodeOnly decodes the same YAML with the library that the ecosystem uses and
// does nothing else: the floor that a scan is compared with.
func BenchmarkDecodeOnly(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := generated(b, n)
			for b.Loop() {
				decodeAll(b, dir)
			}
		})
	}
}

func decodeAll(b *testing.B, dir string) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, doc := range bytes.Split(raw, []byte("\n---\n")) {
			var v map[string]any
			if err := yaml.Unmarshal(doc, &v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
