// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// fromCodeowners is the From of rules that came with a CODEOWNERS file.
const fromCodeowners = "CODEOWNERS"

// fileMatcher makes a function of a pattern as in a CODEOWNERS file: as in .gitignore,
// without negation and without sets of characters. A pattern that names a folder matches
// what is in it; one without a slash before its end matches at any depth.
func fileMatcher(pattern string) (func(string) bool, error) {
	switch {
	case strings.HasPrefix(pattern, "!"):
		return nil, seaworthy.Invalid("the path %q is negated, which CODEOWNERS files do not know", pattern)
	case strings.ContainsAny(pattern, "[]"):
		return nil, seaworthy.Invalid("the path %q has a set of characters, which CODEOWNERS files do not know", pattern)
	case strings.Trim(pattern, "/") == "" && pattern != "/":
		return nil, seaworthy.Invalid("the path %q matches nothing", pattern)
	}
	body, folder := strings.TrimSuffix(pattern, "/"), strings.HasSuffix(pattern, "/")
	anchored := strings.Contains(body, "/") || body == ""
	body = strings.TrimPrefix(body, "/")
	var b strings.Builder
	b.WriteString(`^`)
	if !anchored {
		b.WriteString(`(?:.*/)?`)
	}
	segments := strings.Split(body, "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case body == "":
		case s == "**" && last:
			b.WriteString(`.*`)
		case s == "**":
			b.WriteString(`(?:.*/)?`)
		default:
			b.WriteString(segment(s))
			if !last {
				b.WriteByte('/')
			}
		}
	}
	switch {
	case body == "":
		b.WriteString(`.*`)
	case folder:
		b.WriteString(`/.*`)
	case segments[len(segments)-1] == "*" && len(segments) > 1:
		// "docs/*" is what lies in docs itself.
	default:
		b.WriteString(`(?:/.*)?`)
	}
	b.WriteString(`$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, seaworthy.Invalid("the path %q is malformed", pattern)
	}
	return func(file string) bool {
		return re.MatchString(strings.TrimPrefix(strings.TrimPrefix(file, "./"), "/"))
	}, nil
}

// segment is the expression of a part between slashes.
func segment(s string) string {
	var b strings.Builder
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			b.WriteString(`[^/]*`)
		case r == '?':
			b.WriteString(`[^/]`)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}

// Problem is a line of a CODEOWNERS file that was not understood, or not wholly.
type Problem struct {
	Line   int    `json:"line"` // from 1
	Text   string `json:"text"`
	Reason string `json:"reason"`
}

// Imported is what became of a CODEOWNERS file.
type Imported struct {
	Rules    []seaworthy.OwnershipRule `json:"rules"` // in the order in which they are tried
	Problems []Problem                 `json:"problems"`
}

// ImportCodeowners makes rules of the text of a CODEOWNERS file of a repository, in the
// place of those that came with it before. In the file the last line that matches
// counts, so that the rules stand in the other order. An owner is a team by its name, or
// a person by the address where the person is of one team.
func (t *Triage) ImportCodeowners(ctx context.Context, who seaworthy.Principal, source, text string) (Imported, error) {
	var out Imported
	if err := allow(who, seaworthy.ManageSources); err != nil {
		return out, err
	}
	if len(text) > 3<<20 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return out, seaworthy.Invalid("the CODEOWNERS file is larger than 3 MB or no text in UTF-8")
	}
	err := t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		s, err := tx.Source(source)
		if err != nil {
			return err
		}
		if s.Kind != seaworthy.KindRepository {
			return seaworthy.Invalid("source %s is a %s: CODEOWNERS files are of repositories", s.Name, s.Kind)
		}
		known, err := readNames(tx)
		if err != nil {
			return err
		}
		out = parseCodeowners(text, known)
		return out.keep(tx, literal(s.Name))
	})
	return out, err
}

// keep writes the rules in the place of those that came before.
func (out *Imported) keep(tx *store.Tx, source string) error {
	rules, err := tx.OwnershipRules()
	if err != nil {
		return err
	}
	var before []seaworthy.OwnershipRule
	rules = slices.DeleteFunc(rules, func(r seaworthy.OwnershipRule) bool {
		old := r.From == fromCodeowners && r.Source == source
		if old {
			before = append(before, r)
		}
		return old
	})
	if len(rules)+len(out.Rules) > mostRules {
		return seaworthy.Invalid("with the %d rules of the file there would be more than %d", len(out.Rules), mostRules)
	}
	if slices.EqualFunc(before, out.Rules, func(a, b seaworthy.OwnershipRule) bool { return a.Path == b.Path && a.Team == b.Team }) {
		out.Rules = before
		return nil
	}
	for i := range before {
		if err := tx.DropOwnershipRule(&before[i]); err != nil {
			return err
		}
	}
	place := lastPlace(rules)
	for i := range out.Rules {
		r := &out.Rules[i]
		r.ID, r.Place, r.Source, r.From = tx.NewID(), place+1+i, source, fromCodeowners
		if err := tx.PutOwnershipRule(r); err != nil {
			return err
		}
	}
	return nil
}

// readNames maps what CODEOWNERS files call teams and people, in lower case and without
// the @, to ids of teams. Ambiguous names map to nothing.
func readNames(tx *store.Tx) (map[string]string, error) {
	teams, err := tx.Teams()
	if err != nil {
		return nil, err
	}
	people, err := tx.People()
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, u := range people {
		if len(u.Teams) == 1 && !u.Disabled {
			known[strings.ToLower(u.Email)] = u.Teams[0]
		}
	}
	for _, t := range teams {
		if _, twice := known[slug(t.Name)]; twice {
			known[slug(t.Name)] = ""
			continue
		}
		known[slug(t.Name)] = t.ID
	}
	return known, nil
}

func parseCodeowners(text string, known map[string]string) Imported {
	out := Imported{Rules: []seaworthy.OwnershipRule{}, Problems: []Problem{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		tell := func(format string, args ...any) {
			out.Problems = append(out.Problems, Problem{i + 1, line, fmt.Sprintf(format, args...)})
		}
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' || strings.HasPrefix(line, "^[") {
			tell("this begins a section, which is not understood; the lines after it count as if it were not there")
			continue
		}
		words := wordsOf(line)
		if len(words) == 0 {
			tell("this names no file")
			continue
		}
		if _, err := fileMatcher(words[0]); err != nil {
			tell("%v", err)
			continue
		}
		team, unknown := "", []string{}
		for _, owner := range words[1:] {
			id := teamNamed(known, owner)
			switch {
			case id == "":
				unknown = append(unknown, owner)
			case team == "":
				team = id
			case team != id:
				tell("several teams own this; the first counts, and not %s", owner)
			}
		}
		if len(unknown) > 0 {
			// What an earlier line says must not count here: someone else owns this.
			tell("no team here is %s%s", strings.Join(unknown, ", "), map[bool]string{true: "; it stays with the repository's team"}[team == ""])
		}
		out.Rules = append(out.Rules, seaworthy.OwnershipRule{Path: words[0], Team: team})
	}
	slices.Reverse(out.Rules)
	return out
}

// teamNamed finds the team of an owner: "@company/team", "@team" or an address.
func teamNamed(known map[string]string, owner string) string {
	name := strings.ToLower(strings.TrimPrefix(owner, "@"))
	if id := known[name]; id != "" {
		return id
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return known[name[i+1:]]
	}
	return ""
}

// wordsOf splits a line at spaces that are not escaped, up to a comment.
func wordsOf(line string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteByte('\\')
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ' ' || r == '\t':
			flush()
		case r == '#' && word.Len() == 0:
			return words
		default:
			word.WriteRune(r)
		}
	}
	flush()
	return words
}
