// SPDX-License-Identifier: Apache-2.0

//go:build unix

package audit_test

import (
	"os"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/processor"
)

// BenchmarkReadiness counts half a year of the whole catalogue, with three clusters that
// report every day. Beside the time it says what the process took of the processors.
func BenchmarkReadiness(b *testing.B) {
	run := func(b *testing.B, c store.Config) {
		catalogue := everything(b)
		co := founded(b, catalogue, c)
		p := co.halfYear(catalogue)
		before := processor.Used()
		for b.Loop() {
			co.readyOfHalfYear(p)
		}
		b.ReportMetric(float64((processor.Used()-before).Microseconds())/1000/float64(b.N), "CPU-ms/op")
	}
	b.Run("sqlite", func(b *testing.B) { run(b, store.Config{Dir: storetest.Dir(b)}) })
	b.Run("postgres", func(b *testing.B) {
		if os.Getenv(storetest.Environment) == "" {
			b.Skipf("PostgreSQL is not measured: %s is not set", storetest.Environment)
		}
		run(b, store.Config{Database: storetest.Database(b)})
	})
}
