// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"net/http"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// TestTheEnd sends what waits before it says that nothing more comes; a server that is away
// takes neither, and nothing is forgotten.
func TestTheEnd(t *testing.T) {
	r, dir := newReceiver(t), t.TempDir()
	u := r.open(dir, func(c *Config) { c.Every = time.Minute }) // for which the server is waited for
	u.Observe(observation(1))
	r.failing(func() int { return http.StatusServiceUnavailable })
	if err := u.End(t.Context()); err == nil {
		t.Error("a server that is away was told of the end")
	}
	r.failing(nil)
	if err := u.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := r.beats[len(r.beats)-1]
	if got := r.observed(); len(got) != 1 || !last.Ended || last.Waiting[seaworthy.StreamChanges] != 0 || last.Last[seaworthy.StreamChanges] != 1 {
		t.Errorf("observed %q, last heartbeat %+v", got, last)
	}
	if err := u.Beat(t.Context()); err != nil || r.beats[len(r.beats)-1].Ended {
		t.Errorf("a heartbeat as usual says that it ends: %v", err)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}
