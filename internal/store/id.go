// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// idEncoding keeps the order of bytes in the order of letters.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes an id that sorts by time: 48 bits of milliseconds, 72 of chance.
func NewID(now time.Time) string {
	var b [15]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	rand.Read(b[6:])
	return idEncoding.EncodeToString(b[:])
}

// NewID makes an id for something that the transaction writes.
func (t *Tx) NewID() string { return NewID(t.At) }
