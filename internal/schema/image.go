// SPDX-License-Identifier: Apache-2.0

package schema

import "strings"

// tagOf is the tag that the API server takes an image to have when it chooses a pull
// policy: "latest" where the reference has neither tag nor digest, empty where it has
// only a digest, and empty too where it is no reference at all (a placeholder, a name in
// capitals). The grammar is that of github.com/distribution/reference.
func tagOf(image string) string {
	rest, digest, digested := strings.Cut(image, "@")
	name, tag := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		name, tag = rest[:i], rest[i+1:]
		if !validTag(tag) {
			return ""
		}
	}
	if digested && !validDigest(digest) || !validName(name) || len(image) == 64 && hexadecimal(image) {
		return ""
	}
	if tag == "" && !digested {
		return "latest"
	}
	return tag
}

func validTag(s string) bool {
	return s != "" && len(s) <= 128 && s[0] != '.' && s[0] != '-' &&
		every(s, func(c byte) bool { return alphanumeric(c) || c == '_' || c == '.' || c == '-' })
}

// validDigest knows the algorithms that container images use.
func validDigest(s string) bool {
	algorithm, sum, _ := strings.Cut(s, ":")
	length := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	return length > 0 && len(sum) == length && hexadecimal(sum)
}

// validName accepts a path, with the name of a registry in front of it or without. The
// first step of a path is a registry where it cannot be anything else.
func validName(s string) bool {
	first, path, more := strings.Cut(s, "/")
	if !more {
		return validPath(s, longestPath-len("library/")) // where Docker Hub has it
	}
	registry := first == "localhost" || strings.ContainsAny(first, ".:") || strings.ToLower(first) != first
	return registry && validHost(first) && validPath(path, longestPath) || validPath(s, longestPath)
}

const longestPath = 255

func validPath(s string, longest int) bool {
	if len(s) > longest {
		return false
	}
	for step := range strings.SplitSeq(s, "/") {
		if !validStep(step) {
			return false
		}
	}
	return true
}

// validStep wants small letters and digits with single separators in between: a dot, one
// or two underscores, or dashes.
func validStep(s string) bool {
	for s != "" {
		word := strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyz0123456789")
		if len(word) == len(s) {
			return false
		}
		if word == "" {
			return true
		}
		s = strings.TrimLeft(word, "._-")
		switch separator := word[:len(word)-len(s)]; {
		case separator == ".", separator == "_", separator == "__":
		case separator != "" && strings.Trim(separator, "-") == "":
		default:
			return false
		}
	}
	return false
}

// validHost wants the labels of a domain or an IPv6 address in brackets, and a port.
func validHost(s string) bool {
	host, port := s, "0"
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if port == "" || !every(port, func(c byte) bool { return '0' <= c && c <= '9' }) {
		return false
	}
	if address, ok := strings.CutPrefix(host, "["); ok {
		address, ok = strings.CutSuffix(address, "]")
		return ok && address != "" && every(address, func(c byte) bool {
			return c == ':' || hexadecimal(strings.ToLower(string(rune(c))))
		})
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' ||
			!every(label, func(c byte) bool { return alphanumeric(c) || c == '-' }) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func hexadecimal(s string) bool {
	return every(s, func(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' })
}

func every(s string, f func(byte) bool) bool {
	for i := range len(s) {
		if !f(s[i]) {
			return false
		}
	}
	return true
}
