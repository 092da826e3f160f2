// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// MadePackage is an evidence package that was sealed. What is kept of it is its seal; the
// package itself is with whoever took it.
type MadePackage struct {
	ID    string    `json:"id"`
	Entry int64     `json:"entry"` // of the log: the seal
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	vault.Seal
}

// Packages lists the packages of a program that were sealed, newest first.
func (a *Audit) Packages(ctx context.Context, program string) ([]MadePackage, error) {
	out := []MadePackage{}
	err := a.store.View(ctx, func(v *store.View) error {
		return v.Log(store.LogQuery{Kind: vault.SealKind, Until: a.store.Now(), Newest: true}, func(e store.LogEntry) error {
			m := MadePackage{ID: e.Subject, Entry: e.Index, At: e.At, Actor: e.Actor}
			if e.Erased {
				return nil
			}
			if err := json.Unmarshal([]byte(e.Content), &m.Seal); err != nil {
				return fmt.Errorf("read entry %d of the log: %w", e.Index, err)
			}
			if m.Program == program {
				out = append(out, m)
			}
			return nil
		})
	})
	slices.Reverse(out) // ids sort by time
	return out, err
}
