// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collectEvery is how often it is looked at what is held.
const collectEvery = 2 * time.Second

// A process is busy that does so many things a second, and may then let the heap grow by so
// much more.
const busyRate, busyMore = 100, 5

// Collect has the garbage collector run when the heap has grown by so many percent of what
// is held, but by so many bytes at least, until the context ends: where little is held,
// collecting that again and again would take more time than the work does. done counts what
// was done: while that is much, memory is cheaper than time.
func Collect(ctx context.Context, percent int, least uint64, done func() uint64) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	collected := make(chan struct{}, 1)
	afterEach(ctx, func() {
		select {
		case collected <- struct{}{}:
		default:
		}
	})
	before := done()
	for last, more := 0, least; ; {
		if now := growth(held(), percent, more); now != last {
			debug.SetGCPercent(now)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-collected: // what is held may be many times what it was, and the next is not far
		case <-tick.C:
			n := done()
			more, before = enough(least, n-before), n
		}
	}
}

// afterEach calls f after each collection, until the context ends.
func afterEach(ctx context.Context, f func()) {
	if ctx.Err() != nil {
		return
	}
	garbage := new([16]byte) // too large to share its place with others
	runtime.AddCleanup(garbage, func(ctx context.Context) {
		f()
		afterEach(ctx, f)
	}, ctx)
}

// enough is by how much the heap may grow at least, with so many things done since the last
// look.
func enough(least, done uint64) uint64 {
	if done > busyRate*uint64(collectEvery/time.Second) {
		return least * busyMore
	}
	return least
}

// growth is by how many percent of what is held the heap may grow. It moves in steps: to
// set it stops the program for a moment.
func growth(held uint64, percent int, least uint64) int {
	const step, most = 10, 400
	needed := min(least*100/max(held, 1), most)
	return max(percent, int(needed)/step*step)
}

// held is what the latest collection left.
func held() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
