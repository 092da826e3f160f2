// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// resolve gives the value of a plain scalar as kubectl sees it: YAML 1.1 as
// sigs.k8s.io/yaml reads it, then through JSON, where 1e3 and 1.0 are integers.
// Timestamps stay strings. The error is that of a number which JSON cannot hold.
func resolve(s string) (any, error) {
	if s == "" {
		return nil, nil
	}
	switch s[0] {
	case 'y', 'Y', 'n', 'N', 't', 'T', 'f', 'F', 'o', 'O', '~':
		if v, ok := word(s); ok {
			return v, nil
		}
		return s, nil
	case '+', '-', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return number(s)
	}
	return s, nil
}

// word gives the value of a word that stands for a boolean or null.
func word(s string) (any, bool) {
	if len(s) > 5 {
		return nil, false
	}
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE":
		return false, true
	case "~", "null", "Null", "NULL":
		return nil, true
	}
	return nil, false
}

// number gives the value of a scalar that begins as numbers do.
func number(s string) (any, error) {
	switch rest := strings.TrimLeft(s, "+-"); rest {
	case ".inf", ".Inf", ".INF":
		if len(s)-len(rest) <= 1 {
			return nil, fmt.Errorf("%s is a number that JSON cannot hold; quote it", s)
		}
	case ".nan", ".NaN", ".NAN":
		if len(s) == len(rest) {
			return nil, fmt.Errorf("%s is not a number; quote it", s)
		}
	}
	if s[0] == '.' {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return throughJSON(f), nil
		}
		return s, nil
	}
	if !mayBeNumber(s) {
		return s, nil
	}
	if v, ok := integer(s); ok {
		return v, nil
	}
	if plain := strings.ReplaceAll(s, "_", ""); isFloat(plain) {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return throughJSON(f), nil
		}
	}
	return s, nil
}

// mayBeNumber is a cheap look at the characters, so that dates, versions, quantities
// and addresses cost no parsing.
func mayBeNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		case c == '.', c == '_', c == '+', c == '-', c == 'x', c == 'X', c == 'o', c == 'O':
		default:
			return false
		}
	}
	return true
}

// integer reads decimal, hexadecimal, octal (0o17 and 017) and binary numbers. One that
// only fits an unsigned integer becomes the float that JSON decoding makes of it.
func integer(s string) (any, bool) {
	s = strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(s, 0, 64); err == nil {
		return i, true
	}
	if u, err := strconv.ParseUint(s, 0, 64); err == nil {
		return float64(u), true
	}
	// A sign after the prefix is read too.
	if digits, ok := strings.CutPrefix(s, "0b"); ok {
		if i, err := strconv.ParseInt(digits, 2, 64); err == nil {
			return i, true
		}
	} else if digits, ok := strings.CutPrefix(s, "-0b"); ok {
		if i, err := strconv.ParseInt("-"+digits, 2, 64); err == nil {
			return i, true
		}
	}
	return nil, false
}

// isFloat matches [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
func isFloat(s string) bool {
	digits := func() int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n
	}
	sign := func() {
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
	}
	sign()
	whole, fraction := digits(), 0
	if s != "" && s[0] == '.' {
		s = s[1:]
		fraction = digits()
	}
	if whole+fraction == 0 {
		return false
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		sign()
		if digits() == 0 {
			return false
		}
	}
	return s == ""
}

// throughJSON is what a float becomes when it is written as JSON and read again: an
// integer where its JSON text is one.
func throughJSON(f float64) any {
	if f != math.Trunc(f) || math.Abs(f) >= 1e21 {
		return f
	}
	if math.Abs(f) < 1<<53 {
		return int64(f)
	}
	if i, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
		return i
	}
	return f
}

// tagged gives the value of a scalar with an explicit tag.
func tagged(tag, s string) (any, error) {
	wrong := func() (any, error) { return nil, fmt.Errorf("%q is no %s", s, strings.TrimPrefix(tag, "!!")) }
	if tag == "!!binary" {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("!!binary value is not base64: %w", err)
		}
		return string([]rune(string(b))), nil
	}
	switch tag {
	case "!!bool", "!!int", "!!float", "!!null":
	default:
		return s, nil
	}
	v, err := resolve(s)
	if err != nil {
		return nil, err
	}
	switch v.(type) {
	case bool:
		if tag != "!!bool" {
			return wrong()
		}
	case nil:
		if tag != "!!null" {
			return wrong()
		}
	case int64, float64:
		if tag == "!!int" {
			if _, ok := integer(s); !ok {
				return wrong()
			}
		} else if tag != "!!float" {
			return wrong()
		}
	default:
		return wrong()
	}
	return v, nil
}

var errNullKey = errors.New("a mapping key is null; give it a name")

// keyText is the text of a plain mapping key, as sigs.k8s.io/yaml writes it: 0x10 is
// "16", yes is "true", 1.50 is "1.5".
func keyText(s string) (string, error) {
	if s == "" {
		return "", errNullKey
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		if !mayBeNumber(s) && !strings.Contains(s, ".") {
			return s, nil
		}
		if c != '.' {
			if v, ok := integer(s); ok {
				if i, ok := v.(int64); ok {
					return strconv.FormatInt(i, 10), nil
				}
				return "", fmt.Errorf("mapping key %s is too large a number; quote it", s)
			}
		}
		return floatKey(s)
	}
	switch v, _ := word(s); v := v.(type) {
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
		if _, null := word(s); null {
			return "", errNullKey
		}
	}
	return s, nil
}

// floatKey writes a float key as short as its first 32 bits allow; what is no float
// stays as it is.
func floatKey(s string) (string, error) {
	switch s {
	case ".nan", ".NaN", ".NAN":
		return ".nan", nil
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return ".inf", nil
	case "-.inf", "-.Inf", "-.INF":
		return "-.inf", nil
	}
	plain := s
	if s[0] != '.' {
		plain = strings.ReplaceAll(s, "_", "")
		if i, ok := integer(s); ok {
			if i, ok := i.(int64); ok {
				return strconv.FormatFloat(float64(i), 'g', -1, 32), nil
			}
		}
		if !isFloat(plain) {
			return s, nil
		}
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil {
		return s, nil
	}
	switch text := strconv.FormatFloat(f, 'g', -1, 32); text {
	case "+Inf":
		return ".inf", nil
	case "-Inf":
		return "-.inf", nil
	default:
		return text, nil
	}
}
