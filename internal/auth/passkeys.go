// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const (
	registering   = "passkey-new"
	signingIn     = "passkey"
	ceremony      = 5 * time.Minute // how long people may take
	maxPasskeys   = 20
	responseLimit = 64 << 10
)

// holder is a user as go-webauthn wants to see one.
type holder struct {
	user seaworthy.User
	keys []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.user.ID) }
func (h holder) WebAuthnName() string                       { return h.user.Email }
func (h holder) WebAuthnDisplayName() string                { return h.user.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// challenge is what must be remembered between the two halves of a ceremony.
type challenge struct {
	Data    webauthn.SessionData
	Session string // whose sign-in it completes; empty: it is one by itself
}

func (a *Auth) holder(ctx context.Context, u seaworthy.User) (holder, error) {
	found, err := a.store.Credentials(ctx, u.ID, kindPasskey)
	h := holder{user: u}
	for _, c := range found {
		var key webauthn.Credential
		if err := json.Unmarshal(c.Secret, &key); err != nil {
			return h, fmt.Errorf("read passkey %s: %w", c.ID, err)
		}
		h.keys = append(h.keys, key)
	}
	return h, err
}

// passkeysAt gives what checks passkeys, or nil where the base URL has no name: browsers
// bind passkeys to one.
func passkeysAt(base *url.URL) (*webauthn.WebAuthn, error) {
	if net.ParseIP(base.Hostname()) != nil {
		return nil, nil
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: base.Hostname(), RPDisplayName: "Seaworthy", RPOrigins: []string{base.Scheme + "://" + base.Host},
	})
	if err != nil {
		return nil, seaworthy.Invalid("the base URL %s cannot have passkeys: %v", base, err)
	}
	return w, nil
}

// hasPasskeys refuses where browsers would: passkeys are bound to a name.
func (a *Auth) hasPasskeys() error {
	if a.passkeys == nil {
		return seaworthy.Conflict("passkeys need a host name; %s has none", a.base.Host)
	}
	return nil
}

// BeginPasskey gives what navigator.credentials.create needs to make a passkey.
func (a *Auth) BeginPasskey(w http.ResponseWriter, r *http.Request) (*protocol.CredentialCreation, error) {
	if err := a.hasPasskeys(); err != nil {
		return nil, err
	}
	s, err := a.changing(r.Context(), r)
	if err != nil {
		return nil, err
	}
	h, err := a.holder(r.Context(), s.User)
	if err != nil {
		return nil, err
	}
	if len(h.keys) >= maxPasskeys {
		return nil, seaworthy.Conflict("there are %d passkeys already; remove one that is not used", len(h.keys))
	}
	options, data, err := a.passkeys.BeginRegistration(h,
		webauthn.WithExclusions(webauthn.Credentials(h.keys).CredentialDescriptors()),
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementPreferred))
	if err != nil {
		return nil, fmt.Errorf("begin to make a passkey: %w", err)
	}
	return options, a.Entrust(w, registering, challenge{*data, s.ID}, ceremony)
}

// FinishPasskey keeps the passkey that the browser made, and gives recovery codes when
// there were none. The answer is what navigator.credentials.create gave, as JSON.
func (a *Auth) FinishPasskey(w http.ResponseWriter, r *http.Request, name string, answer []byte) ([]string, error) {
	if err := a.hasPasskeys(); err != nil {
		return nil, err
	}
	s, err := a.changing(r.Context(), r)
	if err != nil {
		return nil, err
	}
	if name, err = checkName(name); err != nil {
		return nil, err
	}
	var c challenge
	if err := a.TakeBack(w, r, registering, &c); err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(bound(answer))
	if err != nil || c.Session != s.ID {
		return nil, refusedPasskey(err)
	}
	key, err := a.passkeys.CreateCredential(holder{user: s.User}, c.Data, parsed)
	if err != nil {
		return nil, refusedPasskey(err)
	}
	key.Attestation = webauthn.CredentialAttestation{} // not asked for, and large
	secret, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("write a passkey: %w", err)
	}
	id := base64.RawURLEncoding.EncodeToString(key.ID)
	codes, err := a.changeFactors(w, r, s, action{what: "added a passkey", name: name}, func(tx *store.Tx) error {
		return tx.PutCredential(store.Credential{UserID: s.UserID, Kind: kindPasskey, ID: id, Name: name, Secret: secret, Created: tx.At})
	})
	if kind(err) == seaworthy.KindConflict {
		err = seaworthy.Conflict("this passkey is in use already")
	}
	return codes, err
}

// RemovePasskey forgets one of one's passkeys.
func (a *Auth) RemovePasskey(w http.ResponseWriter, r *http.Request, id string) error {
	s, err := a.changing(r.Context(), r)
	if err != nil {
		return err
	}
	_, err = a.changeFactors(w, r, s, action{what: "removed a passkey", name: id}, func(tx *store.Tx) error {
		found, err := tx.DropCredential(s.UserID, kindPasskey, id)
		if err == nil && !found {
			err = seaworthy.NotFound("there is no such passkey")
		}
		return err
	})
	return err
}

