// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// What a new hash costs: 32 MiB and some 60 ms of one core. The second recommendation of
// RFC 9106 takes twice the memory; OWASP asks for 19 MiB and two passes at least.
const (
	hashMemory  = 32 << 10
	hashTime    = 3
	hashThreads = 1
)

// waiting bounds how many sign-ins wait for their turn; beyond that they are refused,
// which costs nothing.
const waiting = 64

// hasher computes few hashes at a time, so that a storm of sign-ins takes time and not
// memory.
type hasher struct {
	slots  chan struct{}
	queue  chan struct{}
	memory uint32 // in KiB
	derive func(password string, h phc) []byte
	dummy  phc // costs what every hash costs, and no password has it
}

// newHasher makes one whose hashes take so much memory in KiB; zero: hashMemory.
func newHasher(memory uint32) hasher {
	h := hasher{
		memory: cmp.Or(memory, hashMemory),
		slots:  make(chan struct{}, max(1, min(4, runtime.GOMAXPROCS(0)))),
		queue:  make(chan struct{}, waiting),
		derive: func(password string, h phc) []byte {
			return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
		},
	}
	h.dummy = h.fresh()
	rand.Read(h.dummy.key)
	return h
}

// fresh is a hash yet to be computed.
func (h hasher) fresh() phc {
	p := phc{memory: h.memory, time: hashTime, threads: hashThreads, salt: make([]byte, 16), key: make([]byte, 32)}
	rand.Read(p.salt)
	return p
}

func (h hasher) run(ctx context.Context, password string, p phc) ([]byte, error) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "too many people sign in at this moment; try again in a minute"}
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return h.derive(password, p), nil
}

// hash makes the hash of a new password.
func (h hasher) hash(ctx context.Context, password string) ([]byte, error) {
	p := h.fresh()
	key, err := h.run(ctx, password, p)
	if err != nil {
		return nil, err
	}
	p.key = key
	return []byte(p.String()), nil
}

// verify tells whether a password has a hash, and whether the hash should be made anew.
// Without a hash it takes the same time and tells false.
func (h hasher) verify(ctx context.Context, password string, kept []byte) (ok, old bool, err error) {
	p, parse := parsePHC(string(kept))
	known := parse == nil
	if !known {
		p = h.dummy
	}
	key, err := h.run(ctx, password, p)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(key, p.key) == 1 && known
	return ok, ok && (p.memory != h.memory || p.time != hashTime || p.threads != hashThreads), nil
}

const (
	minPassword = 12
	maxPassword = 256 // characters; nobody types more, and hashing reads all of it
)

// checkPassword refuses passwords that would be among the first to be guessed.
func checkPassword(password string, u seaworthy.User) error {
	n := utf8.RuneCountInString(password)
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(u.Email, "@")
	switch {
	case !utf8.ValidString(password):
		return seaworthy.Invalid("the password must be text")
	case n < minPassword:
		return seaworthy.Invalid("the password must have at least %d characters; a few words in a row are easy to remember", minPassword)
	case n > maxPassword:
		return seaworthy.Invalid("the password must have at most %d characters", maxPassword)
	case u.Email != "" && (lower == u.Email || lower == local || lower == strings.ToLower(u.Name)):
		return seaworthy.Invalid("the password must not be your address or your name")
	case common(lower):
		return seaworthy.Invalid("this password is among the first that anybody would try; take another")
	}
	return nil
}

// common tells whether a password is one of the commonest of its length, or made of
// them: a short piece repeated, a row of keys, a common word with digits behind.
func common(lower string) bool {
	for size := 1; size <= len(lower)/2 && size <= 6; size++ {
		if strings.HasPrefix(strings.Repeat(lower[:size], len(lower)/size+1), lower) {
			return true
		}
	}
	for _, row := range []string{
		"01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba",
		"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
		"1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn", "qazwsxedcrfvtgbyhnujm", "!@#$%^&*()_+",
	} {
		if strings.Contains(row, lower) {
			return true
		}
	}
	stem := strings.TrimRight(lower, "0123456789!?.*#$@_-")
	for _, word := range []string{
		"", "password", "passwort", "motdepasse", "contraseña", "passw0rd", "p@ssw0rd", "p@ssword", "administrator", "admin", "root",
		"welcome", "letmein", "iloveyou", "changeme", "changeit", "default", "secret", "supersecret", "topsecret",
		"qwerty", "qwertyuiop", "qwertz", "azerty", "abc", "test", "testtest", "login", "master", "monkey", "dragon",
		"sunshine", "princess", "football", "baseball", "superman", "batman", "trustno", "whatever", "starwars",
		"passwordpassword", "mypassword", "correcthorsebatterystaple", "kubernetes", "seaworthy", "compliance",
		"summer", "winter", "spring", "autumn", "january", "february", "march", "april", "june", "july",
		"august", "september", "october", "november", "december", "monday", "friday", "company", "temporary",
	} {
		if stem == word {
			return true
		}
	}
	return false
}

// ChangePassword sets the password of who is signed in. All other sessions end.
func (a *Auth) ChangePassword(w http.ResponseWriter, r *http.Request, current, password string) error {
	ctx := r.Context()
	s, err := a.full(ctx, r)
	if err != nil {
		return err
	}
	_, kept, err := a.store.Login(ctx, s.User.Email)
	if err != nil {
		return err
	}
	if kept == nil {
		err = a.fresh(s)
	} else {
		err = a.confirmPassword(r, s.User, current, kept)
	}
	if err != nil {
		return err
	}
	if err := checkPassword(password, s.User); err != nil {
		return err
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	next := a.rotate(s, s.Stage, s.Method)
	err = a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error {
		if _, err := stillActive(tx, s.UserID); err != nil {
			return err
		}
		if err := replace(tx, s); err != nil {
			return err
		}
		if err := putPassword(tx, s.UserID, hash); err != nil {
			return err
		}
		if err := tx.EndSessions(s.UserID, ""); err != nil {
			return err
		}
		if err := tx.PutSession(hashOf(next.token), next.session); err != nil {
			return err
		}
		return action{what: "changed the password", user: s.UserID, address: a.address(r)}.log(tx)
	})
	if err != nil {
		return err
	}
	a.give(w, next)
	return nil
}

// confirmPassword asks the one who is signed in for the password once more.
func (a *Auth) confirmPassword(r *http.Request, u seaworthy.User, password string, kept []byte) error {
	keys := []string{accountKey(u.Email), a.addressKey(r)}
	if err := a.admit(r.Context(), keys); err != nil {
		return err
	}
	ok, _, err := a.hasher.verify(r.Context(), bounded(password), kept)
	if err != nil {
		return err
	}
	if !ok {
		return seaworthy.Invalid("the current password is wrong")
	}
	return a.store.Write(r.Context(), "user:"+u.ID, func(tx *store.Tx) error { return settle(tx, keys) })
}

func putPassword(tx *store.Tx, user string, hash []byte) error {
	return tx.PutCredential(store.Credential{UserID: user, Kind: kindPassword, Secret: hash, Created: tx.At})
}

// bounded cuts what no password can be, so that hashing a megabyte costs nothing.
func bounded(password string) string {
	return password[:min(len(password), 4*maxPassword)]
}
