// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"sync"
	"time"
)

// Clock is the made-up time in which the example company's half year passes. Each look
// at it takes a moment, so that nothing happens at the same time as something else. Once
// the half year is over it goes as every clock does. It is safe for concurrent use.
type Clock struct {
	mu   sync.Mutex
	at   time.Time
	live bool
}

// look is how long a look at the clock takes.
const look = time.Millisecond

// NewClock makes a clock that stands at the start of the half year that ends at now.
func NewClock(now time.Time) *Clock { return &Clock{at: begin(now)} }

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		if now := time.Now(); now.After(c.at) {
			return now
		}
	}
	c.at = c.at.Add(look)
	return c.at
}

// forward moves the clock to a later time; it never goes back.
func (c *Clock) forward(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to.After(c.at) {
		c.at = to
	}
}

// release lets the clock go.
func (c *Clock) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = true
}
