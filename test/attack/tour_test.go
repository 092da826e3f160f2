// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/seaworthy-dev/seaworthy"
)

// tour goes wherever links lead and looks at what is there.
type tour struct {
	*world
	marks *fields
	mux   *http.ServeMux
	// most bounds how many addresses of a route are gone to.
	most  int
	seen  map[string]bool
	gone  map[string]int // by route
	ways  []string
	shown map[int]bool // fields that came out
	kinds map[string]int
	forms map[string]form // by route
}

// form is what a page would send.
type form struct {
	page, action string
	values       url.Values
	texts        []string // the names of fields that take any text
}

func (w *world) tour(f *fields, most int) *tour {
	t := &tour{world: w, marks: f, mux: http.NewServeMux(), most: most, seen: map[string]bool{}, gone: map[string]int{}, shown: map[int]bool{}, kinds: map[string]int{}, forms: map[string]form{}}
	for _, r := range w.UI.Routes() {
		t.mux.HandleFunc(r.Method+" "+r.Pattern, http.NotFound)
	}
	return t
}

func (t *tour) route(method, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, pattern := t.mux.Handler(&http.Request{Method: method, URL: u})
	return pattern
}

// add notes an address, to be gone to later.
func (t *tour) add(address string) {
	address, _, _ = strings.Cut(address, "#")
	route := t.route(http.MethodGet, address)
	if t.seen[address] || route == "" || t.gone[route] >= t.most {
		return
	}
	t.seen[address] = true
	t.gone[route]++
	t.ways = append(t.ways, address)
}

// walk goes to every address that is noted, and to those that it finds there.
func (t *tour) walk() {
	for len(t.ways) > 0 {
		address := t.ways[0]
		t.ways = t.ways[1:]
		t.look(http.MethodGet, address, t.do(seaworthy.Owner, http.MethodGet, address, nil))
	}
}

// look looks at an answer.
func (t *tour) look(method, address string, a *httptest.ResponseRecorder) {
	body := a.Body.Bytes()
	what := method + " " + address
	if a.Code >= 500 {
		t.Errorf("%s: status %d: %.300s", what, a.Code, body)
	}
	kind, _, _ := mime.ParseMediaType(a.Header().Get("Content-Type"))
	t.kinds[kind]++
	if kind != "text/html" && len(body) > 0 {
		disposition := a.Header().Get("Content-Disposition")
		if name, _, err := mime.ParseMediaType(disposition); disposition != "" && (err != nil || name != "attachment") {
			t.Errorf("%s is delivered as %q: %v", what, disposition, err)
		}
	}
	switch kind {
	case "text/html":
		if a.Header().Get("Content-Disposition") != "" {
			return // a file that somebody brought, to be kept and not shown
		}
		t.page(what, address, body)
	case "text/csv":
		t.table(what, body)
	case "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
		t.workbook(what, body)
	case "application/json", "application/problem+json":
		if a.Code == http.StatusOK && !json.Valid(body) {
			t.Errorf("%s is no JSON: %.200s", what, body)
		}
		t.marks.told(string(body), t.shown)
	}
}

// page looks at a page, and notes its links and forms.
func (t *tour) page(what, address string, body []byte) {
	root, err := html.Parse(bytes.NewReader(body))
	t.must(err)
	for _, problem := range foreign(root) {
		t.Errorf("%s: %s", what, problem)
	}
	t.marks.told(string(body), t.shown)
	t.follow(root, address)
}

