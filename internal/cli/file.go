// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/seaworthy-dev/seaworthy"
)

// reportFile is a file that has its name only once it is whole: a part of a report must
// not be taken for one. Devices and pipes are written as they are.
type reportFile struct {
	*os.File
	name string // to be given at the end; empty where the file has it already
}

func createReport(name string) (*reportFile, error) {
	f, err := createBeside(name)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err // the name of the temporary file means nothing to anybody
		}
		return nil, &seaworthy.Error{Kind: seaworthy.KindInvalid, Message: "write the report to " + name, Err: err}
	}
	return f, nil
}

func createBeside(name string) (*reportFile, error) {
	st, err := os.Stat(name)
	switch {
	case err == nil && st.IsDir():
		return nil, errors.New("it is a folder")
	case err == nil && !st.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		return &reportFile{File: f}, err
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".seaworthy-*.part")
	if errors.Is(err, os.ErrPermission) && st != nil { // the folder is closed, the file is not
		f, err := os.Create(name)
		return &reportFile{File: f}, err
	}
	if err != nil {
		return nil, err
	}
	mode := os.FileMode(0o644)
	if st != nil {
		mode = st.Mode().Perm()
	}
	return &reportFile{f, name}, f.Chmod(mode)
}

// finish gives the file its name if all went well, and else takes it away.
func (f *reportFile) finish(failed bool) error {
	err := f.Close()
	switch {
	case f.name == "":
		return err
	case failed || err != nil:
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), f.name)
}

// sink is where a report goes.
func (p *program) sink(name string) (out io.Writer, finish func(failed bool) error, err error) {
	if name == "" || name == "-" {
		return p.out, func(bool) error { return nil }, nil
	}
	f, err := createReport(name)
	if err != nil {
		return nil, nil, err
	}
	return f, f.finish, nil
}
