// SPDX-License-Identifier: Apache-2.0

//go:build unix

package kubeaudit_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/schema"
	"github.com/seaworthy-dev/seaworthy/test/processor"
	"github.com/seaworthy-dev/seaworthy/test/reviews"
)

// BenchmarkRead reads what an API server sends and what it writes to its log: the mix of
// writes with which reviews are measured.
func BenchmarkRead(b *testing.B) {
	var list [][]byte
	for i := range 10 {
		for _, w := range reviews.Mix(fmt.Sprintf("%08d", i)) {
			list = append(list, w.Event(fmt.Sprint("audit-", i, len(list)), fmt.Sprint("review-", i), "2026-11-02T03:04:05.000000Z", "91234567"))
		}
	}
	n := len(list)
	text := []byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + string(bytes.Join(list, []byte(","))) + `]}`)
	lines := bytes.Join(list, []byte("\n"))
	for _, c := range []struct {
		name string
		text []byte
	}{{"list", text}, {"lines", lines}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			began := processor.Used()
			for b.Loop() {
				r := kubeaudit.Reader{Kinds: schema.KindOf, Key: []byte("k")}
				got, err := r.Read(bytes.NewReader(c.text))
				if err != nil || got.Events != n {
					b.Fatal(err, got.Events, got.Problems)
				}
			}
			b.ReportMetric(float64((processor.Used()-began).Microseconds())/float64(b.N*n), "cpu-µs/event")
		})
	}
}
