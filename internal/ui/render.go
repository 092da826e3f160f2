// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// page is what every page has. The struct of each page embeds it.
type page struct {
	Title    string // of the document, and the one h1
	Crumbs   []link // what stands above, outermost first
	Nav      []navGroup
	Who      seaworthy.Principal
	Program  *seaworthy.Program
	Programs []seaworthy.Program
	Within   scope
	Example  bool
	Theme    string
	Flash    string
	Problem  string // what was wrong with the form that was sent
	Path     string
	Now      time.Time
	Q        query

	form url.Values
	keep string // the part of the query that every link keeps
	then string // the part that links to what can be shown as of a past moment keep

	places []scope
}

// link is a text that leads somewhere.
type link struct{ Text, Href string }

// page fills what every page has.
func (u *UI) page(r *http.Request, title string, crumbs ...link) page {
	v := visitOf(r)
	p := page{
		Title: title, Crumbs: crumbs, Who: v.who, Program: v.program, Programs: v.programs, Within: v.scope, places: v.places,
		Example: u.Example, Theme: theme(r), Flash: v.flash, Problem: v.problem,
		Path: r.URL.Path, Now: u.now(), Q: query{r.URL.Path, r.URL.Query()}, form: v.form,
	}
	p.keep, p.then = v.kept(), r.URL.Query().Get("as-of")
	p.Nav = navigation(v.who, r.URL.Path)
	for i := range p.Crumbs {
		p.Crumbs[i].Href = p.To(p.Crumbs[i].Href)
	}
	return p
}

// To is an address seen through the same program. Every part after the first is one
// segment of the path.
func (p page) To(parts ...string) string {
	var b strings.Builder
	b.WriteString(parts[0])
	for _, s := range parts[1:] {
		b.WriteString(url.PathEscape(s))
	}
	keep := p.keep
	if p.then != "" && ofThen(parts[0]) {
		keep = strings.TrimPrefix(keep+"&as-of="+url.QueryEscape(p.then), "&")
	}
	return adding(b.String(), keep)
}

// Address is where the page is, with its filters: what is on paper has no address bar.
func (p page) Address() string { return adding(p.Path, p.Q.values.Encode()) }

// Kept is the part of the query that every link keeps, for scripts.
func (p page) Kept() string { return p.keep }

// adding gives an address with more of a query.
func adding(to, query string) string {
	switch {
	case query == "":
		return to
	case strings.Contains(to, "?"):
		return to + "&" + query
	}
	return to + "?" + query
}

// ofThen tells whether a page can be shown as of a past moment.
func ofThen(to string) bool {
	return to == "/" || strings.HasPrefix(to, "/?") || strings.HasPrefix(to, "/requirements") || strings.HasPrefix(to, "/controls")
}

// OnlyNow is the past moment that the address asks for where the page cannot be shown as of
// it; empty: there is none.
func (p page) OnlyNow() string {
	if p.then == "" || ofThen(p.Path) || p.Path == "/lists" { // whose form it fills
		return ""
	}
	if at, err := asOf(p); err == nil && !at.Before(p.Now) {
		return ""
	}
	return p.then
}

// EventsThen is where the events of findings up to the moment of [page.OnlyNow] can be
// frozen, on pages that list findings; empty: nowhere.
func (p page) EventsThen() string {
	at, err := asOf(p)
	if err != nil || p.Program == nil || !p.Can(string(seaworthy.FreezeLists)) || !strings.HasPrefix(p.Path, "/findings") && !strings.HasPrefix(p.Path, "/workloads") {
		return ""
	}
	return p.To("/lists?list=finding-events&as-of=" + at.Format(time.DateOnly))
}

// Can tells whether who looks may do an action; templates leave out what they may not.
func (p page) Can(a string) bool { return p.Who.Can(seaworthy.Action(a)) }

// Was is what a field held when its form was refused, or else the value given.
func (p page) Was(field, otherwise string) string {
	if p.form != nil && p.form.Has(field) {
		return p.form.Get(field)
	}
	return otherwise
}

// query is the address of a page with its filters, from which links to other filters are
// made.
type query struct {
	path   string
	values url.Values
}

// Get is the value of a filter.
func (q query) Get(key string) string { return q.values.Get(key) }

// Has tells whether a filter has the value.
func (q query) Has(key, value string) bool { return q.values.Get(key) == value }

// With is the address with a filter set; the list begins anew.
func (q query) With(key, value string) string {
	out := url.Values{}
	for k, v := range q.values {
		if k != key && k != "after" && k != "before" {
			out[k] = v
		}
	}
	if value != "" {
		out.Set(key, value)
	}
	if len(out) == 0 {
		return q.path
	}
	return q.path + "?" + out.Encode()
}

// After is the address of the next part of a list.
func (q query) After(cursor string) string {
	out := url.Values{}
	for k, v := range q.values {
		out[k] = v
	}
	out.Set("after", cursor)
	return q.path + "?" + out.Encode()
}

// Kept are the filters that a form which sets others keeps.
func (q query) Kept(but ...string) []link {
	var out []link
	for _, k := range slices.Sorted(maps.Keys(q.values)) {
		if v := q.values[k]; len(v) > 0 && v[0] != "" && k != "after" && k != "before" && !slices.Contains(but, k) {
			out = append(out, link{k, v[0]})
		}
	}
	return out
}

// Only are the filters of these names.
func (q query) Only(keys ...string) []link {
	var out []link
	for _, k := range keys {
		if v := q.Get(k); v != "" {
			out = append(out, link{k, v})
		}
	}
	return out
}

