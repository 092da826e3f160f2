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
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// Whatever clusters, agents and people fill in reaches every page as text: no page has an
// element, a handler or an address that somebody else put there, and no table a formula.
// Every text of every document that is sent is tried, by its type or its description.
func TestEveryFieldIsText(t *testing.T) {
	if raw, err := html.Parse(strings.NewReader("<p title=\"" + breakout)); err != nil || len(foreign(raw)) < 2 {
		t.Fatalf("unescaped, the text is found to be %q, %v: the test can find nothing", foreign(raw), err)
	}
	each(t, func(w *world) {
		known := &fields{numbers: map[string]int{}, limits: map[string]int{}}
		api := w.described()
		w.Join(auth.NewUser{Email: "meg@harbour.example", Name: "Meg", Role: seaworthy.ComplianceManager})
		var programs []string
		for _, text := range texts {
			r := &requests{&sends{world: w, marks: &marks{text, known}}, api}
			programs = append(programs, r.everything())
		}
		for i, text := range texts { // last: a factor makes signing in another thing
			(&sends{world: w, marks: &marks{text, known}}).factors(i)
		}
		for id := range api.operations {
			if !api.asked[id] && apart[id] == "" {
				t.Errorf("%s takes a body, and nobody sends a text of somebody's own in it: add it to requests_test.go", id)
			}
		}
		everywhere(w, known, programs)
	})
}

// everything sends one of the texts in every field that there is.
func (r *requests) everything() (program string) {
	r.comes(r.Users[seaworthy.Owner].Email, uitest.Password)
	team, cluster, repository, program := r.company()
	r.reports(cluster, repository)
	r.enrol(cluster)
	r.messages()
	r.beat()
	r.audits(cluster)
	r.controls(cluster)
	r.work(cluster, repository, team)
	r.trail(cluster)
	r.notices(cluster, team)
	r.freezes(program)
	return program
}

// everywhere looks at every page, list, export and package that there is.
func everywhere(w *world, known *fields, programs []string) {
	_, err := w.Store.Checkpoint(w.T.Context(), w.signer)
	w.must(err)
	on := w.tour(known, 12)
	for _, route := range w.UI.Routes() {
		if route.Method != http.MethodGet || strings.Contains(strings.TrimSuffix(route.Pattern, "{$}"), "{") {
			continue
		}
		path := strings.TrimSuffix(route.Pattern, "{$}")
		for _, program := range programs {
			on.add(path + "?program=" + program)
		}
		for _, name := range []string{"q", "text", "team", "source", "namespace", "check", "sort", "after", "to", "kind", "subject", "actor", "occurrence", "as-of", "scope", "program", "control", "group", "image", "name"} {
			address := path + "?" + url.Values{name: {breakout}}.Encode()
			on.look(http.MethodGet, address, w.do(seaworthy.Owner, http.MethodGet, address, nil))
		}
	}
	on.walk()
	for _, program := range programs {
		for _, list := range store.ListNames() {
			for _, format := range []string{"csv", "xlsx"} {
				address := "/api/v1/programs/" + program + "/lists/" + list + "?format=" + format
				on.look(http.MethodGet, address, w.do(seaworthy.Owner, http.MethodGet, address, nil))
			}
		}
		a := w.do(seaworthy.Owner, http.MethodPost, "/api/v1/programs/"+program+"/packages", []byte("{}"))
		if a.Code != http.StatusOK {
			w.Errorf("the package of a program: status %d: %.300s", a.Code, a.Body)
			continue
		}
		on.archive("the package", a.Body.Bytes())
	}
	sent := on.send(&marks{breakout, known})
	on.look(http.MethodGet, "/account", w.do(seaworthy.Owner, http.MethodGet, "/account", nil))
	on.mustShow("passkey.name", "external.name", "external.issuer", "browser.name")
	on.enough(sent)
}

