// SPDX-License-Identifier: Apache-2.0

package admission

import "slices"

// boring is where a review holds who set which field of its two objects: nearly as much as
// the objects themselves, and nothing that anybody here looks at.
var boring = [...][]string{{"request"}, {"object", "oldObject"}, {"metadata"}, {"managedFields"}}

// lean gives JSON without the field managers of a review's objects, in the place of the
// text that it is given, and tells whether it is nested deeper than [maxDepth]. What is no
// JSON stays so, for its reader to say.
func lean(b []byte) (out []byte, deep bool) {
	// inside counts the steps of boring that lead to where we are; enter is where the next
	// one begins; what is before kept is in out.
	depth, inside, enter, kept := 0, 0, -1, 0
	out = b[:0]
scan:
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return b, true
			}
			if i == enter {
				inside = depth - 1
			}
		case '}', ']':
			depth--
			inside = min(inside, max(depth-1, 0))
		case '"':
			n := text(b[i+1:])
			if n < 0 {
				break scan // it does not end
			}
			name := b[i+1 : i+1+n]
			i += n + 1
			if depth < 1 || depth > len(boring) || inside != depth-1 || !slices.Contains(boring[depth-1], string(name)) {
				continue
			}
			at := value(b, i+1)
			if at < 0 {
				continue // it is no name but a value
			}
			if depth < len(boring) {
				if b[at] == '{' {
					enter = at
				}
				continue
			}
			end, far := list(b, at, depth)
			if far {
				return b, true
			}
			if end > 0 {
				out = append(append(out, b[kept:at]...), "[]"...) // no list is shorter
				kept, i = end, end-1
			}
		}
	}
	return append(out, b[kept:]...), false
}

// value gives where the value begins that follows a name, or -1.
func value(b []byte, i int) int {
	colon := false
	for ; i < len(b); i++ {
		switch b[i] {
		case ' ', '\t', '\n', '\r':
		case ':':
			if colon {
				return -1
			}
			colon = true
		default:
			if !colon {
				return -1
			}
			return i
		}
	}
	return -1
}

// list gives where a list ends that begins at a place; 0: there is none, or it does not end.
func list(b []byte, i, depth int) (end int, deep bool) {
	if b[i] != '[' {
		return 0, false
	}
	for within := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if within++; depth+within > maxDepth {
				return 0, true
			}
		case '}', ']':
			if within--; within == 0 {
				return i + 1, false
			}
		case '"':
			n := text(b[i+1:])
			if n < 0 {
				return 0, false
			}
			i += n + 1
		}
	}
	return 0, false
}