// At is the same filters on another page.
func (q query) At(path string) string {
	out := url.Values{}
	for k, v := range q.values {
		if k != "after" {
			out[k] = v
		}
	}
	if len(out) == 0 {
		return path
	}
	return path + "?" + out.Encode()
}

// parse reads the layouts and the partials. Each page is read beside them when somebody
// first asks for it: all of them together take ten times as much memory.
func (u *UI) parse() (map[string]*lazyPage, error) {
	base, err := template.New("").Funcs(u.funcs()).ParseFS(files, "partials/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the partials: %w", err)
	}
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*lazyPage{}
	for _, name := range names {
		pages[strings.TrimSuffix(path.Base(name), ".html")] = &lazyPage{sync.OnceValues(func() (*template.Template, error) {
			t, err := base.Clone()
			if err == nil {
				_, err = t.ParseFS(files, name)
			}
			if err != nil {
				return nil, fmt.Errorf("read the page %s: %w", name, err)
			}
			return t, nil
		})}
	}
	return pages, nil
}

// lazyPage is a page that is read once it is needed.
type lazyPage struct {
	read func() (*template.Template, error)
}

// ExecuteTemplate renders one of the page's templates.
func (p *lazyPage) ExecuteTemplate(w io.Writer, name string, data any) error {
	t, err := p.read()
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, data)
}

// render answers with a page, or with the one block of it that htmx asked for.
func (u *UI) render(w http.ResponseWriter, r *http.Request, name string, data any) error {
	return u.write(w, r, http.StatusOK, "app", name, data)
}

// renderDoor answers with a page for people who are not signed in.
func (u *UI) renderDoor(w http.ResponseWriter, r *http.Request, name string, data any) error {
	return u.write(w, r, http.StatusOK, "door", name, data)
}

// write renders into memory first: half a page is worse than an error.
func (u *UI) write(w http.ResponseWriter, r *http.Request, code int, layout, name string, data any) error {
	t, ok := u.pages[name]
	if !ok {
		return fmt.Errorf("render %s: there is no such page", name)
	}
	if v := visitOf(r); v.problem != "" && code == http.StatusOK {
		code = http.StatusBadRequest
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, layout, data); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes()) // nobody is left to tell
	return nil
}

// flashes are what a page says once after something was done. Only their keys travel.
var flashes = map[string]string{
	"saved":      "Saved.",
	"assigned":   "Assigned.",
	"commented":  "Comment added.",
	"due":        "Due date set.",
	"linked":     "Ticket linked.",
	"requested":  "Waiver requested. Someone else has to approve it before it counts.",
	"approved":   "Waiver approved.",
	"rejected":   "Waiver rejected.",
	"revoked":    "Revoked.",
	"withdrawn":  "Withdrawn.",
	"evidence":   "Evidence taken and logged.",
	"performed":  "Recorded and logged.",
	"frozen":     "List frozen and logged.",
	"sampled":    "Sample drawn and logged.",
	"declared":   "Source declared.",
	"created":    "Created.",
	"removed":    "Removed. Its history stays in the log.",
	"erased":     "Erased. That there was something, and that it was erased, stays in the log.",
	"disabled":   "Account disabled; its sessions have ended.",
	"signed-out": "Signed out.",
	"password":   "Password changed; your other sessions have ended.",
	"factor":     "Second factor set up.",
	"view":       "View saved.",
	"dropped":    "View removed.",
	"theme":      "",

	"destination": "Destination added. Send a test to see whether it is reached.",
	"arrived":     "The test notice arrived.",
	"again":       "Its notices go out again.",
}

// bulkFlashes are what a page says once after something was done to several.
var bulkFlashes = map[string][2]string{
	"bulk-assign": {"finding", "assigned"}, "bulk-due": {"finding", "given a due date"}, "bulk-ticket": {"finding", "linked"},
	"bulk-comment": {"finding", "commented on"}, "bulk-waive": {"waiver", "asked for. Someone else has to approve each before it counts"},
	"bulk-approve": {"waiver", "approved"}, "bulk-reject": {"waiver", "rejected"}, "bulk-revoke": {"waiver", "revoked"},
}

const flashCookie = "seaworthy_flash"

// done sends the browser on after a form, with something to say there.
func (u *UI) done(w http.ResponseWriter, r *http.Request, to, flash string) error {
	if flash != "" {
		http.SetCookie(w, &http.Cookie{Name: flashCookie, Value: flash, Path: "/", MaxAge: 60, HttpOnly: true, Secure: u.secure, SameSite: http.SameSiteLaxMode})
	}
	if at, err := url.Parse(to); err == nil && at.Query().Get("program")+at.Query().Get("scope") == "" {
		to = adding(to, visitOf(r).kept())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// takeFlash reads what is to be said, once.
func (u *UI) takeFlash(w http.ResponseWriter, r *http.Request) string {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: u.secure, SameSite: http.SameSiteLaxMode})
	key, number, _ := strings.Cut(c.Value, ".")
	if b, ok := bulkFlashes[key]; ok {
		if n, err := strconv.Atoi(number); err == nil {
			return count(n, b[0]) + " " + b[1] + "."
		}
	}
	return flashes[c.Value]
}

const themeCookie = "seaworthy_theme"

// theme is light, dark, or empty for what the system has.
func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// RoleTitle is the role of who looks, as people write it.
func (p page) RoleTitle() string { return roleTitle(p.Who.Role) }

// LastDay is the last day of the program's period.
func (p page) LastDay() time.Time {
	if p.Program == nil {
		return time.Time{}
	}
	return p.Program.To.Add(-time.Second)
}

// Through is this page seen through another program.
func (p page) Through(program string) string {
	// A scope of one program may not be in another.
	return query{p.Q.path, url.Values{"program": {program}}}.With("scope", "")
}
