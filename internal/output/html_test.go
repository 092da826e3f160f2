// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// element is a start tag of a page.
type element struct {
	name  string
	attrs map[string]string
}

// readHTML gives the start tags and the text of a page. The page is well-formed enough
// for the XML reader, which knows HTML's void elements.
func readHTML(t *testing.T, doc string) (tags []element, text string) {
	t.Helper()
	style := regexp.MustCompile(`(?s)<style>.*?</style>`)
	d := xml.NewDecoder(strings.NewReader(style.ReplaceAllString(strings.TrimPrefix(doc, "<!doctype html>"), "")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var words strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return tags, words.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{token.Name.Local, map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			tags = append(tags, e)
		case xml.CharData:
			words.Write(token)
		}
	}
}

func pages(t *testing.T) map[string]string {
	page, err := output.Named("html")
	if err != nil {
		t.Fatal(err)
	}
	big, all := largeReport(2000)
	cluster := rich()
	cluster.Source.Kind = seaworthy.SourceCluster
	return map[string]string{
		"rich": string(render(t, "html", rich(), output.Options{Baseline: true})), "clear": string(render(t, "html", clear(), output.Options{})),
		"large": string(replay(t, page, big, all, output.Options{})), "cluster": string(render(t, "html", cluster, output.Options{})),
		"hostile": string(replay(t, page, hostileReport(), hostileChecks(hostile), output.Options{})),
	}
}

// TestHTMLStandsAlone: the page asks for nothing, runs nothing and says so in its policy.
func TestHTMLStandsAlone(t *testing.T) {
	for name, doc := range pages(t) {
		t.Run(name, func(t *testing.T) {
			tags, _ := readHTML(t, doc)
			for _, e := range tags {
				if slices.Contains([]string{"script", "link", "iframe", "img", "object", "embed", "base", "form", "video", "audio", "use", "image"}, e.name) {
					t.Errorf("the page has a <%s>", e.name)
				}
				for a, v := range e.attrs {
					if strings.HasPrefix(a, "on") || a == "style" || a == "src" || a == "action" || a == "href" && !strings.HasPrefix(v, "#") {
						t.Errorf("<%s> has %s=%q", e.name, a, v)
					}
				}
			}
			style := between(doc, "<style>", "</style>")
			if strings.Contains(style, "url(") || strings.Contains(style, "@import") {
				t.Error("the style sheet asks for something")
			}
			sum := sha256.Sum256([]byte(style))
			policy := html.UnescapeString(between(doc, `Content-Security-Policy" content="`, `">`))
			want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if !strings.HasPrefix(policy, want) {
				t.Errorf("policy %q, want %q…", policy, want)
			}
			if strings.Contains(doc, "ZgotmplZ") {
				t.Error("the template refused a value")
			}
		})
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestHTMLCanBeUsedByAll: one heading of the page, no level left out, ids that are
// there once, links that lead somewhere, tables and fields with names.
func TestHTMLCanBeUsedByAll(t *testing.T) {
	for name, doc := range pages(t) {
		t.Run(name, func(t *testing.T) {
			tags, _ := readHTML(t, doc)
			ids, headings, level := map[string]bool{}, 0, 1
			for _, e := range tags {
				if id, ok := e.attrs["id"]; ok {
					if ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
						t.Errorf("id %q is not good or stands there twice", id)
					}
					ids[id] = true
				}
				if len(e.name) == 2 && e.name[0] == 'h' && e.name[1] >= '1' && e.name[1] <= '6' {
					n := int(e.name[1] - '0')
					if n > level+1 {
						t.Errorf("a heading of level %d follows one of level %d", n, level)
					}
					if level = n; n == 1 {
						headings++
					}
				}
			}
			if headings != 1 {
				t.Errorf("%d headings of level 1", headings)
			}
			for i, e := range tags {
				for _, a := range []string{"aria-labelledby", "href"} {
					if v, ok := e.attrs[a]; ok && !ids[strings.TrimPrefix(v, "#")] && !(v == "#findings" && name == "clear") {
						t.Errorf("<%s %s=%q> leads nowhere", e.name, a, v)
					}
				}
				if e.name == "table" && tags[i+1].name != "caption" {
					t.Error("a table has no caption")
				}
				if e.name == "input" && tags[i-1].name != "label" {
					t.Error("a field has no label")
				}
				if e.name == "th" && e.attrs["scope"] == "" {
					t.Error("a heading of a table has no scope")
				}
			}
		})
	}
}

// TestHTMLNeverConcludes looks for words that promise more than was counted.
func TestHTMLNeverConcludes(t *testing.T) {
	for name, doc := range pages(t) {
		_, text := readHTML(t, doc)
		neverConcludes(t, "html "+name, text)
	}
}

func neverConcludes(t *testing.T, where, text string) {
	t.Helper()
	for _, word := range []string{"satisf", "complian", "certified", "criterion passed", "criteria passed", "effective"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("%s says %q", where, word)
		}
	}
}

// TestHTMLCapsRows: a check with thousands of findings shows some and says how many not.
func TestHTMLCapsRows(t *testing.T) {
	r := rich()
	f := r.Findings[0]
	r.Findings = nil
	for range 1234 {
		r.Findings = append(r.Findings, f)
	}
	doc := string(render(t, "html", r, output.Options{}))
	if n := strings.Count(doc, `<tr class="is-open">`); n != 200 {
		t.Errorf("%d rows, want 200", n)
	}
	if !strings.Contains(doc, "1,034 more are not shown on this page") {
		t.Error("the page does not say how many it leaves out")
	}
}
