// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
)

// authenticator makes passkeys and signs with them, as a telephone does.
type authenticator struct {
	t        *testing.T
	key      *ecdsa.PrivateKey
	id       []byte
	user     []byte
	counter  uint32
	origin   string
	verified bool // the user was verified, by a finger or a PIN
}

func newAuthenticator(t *testing.T) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &authenticator{t: t, key: key, id: id, origin: "https://seaworthy.example.com", verified: true}
}

// data is the authenticator data of the WebAuthn specification, section 6.1.
func (a *authenticator) data(attested []byte) []byte {
	rp := sha256.Sum256([]byte("seaworthy.example.com"))
	flags := byte(1) // user present
	if a.verified {
		flags |= 1 << 2
	}
	if attested != nil {
		flags |= 1 << 6
	}
	a.counter++
	out := append(rp[:], flags)
	return append(binary.BigEndian.AppendUint32(out, a.counter), attested...)
}

func (a *authenticator) client(kind, challenge string) []byte {
	return a.json(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin})
}

func (a *authenticator) json(v any) []byte {
	a.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return data
}

func (a *authenticator) cbor(v any) []byte {
	a.t.Helper()
	data, err := webauthncbor.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return data
}

type b64 = protocol.URLEncodedBase64

// create answers navigator.credentials.create.
func (a *authenticator) create(options *protocol.CredentialCreation) []byte {
	a.t.Helper()
	a.user = []byte(options.Response.User.ID.(b64))
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		a.t.Fatal(err)
	}
	attested := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	attested = append(attested, a.id...)
	attested = append(attested, a.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]})...)
	object := a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(attested)})
	return a.json(map[string]any{
		"id": b64(a.id).String(), "rawId": b64(a.id), "type": "public-key",
		"response": map[string]any{"clientDataJSON": b64(a.client("webauthn.create", options.Response.Challenge.String())), "attestationObject": b64(object)},
	})
}

// get answers navigator.credentials.get.
func (a *authenticator) get(options *protocol.CredentialAssertion) []byte {
	a.t.Helper()
	client := a.client("webauthn.get", options.Response.Challenge.String())
	data := a.data(nil)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.json(map[string]any{
		"id": b64(a.id).String(), "rawId": b64(a.id), "type": "public-key",
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.user)},
	})
}

// withPasskey adds a passkey to the account of a browser.
func (w world) withPasskey(b *browser, a *authenticator) (recovery []string, err error) {
	w.t.Helper()
	var options *protocol.CredentialCreation
	b.do(func(rw http.ResponseWriter, r *http.Request) { options, err = w.BeginPasskey(rw, r) })
	if err != nil {
		return nil, err
	}
	answer := a.create(options)
	b.do(func(rw http.ResponseWriter, r *http.Request) {
		recovery, err = w.FinishPasskey(rw, r, "Telephone", answer)
	})
	return recovery, err
}

func (w world) challenge(b *browser) *protocol.CredentialAssertion {
	w.t.Helper()
	var options *protocol.CredentialAssertion
	b.do(func(rw http.ResponseWriter, r *http.Request) {
		var err error
		if options, err = w.BeginPasskeySignIn(rw, r); err != nil {
			w.t.Fatal(err)
		}
	})
	return options
}

func (w world) answer(b *browser, answer []byte) (s auth.Session, err error) {
	b.do(func(rw http.ResponseWriter, r *http.Request) { s, err = w.FinishPasskeySignIn(rw, r, answer) })
	return s, err
}

func TestPasskeys(t *testing.T) {
	each(t, nil, func(w world) {
		t := w.t
		b, op := w.owner()
		a := newAuthenticator(t)
		recovery, err := w.withPasskey(b, a)
		if err != nil || len(recovery) != 10 {
			t.Fatalf("FinishPasskey = %q, %v", recovery, err)
		}
		if _, err := w.withPasskey(b, newAuthenticator(t)); err != nil {
			t.Fatal(err)
		}
		f, err := w.Factors(t.Context(), b.request())
		if err != nil || len(f.Passkeys) != 2 || f.Passkeys[0].Name != "Telephone" {
			t.Fatalf("Factors = %+v, %v", f, err)
		}

		alone := newBrowser()
		options := w.challenge(alone)
		if len(options.Response.AllowedCredentials) != 0 || options.Response.UserVerification != protocol.VerificationRequired {
			t.Errorf("a stranger is asked for %+v", options.Response)
		}
		s, err := w.answer(alone, a.get(options))
		if err != nil || s.Stage != auth.StageFull || s.Method != auth.MethodPasskey || s.UserID != op.UserID {
			t.Fatalf("signing in with a passkey = %+v, %v", s, err)
		}
		w.mustWho(alone)

		second := newBrowser()
		if s, err := w.signIn(second, "ada@example.com", good); err != nil || s.Stage != auth.StageSecondFactor {
			t.Fatalf("SignIn = %+v, %v", s, err)
		}
		options = w.challenge(second)
		if len(options.Response.AllowedCredentials) != 2 {
			t.Errorf("the second factor is asked for %+v", options.Response)
		}
		a.verified = false // to show that one has it is enough beside a password
		if s, err := w.answer(second, a.get(options)); err != nil || s.Method != "password and passkey" {
			t.Fatalf("the second factor = %+v, %v", s, err)
		}
		w.mustWho(second)

		second.do(func(rw http.ResponseWriter, r *http.Request) {
			if err := w.RemovePasskey(rw, r, b64(a.id).String()); err != nil {
				t.Fatal(err)
			}
		})
		_, err = w.who(b) // all others end
		refused(t, err, seaworthy.KindUnauthenticated)
		a.verified = true
		alone = newBrowser()
		_, err = w.answer(alone, a.get(w.challenge(alone)))
		refused(t, err, seaworthy.KindUnauthenticated)
	})
}

