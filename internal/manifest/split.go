// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errBinary  = errors.New("is a binary file, not YAML or JSON")
	errHalf    = errors.New("is UTF-16 text cut off in the middle of a character")
	newline    = []byte{'\n'}
	byteOrder8 = []byte("\xef\xbb\xbf")
)

// chunk is the text of one document, from its --- line (if any) on. With an error of its
// own it has no text, and the chunks that follow can still be read.
type chunk struct {
	text []byte
	line int // of its first line, from 1
	err  error
}

// splitter cuts a stream into documents while it is read, so that memory follows the
// largest document and not the file. In YAML a --- or ... at the start of a line always
// ends a document, whatever surrounds it; valid JSON never has one inside a value.
type splitter struct {
	r      io.Reader
	limits Limits
	buf    []byte
	start  int // of the next chunk in buf
	line   int // of start
	read   int64
	eof    bool
	begun  bool
}

// newSplitter reads r, into buf as long as that is large enough.
func newSplitter(r io.Reader, buf []byte, limits Limits) *splitter {
	return &splitter{r: r, limits: limits, buf: buf[:0], line: 1}
}

// next gives the next chunk, or io.EOF. Any other error ends the stream. The text is
// valid until the following call.
func (s *splitter) next() (chunk, error) {
	if !s.begun {
		s.begun = true
		if err := s.begin(); err != nil {
			return chunk{}, err
		}
	}
	n, err := s.boundary()
	if err == errOversized {
		return s.oversized()
	}
	if err != nil {
		return chunk{}, err
	}
	if n == 0 {
		return chunk{}, io.EOF
	}
	return s.take(n), nil
}

// whole tells whether c is the first chunk and all of the stream is in buf.
func (s *splitter) whole(c chunk) bool { return s.eof && c.line == 1 }

func (s *splitter) take(n int) chunk {
	c := chunk{text: s.buf[s.start : s.start+n], line: s.line}
	s.line += bytes.Count(c.text, newline)
	s.start += n
	return c
}

// begin looks at the first bytes: a byte order mark is dropped, UTF-16 is converted and
// binary data refused.
func (s *splitter) begin() error {
	if err := s.fill(); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(s.buf, byteOrder8):
		s.start = len(byteOrder8)
	case bytes.HasPrefix(s.buf, []byte{0xff, 0xfe}):
		return s.decode16(binary.LittleEndian)
	case bytes.HasPrefix(s.buf, []byte{0xfe, 0xff}):
		return s.decode16(binary.BigEndian)
	case bytes.IndexByte(s.buf[:min(len(s.buf), 8<<10)], 0) >= 0:
		return errBinary
	}
	return nil
}

// decode16 converts the whole stream at once; UTF-16 is rare enough.
func (s *splitter) decode16(order binary.ByteOrder) error {
	for !s.eof {
		if err := s.fill(); err != nil {
			return err
		}
	}
	raw := s.buf[2:]
	if len(raw)%2 != 0 {
		return errHalf
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	text := make([]byte, 0, len(raw))
	for _, r := range utf16.Decode(units) {
		text = utf8.AppendRune(text, r)
	}
	s.buf = text
	return nil
}

// fill reads more of the stream; afterwards there is more text or eof is set.
func (s *splitter) fill() error {
	if s.start > 0 && s.start >= len(s.buf)/2 {
		s.buf, s.start = append(s.buf[:0], s.buf[s.start:]...), 0
	}
	if free := cap(s.buf) - len(s.buf); free < 512 {
		grown := make([]byte, len(s.buf), max(2*cap(s.buf), 8<<10))
		copy(grown, s.buf)
		s.buf = grown
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		s.read += int64(n)
		if s.read > s.limits.FileBytes {
			return s.limits.fileError()
		}
		switch {
		case err == io.EOF:
			s.eof = true
			return nil
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
	return io.ErrNoProgress
}

var errOversized = errors.New("document too large")

// boundary finds how long the document at s.start is.
func (s *splitter) boundary() (int, error) {
	var directives, content bool
	for pos := 0; ; {
		if pos > s.limits.DocumentBytes {
			return 0, errOversized
		}
		end, err := s.lineEnd(pos)
		if err != nil {
			return 0, err
		}
		if end == pos {
			return pos, nil
		}
		line := s.buf[s.start+pos : s.start+end]
		switch line[0] {
		case '-':
			if isMark(line, '-') && pos > 0 && (content || !directives) {
				return pos, nil
			}
			content = true
		case '.':
			if isMark(line, '.') {
				return end, nil
			}
			content = true
		case '%':
			directives = directives || !content
		case '#', '\n', '\r':
		default:
			content = content || len(bytes.TrimLeft(line, " \t\r\n")) > 0
		}
		pos = end
	}
}

// lineEnd gives where the line at pos ends, after its line break; pos itself at the end
// of the stream. Both are offsets from s.start.
func (s *splitter) lineEnd(pos int) (int, error) {
	for seen := pos; ; {
		if i := bytes.IndexByte(s.buf[s.start+seen:], '\n'); i >= 0 {
			return seen + i + 1, nil
		}
		seen = len(s.buf) - s.start
		if s.eof {
			return seen, nil
		}
		if seen > s.limits.DocumentBytes {
			return 0, errOversized
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// isMark tells whether a line is a document mark of three c.
func isMark(line []byte, c byte) bool {
	if len(line) < 3 || line[0] != c || line[1] != c || line[2] != c {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\n' || line[3] == '\r'
}

// oversized passes a document that is too large. A stream of JSON values is cut between
// them, since such streams have no marks; anything else is dropped up to the next mark.
func (s *splitter) oversized() (chunk, error) {
	if n := jsonPrefix(s.buf[s.start:min(len(s.buf), s.start+s.limits.DocumentBytes)]); n > 0 {
		return s.take(n), nil
	}
	c := chunk{line: s.line, err: s.limits.documentError()}
	for first, whole := true, true; ; first = false {
		end, err := s.lineEnd(0)
		if err == errOversized {
			s.take(len(s.buf) - s.start)
			whole = false // what follows is not the start of a line
			continue
		}
		if err != nil {
			return chunk{}, err
		}
		line := s.buf[s.start : s.start+end]
		if end == 0 || whole && !first && isMark(line, '-') {
			return c, nil
		}
		ends := whole && isMark(line, '.')
		s.take(end)
		if ends {
			return c, nil
		}
		whole = true
	}
}
