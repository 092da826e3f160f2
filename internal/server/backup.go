// SPDX-License-Identifier: Apache-2.0

package server

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The parts of a backup, in their order in the archive.
const (
	backupManifest = "manifest.json"
	backupLogKey   = "log.key"
	backupSecret   = "secret.key"
	backupBlobs    = "blobs/"
	backupFormat   = "seaworthy.dev/backup/v1"
)

// Manifest says what a backup holds.
type Manifest struct {
	Format   string    `json:"format"`
	Version  string    `json:"version"` // of the program that made it
	MadeAt   time.Time `json:"madeAt"`
	Engine   string    `json:"engine"` // of the database; PostgreSQL's is not in the backup
	LogSize  int64     `json:"logSize"`
	LogKey   string    `json:"logKey"` // public
	WithKeys bool      `json:"withKeys"`

	// Blobs and Problems are counted while the backup is made, and not part of it.
	Blobs    int      `json:"-"`
	Problems []string `json:"-"`
}

// Backup writes a copy of all that a server keeps, while the server goes on. The keys
// are in it only when asked for: who has them and the data can rewrite history.
//
// The database comes first: blobs are kept before the records that name them, so those
// that are there afterwards are all that it names.
func Backup(ctx context.Context, c Config, withKeys bool, w io.Writer) (_ Manifest, err error) {
	s, err := openParts(ctx, c)
	if err != nil {
		return Manifest{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	m := Manifest{Format: backupFormat, Version: c.Version, MadeAt: s.store.Now(), Engine: s.store.Engine(), WithKeys: withKeys}
	if m.LogKey, err = s.store.Setting(ctx, logKeySetting); err != nil {
		return m, err
	}
	dir, err := os.MkdirTemp(c.Data, ".backup-")
	if err != nil {
		return m, unwritable(c.Data, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	database := filepath.Join(dir, store.DatabaseFile)
	if m.Engine == "SQLite" {
		if err := s.store.Backup(ctx, database); err != nil {
			return m, err
		}
	}
	if m.LogSize, _, err = s.store.LogHead(ctx); err != nil {
		return m, err
	}
	t := tar.NewWriter(w)
	if err := s.writeBackup(ctx, t, &m, database); err != nil {
		return m, fmt.Errorf("write the backup: %w", err)
	}
	return m, t.Close()
}

func (s *Server) writeBackup(ctx context.Context, t *tar.Writer, m *Manifest, database string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := addBytes(t, backupManifest, append(text, '\n'), m.MadeAt); err != nil {
		return err
	}
	if m.Engine == "SQLite" {
		if err := addFile(t, store.DatabaseFile, database, m.MadeAt); err != nil {
			return err
		}
	}
	if m.WithKeys {
		for name, file := range map[string]string{backupLogKey: s.logKeyFile(), backupSecret: s.secretKeyFile()} {
			if err := addFile(t, name, file, m.MadeAt); err != nil {
				return err
			}
		}
	}
	return s.vault.Digests(ctx, func(digest string, size int64) error { return s.addBlob(ctx, t, m, digest, size) })
}

// addBlob copies a blob. One that was altered is left out and told of, so that a backup
// of the rest is to be had; one that went meanwhile is erased.
func (s *Server) addBlob(ctx context.Context, t *tar.Writer, m *Manifest, digest string, size int64) error {
	err := s.vault.Check(ctx, digest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && ctx.Err() == nil:
		m.Problems = append(m.Problems, err.Error())
		return nil
	case err != nil:
		return err
	}
	blob, err := s.vault.Open(ctx, digest)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: backupBlobs + digest, Mode: 0o600, Size: size, ModTime: m.MadeAt}); err != nil {
		return errors.Join(err, blob.Close())
	}
	_, err = io.Copy(t, blob)
	m.Blobs++
	return errors.Join(err, blob.Close())
}

func addBytes(t *tar.Writer, name string, data []byte, at time.Time) error {
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: at}); err != nil {
		return err
	}
	_, err := t.Write(data)
	return err
}

func addFile(t *tar.Writer, name, file string, at time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: at})
	}
	if err == nil {
		_, err = io.Copy(t, f)
	}
	return errors.Join(err, f.Close())
}

// openParts opens the database and the blobs, without keys and doors.
func openParts(ctx context.Context, c Config) (*Server, error) {
	c = c.defaults()
	s := &Server{config: c, log: c.Log}
	if c.Database == "" {
		if err := cutRestore(c.Data); err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(c.Data, store.DatabaseFile)); err != nil {
			return nil, seaworthy.Invalid("there is no database in %s; give the data folder with --data, or the database with --database", c.Data)
		}
	}
	if err := writable(c.Data); err != nil {
		return nil, err
	}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if err := s.store.Restored(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.openVault(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// blobOf gives the digest of a blob by its name in a backup.
func blobOf(name string) (digest string, ok bool) {
	digest, found := strings.CutPrefix(name, backupBlobs)
	return digest, found && len(digest) == 64 && strings.Trim(digest, "0123456789abcdef") == ""
}
