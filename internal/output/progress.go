// SPDX-License-Identifier: Apache-2.0

package output

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress shows how far long work has come: one line on a terminal that redraws itself
// and is gone at the end. It shows nothing on anything else, nor of work that is soon
// done. It is safe for concurrent use.
type Progress struct {
	w     io.Writer
	what  string
	shows bool
	now   func() time.Time

	mu            sync.Mutex
	started, last time.Time
	drawn         bool
	ended         bool
}

const (
	progressAfter = 400 * time.Millisecond // work that is done before shows nothing
	progressEvery = 100 * time.Millisecond
	eraseLine     = "\r\x1b[K"
)

// NewProgress makes a bar on w, which is a terminal or not. What says in a word what is
// being done: "scanning".
func NewProgress(w io.Writer, terminal bool, what string) *Progress {
	return newProgress(w, terminal, what, time.Now)
}

func newProgress(w io.Writer, terminal bool, what string, now func() time.Time) *Progress {
	return &Progress{w: w, what: clip(clean(what), 20), shows: terminal, now: now, started: now()}
}

// Set says that done of total are done; a total of 0 is not known.
func (p *Progress) Set(done, total int) {
	if !p.shows {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch {
	case p.ended:
		return
	case total > 0 && done >= total:
		p.erase() // what follows the work often prints
		return
	case now.Sub(p.started) < progressAfter, now.Sub(p.last) < progressEvery:
		return
	}
	p.last, p.drawn = now, true
	line := eraseLine + p.what + " " + number(done)
	if total > 0 {
		const cols = 24
		line = eraseLine + p.what + " " + faintly(pad(bar(done, total, cols), cols)) + " " + number(done) + " of " + number(total)
	}
	fmt.Fprint(p.w, line+", "+now.Sub(p.started).Round(time.Second).String())
}

// faintly draws the empty part of a bar.
func faintly(s string) string {
	out := []rune(s)
	for i := range out {
		if out[i] == ' ' {
			out[i] = '░'
		}
	}
	return string(out)
}

// Done takes the line away, for good.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.ended = true
}

func (p *Progress) erase() {
	if p.drawn {
		fmt.Fprint(p.w, eraseLine)
	}
	p.drawn = false
}

// Beside makes a writer for what goes to the same terminal as the bar: it takes the bar
// away before it writes. The bar comes back with the next [Progress.Set].
func (p *Progress) Beside(w io.Writer) io.Writer { return beside{p, w} }

type beside struct {
	p *Progress
	w io.Writer
}

func (b beside) Write(data []byte) (int, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	b.p.erase()
	return b.w.Write(data)
}
