// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
)

// members calls f with each member of an object that was cut out whole.
func members(raw []byte, f func(name, value []byte) error) error {
	i := space(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return notReport(errors.New("a value that is no object"))
	}
	i = space(raw, i+1)
	if i < len(raw) && raw[i] == '}' {
		return nil
	}
	for {
		key, next, err := cut(raw, i)
		if err != nil {
			return err
		}
		if i = space(raw, next); i == len(raw) || raw[i] != ':' {
			return notReport(errors.New("a member of an object without a colon"))
		}
		value, next, err := cut(raw, space(raw, i+1))
		if err != nil {
			return err
		}
		if len(key) < 2 || key[0] != '"' {
			return notReport(errors.New("a member of an object without a name"))
		}
		// The names that are looked for need no escapes.
		if err := f(key[1:len(key)-1], value); err != nil {
			return err
		}
		i = space(raw, next)
		switch {
		case i == len(raw) || raw[i] != ',' && raw[i] != '}':
			return notReport(errors.New("an object without its end"))
		case raw[i] == '}':
			return nil
		}
		i = space(raw, i+1)
	}
}

// cut gives the value at i, and where it ends.
func cut(raw []byte, i int) (value []byte, next int, err error) {
	w := walk{}
	n, done, err := w.on(raw[i:], 0)
	if err != nil {
		return nil, 0, err
	}
	if !done || n == 0 {
		return nil, 0, notReport(errors.New("an object without its end"))
	}
	return raw[i : i+n], i + n, nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// names keeps one copy of texts that come again and again.
type names map[string]string

func (n names) of(b []byte) (string, error) {
	if s, ok := n[string(b)]; ok {
		return s, nil
	}
	s, err := text(b)
	const most = 100_000 // a report of other names only must not fill the memory
	if err == nil && len(n) < most && len(b) < 512 {
		n[string(b)] = s
	}
	return s, err
}

// text reads a JSON string. null is empty. NUL, which PostgreSQL cannot keep, and what is
// no UTF-8 become U+FFFD.
func text(raw []byte) (string, error) {
	if string(raw) == "null" {
		return "", nil
	}
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", notReport(fmt.Errorf("%.40q where a text should stand", raw))
	}
	if in := raw[1 : len(raw)-1]; plain(in) {
		return string(in), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", notReport(err)
	}
	return strings.ReplaceAll(s, "\x00", "\ufffd"), nil
}

// plain tells whether a string says what it means: no escapes, nothing to mend.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' {
			return false
		}
	}
	return bytes.IndexByte(b, '\\') < 0 && utf8.Valid(b)
}

func number(raw []byte) (int, error) {
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return 0, notReport(fmt.Errorf("%.40q where a number should stand", raw))
	}
	return n, nil
}

// decode reads a value that is not among the many, and mends its texts.
func decode(raw []byte, into any) error {
	if err := json.Unmarshal(bytes.ReplaceAll(raw, []byte(`\u0000`), []byte(`\ufffd`)), into); err != nil {
		return notReport(err)
	}
	return nil
}

// longest bounds texts that indexes hold.
func longest(what, s string, most int) error {
	if len(s) > most {
		return seaworthy.Invalid("%s %.60q… of the report is longer than %d bytes", what, s, most)
	}
	return nil
}
