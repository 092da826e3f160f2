// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// breakout is text that is a page to whoever does not escape it: out of an attribute, out
// of a field, out of a script, into a template.
const breakout = `"'></textarea></script><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`

// texts are what clusters and people write who want more than to be read: a page, an
// address that runs, a formula of a spreadsheet. short is the first where there is little
// room.
var texts = []string{breakout, "javascript:alert(1)//", `=HYPERLINK("https://evil.example/","x")`}

const short = `"><img src=x onerror=alert(1)>`

// blank stands in documents for a text of the sender's own.
const blank = "\x01"

// absent as the value of a field takes it away.
type absent struct{}

// marks writes one of the texts into the fields of documents, each with the field's number
// at its end, by which it is known again wherever it comes out.
type marks struct {
	text string
	*fields
}

// fields numbers the fields of all documents.
type fields struct {
	numbers map[string]int
	names   []string
	limits  map[string]int // how long the text of a field may be
}

// at is the text for a field.
func (m *marks) at(field string) string {
	n, known := m.numbers[field]
	if !known {
		n = len(m.names)
		m.numbers[field], m.names = n, append(m.names, field)
	}
	number := fmt.Sprintf("¤%d¤", n)
	if most := m.limits[field]; most > 0 && len(m.text+number) > most {
		return short + number
	}
	return m.text + number
}

var numbered = regexp.MustCompile(`(?:¤|%C2%A4)(\d+)(?:¤|%C2%A4)`)

// told notes which fields come out in a text.
func (f *fields) told(text string, in map[int]bool) {
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n < len(f.names) {
			in[n] = true
		}
	}
}

// fill writes into whatever is blank below a field. given are values of fields that are to
// be something else, or functions that make them anew each time.
func (m *marks) fill(v any, field string, given map[string]any) any {
	if value, ok := given[field]; ok {
		if anew, ok := value.(func() any); ok {
			return anew()
		}
		return value
	}
	switch v := v.(type) {
	case string:
		if v == blank {
			return m.at(field)
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = m.fill(v[i], field+"[]", given)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			value := m.fill(v[k], field+"."+strings.ReplaceAll(k, blank, "*"), given)
			if k == blank {
				k = m.at(field + ".key")
			}
			if value != (absent{}) {
				out[k] = value
			}
		}
		return out
	}
	return v
}

// blankOf is a document of a type in which nothing is left out, as JSON has it: lists have
// an element, and every text is blank.
func blankOf(t reflect.Type, now time.Time) any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return now.Format(time.RFC3339)
	case reflect.TypeFor[seaworthy.Date]():
		return now.AddDate(0, 1, 0).Format(time.DateOnly)
	case reflect.TypeFor[json.RawMessage]():
		return nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return true
	case reflect.Pointer:
		return blankOf(t.Elem(), now)
	case reflect.Slice, reflect.Array:
		return []any{blankOf(t.Elem(), now)}
	case reflect.Map:
		return map[string]any{blank: blankOf(t.Elem(), now)}
	case reflect.String, reflect.Interface:
		return blank
	case reflect.Struct:
		out := map[string]any{}
		for f := range fieldsOf(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch value := blankOf(f.Type, now); {
			case name == "-" || !f.IsExported():
			case f.Anonymous && name == "":
				maps.Copy(out, value.(map[string]any))
			default:
				out[name] = value
			}
		}
		return out
	}
	return 3 // numbers
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// document is something that is sent: what is blank in it, and what must be something of
// its own for the rest to be taken.
type document struct {
	name  string
	blank any
	given map[string]any
}

// hand sends a document with a text in every field. Before that each field that is given a
// text of its own has its turn too, and is refused or taken: what comes of it is looked at
// like everything else.
func (m *marks) hand(t *testing.T, d document, send func(body any) (code int, said string)) {
	t.Helper()
	taken := false
	for _, field := range slices.Sorted(maps.Keys(d.given)) {
		if _, text := d.given[field].(string); !text || m.text != breakout {
			continue
		}
		given := maps.Clone(d.given)
		given[field] = m.at(field)
		code, said := send(m.fill(d.blank, d.name, given))
		if code >= 500 {
			t.Errorf("%s with a text of somebody's own as %s: status %d: %.300s", d.name, field, code, said)
		}
		taken = taken || code < http.StatusMultipleChoices
	}
	code, said := send(m.fill(d.blank, d.name, d.given))
	if code >= http.StatusMultipleChoices && !(code == http.StatusConflict && taken) { // there it is already
		t.Errorf("%s: status %d: %.600s", d.name, code, said)
	}
}
