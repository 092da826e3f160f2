// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// logKeySetting is the setting that names the public key of the database's log.
const logKeySetting = "log-key"

// openKeys opens the key that signs the log, or makes it at the first start. A log is
// signed by one key for good: another one would look like tampering to everybody who
// follows the log, so it is refused.
func (s *Server) openKeys(ctx context.Context) error {
	known, err := s.store.Setting(ctx, logKeySetting)
	if err != nil {
		return err
	}
	file := s.logKeyFile()
	if err := s.ensureLogKey(file, known); err != nil {
		return err
	}
	if err := s.readLogKey(file); err != nil {
		return err
	}
	if known == "" {
		err := s.store.Write(ctx, "system", func(tx *store.Tx) (err error) {
			known, err = tx.ClaimSetting(logKeySetting, s.public)
			return err
		})
		if err != nil {
			return err
		}
	}
	if known != s.public {
		return seaworthy.Invalid("the log of this database is signed with the key %s, and %s holds another; give the right one with --log-key", nameOf(known), file)
	}
	return nil
}

func (s *Server) logKeyFile() string {
	return cmp.Or(s.config.LogKey, filepath.Join(s.config.Data, "log.key"))
}

func (s *Server) secretKeyFile() string {
	return cmp.Or(s.config.SecretKey, filepath.Join(s.config.Data, "secret.key"))
}

// ensureLogKey makes the key where there is none and no log that would need another.
func (s *Server) ensureLogKey(file, known string) error {
	_, err := os.Stat(file)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return seaworthy.Invalid("read the log's key: %v", err)
	case known != "":
		return seaworthy.Invalid("the key %s that signs the log of this database is not at %s; restore the file, or give it with --log-key", nameOf(known), file)
	}
	base, err := url.Parse(s.config.BaseURL)
	if err != nil || base.Host == "" {
		return seaworthy.Invalid("the base URL %q must be like https://seaworthy.example.com", s.config.BaseURL)
	}
	// Two servers at one address, after one another, keep different logs.
	origin := base.Host + "/" + strings.ToLower(rand.Text()[:8])
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("make the log's key: %w", err)
	}
	if err := writeKey(file, private, 0o600); err != nil {
		return unwritable(filepath.Dir(file), err)
	}
	if err := writeKey(strings.TrimSuffix(file, ".key")+".pub", public, 0o644); err != nil {
		return unwritable(filepath.Dir(file), err)
	}
	s.log.Info("made the key that signs the log; keep a copy of it apart from the backups", "file", file, "origin", origin)
	return nil
}

// writeKey writes a new file whole, or not at all.
func writeKey(file, text string, mode os.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

func (s *Server) readLogKey(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return seaworthy.Invalid("read the log's key: %v", err)
	}
	private := strings.TrimSpace(string(data))
	if s.signer, err = note.NewSigner(private); err != nil {
		return seaworthy.Invalid("%s holds no key that could sign a log", file)
	}
	if s.public, err = publicOf(private); err != nil {
		return seaworthy.Invalid("%s: %v", file, err)
	}
	s.key, err = note.NewVerifier(s.public)
	return err
}

// publicOf gives the public key that belongs to a private one of a note's signer:
// PRIVATE+KEY+name+hash+base64(algorithm, seed).
func publicOf(private string) (string, error) {
	parts := strings.Split(private, "+")
	if len(parts) < 5 {
		return "", errors.New("the key is cut off")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(parts[4:], "+"))
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return "", errors.New("the key is no Ed25519 key")
	}
	public, _ := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey) // as documented
	return note.NewEd25519VerifierKey(parts[2], public)
}

// nameOf is a public key without its bytes, for messages.
func nameOf(public string) string {
	name, rest, _ := strings.Cut(public, "+")
	hash, _, _ := strings.Cut(rest, "+")
	return name + "+" + hash
}
