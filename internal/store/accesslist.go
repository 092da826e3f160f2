// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// accessList is who was granted what: each write of a role or a binding is a row.
func accessList() list {
	g := &grants{gone: map[binding]map[string][]time.Time{}, role: map[binding]string{}}
	t := &trailRows{says: []string{
		"grants that stood before the change trail began are in no row; nor are groups' members, which the identity provider knows",
	}}
	columns := []string{"kind", "namespace", "name", "role", "granted", "withdrawn", "removed_at", "rules_before", "rules_after", "widened", "content_seen"}
	l := trailList(accessRows, columns, t, g.values)
	l.prepare = func(v *View, q ListQuery) error {
		if err := t.prepare(v, q); err != nil {
			return err
		}
		q.Program.From, q.Program.To, q.AsOf = time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}
		return v.eachChange(q, accessRows, g.learn) // whatever was withdrawn later too
	}
	return l
}

// binding is what a binding is called.
type binding struct{ source, kind, namespace, name string }

func bindingOf(c *seaworthy.Change) binding {
	return binding{c.SourceID, c.Object.Kind, c.Object.Namespace, c.Object.Name}
}

// everybody stands for all that a binding that was deleted bound.
const everybody = "*"

// grants is what is known of bindings over time.
type grants struct {
	gone map[binding]map[string][]time.Time // when each subject was taken away
	role map[binding]string                 // what it binds to, which never changes while it is there
}

// learn notes what a change took away.
func (g *grants) learn(c *seaworthy.Change) {
	if c.Outcome == seaworthy.OutcomeDenied || c.Outcome == seaworthy.OutcomeFailed {
		return
	}
	b, e := bindingOf(c), readGrant(c)
	if e.role != "" {
		g.role[b] = e.role
	}
	withdrawn := e.withdrawn
	if c.Verb == seaworthy.VerbDelete {
		withdrawn = []string{everybody}
	}
	for _, s := range withdrawn {
		if g.gone[b] == nil {
			g.gone[b] = map[string][]time.Time{}
		}
		g.gone[b][s] = append(g.gone[b][s], c.At)
	}
}

// removed says when a subject lost what it was granted at a time: "stands" if it did not.
func (g *grants) removed(b binding, subject string, since time.Time) string {
	var first time.Time
	for _, at := range slices.Concat(g.gone[b][subject], g.gone[b][everybody]) {
		if at.After(since) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return "stands"
	}
	return text(first)
}

func (g *grants) values(c *seaworthy.Change) []any {
	b, e := bindingOf(c), readGrant(c)
	role := e.role
	if role == "" {
		role = g.role[b]
	}
	var removed []string
	if c.Outcome != seaworthy.OutcomeDenied && c.Outcome != seaworthy.OutcomeFailed {
		for _, s := range e.granted {
			removed = append(removed, g.removed(b, s, c.At))
		}
	}
	return []any{c.Object.Kind, c.Object.Namespace, c.Object.Name, role, strings.Join(e.granted, "; "), strings.Join(e.withdrawn, "; "),
		strings.Join(removed, "; "), e.rulesBefore, e.rulesAfter, slices.Contains(c.Flags, seaworthy.FlagWidened), e.seen}
}

// grant is what the edits of a role or a binding say.
type grant struct {
	role                    string
	granted, withdrawn      []string
	rulesBefore, rulesAfter string
	seen                    bool // everything of it was
}

// readGrant reads the edits of a change. What no place told, and what was too long to keep,
// is said not to have been seen.
func readGrant(c *seaworthy.Change) grant {
	g := grant{seen: len(c.Edits) > 0 && c.EditsLeftOut == 0}
	var before, after []string
	for _, e := range c.Edits {
		switch path := e.Path; {
		case path == "roleRef":
			g.role = roleOf(e.After, e.Before)
		case path == "subjects" || strings.HasPrefix(path, "subjects["):
			was, ok := subjectsIn(e.Before)
			is, alike := subjectsIn(e.After)
			before, after = append(before, was...), append(after, is...)
			g.seen = g.seen && ok && alike
		case path == "rules" || path == "aggregationRule" || strings.HasPrefix(path, "rules[") || strings.HasPrefix(path, "aggregationRule."):
			g.rulesBefore, g.rulesAfter = joined(g.rulesBefore, e.Before), joined(g.rulesAfter, e.After)
		}
	}
	for _, s := range after {
		if !slices.Contains(before, s) {
			g.granted = append(g.granted, s)
		}
	}
	for _, s := range before {
		if !slices.Contains(after, s) {
			g.withdrawn = append(g.withdrawn, s)
		}
	}
	return g
}

func joined(text, more string) string {
	if text == "" || more == "" {
		return text + more
	}
	return text + "; " + more
}

// roleOf reads what a binding binds to, from the first of the texts that says.
func roleOf(texts ...string) string {
	for _, t := range texts {
		var r struct{ Kind, Name string }
		if json.Unmarshal([]byte(t), &r) == nil && r.Name != "" {
			return r.Kind + " " + r.Name
		}
	}
	return ""
}

// subjectsIn reads one subject or several. What cannot be read is given as it is: it may
// have been cut, or be a part of a subject.
func subjectsIn(value string) (names []string, ok bool) {
	type subject struct{ Kind, Namespace, Name string }
	if value == "" {
		return nil, true
	}
	var list []subject
	if json.Unmarshal([]byte(value), &list) != nil {
		var one subject
		if json.Unmarshal([]byte(value), &one) != nil || one.Name == "" {
			return []string{value}, false
		}
		list = []subject{one}
	}
	for _, s := range list {
		names = append(names, strings.TrimSpace(s.Kind+" "+strings.TrimPrefix(s.Namespace+"/"+s.Name, "/")))
	}
	return names, true
}
