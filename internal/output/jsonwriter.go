// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonWriter writes a JSON document piece by piece and remembers its first error.
type jsonWriter struct {
	w   *bufio.Writer
	err error
}

func newJSONWriter(w io.Writer) *jsonWriter { return &jsonWriter{w: bufio.NewWriterSize(w, 64<<10)} }

// elements writes an array with one element a line.
func elements[T any](j *jsonWriter, name string, all []T, whole func(T) T) {
	j.text(",\n  \"" + name + "\": [")
	for i, v := range all {
		j.element(i, j.encode(whole(v)))
	}
	j.endList(len(all))
}

func (j *jsonWriter) element(i int, b []byte) {
	if i > 0 {
		j.text(",")
	}
	j.text("\n    ")
	j.bytes(b)
}

func (j *jsonWriter) endList(n int) {
	if n > 0 {
		j.text("\n  ")
	}
	j.text("]")
}

// field writes one indented member of the report.
func (j *jsonWriter) field(before, name string, v any) {
	j.text(before + "  \"" + name + "\": ")
	var b bytes.Buffer
	if err := json.Indent(&b, j.encode(v), "  ", "  "); err != nil {
		j.fail(err)
	}
	j.bytes(b.Bytes())
}

func (j *jsonWriter) encode(v any) []byte {
	b, err := safeJSON(v)
	j.fail(err)
	return b
}

func (j *jsonWriter) text(s string) {
	if j.err == nil {
		_, err := j.w.WriteString(s)
		j.fail(err)
	}
}

func (j *jsonWriter) bytes(b []byte) {
	if j.err == nil {
		_, err := j.w.Write(b)
		j.fail(err)
	}
}

func (j *jsonWriter) fail(err error) {
	if j.err == nil && err != nil {
		j.err = fmt.Errorf("write the report: %w", err)
	}
}

func (j *jsonWriter) flush() error {
	if j.err == nil {
		j.fail(j.w.Flush())
	}
	return j.err
}

// safeJSON is json.Marshal whose result is also safe to show on a terminal.
func safeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return terminalSafe(b), nil
}

// terminalSafe escapes what encoding/json leaves as it is but a terminal obeys: DEL, the
// C1 controls and whatever else shows as nothing or turns the direction of text. JSON
// has these in strings only, so the value stays the same.
func terminalSafe(b []byte) []byte {
	i := 0
	for i < len(b) && b[i] < 0x7f {
		i++
	}
	if i == len(b) {
		return b
	}
	out := bytes.NewBuffer(append(make([]byte, 0, len(b)+16), b[:i]...))
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError || r < 0x7f || !invisible(r):
			out.Write(b[i : i+n])
		case r > 0xffff:
			hi, lo := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(out, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(out, `\u%04x`, r)
		}
		i += n
	}
	return out.Bytes()
}
