// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// restoringFolder is in the data folder while a restore is under way, and after one that
// was cut. What is in it is of no use to anybody but that restore.
const restoringFolder = "restoring"

// stage is where a restore puts files together, beside the place that they get at its end:
// on the same disk, so that a name is all they need.
type stage struct {
	data string // the folder
	dir  string // of this restore alone; empty: it came to its end
	// stays says that the folder is the mark of a restore that came to no end.
	stays bool
}

// newStage makes a stage in a data folder, and removes the ones of restores that were cut. One
// that runs in the same folder still fails at its end.
func newStage(data string, stays bool) (*stage, error) {
	parent := filepath.Join(data, restoringFolder)
	if err := errors.Join(os.RemoveAll(parent), os.Mkdir(parent, 0o700)); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "")
	if err != nil {
		return nil, err
	}
	return &stage{data, dir, stays}, syncFolder(data)
}

// write writes a file and brings it to the disk. It gives how many bytes there were.
func (s *stage) write(name string, in io.Reader) (int64, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, in)
	return n, errors.Join(err, f.Sync(), f.Close())
}

func (s *stage) has(name string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, name))
	return err == nil
}

// fits refuses a key in whose place another one is.
func (s *stage) fits(name, file string) error {
	there, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	mine, err2 := os.ReadFile(filepath.Join(s.dir, name))
	if err = errors.Join(err, err2); err != nil {
		return unwritable(s.data, err)
	}
	if !bytes.Equal(bytes.TrimSpace(there), bytes.TrimSpace(mine)) {
		return seaworthy.Conflict("there is another key at %s already; move it away, or restore into another folder", file)
	}
	return nil
}

// placeKey gives a key its place, if the backup had it and it is not there yet. That may be
// on another disk: it is copied beside it first.
func (s *stage) placeKey(name, file string) error {
	if !s.has(name) {
		return nil
	}
	if err := s.fits(name, file); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	key, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return unwritable(s.data, err)
	}
	near := file + ".restoring"
	if err := os.Remove(near); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a restore that was cut
		return unwritable(filepath.Dir(file), err)
	}
	if err := writeKey(near, strings.TrimSuffix(string(key), "\n"), 0o600); err != nil {
		return unwritable(filepath.Dir(file), err)
	}
	if err := place(near, file); err != nil {
		return err
	}
	if err := os.Remove(near); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(filepath.Dir(file), err)
	}
	return nil
}

// placeDatabase gives a closed SQLite database its place.
func (s *stage) placeDatabase() error {
	if s.has(store.DatabaseFile + "-wal") {
		return fmt.Errorf("the restored database left a journal in %s", s.dir)
	}
	return place(filepath.Join(s.dir, store.DatabaseFile), filepath.Join(s.data, store.DatabaseFile))
}

// place gives a file its place at once and whole. What came there meanwhile stays.
func place(from, file string) error {
	err := os.Link(from, file)
	if err != nil && !errors.Is(err, fs.ErrExist) { // not every file system knows links
		if _, there := os.Lstat(file); errors.Is(there, fs.ErrNotExist) {
			err = os.Rename(from, file)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return seaworthy.Conflict("%s came to be while the backup was restored; move it away and restore again", file)
	}
	if err = errors.Join(err, syncFolder(filepath.Dir(file))); err != nil {
		return unwritable(filepath.Dir(file), err)
	}
	return nil
}

// done removes the stage after everything has its place.
func (s *stage) done() error {
	s.stays = false
	return s.clear()
}

// clear removes what was put together. Where the folder marks a restore that came to no end,
// it stays.
func (s *stage) clear() error {
	if s.dir == "" {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	s.dir = ""
	if !s.stays {
		_ = os.Remove(filepath.Join(s.data, restoringFolder)) // unless another restore is there
	}
	return syncFolder(s.data)
}

// cutRestore refuses a data folder into which a restore is under way, or was cut, before its
// SQLite database had its place.
func cutRestore(data string) error {
	folder := filepath.Join(data, restoringFolder)
	if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return unwritable(data, err)
	}
	if _, err := os.Lstat(filepath.Join(data, store.DatabaseFile)); err == nil {
		return nil // it was cut when all was done
	}
	return seaworthy.Conflict("a restore into %s is under way or was cut short; run 'seaworthy restore' with the backup again, or remove %s to give it up and begin with an empty database", data, folder)
}

// syncFolder makes a folder's names durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
