// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy/internal/ui"
)

// address is what is asked for, and the route that answers it.
type address struct{ route, path string }

// noExample are the routes that the company gives nothing to ask for.
var noExample = map[string]string{
	"/welcome/{secret}":                         "links are used once",
	"/sign-in/provider":                         "leads to a provider of single sign-on",
	"/sign-in/callback":                         "comes from a provider of single sign-on",
	"/sign-in":                                  "sends on who is signed in",
	"/api/v1/comments":                          "needs to know of what, and is asked with it below",
	"/account/app":                              "shows a secret that is made for each who asks",
	"/sign-in/second-factor":                    "belongs to a sign-in that is not done",
	"/api/v1/uploads/{id}":                      "belongs to an upload that is not done",
	"/api/v1/sources/{source}/reports/{digest}": "tells whether a report was taken before it is sent",
	"/api/v1/agent/configuration":               "belongs to agents, which sign their tokens",
	"/checkpoints/{size}/timestamp":             "there is no authority that timestamps",
	"/findings.csv":                             "is as long as the list: an export",
	"/lists/export":                             "is as long as the list: an export",
	"/lists/{id}/export":                        "is as long as the list: an export",
	"/api/v1/programs/{id}/lists/{list}":        "is as long as the list: an export",
	"/api/v1/populations/{id}/rows":             "is as long as the list: an export",
}

// pages are the addresses of the pages: each route, with ids that pages link to, and each
// way in which a page offers to show itself otherwise: facets, orders, the next page.
func (b *browser) pages() []address {
	b.t.Helper()
	routes, err := ui.New(ui.Config{Store: b.site.server.Store(), Auth: b.site.server.Auth(), Audit: b.site.audit, Vault: b.site.server.Vault(), Checks: b.site.config.Checks})
	b.site.must(err)
	mux := http.NewServeMux()
	missing := map[string]bool{}
	for _, r := range routes.Routes() {
		if _, without := noExample[r.Pattern]; r.Method == http.MethodGet && !without {
			mux.HandleFunc("GET "+r.Pattern, http.NotFound)
			missing[r.Pattern] = true
		}
	}
	var out []address
	seen := map[string]bool{} // by route and what narrows it
	given := map[string]bool{}
	queue := []string{"/"}
	for _, p := range []string{"/search?q=app", "/search?q=checkout-api", "/findings?q=checkout", "/findings?q=container", "/findings?q=zzz", "/findings?q=ledger-web-9",
		"/findings?kind=Ingress", "/findings?kind=ClusterRole", "/findings?kind=Deployment", "/findings?assignee=user-07", "/findings?assignee=-", "/findings?waiver=" + waiverID(3, 2) + "&status=all",
		"/findings?status=overdue&severity=low", "/findings?control=workload-isolation", "/findings?requirement=CC6.1", "/findings?group=namespace&status=all",
		"/workloads?q=ledger", "/workloads?namespace=" + space(80), "/workloads?all=yes&gone=yes", "/evidence?control=access-review", "/log?kind=waiver", "/log?kind=events", "/log?actor=system",
		"/findings/selected?do=assign&finding=" + b.first("/api/v1/findings"), "/waivers/selected?do=approve&waiver-id=" + b.first("/api/v1/waivers?state=requested"),
	} {
		queue = append(queue, p)
		given[p] = true
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		u, err := url.Parse(at)
		if err != nil || u.Host != "" {
			continue
		}
		_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
		if pattern == "" {
			continue
		}
		_, route, _ := strings.Cut(pattern, " ")
		key := route + narrowed(u)
		if seen[key] || len(u.Query()) > 1 && !given[at] {
			continue
		}
		seen[key] = true
		delete(missing, route)
		if u.Query().Has("format") || strings.Contains(u.Path, "export") {
			continue // as long as the list: an export
		}
		out = append(out, address{route, at})
		if res := b.get(at); strings.HasPrefix(res.kind, "text/html") {
			queue = append(queue, links(at, string(res.body))...)
		}
	}
	for route := range missing {
		b.t.Errorf("%s is not measured: no page leads to one of it", route)
	}
	slices.SortFunc(out, func(a, b address) int { return strings.Compare(a.path, b.path) })
	return out
}

// narrowed tells how an address narrows a page, without to what: words that a page has
// few of count with their value.
func narrowed(u *url.URL) string {
	var out []string
	for k, v := range u.Query() {
		if slices.Contains([]string{"status", "sort", "group", "severity", "state", "kind", "q", "assignee"}, k) {
			k += "=" + v[0]
		}
		out = append(out, k)
	}
	slices.Sort(out)
	return "?" + strings.Join(out, "&")
}

var href = regexp.MustCompile(`href="([^"]*)"`)

func links(at, body string) []string {
	base, _ := url.Parse(at)
	var out []string
	for _, m := range href.FindAllStringSubmatch(body, -1) {
		if u, err := base.Parse(html.UnescapeString(m[1])); err == nil {
			out = append(out, u.String())
		}
	}
	return out
}

