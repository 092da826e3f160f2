// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
)

type guardKey struct{}

// Guarded has every write with the context begin with check, in its transaction: what an
// edit was made of must still be there when the edit is written, and not only when it
// was asked for. What check reads to change is locked until the transaction ends.
func Guarded(ctx context.Context, check func(*Tx) error) context.Context {
	return context.WithValue(ctx, guardKey{}, check)
}

// guarded runs the check that the context asks for.
func (t *Tx) guarded() error {
	if check, ok := t.ctx.Value(guardKey{}).(func(*Tx) error); ok {
		return check(t)
	}
	return nil
}

// queue has transactions that change the same wait for each other, where there may be no
// row yet that could be locked.
func (t *Tx) queue(what string) error {
	if t.store.dialect.queue == "" {
		return nil // SQLite has one writer
	}
	if err := t.exec(t.store.dialect.queue, what); err != nil {
		return fmt.Errorf("wait to change %s: %w", what, err)
	}
	return nil
}
