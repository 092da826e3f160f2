// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

func TestPagesOfAnEmptySite(t *testing.T) { uitest.Each(t, pagesOfAnEmptySite) }

func pagesOfAnEmptySite(t *testing.T, s *uitest.Site) {
	look(t, s)
}

// TestPagesOfAFilledSite looks at one site in many ways, for filling it takes a while.
func TestPagesOfAFilledSite(t *testing.T) {
	if testing.Short() {
		t.Skip("the pages were NOT looked at with data in them: -short")
	}
	uitest.Each(t, pagesOfAFilledSite)
}

func pagesOfAFilledSite(t *testing.T, s *uitest.Site) {
	s.Fill()
	t.Run("pages", func(t *testing.T) { look(t, s) })
	t.Run("forms", func(t *testing.T) { forms(t, s) })
	t.Run("auditor", func(t *testing.T) { bound(t, s) })
	t.Run("scopes", func(t *testing.T) { scopes(t, s) })
	t.Run("through", func(t *testing.T) { through(t, s) })
	t.Run("listed", func(t *testing.T) { listed(t, s) })
	t.Run("bulk", func(t *testing.T) { bulk(t, s) })
	t.Run("views", func(t *testing.T) { views(t, s) })
	t.Run("talks", func(t *testing.T) { talks(t, s) })
	t.Run("trail", func(t *testing.T) { trailOf(t, s) })
	t.Run("then", func(t *testing.T) { then(t, s) })
	t.Run("exports", func(t *testing.T) { exports(t, s) })
	t.Run("sorted", func(t *testing.T) { sorted(t, s) })
	t.Run("returns", func(t *testing.T) { returns(t, s) }) // last: it moves the clock
}

// look visits every page and checks its HTML.
func look(t *testing.T, s *uitest.Site) {
	for name, path := range s.Pages() {
		t.Run(name, func(t *testing.T) {
			want := http.StatusOK
			if name == "error" {
				want = http.StatusNotFound
			}
			code, body := s.Get(s.Client(seaworthy.Owner), path)
			if code != want {
				t.Fatalf("GET %s = %d, want %d", path, code, want)
			}
			for _, problem := range checkHTML(t, s, body) {
				t.Errorf("%s: %s", path, problem)
			}
			if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
				t.Errorf("%s holds text of others as markup", path)
			}
			if strings.Contains(body, "ZgotmplZ") {
				t.Errorf("%s holds something that the templates refused to write", path)
			}
		})
	}
}

// page is what checkHTML has seen so far.
type seenPage struct {
	ids, labelled map[string]bool
	inputs        map[string]string // id to what it is
	headings      int
	problems      []string
}

// checkHTML tells what is wrong with a page: headings, labels, ids, anything inline, and
// links that lead nowhere.
func checkHTML(t *testing.T, s *uitest.Site, body string) []string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	p := &seenPage{ids: map[string]bool{}, labelled: map[string]bool{}, inputs: map[string]string{}}
	p.walk(s, doc, false)
	if p.headings != 1 {
		p.tell("there are %d h1, want 1", p.headings)
	}
	for id, what := range p.inputs {
		if !p.labelled[id] {
			p.tell("%s has no label", what)
		}
	}
	return p.problems
}

func (p *seenPage) tell(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

func (p *seenPage) walk(s *uitest.Site, n *html.Node, inLabel bool) {
	if n.Type == html.ElementNode {
		p.element(s, n, inLabel)
		inLabel = inLabel || n.Data == "label"
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.walk(s, c, inLabel)
	}
}

func (p *seenPage) element(s *uitest.Site, n *html.Node, inLabel bool) {
	a := map[string]string{}
	for _, at := range n.Attr {
		a[at.Key] = at.Val
		if strings.HasPrefix(at.Key, "on") || at.Key == "style" {
			p.tell("<%s> has the inline attribute %s", n.Data, at.Key)
		}
	}
	if id, ok := a["id"]; ok {
		if p.ids[id] {
			p.tell("the id %s stands there twice", id)
		}
		p.ids[id] = true
	}
	switch n.Data {
	case "h1":
		p.headings++
	case "style":
		p.tell("there is an inline style")
	case "script":
		if a["src"] == "" || n.FirstChild != nil {
			p.tell("there is an inline script")
		}
	case "label":
		p.labelled[a["for"]] = true
	case "input", "select", "textarea":
		p.input(n, a, inLabel)
	case "img":
		if a["alt"] == "" {
			p.tell("a picture has no alt")
		}
	case "a":
		p.link(s, http.MethodGet, a["href"])
	case "form":
		if strings.EqualFold(a["method"], "post") {
			p.link(s, http.MethodPost, a["action"])
		} else {
			p.link(s, http.MethodGet, a["action"])
		}
	}
}

func (p *seenPage) input(n *html.Node, a map[string]string, inLabel bool) {
	if a["type"] == "hidden" || inLabel || a["aria-label"] != "" {
		return
	}
	what := "<" + n.Data + " name=" + a["name"] + ">"
	if a["id"] == "" {
		p.tell("%s has neither id nor label around it", what)
		return
	}
	p.inputs[a["id"]] = what
}

// link wants a link of ours to lead to a route.
func (p *seenPage) link(s *uitest.Site, method, href string) {
	u, err := url.Parse(href)
	if err != nil {
		p.tell("the link %q is malformed", href)
		return
	}
	if u.Host != "" || href == "" || strings.HasPrefix(href, "#") {
		if u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" {
			p.tell("the link %q has the scheme %s", href, u.Scheme)
		}
		return
	}
	if !s.UI.Routed(method, u.Path) {
		p.tell("%s %s leads to no route", method, href)
	}
}

