// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// entrusted is what a browser keeps for us, sealed, while somebody is elsewhere: at the
// provider of single sign-on, or at the passkey. So strangers cannot fill the database.
type entrusted struct {
	Expires time.Time       `json:"expires"`
	Value   json.RawMessage `json:"value"`
}

// Entrust has the browser keep a value for some minutes in a cookie that it cannot read.
// The purpose names the cookie.
func (a *Auth) Entrust(w http.ResponseWriter, purpose string, value any, age time.Duration) error {
	data, err := json.Marshal(value)
	if err == nil {
		data, err = json.Marshal(entrusted{a.store.Now().Add(age), data})
	}
	if err != nil {
		return fmt.Errorf("entrust %s to the browser: %w", purpose, err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(a.keys.seal(purpose, data))
	http.SetCookie(w, a.cookie(sessionCookie+"-"+purpose, sealed, age))
	return nil
}

// TakeBack reads into value what the browser was entrusted with, and takes the cookie
// away. It gives a value back once: a copy of the cookie is worth nothing afterwards.
func (a *Auth) TakeBack(w http.ResponseWriter, r *http.Request, purpose string, value any) error {
	gone := unauthenticated("the sign-in took too long, was begun in another browser, or was done already; begin again")
	http.SetCookie(w, a.cookie(sessionCookie+"-"+purpose, "", 0))
	c, err := r.Cookie(a.cookie(sessionCookie+"-"+purpose, "", 0).Name)
	if err != nil {
		return gone
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil {
		return gone
	}
	data, err := a.keys.open(purpose, sealed)
	if err != nil {
		return gone
	}
	var kept entrusted
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("read what was entrusted: %w", err)
	}
	if !a.store.Now().Before(kept.Expires) {
		return gone
	}
	first := false
	err = a.store.Write(r.Context(), "system", func(tx *store.Tx) error {
		var err error
		first, err = tx.Spend(hashOf(string(sealed)), kept.Expires)
		return err
	})
	if err != nil {
		return err
	}
	if !first {
		return gone
	}
	if err := json.Unmarshal(kept.Value, value); err != nil {
		return fmt.Errorf("read what was entrusted: %w", err)
	}
	return nil
}
