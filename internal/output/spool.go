// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A block is what a spool gathers of one key before it goes to the file. What stays in
// memory is one block for each key and, for each one written, where it lies.
const blockSize = 16 << 10

// spool keeps records by key, in the order in which they came, in a temporary file that
// is there only once there is more than fits a block. The file is unlinked while it is
// open where the system allows that, so that it is gone however the program ends.
type spool struct {
	file *os.File
	name string // of a file that is still to be removed
	size int64
	by   map[string]*chain
}

type chain struct {
	pending bytes.Buffer
	blocks  []block
}

type block struct {
	at   int64
	size int
}

// add appends v, as JSON, to the records of the key.
func (s *spool) add(key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("spool a record: %w", err)
	}
	if s.by == nil {
		s.by = map[string]*chain{}
	}
	c := s.by[key]
	if c == nil {
		c = &chain{}
		s.by[key] = c
	}
	c.pending.Write(b)
	c.pending.WriteByte('\n')
	if c.pending.Len() < blockSize {
		return nil
	}
	return s.flush(c)
}

func (s *spool) flush(c *chain) error {
	if s.file == nil {
		f, err := os.CreateTemp("", "seaworthy-report-*")
		if err != nil {
			return fmt.Errorf("create a temporary file for the report: %w", err)
		}
		s.file = f
		if os.Remove(f.Name()) != nil {
			s.name = f.Name()
		}
	}
	n, err := s.file.WriteAt(c.pending.Bytes(), s.size)
	if err != nil {
		return fmt.Errorf("write the report's temporary file: %w", err)
	}
	c.blocks = append(c.blocks, block{s.size, n})
	s.size += int64(n)
	c.pending.Reset()
	return nil
}

// each calls f with every record of the key, in order, until f returns false. The bytes
// are good until f returns.
func (s *spool) each(key string, f func(record []byte) bool) error {
	c := s.by[key]
	if c == nil {
		return nil
	}
	var buf []byte
	for _, b := range c.blocks {
		buf = append(buf[:0], make([]byte, b.size)...)
		if _, err := s.file.ReadAt(buf, b.at); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the report's temporary file: %w", err)
		}
		if !records(buf, f) {
			return nil
		}
	}
	records(c.pending.Bytes(), f)
	return nil
}

func records(b []byte, f func([]byte) bool) bool {
	for line := range bytes.Lines(b) {
		if !f(bytes.TrimSuffix(line, []byte{'\n'})) {
			return false
		}
	}
	return true
}

// Close removes the file. A closed spool is empty and may be used again.
func (s *spool) Close() error {
	f, name := s.file, s.name
	*s = spool{}
	if f == nil {
		return nil
	}
	err := f.Close()
	if name != "" {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		return fmt.Errorf("remove the report's temporary file: %w", err)
	}
	return nil
}
