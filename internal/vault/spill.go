// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"bytes"
	"fmt"
	"io"
)

// spill keeps bytes until they are asked for: the first in memory, and all of them in a
// temporary file when there are many.
type spill struct {
	temp Temp
	few  bytes.Buffer
	file File
}

// spillFrom is from what size on bytes go to a file.
const spillFrom = 1 << 20

func (s *spill) Write(p []byte) (int, error) {
	if s.few.Len()+len(p) <= spillFrom {
		return s.few.Write(p)
	}
	if err := s.flush(); err != nil {
		return 0, err
	}
	if len(p) > spillFrom {
		return s.file.Write(p)
	}
	return s.few.Write(p)
}

// flush moves what is in memory to the file.
func (s *spill) flush() (err error) {
	if s.file == nil {
		if s.file, err = s.temp.Create(); err != nil {
			return fmt.Errorf("make a temporary file: %w", err)
		}
	}
	_, err = s.few.WriteTo(s.file)
	return err
}

// copyTo gives everything, once.
func (s *spill) copyTo(w io.Writer) error {
	if s.file != nil {
		if err := s.flush(); err != nil {
			return err
		}
		if _, err := s.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.Copy(w, s.file)
		return err
	}
	_, err := w.Write(s.few.Bytes())
	return err
}

// close forgets everything.
func (s *spill) close() error {
	file := s.file
	*s = spill{temp: s.temp}
	if file == nil {
		return nil
	}
	return file.Close()
}
