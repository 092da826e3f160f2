// SPDX-License-Identifier: Apache-2.0

package tlog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// leafVersion is the first line of every leaf.
const leafVersion = "seaworthy.dev/entry/v1"

// saltSize is in bytes. The salt keeps content that could be guessed from being
// confirmed by its commitment.
const saltSize = 16

// Entry is what one leaf of the log says. Actor and content are kept beside the log.
type Entry struct {
	At         time.Time // UTC, whole microseconds
	Kind       string    // "waiver", "run", "events", …; one word
	Subject    string    // id of what the entry is about, one word
	Commitment [sha256.Size]byte
}

// NewEntry commits to who wrote what with a fresh salt.
func NewEntry(at time.Time, kind, subject, actor string, content []byte) (Entry, []byte) {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails, as crypto/rand promises
	return Entry{At: at.UTC().Truncate(time.Microsecond), Kind: kind, Subject: subject, Commitment: Commit(salt, actor, content)}, salt
}

// Commit is SHA-256(salt ‖ actor ‖ newline ‖ content). The actor is committed to and not
// part of the leaf, since leaves are public and who does how much is not.
func Commit(salt []byte, actor string, content []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(actor + "\n"))
	h.Write(content)
	return [sha256.Size]byte(h.Sum(nil))
}

// timeForm is RFC 3339 in UTC with microseconds.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Leaf is the entry's text in the log: five lines, so that it can be checked with
// printf and sha256sum.
func (e Entry) Leaf() []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", leafVersion, e.At.Format(timeForm), e.Kind, e.Subject, hex.EncodeToString(e.Commitment[:]))
}

// ParseLeaf reads what Leaf wrote and nothing else.
func ParseLeaf(leaf []byte) (Entry, error) {
	lines := strings.Split(string(leaf), "\n")
	if len(lines) != 6 || lines[0] != leafVersion || lines[5] != "" {
		return Entry{}, fmt.Errorf("a leaf of the log is not of the form %s", leafVersion)
	}
	at, err := time.Parse(timeForm, lines[1])
	if err != nil || at.Format(timeForm) != lines[1] { // time.Parse also takes other spellings
		return Entry{}, fmt.Errorf("a leaf of the log has the time %q, not one of the form %s", lines[1], timeForm)
	}
	sum, err := hex.DecodeString(lines[4])
	if err != nil || len(sum) != sha256.Size || lines[4] != strings.ToLower(lines[4]) {
		return Entry{}, fmt.Errorf("a leaf of the log has the commitment %q", lines[4])
	}
	if lines[2] == "" || lines[3] == "" {
		return Entry{}, fmt.Errorf("a leaf of the log names no kind or no subject")
	}
	return Entry{At: at, Kind: lines[2], Subject: lines[3], Commitment: [sha256.Size]byte(sum)}, nil
}
