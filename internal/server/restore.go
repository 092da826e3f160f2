// SPDX-License-Identifier: Apache-2.0

package server

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// restoring is a restore under way. A SQLite database and the keys are put together and
// verified apart, and get their places at the very end; a PostgreSQL database is marked
// until its blobs are there.
type restoring struct {
	*Server
	stage    *stage
	manifest Manifest
	problems []string // blobs of the backup that are not what they are called
}

// Restore brings a backup back into a data folder that holds no database, or its blobs
// beside a PostgreSQL database that was restored before, and verifies everything. The
// result tells what is wrong; the error, that it could not be restored.
//
// One that is cut can be begun again at any time, and until one came to its end no server
// starts on what is there.
func Restore(ctx context.Context, c Config, in io.Reader) (_ Manifest, _ store.SelfCheck, err error) {
	c = c.defaults()
	r := &restoring{Server: &Server{config: c, log: c.Log}}
	defer func() {
		err = errors.Join(err, r.Close())
		if r.stage != nil {
			err = errors.Join(err, r.stage.clear())
		}
	}()
	none := store.SelfCheck{}
	if err := r.emptyData(); err != nil {
		return Manifest{}, none, err
	}
	t := tar.NewReader(in)
	if err := r.readManifest(t); err != nil {
		return r.manifest, none, err
	}
	if err := r.begin(ctx); err != nil {
		return r.manifest, none, err
	}
	if err := r.unpack(ctx, t); err != nil {
		return r.manifest, none, err
	}
	if c.Database == "" {
		if err := r.openRestored(ctx, r.stage.dir); err != nil {
			return r.manifest, none, err
		}
	}
	result, err := r.SelfCheck(ctx)
	if err != nil {
		return r.manifest, result, err
	}
	result.Problems = append(r.problems, result.Problems...)
	return r.manifest, result, r.finish(ctx)
}

// emptyData makes the data folder and refuses one that is in use.
func (s *Server) emptyData() error {
	if err := writable(s.config.Data); err != nil {
		return err
	}
	if s.config.Database != "" {
		return nil
	}
	file := filepath.Join(s.config.Data, store.DatabaseFile)
	// SQLite would take the leftover journal of another database for the restored one's.
	for _, file := range []string{file, file + "-wal", file + "-journal"} {
		if _, err := os.Lstat(file); err == nil {
			return seaworthy.Conflict("there is a database at %s already; restore into another folder, or move it away", file)
		}
	}
	return nil
}

func badBackup(err error) error { return seaworthy.Invalid("this is no whole backup: %v", err) }

// readManifest reads what the backup says of itself. Nothing is written before.
func (r *restoring) readManifest(t *tar.Reader) error {
	m := &r.manifest
	switch head, err := t.Next(); {
	case err != nil:
		return badBackup(fmt.Errorf("it does not begin with %s: %w", backupManifest, err))
	case head.Name != backupManifest:
		return badBackup(fmt.Errorf("it begins with %q instead of %s", head.Name, backupManifest))
	}
	if err := json.NewDecoder(io.LimitReader(t, 1<<20)).Decode(m); err != nil {
		return badBackup(fmt.Errorf("read %s: %w", backupManifest, err))
	}
	if m.Format != backupFormat {
		return badBackup(fmt.Errorf("its format is %q, want %q", m.Format, backupFormat))
	}
	if (m.Engine == "SQLite") != (r.config.Database == "") {
		return seaworthy.Invalid("the backup is of a server on %s; restore its database first and name it with --database, or leave --database out for SQLite", m.Engine)
	}
	return nil
}

// begin clears what a restore left that was cut, and says that one is under way.
func (r *restoring) begin(ctx context.Context) (err error) {
	if r.config.Database == "" {
		// Without a database nobody else puts blobs there.
		if err := os.RemoveAll(filepath.Join(r.config.Data, "blobs", "temp")); err != nil {
			return unwritable(r.config.Data, err)
		}
	}
	if r.stage, err = newStage(r.config.Data, r.config.Database == ""); err != nil {
		return unwritable(r.config.Data, err)
	}
	if r.config.Database != "" {
		if err := r.openRestored(ctx, r.config.Data); err != nil {
			return err
		}
		if err := r.store.BeginRestore(ctx); err != nil {
			return err
		}
	}
	return r.openVault(ctx)
}

