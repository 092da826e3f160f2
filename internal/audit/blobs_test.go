// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// blobs keeps bytes in memory.
type blobs struct {
	mu   sync.Mutex
	kept map[string][]byte
}

func newBlobs() *blobs { return &blobs{kept: map[string][]byte{}} }

func (b *blobs) Put(_ context.Context, r io.Reader, limit int64) (string, int64, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil || int64(len(data)) > limit {
		return "", 0, fmt.Errorf("put: %d bytes: %w", len(data), err)
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[digest] = data
	return digest, int64(len(data)), nil
}

func (b *blobs) Open(_ context.Context, digest string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.kept[digest]
	if !ok {
		return nil, fmt.Errorf("no bytes of %s", digest)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (b *blobs) Delete(_ context.Context, digest string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.kept, digest)
	return nil
}

// Create makes a temporary file.
func (b *blobs) Create() (vault.File, error) {
	f, err := os.CreateTemp("", "seaworthy-test-")
	if err != nil {
		return nil, err
	}
	return gone{f}, nil
}

// gone is a file that goes when it is closed.
type gone struct{ *os.File }

func (g gone) Close() error { return errors.Join(g.File.Close(), os.Remove(g.Name())) }
