// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/test/processor"
	"github.com/seaworthy-dev/seaworthy/test/reviews"
)

// BenchmarkReview measures whole reviews, from the bytes of the API server to those of
// the answer, with all checks on: a mix of what clusters write, of which one in ten is big.
// CPU time is that of the process, without any network.
func BenchmarkReview(b *testing.B) {
	bodies := mix()
	ordinary := len(bodies) - 1
	d := admission.NewDoor(guard(b, admission.Config{Default: admission.Warn}, everything()), admission.DoorConfig{Seen: func(*admission.Request) {}})
	ask := func(body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
	for _, body := range bodies { // compiles what is needed
		ask(body)
	}
	b.Run("mix", func(b *testing.B) {
		took := make([]time.Duration, 0, b.N)
		b.ReportAllocs()
		cpu := processor.Used()
		for i := range b.N {
			at := time.Now()
			ask(bodies[i%ordinary])
			took = append(took, time.Since(at))
		}
		b.ReportMetric(float64((processor.Used()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		cpu := processor.Used()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				ask(bodies[i%ordinary])
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reviews/s")
		b.ReportMetric(float64((processor.Used()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
	})
	for i, name := range []string{"pod", "deployment", "update", "service", "secret", "role", "configmap", "scale", "exec", "big", "huge"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(bodies[i])))
			b.ReportAllocs()
			cpu := processor.Used()
			for range b.N {
				ask(bodies[i])
			}
			b.ReportMetric(float64((processor.Used()-cpu).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// everything runs all checks: those that need parameters have some.
func everything() scan.Selection {
	return scan.Selection{Settings: map[string]scan.Setting{
		"image-registry-not-allowed": {Parameters: map[string]string{"registries": "registry.example.com,ghcr.io/shop"}},
		"required-labels":            {Parameters: map[string]string{"labels": "app.kubernetes.io/name,team"}},
	}}
}

// mix is ten reviews as they come, the last one big, and a huge one beside them.
func mix() [][]byte {
	const mark = "00000001"
	var out [][]byte
	for _, w := range append(reviews.Mix(mark), reviews.Big(mark, 40)) {
		out = append(out, w.Review("u1"))
	}
	return out
}
