// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"
	"time"
)

// TestSteady: a clock that is set an hour forward or back is noticed, one that drifts is
// not, and neither is time in which nobody asked.
func TestSteady(t *testing.T) {
	start := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	machine, wall := start, start
	v := &steady{since: machine, machine: machine, wall: wall}
	pass := func(by, drift time.Duration) time.Duration {
		machine, wall = machine.Add(by), wall.Add(by+drift)
		return v.ago(wall, machine)
	}
	if got := pass(15*time.Second, time.Second); got != 15*time.Second {
		t.Errorf("after 15 seconds: %s", got)
	}
	if got := pass(2*time.Hour, -time.Second); got != 2*time.Hour+15*time.Second {
		t.Errorf("after two hours in which nobody asked: %s", got)
	}
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		if got := pass(15*time.Second, jump); got != 0 {
			t.Errorf("set by %s: %s", jump, got)
		}
		if got := pass(15*time.Second, 0); got != 15*time.Second {
			t.Errorf("15 seconds after it was set by %s: %s", jump, got)
		}
	}
}
