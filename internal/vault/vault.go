// SPDX-License-Identifier: Apache-2.0

// Package vault keeps bytes by their SHA-256: the raw evidence that records of the store
// name. A blob is written and synced before the record that names it, so a record never
// names bytes that a failure could still lose; bytes that nothing names are rubbish, no
// damage.
package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/seaworthy-dev/seaworthy"
)

// Storage keeps bytes under names that this package gives.
type Storage interface {
	// Put keeps the bytes durably before it returns; name may be there already, with the
	// same bytes. size is how many there are.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Get opens what is kept; fs.ErrNotExist when nothing is.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	Delete(ctx context.Context, name string) error
	// Names calls f with every name.
	Names(ctx context.Context, f func(name string, size int64) error) error
	// String says where, without credentials.
	String() string
}

// Vault keeps blobs. It is safe for concurrent use.
type Vault struct {
	storage Storage
	temp    Temp
}

// Temp makes files for what is on its way.
type Temp interface {
	Create() (File, error)
}

// File is a file that goes when it is closed.
type File interface {
	io.ReadWriteSeeker
	io.Closer
}

// New makes a vault on a storage. temp keeps blobs while their digest is not known yet.
func New(storage Storage, temp Temp) *Vault { return &Vault{storage, temp} }

// inMemory is up to what size a blob needs no temporary file.
const inMemory = 1 << 20

// Put keeps what r gives, up to limit bytes, and returns its digest in hexadecimal and
// its size.
func (v *Vault) Put(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error) {
	h := sha256.New()
	bounded := io.TeeReader(io.LimitReader(r, limit+1), h)
	head, err := io.ReadAll(io.LimitReader(bounded, inMemory))
	if err != nil {
		return "", 0, fmt.Errorf("read what is to be kept: %w", err)
	}
	if len(head) < inMemory && int64(len(head)) <= limit {
		digest = hex.EncodeToString(h.Sum(nil))
		return digest, int64(len(head)), v.store(ctx, digest, bytes.NewReader(head), int64(len(head)))
	}
	f, err := v.temp.Create()
	if err != nil {
		return "", 0, fmt.Errorf("make a temporary file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err = io.Copy(f, io.MultiReader(bytes.NewReader(head), bounded))
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("read what is to be kept: %w", err)
	case size > limit:
		return "", 0, seaworthy.Invalid("it is larger than the %d bytes that are taken", limit)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	digest = hex.EncodeToString(h.Sum(nil))
	return digest, size, v.store(ctx, digest, f, size)
}

func (v *Vault) store(ctx context.Context, digest string, r io.Reader, size int64) error {
	if err := v.storage.Put(ctx, name(digest), r, size); err != nil {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the evidence storage (" + v.storage.String() + ") did not take it; nothing was kept", Err: err}
	}
	return nil
}

// Open gives a blob. Reading to its end fails if its bytes are not those of the digest.
func (v *Vault) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if !isDigest(digest) {
		return nil, seaworthy.Invalid("%q is no SHA-256 in hexadecimal", digest)
	}
	r, err := v.storage.Get(ctx, name(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, seaworthy.NotFound("the bytes of %s are not there", digest)
	} else if err != nil {
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the evidence storage (" + v.storage.String() + ") cannot be read", Err: err}
	}
	return &checked{ReadCloser: r, digest: digest, hash: sha256.New()}, nil
}

// Check reads a blob whole and tells whether it is the one of the digest: nil, or an
// error that says what is wrong.
func (v *Vault) Check(ctx context.Context, digest string) error {
	r, err := v.Open(ctx, digest)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// Delete removes a blob: the erasure of personal data, and retention.
func (v *Vault) Delete(ctx context.Context, digest string) error {
	if !isDigest(digest) {
		return seaworthy.Invalid("%q is no SHA-256 in hexadecimal", digest)
	}
	return v.storage.Delete(ctx, name(digest))
}

// Digests calls f with the digest and size of every blob.
func (v *Vault) Digests(ctx context.Context, f func(digest string, size int64) error) error {
	return v.storage.Names(ctx, func(n string, size int64) error {
		if len(n) > 3 && n[2] == '/' && isDigest(n[3:]) && n[:2] == n[3:5] {
			return f(n[3:], size)
		}
		return nil // not ours
	})
}

// Create makes a file for what is on its way.
func (v *Vault) Create() (File, error) { return v.temp.Create() }

// String says where blobs are kept.
func (v *Vault) String() string { return v.storage.String() }

// name spreads blobs over 256 folders.
func name(digest string) string { return digest[:2] + "/" + digest }

func isDigest(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ErrAltered tells that kept bytes are not those that were put.
var ErrAltered = errors.New("the bytes were altered")

// checked compares the digest at the end.
type checked struct {
	io.ReadCloser
	digest string
	hash   interface {
		io.Writer
		Sum([]byte) []byte
	}
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.hash.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(c.hash.Sum(nil)) != c.digest {
		return n, fmt.Errorf("%s: %w", c.digest, ErrAltered)
	}
	return n, err
}
