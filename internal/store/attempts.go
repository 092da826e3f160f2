// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// Attempts is how often somebody failed of late, and until when nobody may try again.
type Attempts struct {
	Failures int64
	Until    time.Time
	At       time.Time
}

// Attempts gives the attempts of a key and keeps others from changing them until the
// transaction ends.
func (t *Tx) Attempts(key string) (Attempts, error) {
	// The row is made first so that there is one to lock.
	if err := t.exec(`INSERT INTO attempts (key, failures, locked_until, at) VALUES ($1, 0, 0, 0) ON CONFLICT (key) DO NOTHING`, key); err != nil {
		return Attempts{}, err
	}
	var a Attempts
	var until, at int64
	err := t.tx.QueryRowContext(t.ctx, `SELECT failures, locked_until, at FROM attempts WHERE key = $1`+t.store.dialect.forUpdate, key).Scan(&a.Failures, &until, &at)
	a.Until, a.At = moment(until), moment(at)
	return a, err
}

// PutAttempts writes the attempts of a key.
func (t *Tx) PutAttempts(key string, a Attempts) error {
	return t.exec(`UPDATE attempts SET failures = $1, locked_until = $2, at = $3 WHERE key = $4`, a.Failures, micros(a.Until), micros(a.At), key)
}

// DropAttempts forgets the attempts of a key.
func (t *Tx) DropAttempts(key string) error {
	return t.exec(`DELETE FROM attempts WHERE key = $1`, key)
}

// SweepAttempts forgets the attempts that were last made before a time.
func (t *Tx) SweepAttempts(before time.Time) error {
	return t.exec(`DELETE FROM attempts WHERE at < $1 AND locked_until < $2`, micros(before), micros(t.At))
}
