// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spool keeps texts in a temporary file, so that memory holds an index of a report only.
type spool struct {
	f   *os.File
	w   *bufio.Writer
	at  int64
	buf []byte
}

func newSpool(dir string) (*spool, error) {
	f, err := os.CreateTemp(dir, "seaworthy-report-*")
	if err != nil {
		return nil, noRoom("make", err)
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Close gives the file up.
func (s *spool) Close() error { return errors.Join(s.f.Close(), os.Remove(s.f.Name())) }

// add keeps texts and gives where they are.
func (s *spool) add(texts ...string) (at int64, err error) {
	s.buf = s.buf[:0]
	for _, t := range texts {
		s.buf = append(binary.AppendUvarint(s.buf, uint64(len(t))), t...)
	}
	head := binary.AppendUvarint(nil, uint64(len(s.buf)))
	at = s.at
	for _, part := range [][]byte{head, s.buf} {
		if _, err := s.w.Write(part); err != nil {
			return 0, noRoom("write", err)
		}
		s.at += int64(len(part))
	}
	return at, nil
}

// get gives the texts that were kept at a place; n is how many.
func (s *spool) get(at int64, n int) ([]string, error) {
	if s.w.Buffered() > 0 {
		if err := s.w.Flush(); err != nil {
			return nil, noRoom("write", err)
		}
	}
	r := bufio.NewReaderSize(io.NewSectionReader(s.f, at, s.at-at), 1024)
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, fmt.Errorf("read a temporary file: %w", err)
	}
	if int64(size) > s.at-at {
		return nil, errors.New("read a temporary file: it was changed")
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read a temporary file: %w", err)
	}
	out := make([]string, 0, n)
	for rest := string(data); len(out) < n; {
		size, used := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		if used <= 0 || uint64(len(rest)-used) < size {
			return nil, errors.New("read a temporary file: it was changed")
		}
		out = append(out, rest[used:used+int(size)])
		rest = rest[used+int(size):]
	}
	return out, nil
}
