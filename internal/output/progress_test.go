// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is a terminal of one line, as far as the bar uses it.
type screen struct {
	line   string
	writes int
}

func (s *screen) Write(b []byte) (int, error) {
	s.writes++
	text := string(b)
	if i := strings.LastIndex(text, eraseLine); i >= 0 {
		s.line, text = "", text[i+len(eraseLine):]
	}
	s.line += text
	return len(b), nil
}

func TestProgressOnATerminal(t *testing.T) {
	now := time.Unix(0, 0)
	s := &screen{}
	p := newProgress(s, true, "scanning", func() time.Time { return now })
	p.Set(1, 4000)
	if s.writes != 0 {
		t.Errorf("work that has just begun shows %q", s.line)
	}
	now = now.Add(2 * time.Second)
	p.Set(1000, 4000)
	if want := "scanning ██████░░░░░░░░░░░░░░░░░░ 1,000 of 4,000, 2s"; s.line != want {
		t.Errorf("line %q, want %q", s.line, want)
	}
	p.Set(1001, 4000)
	if s.writes != 1 {
		t.Error("the line is drawn again at once")
	}
	now = now.Add(time.Second)
	p.Set(1234, 0)
	if want := "scanning 1,234, 3s"; s.line != want {
		t.Errorf("line %q, want %q", s.line, want)
	}
	if _, err := p.Beside(s).Write([]byte("report")); err != nil || s.line != "report" {
		t.Errorf("beside the bar stands %q (%v)", s.line, err)
	}
	now = now.Add(time.Second)
	p.Set(3000, 4000)
	p.Set(4000, 4000)
	if s.line != "" {
		t.Errorf("all is done and %q is still there", s.line)
	}
	now = now.Add(time.Second)
	p.Set(10, 4000)
	p.Done()
	now = now.Add(time.Second)
	p.Set(11, 4000)
	if s.line != "" {
		t.Errorf("after the end %q is still there", s.line)
	}
}

func TestProgressElsewhere(t *testing.T) {
	now := time.Unix(0, 0)
	s := &screen{}
	p := newProgress(s, false, "scanning", func() time.Time { return now })
	now = now.Add(time.Hour)
	p.Set(1, 2)
	p.Done()
	if s.writes != 0 {
		t.Errorf("on a file it shows %q", s.line)
	}
}

func TestProgressTakesManyAtOnce(t *testing.T) {
	p := NewProgress(&screen{}, true, "scanning")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				p.Set(i, 1000)
			}
		})
	}
	wg.Wait()
	p.Done()
}
