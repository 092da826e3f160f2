// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is a hash of a password with how it was made, as the password hashing competition
// writes it: $argon2id$v=19$m=32768,t=3,p=1$salt$key.
type phc struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

// bounds of what is computed when a hash asks for it: whoever can write to the database
// must not be able to exhaust the server's memory by it.
const (
	maxMemory  = 256 << 10
	maxTime    = 16
	maxThreads = 8
)

var errPHC = errors.New("read a password hash: it is not argon2id in PHC form within bounds")

// parsePHC reads a hash. It accepts exactly what String writes.
func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errPHC
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return phc{}, errPHC
	}
	var values [3]uint32
	for i, c := range []struct {
		name string
		max  uint64
	}{{"m=", maxMemory}, {"t=", maxTime}, {"p=", maxThreads}} {
		digits, found := strings.CutPrefix(costs[i], c.name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !found || err != nil || v < 1 || v > c.max || strconv.FormatUint(v, 10) != digits {
			return phc{}, errPHC
		}
		values[i] = uint32(v)
	}
	h := phc{memory: values[0], time: values[1], threads: uint8(values[2])}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 || h.String() != text {
		return phc{}, errPHC
	}
	return h, nil
}

// String writes the hash.
func (h phc) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.key))
}
