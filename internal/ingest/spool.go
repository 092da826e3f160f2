// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	f, err := scratch(dir)
	if err != nil {
		return nil, err
	}
	return &spool{f: f, w: bufio.NewWriterSize(f, 1<<16)}, nil
}

// Close gives the file up.
func (s *spool) Close() error { return discard(s.f) }

// scratch makes a temporary file without a name, where the system has such: it goes with
// the process that holds it, also with one that was killed.
func scratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "seaworthy-report-*")
	if err != nil {
		return nil, noRoom("make", err)
	}
	_ = os.Remove(f.Name()) // elsewhere discard removes it
	return f, nil
}

func discard(f *os.File) error {
	err := f.Close()
	if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

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
