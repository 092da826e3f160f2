// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Tell writes the notices of what a transaction logged, in that transaction; it is what
// [store.Config.Told] asks for. What no rule wants is not written, and nothing is written
// twice.
func Tell(tx *store.Tx, logged []store.Logged) error {
	var rules []seaworthy.NoticeRule
	var t *telling
	for _, l := range logged {
		if !tellable[l.Kind] || gone(l) && l.Kind != "change-rule" && l.Kind != "actor" {
			continue
		}
		if t == nil {
			var err error
			if rules, err = tx.NoticeRules(); err != nil || len(rules) == 0 {
				return err
			}
			t = &telling{tx: tx, rules: rules}
		}
		if err := t.entry(l); err != nil {
			return fmt.Errorf("tell of %s %s: %w", l.Kind, l.Subject, err)
		}
	}
	if t == nil {
		return nil
	}
	if err := t.opened(); err != nil {
		return fmt.Errorf("tell of findings: %w", err)
	}
	return t.write()
}

// tellable are the kinds of entries that may be told of.
var tellable = map[string]bool{
	"change": true, "gap": true, "waiver": true, "comment": true, "occurrence": true, "self-check": true, "events": true, "change-rule": true,
	"actor": true,
}

// telling is what a transaction has to tell.
type telling struct {
	tx     *store.Tx
	rules  []seaworthy.NoticeRule
	drafts []draft
	chunks []string // of findings' events

	sources map[string]seaworthy.DeclaredSource // nil: not read
	people  map[string]seaworthy.User           // nil: not read
}

// draft is a notice that may have been written before.
type draft struct {
	seaworthy.Notice
	// of names what it is about in its keys; kinds are what it would be, the foremost first.
	of    string
	kinds []seaworthy.NoticeKind
	// title says it in a sentence, as what it then is.
	title func(seaworthy.NoticeKind) string
	// after gives the kinds anew when those of kinds were all told: a gap that is known can
	// still end.
	after []seaworthy.NoticeKind
	// unnamed: nobody knows yet who did it; named is the title that says who did it, where
	// that is known. Who was told the one is told the other.
	unnamed bool
	named   string
}

// What is told of who did something, beside the kinds of notices.
const (
	byNobody   seaworthy.NoticeKind = "by nobody known"
	bySomebody seaworthy.NoticeKind = "by somebody"
)

func (t *telling) entry(l store.Logged) error {
	switch l.Kind {
	case "change":
		return each(l, t.change)
	case "gap":
		return each(l, t.gap)
	case "waiver":
		return each(l, t.waiver)
	case "comment":
		return each(l, t.comment)
	case "occurrence":
		return each(l, t.occurrence)
	case "self-check":
		return each(l, t.selfCheck)
	case "change-rule":
		if gone(l) {
			return t.changeRule(&seaworthy.ChangeRule{ID: l.Subject})
		}
		return each(l, t.changeRule)
	case "actor":
		if gone(l) {
			return t.actor(&seaworthy.KnownActor{ID: l.Subject})
		}
		return each(l, t.actor)
	case "events":
		t.chunks = append(t.chunks, l.Subject)
	}
	return nil
}

// gone tells whether a record was removed.
func gone(l store.Logged) bool { return string(l.Content) == "null" }

func each[T any](l store.Logged, f func(*T) error) error {
	var v T
	if err := json.Unmarshal(l.Content, &v); err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	return f(&v)
}

func key(k seaworthy.NoticeKind, of string) string { return string(k) + "/" + of }

// write puts into the outbox what was not told before and what a rule wants.
func (t *telling) write() error {
	var keys []string
	for i := range t.drafts {
		for _, k := range slices.Concat(t.drafts[i].kinds, t.drafts[i].after, []seaworthy.NoticeKind{byNobody, bySomebody}) {
			keys = append(keys, key(k, t.drafts[i].of))
		}
	}
	told, err := t.tx.ToldOf(keys)
	if err != nil {
		return err
	}
	var out []store.OutgoingNotice
	for i := range t.drafts {
		if n, ok := t.drafts[i].notice(told); ok && t.wanted(&n.Notice) {
			out = append(out, n)
		}
	}
	return t.tx.AddNotices(out)
}

