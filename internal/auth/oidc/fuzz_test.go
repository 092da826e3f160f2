// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
)

// Whatever claims a provider makes, nobody gets a role or a team but by a group that the
// administrator mapped.
func FuzzClaims(f *testing.F) {
	for _, text := range []string{`{"groups":["admins"],"email":"a@b.c","email_verified":true}`, `{"groups":"admins"}`, `{"groups":[["admins"],{"admins":1},null,1]}`, `{"groups":{"admins":true}}`,
		`{"email":["a"],"name":{},"email_verified":"true"}`, `{"_claim_names":{"groups":"src1"}}`, `{"_claim_names":[]}`, `{}`, `{"groups":["Admins","admins "]}`} {
		f.Add(text)
	}
	p := oidc.NewMapping(oidc.Config{Issuer: "https://id.example.com", GroupsClaim: "groups", DefaultRole: seaworthy.Viewer,
		Roles: map[string]seaworthy.Role{"admins": seaworthy.Owner, "engineers": seaworthy.Engineer}, Teams: map[string]string{"shop": "t1"}})
	f.Fuzz(func(t *testing.T, text string) {
		var claims map[string]any
		if json.Unmarshal([]byte(text), &claims) != nil {
			return
		}
		p.LeftOut(claims)
		x := p.External("s", claims)
		want := seaworthy.Viewer
		switch {
		case named(claims["groups"], "admins"):
			want = seaworthy.Owner
		case named(claims["groups"], "engineers"):
			want = seaworthy.Engineer
		}
		if x.Role != want || len(x.Teams) > 0 && !named(claims["groups"], "shop") || x.Subject != "s" {
			t.Errorf("of the claims %s comes %+v, want the role %s", text, x, want)
		}
	})
}

// named tells whether a claim is a text, or a list that holds it.
func named(claim any, group string) bool {
	switch v := claim.(type) {
	case string:
		return v == group
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { s, ok := e.(string); return ok && strings.Compare(s, group) == 0 })
	}
	return false
}