// values are examples for the parameters of the API.
func (b *browser) values() map[string]string {
	c := b.site.company
	c.lives[3] = make([]life, 8*60+1)
	f, _, _ := c.finding(3, 8*60)
	d := release(3, 1)
	return map[string]string{
		"source": sourceID(3), "namespace": space(80), "team": teamID(7), "check": b.site.company.checks[20].ID, "control": "workload-isolation", "assignee": "user-07",
		"kind": "Ingress", "object": f.ObjectID, "waiver": waiverID(3, 2), "text": "ledger-web-9", "overdue": "true", "program": b.site.program.ID,
		"opened-from": "2026-07-01T00:00:00Z", "opened-to": "2026-02-01T00:00:00Z", "limit": "1000", "name": "ledger", "from": "2026-06-01T00:00:00Z", "to": "2026-06-08T00:00:00Z",
		"subject": f.ID, "verb": "delete", "actor": "system", "page": "findings", "fingerprint": f.Fingerprint, "as-of": "2026-04-01T00:00:00Z", "days": "90", "due-from": "2026-06-01T00:00:00Z", "due-to": "2026-06-08T00:00:00Z", "until": "2026-08-01T00:00:00Z",
		"destination": b.first("/api/v1/destinations"), "occurrence": b.first("/api/v1/occurrences"), "sample": b.first(b.fill("/api/v1/populations/{id}/samples")),
		"image": d.Images[0], "commit": d.Commit[:12], "ticket": d.Ticket, "pullRequest": d.PullURL,
	}
}

// lists are the addresses of what the API gives: each route, with each of its parameters
// in turn.
func (b *browser) lists() []address {
	b.t.Helper()
	var described struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   struct {
					Type  any
					Enum  []any
					Items struct{ Enum []any }
				}
			}
		}
	}
	b.site.must(json.Unmarshal(b.get("/api/v1/openapi.json").body, &described))
	values := b.values()
	var out []address
	for route, methods := range described.Paths {
		get, ok := methods["get"]
		if _, without := noExample[route]; !ok || without {
			continue
		}
		path := b.fill(route)
		if path == "" {
			b.t.Errorf("%s is not measured: there is nothing to ask for", route)
			continue
		}
		out = append(out, address{route, path})
		for _, p := range get.Parameters {
			if p.In != "query" || p.Name == "cursor" || p.Name == "limit" || route == "/api/v1/findings" && p.Name == "as-of" { // which is refused
				continue
			}
			enum := append(p.Schema.Enum, p.Schema.Items.Enum...)
			for _, v := range enum {
				if fmt.Sprint(v) != "" {
					out = append(out, address{route, path + "?" + p.Name + "=" + url.QueryEscape(fmt.Sprint(v))})
				}
			}
			if v, known := values[p.Name]; len(enum) == 0 && known {
				out = append(out, address{route, path + "?" + p.Name + "=" + url.QueryEscape(v)})
			} else if len(enum) == 0 && p.Schema.Type == "boolean" {
				out = append(out, address{route, path + "?" + p.Name + "=true"})
			} else if len(enum) == 0 {
				b.t.Errorf("%s: no example for the parameter %s", route, p.Name)
			}
		}
		var page struct{ Next string }
		if json.Unmarshal(b.get(path).body, &page) == nil && page.Next != "" {
			out = append(out, address{route, path + "?cursor=" + url.QueryEscape(page.Next)})
		}
	}
	for _, p := range []string{"/api/v1/comments?kind=finding&subject=" + b.first("/api/v1/findings"), "/api/v1/findings?kind=ClusterRole", "/api/v1/findings?text=container", "/api/v1/findings?text=checkout&status=open", "/api/v1/findings?status=open&program=" + b.site.program.ID,
		"/api/v1/findings?status=open&status=waived&team=" + teamID(3) + "&sort=age"} {
		route, _, _ := strings.Cut(p, "?")
		out = append(out, address{route, p})
	}
	slices.SortFunc(out, func(a, b address) int { return strings.Compare(a.path, b.path) })
	return out
}

// fill puts ids that there are into a route of the API: those of the first in its list;
// empty where there are none.
func (b *browser) fill(route string) string {
	before, rest, found := strings.Cut(route, "/{")
	if !found {
		return route
	}
	name, after, _ := strings.Cut(rest, "}")
	id := map[string]string{"index": "12345", "path...": "000"}[name]
	switch {
	case name == "level":
		id = "0"
	case name == "source": // a cluster
		id = sourceID(3)
	case before == "/api/v1/programs":
		id = b.site.program.ID
	case id == "":
		id = b.first(before)
	}
	if id == "" {
		return ""
	}
	return b.fill(before + "/" + url.PathEscape(id) + after)
}

// first is the id of the first in a list.
func (b *browser) first(list string) string {
	b.t.Helper()
	var page struct{ Items []struct{ ID string } }
	b.site.must(json.Unmarshal(b.get(list).body, &page))
	if len(page.Items) == 0 {
		b.t.Logf("%s: there is none", list)
		return ""
	}
	return page.Items[0].ID
}
