// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// breakout is text that is a page to whoever does not escape it: out of an attribute, out
// of a field, out of a script, into a template.
const breakout = `"'></textarea></script><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`

// Whatever clusters and people fill in reaches every page as text: no page has an element,
// a handler or an address that somebody else put there.
func TestEveryFieldIsText(t *testing.T) {
	if raw, err := html.Parse(strings.NewReader("<p title=\"" + breakout)); err != nil || len(foreign(raw)) < 2 {
		t.Fatalf("unescaped, the text is found to be %q, %v: the test can find nothing", foreign(raw), err)
	}
	w := newWorldWith(t, breakout)
	w.write(func(tx *store.Tx) error {
		return tx.PutTeam(&seaworthy.Team{ID: "loud", Name: breakout})
	})
	u, _, err := w.Auth.CreateUser(t.Context(), w.Owner(), auth.NewUser{Email: "x@harbour.example", Name: breakout, Role: seaworthy.Viewer})
	w.must(err)
	w.keep("user", u.ID)
	seen, told := 0, 0
	for _, route := range w.UI.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		for _, path := range w.fillIn(strings.TrimSuffix(route.Pattern, "{$}")) {
			queries := []string{"?program=" + w.theirs.ID}
			if !strings.Contains(route.Pattern, "{") {
				q := url.QueryEscape(breakout)
				queries = append(queries, "", "?q="+q, "?text="+q, "?team="+q, "?source="+q, "?namespace="+q, "?check="+q, "?sort="+q, "?after="+q, "?to="+q, "?kind="+q, "?subject="+q,
					"?actor="+q, "?occurrence="+q, "?as-of="+q, "?scope="+q, "?program="+q, "?control="+q, "?group="+q)
			}
			for _, q := range queries {
				a := w.do(seaworthy.Owner, http.MethodGet, path+q, nil)
				if a.Code >= 500 {
					t.Errorf("GET %s: status %d: %.300s", path+q, a.Code, a.Body)
				}
				if !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
					continue
				}
				seen++
				if strings.Contains(a.Body.String(), "alert(1)") {
					told++
				}
				root, err := html.Parse(strings.NewReader(a.Body.String()))
				w.must(err)
				for _, problem := range foreign(root) {
					t.Errorf("GET %s: %s", path+q, problem)
				}
			}
		}
	}
	if seen < 300 || told < 60 {
		t.Errorf("of %d pages %d show the text: the test shows too little", seen, told)
	}
}

// foreign lists what no page of ours has.
func foreign(n *html.Node) []string {
	var out []string
	if n.Type == html.ElementNode {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" || strings.HasPrefix(a.Key, "hx-on") {
				out = append(out, fmt.Sprintf("<%s> has %s=%q", n.Data, a.Key, a.Val))
			}
			switch a.Key {
			case "href", "src", "action", "formaction", "data", "poster", "xlink:href", "hx-get", "hx-post":
				if scheme, _, found := strings.Cut(strings.ToLower(strings.TrimSpace(a.Val)), ":"); found && !strings.ContainsAny(scheme, "/?#") && scheme != "https" && scheme != "http" && scheme != "mailto" &&
					!(n.Data == "img" && strings.HasPrefix(a.Val, "data:image/")) {
					out = append(out, fmt.Sprintf("<%s> leads to %q", n.Data, a.Val))
				}
			}
		}
		switch src := attributes["src"]; n.Data {
		case "script":
			if !strings.HasPrefix(src, "/static/") || n.FirstChild != nil {
				out = append(out, fmt.Sprintf("a script of %q", src))
			}
		case "img":
			if !strings.HasPrefix(src, "/static/") && !strings.HasPrefix(src, "data:image/") {
				out = append(out, fmt.Sprintf("an image of %q", src))
			}
		case "iframe", "object", "embed", "base", "frame", "applet", "style":
			out = append(out, "an element "+n.Data)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out = append(out, foreign(c)...)
	}
	return out
}

