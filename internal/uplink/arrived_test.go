// SPDX-License-Identifier: Apache-2.0

package uplink

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestArrived waits for the server to have what was observed, for as long as the context
// lasts, and neither for a server that does not answer nor where nothing is sent.
func TestArrived(t *testing.T) {
	r := newReceiver(t)
	u := r.open(t.TempDir(), func(c *Config) { c.Every = time.Hour })
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if !u.Arrived(ctx) {
		t.Error("nothing was observed, and it has not arrived")
	}

	asked, free := make(chan struct{}, 1), make(chan struct{})
	r.http.Config.Handler = held(r.http.Config.Handler, asked, free)
	u.Observe(observation(1))
	if u.Arrived(ctx) {
		t.Error("nothing is sent yet, and it has arrived")
	}
	go func() { done <- u.Run(ctx) }()
	<-asked
	short, end := context.WithTimeout(ctx, 20*time.Millisecond)
	defer end()
	if u.Arrived(short) {
		t.Error("what the server has not answered to has arrived")
	}
	close(free)
	if !u.Arrived(ctx) || !slices.Equal(r.observed(), []string{"1"}) {
		t.Errorf("the server has %q", r.observed())
	}

	r.failing(func() int { return http.StatusServiceUnavailable })
	u.Observe(observation(2))
	if u.Arrived(ctx) {
		t.Error("what the server refused has arrived")
	}
	r.failing(nil)
	for !u.Arrived(ctx) { // until it is tried again
		time.Sleep(time.Millisecond)
	}
	if !slices.Equal(r.observed(), []string{"1", "2"}) {
		t.Errorf("the server has %q", r.observed())
	}
	u.Observe(observation(3))
	stop()
	u.Arrived(t.Context()) // whether it went before the end or not, it does not wait beyond that
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

// held says when messages come and answers when it is let.
func held(h http.Handler, asked chan<- struct{}, free <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/api/v1/agent/messages" {
			select {
			case asked <- struct{}{}:
			default:
			}
			<-free
		}
		h.ServeHTTP(w, q)
	})
}
