// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// TooManyError tells until when somebody has to wait after too many attempts. It wraps a
// [seaworthy.Error]; doors that know more than its kind answer with status 429.
type TooManyError struct {
	Wait time.Duration
}

// Error tells how long to wait.
func (e *TooManyError) Error() string { return e.Unwrap().Error() }

// Unwrap gives what users are told.
func (e *TooManyError) Unwrap() error {
	return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: fmt.Sprintf(
		"there were too many attempts to sign in; try again in %s", e.Wait.Round(time.Second))}
}

const (
	accountKeys = "account:"
	addressKeys = "address:"

	// freeAccount and freeAddress are how many failures cost no time. Behind one address
	// there may be a whole company, whose successes are taken off again.
	freeAccount = 5
	freeAddress = 30
	maxDelay    = 15 * time.Minute
	// forgetAfter is how long failures count.
	forgetAfter = 24 * time.Hour
)

// accountKey stands for what was typed as an address, whether anybody has it or not.
func accountKey(email string) string { return accountKeys + hex.EncodeToString(hashOf(email)) }

// addressKey stands for where a request comes from; of IPv6, for what one customer of a
// provider has at least.
func (a *Auth) addressKey(r *http.Request) string {
	text := a.address(r)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addressKeys + text
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		p, err := addr.Prefix(64)
		if err != nil {
			return addressKeys + text
		}
		return addressKeys + p.String()
	}
	return addressKeys + addr.String()
}

// delay is how long one must wait after so many failures.
func delay(key string, failures int64) time.Duration {
	free := int64(freeAccount)
	if strings.HasPrefix(key, addressKeys) {
		free = freeAddress
	}
	over := failures - free
	if over < 0 {
		return 0
	}
	if over > 20 {
		return maxDelay
	}
	return min(time.Second<<over, maxDelay)
}

// admit counts an attempt as failed before it is made, so that many at once are no way
// around, or refuses it with a [TooManyError]. [settle] takes it back.
func (a *Auth) admit(ctx context.Context, keys []string) error {
	var wait time.Duration
	err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
		wait = 0
		found := make([]store.Attempts, len(keys))
		for i, key := range keys {
			var err error
			if found[i], err = tx.Attempts(key); err != nil {
				return err
			}
			wait = max(wait, found[i].Until.Sub(tx.At))
		}
		if wait > 0 {
			return nil
		}
		for i, key := range keys {
			n := found[i]
			if tx.At.Sub(n.At) > forgetAfter {
				n.Failures = 0
			}
			n.Failures++
			n.At, n.Until = tx.At, tx.At.Add(delay(key, n.Failures))
			if err := tx.PutAttempts(key, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && wait > 0 {
		err = &TooManyError{Wait: wait}
	}
	return err
}

// settle takes an attempt back that succeeded: an account starts anew, an address gets
// back only what this attempt took, or whoever has one account could go on for ever.
func settle(tx *store.Tx, keys []string) error {
	for _, key := range keys {
		if !strings.HasPrefix(key, addressKeys) {
			if err := tx.DropAttempts(key); err != nil {
				return err
			}
			continue
		}
		n, err := tx.Attempts(key)
		if err != nil {
			return err
		}
		n.Failures, n.Until = max(0, n.Failures-1), time.Time{}
		if err := tx.PutAttempts(key, n); err != nil {
			return err
		}
	}
	return nil
}

// Sweep forgets what can no longer be used. A job runs it every hour or so.
func (a *Auth) Sweep(ctx context.Context) error {
	return a.store.Write(ctx, "system", func(tx *store.Tx) error {
		if err := tx.SweepSessions(tx.At.Add(-a.idle)); err != nil {
			return err
		}
		return tx.SweepAttempts(tx.At.Add(-forgetAfter))
	})
}
