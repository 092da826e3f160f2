// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/seaworthy-dev/seaworthy"
)

// findingWriter encodes findings as encoding/json does, faster: there may be hundreds of
// thousands, and most of each says what its check says every time. A test holds it to
// encoding/json.
type findingWriter struct {
	buf    []byte
	common map[string]*commonPart // by check
}

// commonPart is what the findings of one check share, as JSON.
type commonPart struct {
	controls, requirements []string
	remediation            string
	text                   []byte
}

// encode gives the JSON of a finding, valid until the next call.
func (w *findingWriter) encode(f *seaworthy.Finding) ([]byte, error) {
	common, err := w.commonOf(f)
	if err != nil {
		return nil, err
	}
	e := fieldWriter{b: append(w.buf[:0], '{')}
	e.text("check", f.Check)
	e.text("severity", string(f.Severity))
	e.text("category", f.Category)
	e.text("message", f.Message)
	e.key("object")
	e.b = append(e.b, '{')
	e.text("apiVersion", f.Object.APIVersion)
	e.text("kind", f.Object.Kind)
	e.optional("namespace", f.Object.Namespace)
	e.text("name", f.Object.Name)
	e.b = append(e.b, '}')
	e.optional("container", f.Container)
	e.optional("path", f.Path)
	e.optional("file", f.File)
	if f.Line != 0 {
		e.key("line")
		e.b = strconv.AppendInt(e.b, int64(f.Line), 10)
	}
	e.optional("origin", f.Origin)
	e.b = append(append(e.b, ','), common...)
	e.text("fingerprint", f.Fingerprint)
	e.key("new")
	e.b = strconv.AppendBool(e.b, f.New)
	e.optional("waiverRequested", f.WaiverRequested)
	e.key("waiver")
	if f.Waiver == nil {
		e.b = append(e.b, "null"...)
	} else {
		e.value(f.Waiver)
	}
	w.buf = append(e.b, '}')
	return w.buf, e.err
}

func (w *findingWriter) commonOf(f *seaworthy.Finding) ([]byte, error) {
	if c := w.common[f.Check]; c != nil && c.remediation == f.Remediation &&
		slices.Equal(c.controls, f.Controls) && slices.Equal(c.requirements, f.Requirements) {
		return c.text, nil
	}
	e := fieldWriter{}
	e.key("controls")
	e.value(list(f.Controls))
	e.key("requirements")
	e.value(list(f.Requirements))
	e.text("remediation", f.Remediation)
	if w.common == nil {
		w.common = map[string]*commonPart{}
	}
	w.common[f.Check] = &commonPart{f.Controls, f.Requirements, f.Remediation, e.b}
	return e.b, e.err
}

// fieldWriter appends the fields of a JSON object.
type fieldWriter struct {
	b   []byte
	err error
}

func (e *fieldWriter) key(name string) {
	if n := len(e.b); n > 0 && e.b[n-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.b = append(append(append(e.b, '"'), name...), '"', ':')
}

func (e *fieldWriter) optional(name, s string) {
	if s != "" {
		e.text(name, s)
	}
}

// text appends a string; what is not plain is left to encoding/json.
func (e *fieldWriter) text(name, s string) {
	e.key(name)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			e.value(s)
			return
		}
	}
	e.b = append(append(append(e.b, '"'), s...), '"')
}

func (e *fieldWriter) value(v any) {
	b, err := json.Marshal(v)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.b = append(e.b, b...)
}
