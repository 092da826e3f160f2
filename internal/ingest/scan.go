// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/seaworthy-dev/seaworthy"
)

// maxDepth bounds how deep values are nested; a bit of a word stands for each level.
const maxDepth = 64

// scanner cuts a stream of JSON into values without reading them: a report is hundreds of
// megabytes, of which most is repeated or not looked at. It holds one value at a time.
type scanner struct {
	r    io.Reader
	buf  []byte
	pos  int // what was taken
	end  int // what was read
	read int64
	err  error // of r, once it ended
}

func newScanner(r io.Reader) *scanner { return &scanner{r: r, buf: make([]byte, 1<<16)} }

// more reads more behind what there is; keep is the first byte that is still needed. It
// tells by how much what there is moved.
func (s *scanner) more(keep, limit int) (moved int, err error) {
	if s.err != nil {
		return 0, s.err
	}
	if keep > 0 {
		moved = copy(s.buf, s.buf[keep:s.end])
		s.pos, s.end, moved = s.pos-keep, moved, keep
	}
	if s.end == len(s.buf) {
		if s.end >= limit {
			return moved, seaworthy.Invalid("a value of the report is larger than %d bytes", limit)
		}
		s.buf = append(s.buf, make([]byte, min(len(s.buf), limit))...)
	}
	n, err := s.r.Read(s.buf[s.end:])
	s.end += n
	s.read += int64(n)
	if err != nil {
		s.err = err
		if errors.Is(err, io.EOF) {
			s.err = io.ErrUnexpectedEOF
		}
	}
	if n > 0 || err == nil {
		return moved, nil
	}
	return moved, s.err
}

// peek gives the next byte that is not white space.
func (s *scanner) peek() (byte, error) {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return c, nil
			}
		}
		if _, err := s.more(s.pos, 1<<16); err != nil {
			return 0, notReport(err)
		}
	}
}

// want takes one byte that must come.
func (s *scanner) want(c byte) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return notReport(fmt.Errorf("%q where %q should stand", got, c))
	}
	s.pos++
	return nil
}

// each goes through the values of a list or the members of an object, whose end is end.
func (s *scanner) each(end byte, f func() error) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == end {
		s.pos++
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		c, err := s.peek()
		switch {
		case err != nil:
			return err
		case c != ',' && c != end:
			return notReport(fmt.Errorf("%q where a comma or %q should stand", c, end))
		}
		s.pos++
		if c == end {
			return nil
		}
	}
}

// value takes the next value whole. Its bytes hold until the next call.
func (s *scanner) value(limit int) ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	start, w := s.pos, walk{}
	for at := s.pos; ; {
		next, done, err := w.on(s.buf[start:s.end], at-start)
		if err != nil {
			return nil, err
		}
		if next > limit {
			return nil, seaworthy.Invalid("a value of the report is larger than %d bytes", limit)
		}
		if done {
			s.pos = start + next
			return s.buf[start:s.pos], nil
		}
		at = start + next
		moved, err := s.more(start, limit+len(s.buf))
		if err != nil {
			return nil, notReport(err)
		}
		start, at = start-moved, at-moved
	}
}

// skip passes over the next value without holding it.
func (s *scanner) skip() error {
	if _, err := s.peek(); err != nil {
		return err
	}
	w := walk{}
	for {
		next, done, err := w.on(s.buf[s.pos:s.end], 0)
		if err != nil {
			return err
		}
		s.pos += next
		if done {
			return nil
		}
		if _, err := s.more(s.pos, 1<<16); err != nil {
			return notReport(err)
		}
	}
}

// walk finds the end of a value. It can stop where the bytes end and go on later.
type walk struct {
	depth   int
	lists   uint64 // the levels that are lists, innermost lowest
	quoted  bool
	escaped bool // the byte before was a backslash in a string
	plain   bool // in a number or a word
}

// on goes on at i. done tells that the value ends before next.
func (w *walk) on(b []byte, i int) (next int, done bool, err error) {
	for i < len(b) {
		if w.quoted {
			if i = w.text(b, i); w.quoted {
				break
			}
			if w.depth == 0 {
				return i, true, nil
			}
			continue
		}
		switch c := b[i]; c {
		case '"':
			if w.plain {
				return 0, false, notReport(fmt.Errorf("%q inside of a word", c))
			}
			w.quoted = true
		case '{', '[':
			if err := w.push(c == '['); err != nil {
				return 0, false, err
			}
		case '}', ']':
			if w.depth == 0 && w.plain {
				return i, true, nil
			}
			if err := w.pop(c == ']'); err != nil {
				return 0, false, err
			}
			if w.plain = false; w.depth == 0 {
				return i + 1, true, nil
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if w.depth == 0 {
				if !w.plain {
					return 0, false, notReport(fmt.Errorf("%q where a value should stand", c))
				}
				return i, true, nil
			}
			w.plain = false
		default:
			w.plain = true
		}
		i++
	}
	return i, false, nil
}

// text goes on in a string, to behind its end or to the end of the bytes.
func (w *walk) text(b []byte, i int) int {
	for i < len(b) {
		if w.escaped {
			w.escaped = false
			i++
			continue
		}
		n := bytes.IndexByte(b[i:], '"')
		part := b[i:]
		if n >= 0 {
			part = part[:n]
		}
		if e := bytes.IndexByte(part, '\\'); e >= 0 {
			w.escaped = true
			i += e + 1
			continue
		}
		if n < 0 {
			return len(b)
		}
		w.quoted = false
		return i + n + 1
	}
	return i
}

func (w *walk) push(list bool) error {
	if w.depth == maxDepth || w.plain {
		return seaworthy.Invalid("the report is malformed or nested deeper than %d levels", maxDepth)
	}
	w.depth++
	w.lists <<= 1
	if list {
		w.lists |= 1
	}
	return nil
}

func (w *walk) pop(list bool) error {
	if w.depth == 0 || (w.lists&1 == 1) != list {
		return notReport(errors.New("a bracket that was not opened"))
	}
	w.depth--
	w.lists >>= 1
	return nil
}

func notReport(err error) error {
	var told *seaworthy.Error
	if errors.As(err, &told) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "this is not a whole report in JSON", Err: err}
}
