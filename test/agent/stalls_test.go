// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"context"
	"sync"
	"testing"
	"time"
)

// stalls measures for how long the machine kept somebody waiting who wanted nothing but a
// moment of it every second.
type stalls struct {
	mu  sync.Mutex
	sum time.Duration
}

func newStalls(t *testing.T) *stalls {
	s := &stalls{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		const step, leeway = time.Second, 250 * time.Millisecond
		for ctx.Err() == nil {
			began := time.Now()
			time.Sleep(step)
			if over := time.Since(began) - step; over > leeway {
				s.mu.Lock()
				s.sum += over
				s.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return s
}

func (s *stalls) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum
}
