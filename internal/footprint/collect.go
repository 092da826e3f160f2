// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collectEvery is how often it is looked at what is held.
const collectEvery = 2 * time.Second

// Collect has the garbage collector run when the heap has grown by so many percent of what
// is held, but by so many bytes at least, until the context ends: where little is held,
// collecting that again and again would take more time than the work does.
func Collect(ctx context.Context, percent int, least uint64) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for last := 0; ; {
		if now := growth(held(), percent, least); now != last {
			debug.SetGCPercent(now)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// growth is by how many percent of what is held the heap may grow. It moves in steps: to
// set it stops the program for a moment.
func growth(held uint64, percent int, least uint64) int {
	const step, most = 10, 400
	enough := min(least*100/max(held, 1), most)
	return max(percent, int(enough)/step*step)
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
