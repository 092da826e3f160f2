// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"context"
	"runtime"
	"testing"
)

func TestGrowthIsEnoughForLittleAndBoundedForMuch(t *testing.T) {
	const least = 32 << 20
	for held, want := range map[uint64]int{
		0: 400, 4 << 20: 400, 20 << 20: 160, 32 << 20: 100, 50 << 20: 60, 64 << 20: 50, 1 << 30: 50,
	} {
		if got := growth(held, 50, least); got != want {
			t.Errorf("of %d MiB it may grow by %d %%, want %d", held>>20, got, want)
		}
	}
}

// TestMuchWorkMayTakeMoreMemory: only while much is done.
func TestMuchWorkMayTakeMoreMemory(t *testing.T) {
	const least = 32 << 20
	for n, want := range map[uint64]uint64{0: least, busyRate: least, 10 * busyRate: busyMore * least} {
		if got := enough(least, n); got != want {
			t.Errorf("with %d things done it may grow by %d bytes, want %d", n, got, want)
		}
	}
}

// What the runtime tells is what stays after a collection.
func TestHeld(t *testing.T) {
	big := make([]byte, 64<<20)
	runtime.GC()
	if got := held(); got < 64<<20 {
		t.Errorf("%d bytes are held, want 64 MiB at least", got)
	}
	runtime.KeepAlive(big)
}

// It is known after each collection that one was, and no more once it is over.
func TestAfterEachCollection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan struct{}, 100)
	afterEach(ctx, func() { told <- struct{}{} })
	for range 3 {
		runtime.GC()
		<-told
	}
	cancel()
	runtime.GC()
	<-told // was asked for before
	runtime.GC()
	runtime.GC()
	if len(told) > 0 {
		t.Errorf("it is told of %d collections after the end", len(told))
	}
}
