// SPDX-License-Identifier: Apache-2.0

package kubeaudit_test

import (
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

// TestWhatWasAskedForInAnothersName is said of whoever may not act as them, with what else is
// known of the request.
func TestWhatWasAskedForInAnothersName(t *testing.T) {
	event := func(ref, verb, uri, why string) string {
		return `{"kind":"Event","auditID":"a","stage":"ResponseComplete","requestURI":"` + uri + `","verb":"` + verb + `","user":{"username":"alice"},"objectRef":` + ref + `,"responseStatus":{"code":403,"message":"` + why + `"}}`
	}
	const secret = `{"resource":"secrets","namespace":"shop","name":"db","apiVersion":"v1"}`
	const as = `users \"bob & <co>\" is forbidden: User \"alice\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope`
	for name, test := range map[string]struct{ text, verb, said string }{
		"a Secret": {event(secret, "get", "/api/v1/namespaces/shop/secrets/db?timeout=1s", `users \"bob &amp; &lt;co&gt;\"`+as[len(`users \"bob & <co>\"`):]), seaworthy.VerbRead, "as User bob & <co>: get /api/v1/namespaces/shop/secrets/db"},
		"not told": {event(secret, "delete", "/api/v1/namespaces/shop/secrets/db", `secrets \"db\" is forbidden: User \"alice\" cannot impersonate-on:user-info:delete resource \"secrets\" in API group \"\" in the namespace \"shop\"`),
			seaworthy.VerbDelete, "as User of a name that the API server does not tell: delete /api/v1/namespaces/shop/secrets/db"},
		"discovery": {event("null", "get", "/apis", as), seaworthy.VerbImpersonate, "as User bob & <co>: get /apis"},
	} {
		t.Run(name, func(t *testing.T) {
			got := observed(t, test.text).Observations
			if len(got) != 1 || got[0].Verb != test.verb || got[0].Outcome != seaworthy.OutcomeDenied || got[0].Actor.Username != "alice" {
				t.Fatalf("%+v", got)
			}
			want := seaworthy.Judgement{Door: seaworthy.DoorImpersonation, Mode: "deny", Items: []string{test.said}}
			if j := got[0].Judged; len(j) != 1 || j[0].Door != want.Door || j[0].Mode != want.Mode || !slices.Equal(j[0].Items, want.Items) {
				t.Errorf("said %+v, want %+v", j, want)
			}
		})
	}
}
