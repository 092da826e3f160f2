// SPDX-License-Identifier: Apache-2.0

//go:build unix

package agent

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/seaworthy-dev/seaworthy/test/program"
)

// wire is the network between two that speak with each other: it is cut as by a policy, which
// neither of them notices but by that the other does not answer.
type wire struct {
	t    *testing.T
	addr string // here one connects

	mu       sync.Mutex
	targets  []string // whoever answers of these is spoken with, as behind a Service
	listener net.Listener
	ends     map[net.Conn]bool
	wait     sync.WaitGroup
}

func newWire(t *testing.T, targets ...string) *wire {
	w := &wire{t: t, addr: program.FreeAddress(t), targets: targets, ends: map[net.Conn]bool{}}
	w.join()
	t.Cleanup(func() {
		w.cut()
		w.wait.Wait()
	})
	return w
}

// also adds somebody who may answer.
func (w *wire) also(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = append(w.targets, target)
}

// join lets everything through again.
func (w *wire) join() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.listener = l
	w.mu.Unlock()
	w.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wait.Go(func() { w.carry(c) })
		}
	})
}

// cut ends what goes through, and lets nothing through from here on.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		return
	}
	if err := w.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		w.t.Error(err)
	}
	w.listener = nil
	for c := range w.ends {
		_ = c.Close()
	}
}

// keep notes one end, or closes it where nothing goes through any more.
func (w *wire) keep(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listener == nil {
		_ = c.Close()
		return false
	}
	w.ends[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ends, c)
	_ = c.Close()
}

func (w *wire) carry(from net.Conn) {
	if !w.keep(from) {
		return
	}
	defer w.drop(from)
	to := w.dial()
	if to == nil || !w.keep(to) {
		return
	}
	defer w.drop(to)
	done := make(chan struct{}, 2)
	for _, ends := range [...][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(ends[0], ends[1])
			done <- struct{}{}
		}()
	}
	<-done
	_, _ = from.Close(), to.Close()
	<-done
}

func (w *wire) dial() net.Conn {
	w.mu.Lock()
	targets := w.targets
	w.mu.Unlock()
	for _, target := range targets {
		if c, err := net.Dial("tcp", target); err == nil {
			return c
		}
	}
	return nil
}
