// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"net/http"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const (
	totpDigits = 6
	totpPeriod = 30 // seconds, by RFC 6238
)

// TOTP is what an authenticator app needs to know. It is shown once.
type TOTP struct {
	Secret string
	URL    string // otpauth://totp/…
	QR     []byte // the URL as a PNG
}

// totpPurpose binds a sealed secret to its user.
func totpPurpose(user string) string { return "totp:" + user }

// BeginTOTP makes a secret for an authenticator app. It counts once [Auth.ConfirmTOTP]
// has seen a code of it.
func (a *Auth) BeginTOTP(r *http.Request) (TOTP, error) {
	ctx := r.Context()
	s, err := a.changing(ctx, r)
	if err != nil {
		return TOTP{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Seaworthy " + a.base.Hostname(), AccountName: s.User.Email, Period: totpPeriod, Digits: totpDigits})
	if err != nil {
		return TOTP{}, fmt.Errorf("make a secret for an authenticator app: %w", err)
	}
	sealed := a.keys.seal(totpPurpose(s.UserID), []byte(key.Secret()))
	err = a.store.Write(ctx, "user:"+s.UserID, func(tx *store.Tx) error {
		return tx.PutCredential(store.Credential{UserID: s.UserID, Kind: kindTOTPNew, Secret: sealed, Created: tx.At})
	})
	if err != nil {
		return TOTP{}, err
	}
	qr, err := picture(key)
	return TOTP{Secret: key.Secret(), URL: key.URL(), QR: qr}, err
}

func picture(key *otp.Key) ([]byte, error) {
	img, err := key.Image(240, 240)
	if err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw the QR code: %w", err)
	}
	return b.Bytes(), nil
}

// ConfirmTOTP sets up the authenticator app in place of one that was there, and gives
// recovery codes when there were none.
func (a *Auth) ConfirmTOTP(w http.ResponseWriter, r *http.Request, code string) ([]string, error) {
	ctx := r.Context()
	s, err := a.changing(ctx, r)
	if err != nil {
		return nil, err
	}
	step, ok, err := a.totpStep(ctx, s.UserID, kindTOTPNew, strings.ReplaceAll(code, " ", ""))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, seaworthy.Invalid("the code is wrong; is the clock of the telephone right?")
	}
	return a.changeFactors(w, r, s, action{what: "set up an authenticator app"}, func(tx *store.Tx) error {
		found, err := tx.Credentials(s.UserID, kindTOTPNew)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return seaworthy.Conflict("the authenticator app was set up already")
		}
		c := found[0]
		if _, err := tx.DropCredential(s.UserID, kindTOTPNew, ""); err != nil {
			return err
		}
		c.Kind, c.Counter, c.Created, c.Used = kindTOTP, step, tx.At, tx.At
		return tx.PutCredential(c)
	})
}

// RemoveTOTP forgets the authenticator app.
func (a *Auth) RemoveTOTP(w http.ResponseWriter, r *http.Request) error {
	s, err := a.changing(r.Context(), r)
	if err != nil {
		return err
	}
	_, err = a.changeFactors(w, r, s, action{what: "removed the authenticator app"}, func(tx *store.Tx) error {
		found, err := tx.DropCredential(s.UserID, kindTOTP, "")
		if err == nil && !found {
			err = seaworthy.NotFound("there is no authenticator app")
		}
		return err
	})
	return err
}

// totpStep finds the time step that a code belongs to: this one, or one of its
// neighbours, since clocks differ and people are slow.
func (a *Auth) totpStep(ctx context.Context, user, kind, code string) (step int64, ok bool, err error) {
	found, err := a.store.Credentials(ctx, user, kind)
	if err != nil || len(found) == 0 {
		return 0, false, err
	}
	secret, err := a.keys.open(totpPurpose(user), found[0].Secret)
	if err != nil {
		return 0, false, Refuse(seaworthy.KindUnavailable,
			"the authenticator app cannot be checked: its secret was sealed with another key file; use a recovery code, or ask whoever runs the server", err)
	}
	return matchTOTP(string(secret), code, a.store.Now())
}

func matchTOTP(secret, code string, now time.Time) (step int64, ok bool, err error) {
	if len(code) != totpDigits {
		return 0, false, nil
	}
	current := now.Unix() / totpPeriod
	for _, step := range []int64{current, current - 1, current + 1} {
		match, err := hotp.ValidateCustom(code, uint64(step), secret, hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("check a code: %w", err)
		}
		if match {
			return step, true, nil
		}
	}
	return 0, false, nil
}