// enough fails where the tour saw so little that it proves nothing.
func (t *tour) enough(sent int) {
	for _, route := range t.UI.Routes() {
		pattern := route.Method + " " + route.Pattern
		if route.Method == http.MethodGet && t.gone[pattern] == 0 && elsewhere[route.Pattern] == "" {
			t.Errorf("no link leads to %s: nobody looked at it", pattern)
		}
	}
	t.Logf("answers by kind: %v; %d forms sent; %d of %d fields came out somewhere; not: %s", t.kinds, sent, len(t.shown), len(t.marks.names), strings.Join(t.hidden(), ", "))
	if t.kinds["text/html"] < 500 || t.kinds["text/csv"] < 30 || sent < 20 || len(t.shown) < 350 {
		t.Errorf("answers by kind: %v; %d forms sent; %d of %d fields came out: the test looks at too little", t.kinds, sent, len(t.shown), len(t.marks.names))
	}
}

// elsewhere are pages that no link leads to, each with the reason.
var elsewhere = map[string]string{
	"/welcome/{secret}":             "whoever gets the link comes by it",
	"/checkpoints/{size}/timestamp": "what an authority elsewhere signed",
}

// foreign lists what no page of ours has.
func foreign(n *html.Node) []string {
	var out []string
	if n.Type == html.ElementNode {
		for _, a := range n.Attr {
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
		switch src := attributes(n)["src"]; n.Data {
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
	eachFilled(t, func(w *world) {
		for _, address := range []string{"javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "\tjavascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
			"//evil.example/x", "https:evil", "https://user:password@evil.example", "file:///etc/passwd", "ftp://evil.example", "/relative"} {
			for path, body := range map[string]map[string]any{
				"/api/v1/findings/ticket": {"findings": []string{w.ids["finding"][0]}, "address": address},
				"/api/v1/evidence": {"kind": "link", "title": "t", "shows": "design", "url": address, "controls": []string{"access-review"},
					"effectiveFrom": w.Now.AddDate(0, 0, -2), "effectiveTo": w.Now.AddDate(0, 0, -1), "collectedAt": w.Now},
			} {
				if a := w.do(seaworthy.Owner, http.MethodPost, path, encode(w.T, body)); a.Code != http.StatusBadRequest || !strings.Contains(a.Body.String(), "starts with https://") {
					w.T.Errorf("POST %s with the address %q: status %d, want 400: %.200s", path, address, a.Code, a.Body)
				}
			}
		}
	})
}

// Nothing that is served may be framed, sniffed or kept, and no page runs what is not ours.
// Of an address with an id, every id is asked until one is answered.
func TestHeadersOfEveryAnswer(t *testing.T) {
	eachFilled(t, func(w *world) {
		for _, path := range w.reading() {
			for _, path := range w.fillIn(path) {
				a := w.do(seaworthy.Owner, http.MethodGet, path, nil)
				checkHeaders(w.T, "the owner's GET "+path, a, path)
				checkHeaders(w.T, "nobody's GET "+path, w.do("", http.MethodGet, path, nil), path)
				if a.Code == http.StatusOK {
					break
				}
			}
		}
	})
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
	eachFilled(t, func(w *world) {
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
					w.T.Errorf("to %q: status %d, want 303", to, a.Code)
					continue
				}
				where, err := url.Parse(w.URL + "/")
				w.must(err)
				if where, err = where.Parse(a.Header().Get("Location")); err != nil || where.Scheme+"://"+where.Host != w.URL {
					w.T.Errorf("to %q leads to %q: %v", to, a.Header().Get("Location"), err)
				}
			}
		}
		r := httptest.NewRequest(http.MethodPost, "http://evil.example/api/v1/users/"+w.ids["user"][0]+"/reset-link", http.NoBody).WithContext(w.T.Context())
		r.Header.Set("X-Forwarded-Host", "evil.example")
		for _, c := range w.Cookies(seaworthy.Owner) {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		w.api.ServeHTTP(rec, r)
		if rec.Code != http.StatusCreated || strings.Contains(rec.Body.String(), "evil") || !strings.Contains(rec.Body.String(), w.URL) {
			w.T.Errorf("a link for a request to another host: status %d: %s", rec.Code, rec.Body)
		}
	})
}
