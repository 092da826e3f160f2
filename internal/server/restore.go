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

// Restore brings a backup back into a data folder that holds no database, or its blobs
// beside a PostgreSQL database that was restored before, and verifies everything. The
// result tells what is wrong; the error, that it could not be restored.
func Restore(ctx context.Context, c Config, r io.Reader) (_ Manifest, _ store.SelfCheck, err error) {
	c = c.defaults()
	s := &Server{config: c, log: c.Log}
	defer func() { err = errors.Join(err, s.Close()) }()
	none := store.SelfCheck{}
	if err := s.emptyData(); err != nil {
		return Manifest{}, none, err
	}
	if err := s.openVault(ctx); err != nil {
		return Manifest{}, none, err
	}
	m, err := s.unpack(ctx, tar.NewReader(r))
	if err != nil {
		return m, none, err
	}
	if err := s.openStore(ctx); err != nil {
		return m, none, err
	}
	if s.public, err = s.store.Setting(ctx, logKeySetting); err != nil {
		return m, none, err
	}
	if s.public == "" || s.public != m.LogKey {
		return m, none, seaworthy.Invalid("the database is not the one of this backup: its log is signed with %s, the backup's with %s", nameOf(s.public), nameOf(m.LogKey))
	}
	if s.key, err = note.NewVerifier(s.public); err != nil {
		return m, none, seaworthy.Invalid("the database names no public key of its log")
	}
	result, err := s.SelfCheck(ctx)
	return m, result, err
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
	if _, err := os.Lstat(file); err == nil {
		return seaworthy.Conflict("there is a database at %s already; restore into another folder, or move it away", file)
	}
	return nil
}

// unpack writes the parts of a backup. Names decide where they go; a name that no backup
// has is refused.
func (s *Server) unpack(ctx context.Context, t *tar.Reader) (m Manifest, err error) {
	bad := func(err error) error { return seaworthy.Invalid("this is no whole backup: %v", err) }
	switch head, err := t.Next(); {
	case err != nil:
		return m, bad(fmt.Errorf("it does not begin with %s: %w", backupManifest, err))
	case head.Name != backupManifest:
		return m, bad(fmt.Errorf("it begins with %q instead of %s", head.Name, backupManifest))
	}
	if err := json.NewDecoder(io.LimitReader(t, 1<<20)).Decode(&m); err != nil {
		return m, bad(fmt.Errorf("read %s: %w", backupManifest, err))
	}
	if m.Format != backupFormat {
		return m, bad(fmt.Errorf("its format is %q, want %q", m.Format, backupFormat))
	}
	if (m.Engine == "SQLite") != (s.config.Database == "") {
		return m, seaworthy.Invalid("the backup is of a server on %s; restore its database first and name it with --database, or leave --database out for SQLite", m.Engine)
	}
	for {
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return m, nil
		} else if err != nil {
			return m, bad(err)
		}
		if err := s.unpackOne(ctx, head, t); err != nil {
			return m, err
		}
	}
}

func (s *Server) unpackOne(ctx context.Context, head *tar.Header, r io.Reader) error {
	if head.Typeflag != tar.TypeReg {
		return seaworthy.Invalid("the backup holds %q, which is no file", head.Name)
	}
	files := map[string]string{backupLogKey: s.logKeyFile(), backupSecret: s.secretKeyFile()}
	if s.config.Database == "" {
		files[store.DatabaseFile] = filepath.Join(s.config.Data, store.DatabaseFile)
	}
	if digest, ok := blobOf(head.Name); ok {
		return putBlob(ctx, s.vault, digest, r, head.Size)
	}
	file, ok := files[head.Name]
	if !ok {
		return seaworthy.Invalid("the backup holds %q, which no backup does", head.Name)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unwritable(s.config.Data, err)
	}
	n, err := io.Copy(f, r)
	if closed := errors.Join(f.Sync(), f.Close()); closed != nil {
		return unwritable(s.config.Data, closed)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && n != head.Size {
		return seaworthy.Invalid("this is no whole backup: %s ends in the middle", head.Name)
	}
	if err != nil {
		return unwritable(s.config.Data, err)
	}
	return nil
}
