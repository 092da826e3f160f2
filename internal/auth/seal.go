// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// sealer encrypts with AES-256-GCM what must be read again: TOTP secrets, and what
// browsers keep for us for some minutes. The purpose is authenticated with it, so that
// what was sealed for one thing opens for no other.
type sealer struct {
	aead cipher.AEAD
	path string
	key  []byte
}

// openKey reads the key of a file: 64 hexadecimal digits. It makes the file when absent.
func openKey(path string) (sealer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(path)
	}
	if err != nil {
		return sealer{}, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the key file cannot be used", Err: err}
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return sealer{}, seaworthy.Invalid("the key file %s must hold 64 hexadecimal digits; `openssl rand -hex 32` makes them", path)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("use the key of %s: %w", path, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return sealer{}, fmt.Errorf("use the key of %s: %w", path, err)
	}
	return sealer{aead, path, key}, nil
}

// makeKey writes a new key beside and links it into place, so that of two servers that
// start at once both read the same.
func makeKey(path string) (_ []byte, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	var key [32]byte
	rand.Read(key[:])
	_, err = f.WriteString(hex.EncodeToString(key[:]) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

func (s sealer) seal(purpose string, plain []byte) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, []byte(purpose))
}

func (s sealer) open(purpose string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("open what was sealed: it is too short")
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(purpose))
	if err != nil {
		return nil, fmt.Errorf("open what was sealed with the key of %s: %w", s.path, err)
	}
	return plain, nil
}

// Seal encrypts a secret that has to be read again. What is sealed for one purpose opens
// for no other.
func (a *Auth) Seal(purpose string, plain []byte) []byte { return a.keys.seal(purpose, plain) }

// Unseal opens what was sealed for a purpose.
func (a *Auth) Unseal(purpose string, sealed []byte) ([]byte, error) {
	return a.keys.open(purpose, sealed)
}

// Derive makes a key for another purpose of the one that seals secrets: 32 bytes, the same
// for every server that shares the key file (HKDF with SHA-256, RFC 5869).
func (a *Auth) Derive(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, a.keys.key, nil, "seaworthy.dev/"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}
