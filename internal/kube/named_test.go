// SPDX-License-Identifier: Apache-2.0

package kube_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy/internal/kube"
)

const ownSecrets = "/api/v1/namespaces/own/secrets"

// withSecrets is a server with Secrets, of which one is of the agent's own.
func withSecrets(t *testing.T) *server {
	s := configMaps(t)
	s.resources["v1"] = append(s.resources["v1"], "secrets:Secret")
	s.objects["/api/v1/secrets"] = []map[string]any{
		versioned(object("own", "key"), "3"), versioned(object("own", "another"), "4"), versioned(object("shop", "key"), "5"),
	}
	return s
}

func secretsOf(names ...string) (out []types.NamespacedName) {
	for _, n := range names {
		out = append(out, types.NamespacedName{Namespace: "own", Name: n})
	}
	return out
}

// asksOfSecrets lists what was asked of Secrets, without what numbers say.
func asksOfSecrets(s *server) (out []string) {
	for _, ask := range s.asked() {
		if path, query, _ := strings.Cut(ask, "?"); strings.HasSuffix(path, "/secrets") {
			how := "list "
			if strings.Contains(query, "watch=1") {
				how = "watch "
			}
			if _, selector, ok := strings.Cut(query, "fieldSelector="); ok {
				selector, _, _ = strings.Cut(selector, "&")
				path += " " + selector
			}
			if !slices.Contains(out, how+path) {
				out = append(out, how+path)
			}
		}
	}
	return out
}

// TestSecretsAreFollowedByName follows one Secret that is there and one that comes later, and
// nothing else of Secrets.
func TestSecretsAreFollowedByName(t *testing.T) {
	server := withSecrets(t)
	w, out, watch := watchNamed(t, server, ownSecrets, kube.Options{}, secretsOf("key", "later")...)
	before := out.wait(t, "synced")
	want := []string{
		"initially configmaps a", "listed configmaps ", "listed pods ",
		"initially secrets key", "listed secrets own", "listed secrets own", "synced",
	}
	if !slices.Equal(before, want) {
		t.Errorf("until it was synced: %q, want %q", before, want)
	}
	first, second := <-w.streams, <-w.streams
	if first.selector != "metadata.name=key" {
		first, second = second, first
	}
	for _, s := range []*stream{first, second} {
		s.send("BOOKMARK", versioned(object("", ""), "9"))
	}
	first.send("MODIFIED", versioned(object("own", "key"), "10"))
	out.wait(t, "live secrets key")
	second.send("ADDED", versioned(object("own", "later"), "11"))
	out.wait(t, "live secrets later")

	const key, later = " metadata.name%3Dkey", " metadata.name%3Dlater"
	asks := asksOfSecrets(server)
	slices.Sort(asks)
	if want := []string{"list " + ownSecrets + key, "list " + ownSecrets + later, "watch " + ownSecrets + key, "watch " + ownSecrets + later}; !slices.Equal(asks, want) {
		t.Errorf("of Secrets was asked %q, want %q", asks, want)
	}
	st := watch.State()
	if slices.Contains(st.Result.Asked, "secrets") || st.Result.Unlisted["Secret"] != kube.SecretsNotAsked || len(st.Result.Errors) > 0 {
		t.Errorf("a report would say %+v; the cluster's Secrets were not listed", st.Result)
	}
}

// TestNamedSecretForgotten has a Secret go while the API server forgets what happened to it:
// the list that shows it no more says so.
func TestNamedSecretForgotten(t *testing.T) {
	server := withSecrets(t)
	w, out, _ := watchNamed(t, server, ownSecrets, kube.Options{}, secretsOf("key")...)
	out.wait(t, "synced")
	s := <-w.streams
	server.mu.Lock()
	server.objects["/api/v1/secrets"] = nil
	server.mu.Unlock()
	s.send("ERROR", map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"})
	lines := out.wait(t, "gap true")
	if lines[0] != "listed secrets own" {
		t.Errorf("after it was forgotten: %q, want the list first", lines)
	}
	if g := out.gaps[0]; !strings.Contains(g.Reason, "secrets own/key") {
		t.Errorf("the gap says %q, want the Secret's name", g.Reason)
	}
}

// TestNamedSecretForbidden wants what cannot be followed to be an error of each report, and
// everything else to go on.
func TestNamedSecretForbidden(t *testing.T) {
	server := withSecrets(t)
	server.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != ownSecrets {
			return false
		}
		refuse(w, http.StatusForbidden, "Forbidden", "secrets is forbidden", "")
		return true
	}
	_, out, watch := watchNamed(t, server, ownSecrets, kube.Options{}, secretsOf("key")...)
	out.wait(t, "synced")
	r := watch.State().Result
	if len(r.Errors) != 1 || r.Errors[0].Object != "secrets" || !strings.HasPrefix(r.Errors[0].Message, "list secrets: own/key: forbidden") {
		t.Errorf("errors = %+v", r.Errors)
	}
	if u := r.Unlisted["Secret"]; !strings.HasPrefix(u, kube.SecretsNotAsked+"; own/key: forbidden") {
		t.Errorf("unlisted = %q", u)
	}
}

// TestAllSecretsAreFollowedOnce has no Secret followed by name where all are followed.
func TestAllSecretsAreFollowedOnce(t *testing.T) {
	server := withSecrets(t)
	_, out, _ := watchNamed(t, server, "/api/v1/secrets", kube.Options{Secrets: true}, secretsOf("key")...)
	if lines := out.wait(t, "synced"); !slices.Contains(lines, "initially secrets another") {
		t.Errorf("it told %q, want all Secrets", lines)
	}
	for _, ask := range asksOfSecrets(server) {
		if strings.Contains(ask, "own") {
			t.Errorf("also asked: %s", ask)
		}
	}
}