// forms sends forms as a person would and looks at what comes of them.
func forms(t *testing.T, s *uitest.Site) {
	c := s.Client(seaworthy.Owner)
	pages := s.Pages()
	for _, f := range []struct {
		name, path string
		form       url.Values
		code       int
		says       string
	}{
		{"comment", pages["finding"] + "/comment", url.Values{"text": {"seen"}}, 303, ""},
		{"empty comment", pages["finding"] + "/comment", url.Values{"text": {" "}}, 400, "role=\"alert\""},
		{"waiver without reason", pages["finding"] + "/waive", url.Values{"expires": {"2027-01-01"}}, 400, "role=\"alert\""},
		{"due date", pages["finding"] + "/due", url.Values{"due": {"2026-12-24"}, "reason": {"agreed"}}, 303, ""},
		{"due date that is none", pages["finding"] + "/due", url.Values{"due": {"soon"}}, 400, "YYYY-MM-DD"},
		{"bulk of nothing", "/findings/bulk", url.Values{"do": {"assign"}}, 400, "Choose findings first"},
		{"own waiver", pages["waiver"] + "/decide", url.Values{"do": {"approve"}}, 403, ""},
		{"program without a name", "/programs/new", url.Values{"type": {"II"}, "from": {"2026-01-01"}, "to": {"2026-06-30"}}, 400, "needs a name"},
		{"program", "/programs/new", url.Values{"name": {"Next"}, "type": {"II"}, "from": {"2027-01-01"}, "to": {"2027-06-30"}, "scope-prod-eu": {"in"}}, 303, ""},
		{"source", "/sources", url.Values{"name": {"edge"}, "kind": {"cluster"}, "environment": {"production"}, "every": {"24h0m0s"}}, 303, ""},
		{"source again", "/sources", url.Values{"name": {"edge"}, "kind": {"cluster"}, "environment": {"production"}, "every": {"24h0m0s"}}, 400, "declared already"},
		{"list", "/lists", url.Values{"name": {"People"}, "list": {"users"}}, 303, ""},
		{"sample", pages["list"] + "/sample", url.Values{"seed": {"17"}, "size": {"5"}}, 303, ""},
		{"token", "/tokens", url.Values{"name": {"t"}, "role": {"reporter"}}, 200, "shown only now"},
		{"retention", "/retention", url.Values{"raw": {"400"}, "events": {"0"}, "evidence": {"0"}, "sessions": {"90"}}, 303, ""},
		{"rule", "/ownership", url.Values{"namespace": {"data"}, "team": {"team-2"}}, 303, ""},
		{"team", "/teams", url.Values{"team": {"Data"}}, 303, ""},
		{"person", "/people/new", url.Values{"email": {"new@harbour.example"}, "name": {"New"}, "role": {"viewer"}}, 200, "shown only now"},
		{"control", pages["control"], url.Values{"version": {"2"}, "cadence": {"quarterly"}, "statement": {"x"}, "active": {"no"}}, 400, "without a reason"},
	} {
		t.Run(f.name, func(t *testing.T) {
			res, err := c.PostForm(s.URL+f.path, f.form)
			if err != nil {
				t.Fatal(err)
			}
			body := s.Read(res)
			if res.StatusCode != f.code {
				t.Fatalf("POST %s = %d, want %d", f.path, res.StatusCode, f.code)
			}
			if !strings.Contains(body, f.says) {
				t.Errorf("POST %s does not say %q", f.path, f.says)
			}
		})
	}
}

