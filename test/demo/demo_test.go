// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package demo starts the demo as somebody does who wants to see the product, signs in as
// everybody whom it names, and looks at every page.
package demo

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// elsewhere are the pages that nobody who is signed in comes to by links, with the reason.
var elsewhere = map[string]string{
	"/welcome/{secret}":             "links are used once",
	"/sign-in":                      "is looked at before anybody signs in",
	"/sign-in/provider":             "there is no provider of single sign-on",
	"/sign-in/callback":             "there is no provider of single sign-on",
	"/sign-in/second-factor":        "nobody in the demo has one",
	"/checkpoints/{size}/timestamp": "no authority timestamps the demo",
	"/findings/selected":            "is reached with a form",
	"/account/app":                  "is reached with a form",
	"/waivers/selected":             "is reached with a form",
}

// bare are the pages on which somebody may see that there is nothing, with the reason.
var bare = map[string]string{
	"/search":           "until something is searched for",
	"/occurrences/{id}": "what is expected is not performed yet",
	"/tokens":           "nobody but pipelines has tokens",
	"/sign-on":          "the demo has no provider of single sign-on",
	"/packages":         "the demo hands none over: a package is made while one waits",
}

// account is one whom the demo names.
type account struct{ role, email, password string }

var named = regexp.MustCompile(`(?m)^  (\S+(?: \S+)?)\s{2,}.*?\s{2,}(\S+@\S+)\s{2,}(.+?)\s*$`)

func TestEveryPageOfTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("the demo was NOT started: -short")
	}
	address := program.FreeAddress(t)
	p := program.New(t, "demo", "--listen", address)
	p.Start()
	for deadline := time.Now().Add(5 * time.Minute); !strings.Contains(p.Printed(), "Ctrl-C ends the demo"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the demo is not ready:\n%s", p.Printed())
		}
	}
	p.Ready(address)
	if !strings.Contains(p.Printed(), "Example data") {
		t.Error("it does not say that it is example data")
	}
	base := "http://" + address
	missing := map[string]bool{}
	mux := http.NewServeMux()
	for _, r := range uitest.New(t).UI.Routes() {
		if r.Method == http.MethodGet {
			mux.HandleFunc("GET "+r.Pattern, http.NotFound)
			missing[r.Pattern] = elsewhere[r.Pattern] == ""
		}
	}
	mux.HandleFunc("GET /static/", http.NotFound)
	accounts := named.FindAllStringSubmatch(p.Printed(), -1)
	if len(accounts) < len(seaworthy.Roles) {
		t.Fatalf("it names %d accounts, want one of each role:\n%s", len(accounts), p.Printed())
	}
	roles := map[string]bool{}
	for _, a := range accounts {
		v := &visitor{t: t, mux: mux, base: base, who: account{a[1], a[2], a[3]}, seen: map[string]int{}}
		roles[v.who.role] = true
		v.signIn()
		v.walk()
		for pattern := range v.seen {
			delete(missing, pattern)
		}
		t.Logf("%s: %d pages of %d kinds", v.who.role, v.pages, len(v.seen))
		if v.pages < 30 {
			t.Errorf("%s sees %d pages", v.who.role, v.pages)
		}
	}
	for _, r := range seaworthy.Roles {
		if !roles[string(r)] {
			t.Errorf("nobody is a %s; there are %v", r, roles)
		}
	}
	for pattern, want := range missing {
		if want {
			t.Errorf("no page of the demo leads anybody to %s", pattern)
		}
	}
	if err := p.Stop(); err != nil {
		t.Errorf("the demo ended with %v", err)
	}
}

// visitor looks at the pages as one of the accounts.
type visitor struct {
	t      *testing.T
	mux    *http.ServeMux
	base   string
	who    account
	client *http.Client
	seen   map[string]int // by route
	pages  int
}

// each is how many pages of one route are looked at.
const each = 2

func (v *visitor) signIn() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Fatal(err)
	}
	v.client = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := v.client.PostForm(v.base+"/sign-in", url.Values{"email": {v.who.email}, "password": {v.who.password}})
	if err != nil {
		v.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("%s signs in as printed: status %d", v.who.email, res.StatusCode)
	}
}

// walk follows the links of pages to each route.
func (v *visitor) walk() {
	queue, known := []string{"/", "/search?q=checkout", "/scope"}, map[string]bool{}
	for len(queue) > 0 {
		to := queue[0]
		queue = queue[1:]
		u, err := url.Parse(to)
		if err != nil || u.Host != "" || known[to] {
			continue
		}
		known[to] = true
		_, pattern := v.mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
		_, pattern, _ = strings.Cut(pattern, " ")
		if pattern == "" || pattern == "/static/" || v.seen[pattern] >= each {
			continue
		}
		v.seen[pattern]++
		queue = append(queue, v.look(to, pattern)...)
	}
}

// look reads a page, wants it to have content, and gives its links.
func (v *visitor) look(to, pattern string) []string {
	res, err := v.client.Get(v.base + to)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	v.pages++
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Errorf("GET %s as %s = %d (%v)", to, v.who.role, res.StatusCode, err)
		return nil
	}
	if res.Header.Get("Seaworthy-Example-Data") == "" {
		v.t.Errorf("GET %s does not say that it is example data", to)
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if len(data) == 0 {
			v.t.Errorf("GET %s as %s is empty", to, v.who.role)
		}
		return nil
	}
	doc, err := html.Parse(strings.NewReader(string(data)))
	if err != nil {
		v.t.Fatal(err)
	}
	p := page{}
	p.read(doc, false)
	if p.headings != 1 || len(strings.Fields(p.text.String())) < 15 {
		v.t.Errorf("GET %s as %s has %d headings and says only %q", to, v.who.role, p.headings, p.text.String())
	}
	if p.empty != "" && bare[pattern] == "" && v.whole() && !strings.Contains(to, "?") {
		v.t.Errorf("GET %s as %s shows that there is nothing: %q", to, v.who.role, p.empty)
	}
	return p.links
}

// whole tells whether somebody sees everything.
func (v *visitor) whole() bool {
	return slices.Contains([]string{"owner", "compliance-manager", "viewer"}, v.who.role)
}

// page is what a page says and where it leads.
type page struct {
	text     strings.Builder // of its main part
	links    []string
	headings int
	empty    string // what it says where a list has nothing
}

func (p *page) read(n *html.Node, main bool) {
	main = main || n.Data == "main"
	if n.Type == html.TextNode && main {
		p.text.WriteString(n.Data + " ")
	}
	for _, a := range n.Attr {
		switch {
		case a.Key == "href" && n.Data == "a":
			p.links = append(p.links, a.Val)
		case a.Key == "class" && slices.Contains(strings.Fields(a.Val), "empty"):
			var inside page
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				inside.read(c, true)
			}
			p.empty = strings.Join(strings.Fields(inside.text.String()), " ")
		}
	}
	if n.Type == html.ElementNode && n.Data == "h1" {
		p.headings++
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.read(c, main)
	}
}
