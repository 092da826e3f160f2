// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/binary"
	"math"
)

// A tree of JSON values is packed into one string: a tag for each value, then what it
// holds. Unpacked strings are parts of it, so unpacking copies no text.
const (
	packedNil = iota
	packedFalse
	packedTrue
	packedInt    // and the number as a varint
	packedFloat  // and its eight bytes
	packedString // and its length and bytes
	packedList   // and its length and elements
	packedMap    // and its length and, for each element, the key as a string without tag, and the value
)

// pack appends a tree to b. Nil mappings and lists stay nil.
func pack(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, packedTrue)
		}
		return append(b, packedFalse)
	case int64:
		return binary.AppendVarint(append(b, packedInt), v)
	case float64:
		return binary.BigEndian.AppendUint64(append(b, packedFloat), math.Float64bits(v))
	case string:
		return packText(append(b, packedString), v)
	case []any:
		if v == nil {
			break
		}
		b = binary.AppendUvarint(append(b, packedList), uint64(len(v)))
		for _, e := range v {
			b = pack(b, e)
		}
		return b
	case map[string]any:
		if v == nil {
			break
		}
		b = binary.AppendUvarint(append(b, packedMap), uint64(len(v)))
		for k, e := range v {
			b = pack(packText(b, k), e)
		}
		return b
	}
	return append(b, packedNil)
}

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpacker reads what pack has written, from the start on.
type unpacker struct{ rest string }

func (u *unpacker) value() any {
	tag := u.rest[0]
	u.rest = u.rest[1:]
	switch tag {
	case packedFalse, packedTrue:
		return tag == packedTrue
	case packedInt:
		n := u.length()
		return int64(n>>1) ^ -int64(n&1)
	case packedFloat:
		var n uint64
		for i := range 8 {
			n = n<<8 | uint64(u.rest[i])
		}
		u.rest = u.rest[8:]
		return math.Float64frombits(n)
	case packedString:
		return u.text()
	case packedList:
		out := make([]any, u.length())
		for i := range out {
			out[i] = u.value()
		}
		return out
	case packedMap:
		n := int(u.length())
		out := make(map[string]any, n)
		for range n {
			k := u.text()
			out[k] = u.value()
		}
		return out
	}
	return nil
}

func (u *unpacker) length() uint64 {
	var n uint64
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		c := u.rest[i]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			u.rest = u.rest[i+1:]
			return n
		}
	}
}

func (u *unpacker) text() string {
	n := u.length()
	s := u.rest[:n]
	u.rest = u.rest[n:]
	return s
}
