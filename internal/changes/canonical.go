// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// appendJSON appends the JSON of a decoded value as [json.Marshal] writes it: sorted keys,
// no spaces. Digests are of that text, several for each object that is seen, and writing it
// by reflection took most of what they cost.
func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case string:
		return appendText(b, v)
	case []any:
		if v == nil {
			return append(b, "null"...)
		}
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case map[string]any:
		if v == nil {
			return append(b, "null"...)
		}
		var few [16]string
		keys := slices.AppendSeq(few[:0], maps.Keys(v))
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, k), ':')
			b = appendJSON(b, v[k])
		}
		return append(b, '}')
	}
	return appendAny(b, value)
}

// appendText appends a text. What has to be escaped is seldom.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendAny(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendAny(b []byte, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil { // nothing that was JSON before fails
		panic(fmt.Sprintf("digest an object: %v", err))
	}
	return append(b, text...)
}

// AppendJSON appends the observation as [json.Marshal] writes it. Its objects are most of
// it, and are written without reflection.
func (o *Observation) AppendJSON(b []byte) ([]byte, error) {
	bare := *o
	bare.Before, bare.After, bare.Owner = nil, nil, nil
	head, err := json.Marshal(&bare)
	if err != nil {
		return nil, fmt.Errorf("write an observation: %w", err)
	}
	b = append(b, head[:len(head)-1]...)
	if len(o.Before) > 0 {
		b = appendJSON(append(b, `,"before":`...), o.Before)
	}
	if len(o.After) > 0 {
		b = appendJSON(append(b, `,"after":`...), o.After)
	}
	if o.Owner != nil {
		b = appendAny(append(b, `,"owner":`...), o.Owner)
	}
	return append(b, '}'), nil
}
