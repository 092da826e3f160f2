// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/seaworthy-dev/seaworthy"
)

// EvidenceOf lists the evidence whose bytes have a digest, latest logged first.
func (s *Store) EvidenceOf(ctx context.Context, digest string) ([]seaworthy.Evidence, error) {
	if digest == "" {
		return nil, nil
	}
	w := where{}
	w.add("digest = ?", digest)
	return evidence.list(ctx, s, s.read, w, "ORDER BY id DESC LIMIT 100")
}