func (t *tour) follow(n *html.Node, address string) {
	if n.Type == html.ElementNode {
		a := attributes(n)
		switch {
		case n.Data == "a" && strings.HasPrefix(a["href"], "/") && !strings.HasPrefix(a["href"], "//"):
			t.add(a["href"])
		case n.Data == "form" && strings.EqualFold(a["method"], "post"):
			action := a["action"]
			if action == "" {
				action = address
			}
			if route := t.route(http.MethodPost, action); route != "" && t.forms[route].action == "" {
				f := form{page: address, action: action, values: url.Values{}}
				f.read(n)
				t.forms[route] = f
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		t.follow(c, address)
	}
}

// read takes the fields of a form.
func (f *form) read(n *html.Node) {
	a := attributes(n)
	name := a["name"]
	switch {
	case name == "":
	case n.Data == "textarea", n.Data == "input" && slices.Contains([]string{"", "text", "search", "url", "email", "date", "number"}, a["type"]):
		f.texts = append(f.texts, name)
	case n.Data == "input", n.Data == "button":
		f.values.Set(name, a["value"])
	case n.Data == "option": // see below
	case n.Data == "select":
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Data == "option" {
				f.values.Set(name, attributes(c)["value"])
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		f.read(c)
	}
}

func attributes(n *html.Node) map[string]string {
	out := map[string]string{}
	for _, a := range n.Attr {
		out[a.Key] = a.Val
	}
	return out
}

// send sends every form that was found, with a text in each field that takes one, and
// looks at the answer: a page that shows the form again, or another to which it leads.
func (t *tour) send(m *marks) (sent int) {
	for route, f := range t.forms {
		if strings.HasPrefix(route, "POST /sign-out") || strings.Contains(route, "/account/") || strings.Contains(route, "end-sessions") || strings.Contains(route, "/disable") {
			continue // who sends it would be gone
		}
		for _, name := range f.texts {
			f.values.Set(name, m.at("form "+route+" "+name))
		}
		a := t.form(seaworthy.Owner, f.action, f.values)
		sent++
		t.look(http.MethodPost, f.action, a)
		if to := a.Header().Get("Location"); strings.HasPrefix(to, "/") {
			t.look(http.MethodGet, to, t.do(seaworthy.Owner, http.MethodGet, to, nil))
		}
	}
	return sent
}

// table looks at a file of comma-separated values: no cell begins what a spreadsheet takes
// for a formula.
func (t *tour) table(what string, data []byte) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Errorf("%s is no table: %v", what, err)
		return
	}
	for i, row := range rows {
		for j, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("%s: column %s of row %d is a formula: %.80q", what, rows[0][j], i, cell)
			}
			t.marks.told(cell, t.shown)
		}
	}
}

// workbook looks at a workbook: it has no formula, no link and no macro.
func (t *tour) workbook(what string, data []byte) {
	for name, content := range t.unpack(what, data) {
		if strings.Contains(name, "vbaProject") || strings.Contains(name, "externalLink") {
			t.Errorf("%s has the part %s", what, name)
		}
		for _, element := range []string{"<f>", "<f ", "<hyperlink", "<script"} {
			if strings.Contains(content, element) {
				t.Errorf("%s: %s has the element %s", what, name, element)
			}
		}
		if strings.HasSuffix(name, ".xml") {
			t.marks.told(html.UnescapeString(content), t.shown)
		}
	}
}

// archive looks at the files of a package.
func (t *tour) archive(what string, data []byte) {
	for name, content := range t.unpack(what, data) {
		if clean := path.Clean(name); clean != name || strings.HasPrefix(clean, "/") || strings.HasPrefix(clean, "..") {
			t.Errorf("%s has a file at %q", what, name)
		}
		t.kinds["package "+path.Ext(name)]++
		switch path.Ext(name) {
		case ".csv":
			t.table(what+" "+name, []byte(content))
		case ".xlsx":
			t.workbook(what+" "+name, []byte(content))
		case ".html":
			t.page(what+" "+name, "/", []byte(content))
		default:
			t.marks.told(content, t.shown)
		}
	}
}

func (t *tour) unpack(what string, data []byte) map[string]string {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Errorf("%s is no archive: %v", what, err)
		return nil
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		t.must(err)
		content, err := io.ReadAll(r)
		t.must(err)
		t.must(r.Close())
		out[f.Name] = string(content)
	}
	return out
}

// hidden tells which fields of which documents did not come out anywhere.
func (t *tour) hidden() (lines []string) {
	for n, name := range t.marks.names {
		if !t.shown[n] {
			lines = append(lines, name)
		}
	}
	slices.Sort(lines)
	return lines
}

// mustShow fails where fields came out nowhere: then nobody knows what would become of them.
func (t *tour) mustShow(names ...string) {
	for _, name := range names {
		if n, known := t.marks.numbers[name]; !known || !t.shown[n] {
			t.Errorf("%s came out nowhere", name)
		}
	}
}
