// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// reader reads one unit.
type reader struct {
	ctx    context.Context
	dec    *snapshot.Decoder
	emit   func(*snapshot.Object) error
	unit   *Unit
	limits Limits
	result Result
}

func (r *reader) error(file string, line int, err error) {
	r.result.Errors = append(r.result.Errors, problem(file, line, err))
}

func (r *reader) skip(file string, line int, format string, args ...any) {
	r.result.Skipped = append(r.result.Skipped,
		seaworthy.Problem{File: file, Line: line, Message: fmt.Sprintf(format, args...)})
}

func problem(file string, line int, err error) seaworthy.Problem {
	var at *lineError
	if errors.As(err, &at) {
		line = at.line
	}
	// Libraries write messages of several lines; a problem is one.
	return seaworthy.Problem{File: file, Line: line, Message: strings.Join(strings.Fields(err.Error()), " ")}
}

// reason says why a file could not be read, without its name: the problem has that.
func reason(err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("cannot be read: permission denied")
	case errors.As(err, &at):
		return fmt.Errorf("cannot be read: %w", at.Err)
	}
	return err
}

// buffers keeps read buffers between files: most files are small and many.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

// file reads the unit's file.
func (r *reader) file() error {
	f, err := os.Open(r.unit.Path)
	if err != nil {
		r.result.Files++
		r.error(r.unit.Path, 0, reason(err))
		return nil
	}
	defer f.Close()
	return r.stream(f)
}

// stream reads a plain file or standard input, which is the unit.
func (r *reader) stream(in io.Reader) error {
	name := filepath.ToSlash(r.unit.Path)
	r.result.Files++
	buf := buffers.Get().(*[]byte)
	s := newSplitter(in, *buf, r.limits)
	defer func() {
		if cap(s.buf) <= 1<<20 {
			*buf = s.buf[:0]
		}
		buffers.Put(buf)
	}()
	p := &page{reader: r, name: name, explicit: r.unit.explicit, hint: r.unit.hint}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		c, err := s.next()
		if err == io.EOF {
			break
		}
		if !p.explicit && s.whole(c) && !mayHold(s.buf) {
			p.reader.skip(name, 0, "holds no Kubernetes object")
			return nil
		}
		if err != nil {
			p.mentions = true
			p.trouble(s.line, reason(err))
			break
		}
		if err := p.chunk(c); err != nil {
			return err
		}
	}
	p.end()
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