// openRestored opens the database that was restored, in a folder where it is SQLite's, if
// it is the one of the backup.
func (r *restoring) openRestored(ctx context.Context, dir string) (err error) {
	data := r.config.Data
	r.config.Data = dir
	err = r.openStore(ctx)
	r.config.Data = data
	if err != nil {
		return err
	}
	if r.public, err = r.store.Setting(ctx, logKeySetting); err != nil {
		return err
	}
	if want := r.manifest.LogKey; r.public == "" || r.public != want {
		return seaworthy.Invalid("the database is not the one of this backup: its log is signed with %s, the backup's with %s", nameOf(r.public), nameOf(want))
	}
	if r.key, err = note.NewVerifier(r.public); err != nil {
		return seaworthy.Invalid("the database names no public key of its log")
	}
	return nil
}

// unpack writes the parts of a backup after the manifest. Names decide where they go; a
// name that no backup has is refused.
func (r *restoring) unpack(ctx context.Context, t *tar.Reader) error {
	for {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return r.complete()
		} else if err != nil {
			return badBackup(err)
		}
		if err := r.unpackOne(ctx, head, t); err != nil {
			return err
		}
	}
}

func (r *restoring) unpackOne(ctx context.Context, head *tar.Header, in io.Reader) error {
	if head.Typeflag != tar.TypeReg {
		return seaworthy.Invalid("the backup holds %q, which is no file", head.Name)
	}
	if digest, ok := blobOf(head.Name); ok {
		return r.putBlob(ctx, digest, in, head.Size)
	}
	switch {
	case head.Name == backupLogKey, head.Name == backupSecret:
	case head.Name == store.DatabaseFile && r.config.Database == "":
	default:
		return seaworthy.Invalid("the backup holds %q, which no backup does", head.Name)
	}
	n, err := r.stage.write(head.Name, in)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && n != head.Size {
		return seaworthy.Invalid("this is no whole backup: %s ends in the middle", head.Name)
	}
	if err != nil {
		return unwritable(r.config.Data, err)
	}
	if file, ok := r.keys()[head.Name]; ok {
		return r.stage.fits(head.Name, file)
	}
	return nil
}

// keys are the places of the keys by their names in a backup.
func (r *restoring) keys() map[string]string {
	return map[string]string{backupLogKey: r.logKeyFile(), backupSecret: r.secretKeyFile()}
}

// complete refuses a backup that lacks a part. Blobs that are missing are found later.
func (r *restoring) complete() error {
	var want []string
	if r.config.Database == "" {
		want = append(want, store.DatabaseFile)
	}
	if r.manifest.WithKeys {
		want = append(want, backupLogKey, backupSecret)
	}
	for _, name := range want {
		if !r.stage.has(name) {
			return badBackup(fmt.Errorf("it holds no %s", name))
		}
	}
	return nil
}

// putBlob keeps a blob of a backup under the digest that it has to have. One that was
// altered is told of and left out, so that the rest is to be had.
func (r *restoring) putBlob(ctx context.Context, digest string, in io.Reader, size int64) error {
	got, _, err := r.vault.Put(ctx, in, size)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return badBackup(fmt.Errorf("the blob %s ends in the middle", digest))
	}
	if err != nil || got == digest {
		return err
	}
	// What was kept stays: it may be another's bytes too, and what nothing names does no harm.
	r.problems = append(r.problems, fmt.Sprintf("the backup's blob %s was altered: its bytes are those of %s", digest, got))
	return nil
}

// finish gives everything its place: from here on a server may start.
func (r *restoring) finish(ctx context.Context) error {
	for name, file := range r.keys() {
		if err := r.stage.placeKey(name, file); err != nil {
			return err
		}
	}
	if r.config.Database != "" {
		return errors.Join(r.store.EndRestore(ctx), r.stage.done())
	}
	if err := r.Close(); err != nil { // which brings all of the database into its one file
		return err
	}
	if err := r.stage.placeDatabase(); err != nil {
		return err
	}
	return r.stage.done()
}