// Addresses that run instead of leading somewhere are refused wherever one can be given.
func TestAddressesThatRunAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, address := range []string{"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
		"//evil.example/x", "https:evil", "https://user:password@evil.example", "file:///etc/passwd", "ftp://evil.example", "/relative"} {
		for path, body := range map[string]map[string]any{
			"/api/v1/findings/ticket": {"findings": []string{w.ids["finding"][0]}, "address": address},
			"/api/v1/evidence": {"kind": "link", "title": "t", "shows": "design", "url": address, "controls": []string{"access-review"},
				"effectiveFrom": w.Now.AddDate(0, 0, -2), "effectiveTo": w.Now.AddDate(0, 0, -1), "collectedAt": w.Now},
		} {
			if a := w.do(seaworthy.Owner, http.MethodPost, path, encode(t, body)); a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), "starts with https://") {
				t.Errorf("POST %s with the address %q: status %d, want 400: %.200s", path, address, a.Code, a.Body)
			}
		}
	}
}

// Nothing that is served may be framed, sniffed or kept, and no page runs what is not ours.
// Of an address with an id, every id is asked until one is answered.
func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld(t)
	for _, path := range w.reading() {
		for _, path := range w.fillIn(path) {
			a := w.do(seaworthy.Owner, http.MethodGet, path, nil)
			checkHeaders(t, "the owner's GET "+path, a, path)
			checkHeaders(t, "nobody's GET "+path, w.do("", http.MethodGet, path, nil), path)
			if a.Code == http.StatusOK {
				break
			}
		}
	}
}

func checkHeaders(t *testing.T, what string, a *httptest.ResponseRecorder, path string) {
	t.Helper()
	policy := a.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s (%d): the policy is %q, want %s", what, a.Code, policy, want)
		}
	}
	if strings.Contains(policy, "unsafe-") || strings.Contains(policy, "*") {
		t.Errorf("%s: the policy is %q", what, policy)
	}
	if a.Header().Get("X-Content-Type-Options") != "nosniff" || a.Header().Get("Referrer-Policy") == "" {
		t.Errorf("%s: sniffing %q, referrer %q", what, a.Header().Get("X-Content-Type-Options"), a.Header().Get("Referrer-Policy"))
	}
	if kept := a.Header().Get("Cache-Control"); a.Code == http.StatusOK && !strings.Contains(kept, "no-store") && !strings.Contains(path, "openapi") && !strings.HasPrefix(path, "/log/tile") {
		t.Errorf("%s: Cache-Control is %q", what, kept)
	}
}

// No address that somebody prepares leads people who sign in elsewhere, and no host that
// a request names gets into a link.
func TestNobodyIsSentElsewhere(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"//evil.example", "https://evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)", "///evil.example",
		"http:evil.example", "/..//evil.example", "/.//evil.example", "//evil.example/%2e%2e", "/%09/evil.example", "@evil.example", "?to=//evil.example", "evil.example"} {
		q := url.QueryEscape(to)
		for _, a := range []*httptest.ResponseRecorder{
			w.do(seaworthy.Owner, http.MethodGet, "/sign-in?to="+q, nil),
			w.do(seaworthy.Owner, http.MethodGet, "/sign-in/second-factor?to="+q, nil),
			w.form("", "/sign-in", url.Values{"email": {w.Users[seaworthy.Owner].Email}, "password": {"correct horse battery staple"}, "to": {to}}),
			w.do(seaworthy.Owner, http.MethodPost, "/account/theme", []byte("theme=dark"), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Referer", to),
		} {
			if a.Code != http.StatusSeeOther {
				t.Errorf("to %q: status %d, want 303", to, a.Code)
				continue
			}
			where, err := url.Parse(w.URL + "/")
			w.must(err)
			if where, err = where.Parse(a.Header().Get("Location")); err != nil || where.Scheme+"://"+where.Host != w.URL {
				t.Errorf("to %q leads to %q: %v", to, a.Header().Get("Location"), err)
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, "http://evil.example/api/v1/users/"+w.ids["user"][0]+"/reset-link", http.NoBody).WithContext(t.Context())
	r.Header.Set("X-Forwarded-Host", "evil.example")
	for _, c := range w.Cookies(seaworthy.Owner) {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	if rec.Code != http.StatusCreated || strings.Contains(rec.Body.String(), "evil") || !strings.Contains(rec.Body.String(), w.URL) {
		t.Errorf("a link for a request to another host: status %d: %s", rec.Code, rec.Body)
	}
}