func TestPasskeysAreRefused(t *testing.T) {
	tests := map[string]func(w world, b *browser, a *authenticator) []byte{
		"another site": func(w world, b *browser, a *authenticator) []byte {
			a.origin = "https://seaworthy.example.com.evil.example"
			return a.get(w.challenge(b))
		},
		"the user was not verified": func(w world, b *browser, a *authenticator) []byte {
			a.verified = false
			return a.get(w.challenge(b))
		},
		"a copy of the passkey": func(w world, b *browser, a *authenticator) []byte {
			a.counter = 0
			return a.get(w.challenge(b))
		},
		"another key": func(w world, b *browser, a *authenticator) []byte {
			a.key = newAuthenticator(w.t).key
			return a.get(w.challenge(b))
		},
		"another user": func(w world, b *browser, a *authenticator) []byte {
			a.user = []byte("nobody")
			return a.get(w.challenge(b))
		},
		"another browser's challenge": func(w world, b *browser, a *authenticator) []byte {
			w.challenge(b)
			return a.get(w.challenge(newBrowser()))
		},
		"too late": func(w world, b *browser, a *authenticator) []byte {
			answer := a.get(w.challenge(b))
			w.pass(5 * time.Minute)
			return answer
		},
		"nothing": func(w world, b *browser, _ *authenticator) []byte {
			w.challenge(b)
			return nil
		},
	}
	each(t, nil, func(w world) {
		b, op := w.owner()
		u, mb := w.member(op, viewer("v"))
		for name, forge := range tests {
			a := newAuthenticator(w.t)
			if _, err := w.signIn(b, "ada@example.com", good); err != nil {
				w.t.Fatal(err)
			}
			recovery, err := w.withPasskey(mb, a)
			if err != nil {
				w.t.Fatalf("%s: %v %v", name, recovery, err)
			}
			stranger := newBrowser()
			_, err = w.answer(stranger, forge(w, stranger, a))
			refused(w.t, err, seaworthy.KindUnauthenticated)
			if err != nil && len(stranger.cookies) != 0 {
				w.t.Errorf("%s: the browser is given %v", name, stranger.cookies)
			}
			mb.do(func(rw http.ResponseWriter, r *http.Request) {
				if err := w.RemovePasskey(rw, r, b64(a.id).String()); err != nil {
					w.t.Fatalf("%s: %v", name, err)
				}
			})
		}
		a := newAuthenticator(w.t)
		if _, err := w.withPasskey(mb, a); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.ChangeUser(w.t.Context(), op, u.ID, auth.UserChange{Disabled: ptr(true)}); err != nil {
			w.t.Fatal(err)
		}
		stranger := newBrowser()
		_, err := w.answer(stranger, a.get(w.challenge(stranger)))
		refused(w.t, err, seaworthy.KindUnauthenticated)
	})
}

// TestAPasskeyIsShownOnce replays all that the network saw: the answer and the cookies.
func TestAPasskeyIsShownOnce(t *testing.T) {
	each(t, nil, func(w world) {
		b, _ := w.owner()
		a := newAuthenticator(w.t)
		a.counter = 1 << 31 // one that counts could not be replayed anyhow
		if _, err := w.withPasskey(b, a); err != nil {
			w.t.Fatal(err)
		}
		victim, thief := newBrowser(), newBrowser()
		answer := a.get(w.challenge(victim))
		for k, v := range victim.cookies {
			thief.cookies[k] = v
		}
		if _, err := w.answer(victim, answer); err != nil {
			w.t.Fatal(err)
		}
		_, err := w.answer(thief, answer)
		refused(w.t, err, seaworthy.KindUnauthenticated)
		var told *seaworthy.Error
		if !errors.As(err, &told) || told.Message != "the sign-in took too long, was begun in another browser, or was done already; begin again" {
			w.t.Errorf("the replay is refused by %v, want by the challenge that was used", err)
		}
	})
}

func TestAPasskeyHasOneOwner(t *testing.T) {
	each(t, nil, func(w world) {
		b, op := w.owner()
		_, mb := w.member(op, viewer("v"))
		a := newAuthenticator(w.t)
		if _, err := w.withPasskey(b, a); err != nil {
			w.t.Fatal(err)
		}
		_, err := w.withPasskey(mb, a)
		refused(w.t, err, seaworthy.KindConflict)
		// The same user making it anew is no other passkey.
		if _, err := w.withPasskey(b, a); err != nil {
			w.t.Errorf("the same passkey once more: %v", err)
		}
		if f, err := w.Factors(w.t.Context(), b.request()); err != nil || len(f.Passkeys) != 1 {
			w.t.Errorf("Factors = %+v, %v, want one passkey", f, err)
		}
	})
}

func TestPasskeysNeedAName(t *testing.T) {
	each(t, func(c *auth.Config) { c.BaseURL = "http://192.0.2.1:8080" }, func(w world) {
		b, _ := w.owner()
		_, err := w.withPasskey(b, newAuthenticator(w.t))
		refused(w.t, err, seaworthy.KindConflict)
	})
}
