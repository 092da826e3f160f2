// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// word is one argument of a command line, with where it stands in the manifest.
type word struct {
	text string
	path string // "command[3]", "args[0]"
	end  bool   // a shell operator: what follows is another command
}

// commandLine gives the words that a container runs: command, then args, with $(VAR)
// filled in from literal environment variables, and the script of a shell taken apart.
func commandLine(c *corev1.Container) []word {
	var words []word
	add := func(field string, list []string) {
		for i, text := range list {
			words = append(words, word{text: expand(text, c.Env), path: field + "[" + strconv.Itoa(i) + "]"})
		}
	}
	add("command", c.Command)
	add("args", c.Args)
	return unwrapShell(words)
}

// expand fills in $(VAR) as the kubelet does; what has no literal value stays.
func expand(text string, env []corev1.EnvVar) string {
	for _, e := range env {
		if e.Value != "" {
			text = strings.ReplaceAll(text, "$("+e.Name+")", e.Value)
		}
	}
	return text
}

var shells = map[string]bool{"sh": true, "bash": true, "ash": true, "dash": true, "zsh": true, "busybox": true}

// unwrapShell replaces sh -c SCRIPT by the words of the script.
func unwrapShell(words []word) []word {
	if len(words) < 2 || !shells[base(words[0].text)] {
		return words
	}
	for i, w := range words[1:] {
		if !strings.HasPrefix(w.text, "-") || strings.HasPrefix(w.text, "--") || !strings.Contains(w.text, "c") {
			if strings.HasPrefix(w.text, "-") || shells[w.text] {
				continue
			}
			return words
		}
		at := i + 2 // the script follows the option
		if at >= len(words) {
			return words
		}
		var rest []word // $0 is left out, $@ begins after it
		if at+2 <= len(words) {
			rest = words[at+1:]
		}
		return script(words[at], rest)
	}
	return words
}

// script splits a shell script into words.
func script(source word, rest []word) []word {
	var out []word
	for _, s := range split(source.text) {
		if s.text == "$@" || s.text == "$*" {
			if len(rest) > 1 {
				out = append(out, rest[1:]...)
			}
			continue
		}
		s.path = source.path
		out = append(out, s)
	}
	return out
}

// split takes a script apart as a shell would, as far as words and operators go:
// quotes, backslashes, comments and line ends.
func split(text string) []word {
	var out []word
	var b strings.Builder
	inWord := false
	flush := func() {
		if inWord {
			out = append(out, word{text: b.String()})
		}
		b.Reset()
		inWord = false
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != '\n' { // else the line goes on
				b.WriteByte(text[i])
				inWord = true
			}
		case c == '\'' || c == '"':
			inWord = true
			for i++; i < len(text) && text[i] != c; i++ {
				if c == '"' && text[i] == '\\' && i+1 < len(text) {
					i++
					if text[i] == '\n' {
						continue
					}
				}
				b.WriteByte(text[i])
			}
		case c == '#' && !inWord:
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == ' ' || c == '\t':
			flush()
		case strings.IndexByte("\n;|&()<>", c) >= 0:
			flush()
			out = append(out, word{text: string(c), end: true})
		default:
			b.WriteByte(c)
			inWord = true
		}
	}
	flush()
	return out
}

// base is the last part of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