// notice is what is left to tell of a draft.
func (d *draft) notice(told map[string]bool) (store.OutgoingNotice, bool) {
	kinds := slices.DeleteFunc(slices.Clone(d.kinds), func(k seaworthy.NoticeKind) bool { return told[key(k, d.of)] })
	keys := d.kinds
	if len(kinds) == 0 {
		kinds = slices.DeleteFunc(slices.Clone(d.after), func(k seaworthy.NoticeKind) bool { return told[key(k, d.of)] })
		keys = d.after
	} else {
		keys = slices.Concat(keys, d.after) // what is told at once with its end has no end of its own
	}
	n := store.OutgoingNotice{Notice: d.Notice}
	owed := d.named != "" && told[key(byNobody, d.of)] && !told[key(bySomebody, d.of)]
	switch {
	case len(kinds) > 0:
		n.Kind, n.Also, n.Title = kinds[0], kinds[1:], d.title(kinds[0])
	case owed:
		n.Kind, n.Also, n.Title = d.kinds[0], d.kinds[1:], d.named
	default:
		return n, false
	}
	switch {
	case owed:
		keys = append(slices.Clone(keys), bySomebody)
	case d.unnamed:
		keys = append(slices.Clone(keys), byNobody)
	}
	for _, k := range keys {
		if !told[key(k, d.of)] {
			n.Keys = append(n.Keys, key(k, d.of))
			told[key(k, d.of)] = true // also for what comes later in this transaction
		}
	}
	return n, true
}

func (t *telling) wanted(n *seaworthy.Notice) bool {
	return slices.ContainsFunc(t.rules, func(r seaworthy.NoticeRule) bool { return notify.Wants(&r, n) })
}

// source gives a source by its id; one that is not known has only that.
func (t *telling) source(id string) (seaworthy.DeclaredSource, error) {
	if t.sources == nil {
		all, err := t.tx.Sources()
		if err != nil {
			return seaworthy.DeclaredSource{}, err
		}
		t.sources = map[string]seaworthy.DeclaredSource{}
		for _, s := range all {
			t.sources[s.ID] = s
		}
	}
	if s, ok := t.sources[id]; ok {
		return s, nil
	}
	return seaworthy.DeclaredSource{ID: id, Name: id}, nil
}

// at says of which source a notice is.
func (t *telling) at(n *seaworthy.Notice, source string) error {
	if source == "" {
		return nil
	}
	s, err := t.source(source)
	n.SourceID, n.SourceName, n.Team = source, s.Name, s.Team
	return err
}

// person is what people call somebody: "user:<id>" and its like, or the id of a user.
func (t *telling) person(actor string) (string, error) {
	kind, id, divided := strings.Cut(actor, ":")
	if !divided {
		kind, id = "user", actor
	}
	switch {
	case actor == "" || kind == "system":
		return "Seaworthy", nil
	case kind != "user":
		return kind + " " + id, nil
	}
	if t.people == nil {
		all, err := t.tx.People()
		if err != nil {
			return "", err
		}
		t.people = map[string]seaworthy.User{}
		for _, u := range all {
			t.people[u.ID] = u
		}
	}
	u, ok := t.people[id]
	switch {
	case !ok:
		return actor, nil
	case u.Name != "":
		return u.Name, nil
	}
	return u.Email, nil
}

func detail(n *seaworthy.Notice, name, value string) {
	if value != "" {
		n.Details = append(n.Details, seaworthy.NoticeDetail{Name: name, Value: value})
	}
}

// moment writes a time as notices have it.
func moment(at time.Time) string { return at.UTC().Format("2 January 2006, 15:04:05") + " UTC" }
