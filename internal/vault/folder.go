// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Folder keeps blobs as files below a folder.
type Folder struct {
	root *os.Root
	path string
}

// OpenFolder makes the folder where needed.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(dir, "temp"), 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{root, dir}
	if err := f.sweep(time.Now().Add(-abandoned)); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

// abandoned is when a temporary file has lost whoever wrote it. Another server may use
// the folder too.
const abandoned = 24 * time.Hour

// sweep removes temporary files of programs that were killed while they wrote them.
func (f *Folder) sweep(before time.Time) error {
	files, err := fs.ReadDir(f.root.FS(), "temp")
	if err != nil {
		return err
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			_ = f.root.Remove(path.Join("temp", file.Name())) // it costs room and nothing else
		}
	}
	return nil
}

// Close lets go of the folder.
func (f *Folder) Close() error { return f.root.Close() }

// String is the folder's path.
func (f *Folder) String() string { return f.path }

// Put writes a new file, syncs it, and gives it its name only then.
func (f *Folder) Put(_ context.Context, name string, r io.Reader, _ int64) (err error) {
	if _, err := f.root.Stat(name); err == nil {
		return nil // names are digests: the bytes are the same
	}
	// A name of its own: the same bytes may be on their way twice.
	temp := "temp/out-" + rand.Text()
	w, err := f.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.Remove(temp) // the next start sweeps it up
		}
	}()
	if _, err = io.Copy(w, r); err != nil {
		return errors.Join(err, w.Close())
	}
	if err = errors.Join(w.Sync(), w.Close()); err != nil {
		return err
	}
	dir := path.Dir(name)
	if err = f.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err = f.root.Rename(temp, name); err != nil {
		return err
	}
	return errors.Join(f.sync(dir), f.sync("."))
}

// sync makes a folder's names durable.
func (f *Folder) sync(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get opens a file.
func (f *Folder) Get(_ context.Context, name string) (io.ReadCloser, error) { return f.root.Open(name) }

// Delete removes a file; one that is gone is no error.
func (f *Folder) Delete(_ context.Context, name string) error {
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.sync(path.Dir(name))
}

// Names walks the files.
func (f *Folder) Names(ctx context.Context, visit func(string, int64) error) error {
	return fs.WalkDir(f.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Dir(p) == "temp" {
			return errors.Join(err, ctx.Err())
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return visit(p, info.Size())
	})
}

// Create makes a temporary file in the folder, so that a full disk shows early.
func (f *Folder) Create() (File, error) {
	t, err := os.CreateTemp(filepath.Join(f.path, "temp"), "in-")
	if err != nil {
		return nil, err
	}
	// Without a name, where the system has such, it goes with a program that is killed too.
	_ = os.Remove(t.Name())
	return tempFile{t}, nil
}

// tempFile goes when it is closed.
type tempFile struct{ *os.File }

// Close closes the file and removes it where it has its name still.
func (t tempFile) Close() error {
	err := t.File.Close()
	if gone := os.Remove(t.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