// BeginPasskeySignIn gives what navigator.credentials.get needs: to show the second
// factor when a password was shown before, or else to sign in with the passkey alone, in
// which case it does not say which accounts there are.
func (a *Auth) BeginPasskeySignIn(w http.ResponseWriter, r *http.Request) (*protocol.CredentialAssertion, error) {
	if err := a.hasPasskeys(); err != nil {
		return nil, err
	}
	s, err := a.Session(r.Context(), r)
	if err != nil && kind(err) != seaworthy.KindUnauthenticated {
		return nil, err
	}
	if err != nil || s.Stage != StageSecondFactor {
		options, data, err := a.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		if err != nil {
			return nil, fmt.Errorf("begin to sign in with a passkey: %w", err)
		}
		return options, a.Entrust(w, signingIn, challenge{Data: *data}, ceremony)
	}
	h, err := a.holder(r.Context(), s.User)
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, seaworthy.Conflict("there is no passkey; use the authenticator app")
	}
	options, data, err := a.passkeys.BeginLogin(h)
	if err != nil {
		return nil, fmt.Errorf("begin to show a passkey: %w", err)
	}
	data.AllowedCredentialIDs = nil // the user's own are, which a cookie may have no room for
	return options, a.Entrust(w, signingIn, challenge{*data, s.ID}, ceremony)
}

// FinishPasskeySignIn lets in who has a passkey. The answer is what
// navigator.credentials.get gave, as JSON.
func (a *Auth) FinishPasskeySignIn(w http.ResponseWriter, r *http.Request, answer []byte) (Session, error) {
	if err := a.hasPasskeys(); err != nil {
		return Session{}, err
	}
	keys := []string{a.addressKey(r)}
	if err := a.admit(r.Context(), keys); err != nil {
		return Session{}, err
	}
	var c challenge
	if err := a.TakeBack(w, r, signingIn, &c); err != nil {
		return Session{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(bound(answer))
	if err != nil {
		return Session{}, refusedPasskey(err)
	}
	if c.Session != "" {
		return a.showPasskey(w, r, c, parsed, keys)
	}
	return a.enterByPasskey(w, r, c, parsed, keys)
}

// showPasskey completes a sign-in that began with a password.
func (a *Auth) showPasskey(w http.ResponseWriter, r *http.Request, c challenge, parsed *protocol.ParsedCredentialAssertionData, keys []string) (Session, error) {
	s, err := a.Session(r.Context(), r)
	if err != nil {
		return Session{}, err
	}
	if s.ID != c.Session || s.Stage != StageSecondFactor {
		return Session{}, refusedPasskey(nil)
	}
	h, err := a.holder(r.Context(), s.User)
	if err != nil {
		return Session{}, err
	}
	key, err := a.passkeys.ValidateLogin(h, c.Data, parsed)
	if err != nil {
		return Session{}, refusedPasskey(err)
	}
	return a.complete(w, r, s, s.Method+" and passkey", keys, usePasskey(s.UserID, key))
}

// enterByPasskey signs in with nothing else.
func (a *Auth) enterByPasskey(w http.ResponseWriter, r *http.Request, c challenge, parsed *protocol.ParsedCredentialAssertionData, keys []string) (Session, error) {
	var h holder
	find := func(_, handle []byte) (webauthn.User, error) {
		u, err := a.store.User(r.Context(), string(handle))
		if err != nil {
			return nil, err
		}
		if !active(u, a.store.Now()) {
			return nil, errWrong
		}
		h, err = a.holder(r.Context(), u)
		return h, err
	}
	_, key, err := a.passkeys.ValidatePasskeyLogin(find, c.Data, parsed)
	if err != nil {
		return Session{}, refusedPasskey(err)
	}
	if err := a.ownDoor(h.user.Role); err != nil {
		return Session{}, err
	}
	e := a.enter(r, h.user, StageFull, MethodPasskey)
	err = a.store.Write(r.Context(), "user:"+h.user.ID, func(tx *store.Tx) error {
		if err := settle(tx, keys); err != nil {
			return err
		}
		if _, err := stillActive(tx, h.user.ID); err != nil {
			return err
		}
		if ok, err := usePasskey(h.user.ID, key)(tx); err != nil || !ok {
			return orElse(err, refusedPasskey(nil))
		}
		return a.keep(tx, r, e)
	})
	if err != nil {
		return Session{}, err
	}
	a.give(w, e)
	return Session{e.session, h.user}, nil
}

// usePasskey writes what changed of a passkey. One whose counter went back may be a copy
// and is refused.
func usePasskey(user string, key *webauthn.Credential) func(*store.Tx) (bool, error) {
	return func(tx *store.Tx) (bool, error) {
		if key.Authenticator.CloneWarning {
			return false, nil
		}
		secret, err := json.Marshal(key)
		if err != nil {
			return false, fmt.Errorf("write a passkey: %w", err)
		}
		return tx.UseCredential(user, kindPasskey, base64.RawURLEncoding.EncodeToString(key.ID), secret)
	}
}

// refusedPasskey is what people are told; the cause is for the server's own log.
func refusedPasskey(err error) error {
	var p *protocol.Error
	if errors.As(err, &p) {
		err = fmt.Errorf("%s: %s", p.Details, p.DevInfo)
	}
	if err == nil {
		err = errors.New("it belongs to another sign-in")
	}
	return Refuse(seaworthy.KindUnauthenticated, "the passkey was not accepted", err)
}

func bound(answer []byte) []byte { return answer[:min(len(answer), responseLimit)] }