// bound looks at the site as an auditor who is bound to one program does.
func bound(t *testing.T, s *uitest.Site) {
	c := s.Client(seaworthy.Auditor)
	if code, body := s.Get(c, "/sources"); code != 200 || strings.Contains(body, ">staging<") {
		t.Errorf("the auditor's list of sources gives %d, or holds one that is out of scope", code)
	}
	for path, want := range map[string]int{"/sources/staging": 404, "/sources/prod-eu": 200, "/people": 403, "/evidence/new": 403} {
		if code, _ := s.Get(c, path); code != want {
			t.Errorf("GET %s as the auditor = %d, want %d", path, code, want)
		}
	}
	out, err := s.Store.EvidenceList(t.Context(), store.EvidenceFilter{Source: "staging", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out {
		for _, path := range []string{"/evidence/" + e.ID, "/evidence/" + e.ID + "/file"} {
			if code, _ := s.Get(c, path); code != http.StatusNotFound {
				t.Errorf("GET %s of a source out of scope as the auditor = %d, want 404", path, code)
			}
		}
	}
	if code, body := s.Get(c, "/"); code != 200 || strings.Contains(body, "staging") {
		t.Errorf("the auditor's overview gives %d, or tells of a source that is out of scope", code)
	}
	program, err := s.Store.Program(t.Context(), s.Users[seaworthy.Auditor].Program)
	if err != nil {
		t.Fatal(err)
	}
	for of, want := range map[string]int{"": http.StatusOK, program.ID: http.StatusOK, "another": http.StatusNotFound, seaworthy.OfNoProgram: http.StatusNotFound} {
		from := program.From.Add(time.Duration(1+len(of)) * time.Minute) // each in a window of its own
		o := seaworthy.Occurrence{ControlID: "pod-security-admission", ProgramID: of, From: from, DueAt: from.AddDate(0, 0, 1), State: seaworthy.Missed}
		if err := s.Store.Write(t.Context(), "system", func(tx *store.Tx) error { return tx.PutOccurrence(&o, o.DueAt) }); err != nil {
			t.Fatal(err)
		}
		if code, _ := s.Get(c, "/occurrences/"+o.ID); code != want {
			t.Errorf("an occurrence of program %q gives the auditor %d, want %d", of, code, want)
		}
	}
	if _, body := s.Get(c, "/log/0"); strings.Contains(body, "maya@") {
		t.Error("the auditor reads the content of an entry that is about no program of theirs")
	}
}

// TestRolesAndRoutes sends every role to every route: what a role may not do is refused,
// and nothing is refused for another reason.
func TestRolesAndRoutes(t *testing.T) { uitest.Each(t, rolesAndRoutes) }

func rolesAndRoutes(t *testing.T, s *uitest.Site) {
	s.JoinAll()
	roles := append(slices.Clone(seaworthy.Roles), "")
	for _, r := range s.UI.Routes() {
		path := r.Example()
		for _, role := range roles {
			res, err := s.Do(role, r.Method, path)
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Read(res)
			may := r.Action == "" || role != "" && seaworthy.Can(role, r.Action)
			refused := res.StatusCode == http.StatusForbidden || res.StatusCode == http.StatusUnauthorized ||
				res.StatusCode == http.StatusSeeOther && strings.HasPrefix(res.Header.Get("Location"), "/sign-in?")
			switch {
			case !may && !refused:
				t.Errorf("%s %s as %q = %d, want a refusal", r.Method, path, role, res.StatusCode)
			case may && r.Action != "" && res.StatusCode == http.StatusForbidden && r.Method == http.MethodGet:
				t.Errorf("%s %s as %q = 403, though the role may", r.Method, path, role)
			case res.StatusCode == http.StatusInternalServerError:
				t.Errorf("%s %s as %q = 500", r.Method, path, role)
			}
		}
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	s := uitest.New(t)
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/teams", strings.NewReader("team=Evil"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set(header, value)
		res, err := s.Client(seaworthy.Owner).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Read(res)
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("a form with %s: %s gives %d, want 403", header, value, res.StatusCode)
		}
	}
}

func TestAnswersCarryAPolicy(t *testing.T) {
	s := uitest.New(t)
	for _, path := range []string{"/", "/sign-in", "/nothing", "/static/x/app.css"} {
		res, err := s.Client(seaworthy.Owner).Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Read(res)
		csp := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("GET %s: the policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s: the policy %q allows what is unsafe", path, csp)
		}
	}
}

func TestSignInGoesNowhereElse(t *testing.T) {
	s := uitest.New(t)
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)"} {
		res := s.Post(s.Client(""), "/sign-in", url.Values{"email": {s.Users[seaworthy.Owner].Email}, "password": {uitest.Password}, "to": {to}})
		if got := res.Header.Get("Location"); got != "/" {
			t.Errorf("signing in to go to %q leads to %q, want /", to, got)
		}
	}
}
