// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Erasable are the kinds of record whose words can be erased here. Accounts and evidence
// are erased where they are kept.
var Erasable = []string{"comment", "waiver", "change", "finding"}

// Erase destroys what people wrote: the text of a comment, the words of a waiver, the
// explanation of a change, or what was noted with the steps of a finding. A tombstone with
// the reason stays. Only an owner may.
func (t *Triage) Erase(ctx context.Context, who seaworthy.Principal, kind, id, reason string) error {
	if err := allow(who, seaworthy.Administer); err != nil {
		return err
	}
	if !slices.Contains(Erasable, kind) {
		return seaworthy.NotFound("the words of a %q cannot be erased", kind)
	}
	reason, err := wanted("the reason for the erasure", reason, 1000)
	if err != nil {
		return err
	}
	return t.store.Write(ctx, who.Actor, func(tx *store.Tx) error { return tx.Erase(kind, id, reason) })
}
