// SPDX-License-Identifier: Apache-2.0

// Package triage is what people do about findings: whose they are, by when, what is said
// of them, and which are waived by whom until when.
//
// Every verb takes the principal who asks and judges it twice: whether the role may do
// such a thing at all, and whether what it is to be done to is the principal's. A bulk
// verb does all or nothing, in one transaction, and every step is an event of a finding
// or an entry of the log.
package triage

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Config says how waivers are given.
type Config struct {
	Store *store.Store
	// MaxWaiver is how far ahead the end of a waiver may lie; zero: a year.
	MaxWaiver time.Duration
}

// Triage works on the findings of a store. It is safe for concurrent use.
type Triage struct {
	store *store.Store
	max   time.Duration
}

// New makes a Triage.
func New(c Config) *Triage {
	if c.MaxWaiver == 0 {
		c.MaxWaiver = 366 * 24 * time.Hour // a leap year
	}
	return &Triage{c.Store, c.MaxWaiver}
}

// most bounds a bulk verb.
const most = 10000

// allow refuses who may not do an action at all.
func allow(who seaworthy.Principal, a seaworthy.Action) error {
	if !who.Can(a) {
		return seaworthy.Forbidden("%s is %s and may not do this (%s)", called(who), article(who.Role), a)
	}
	return nil
}

func called(who seaworthy.Principal) string {
	if who.Name == "" {
		return who.Actor
	}
	return who.Name
}

func article(r seaworthy.Role) string {
	if r == "" {
		return "nobody"
	}
	if strings.ContainsRune("aeiou", rune(r[0])) {
		return "an " + string(r)
	}
	return "a " + string(r)
}

// reach is what a principal may act on.
type reach struct {
	who     seaworthy.Principal
	program *seaworthy.Program
}

func reachOf(tx *store.Tx, who seaworthy.Principal) (reach, error) {
	r := reach{who: who}
	if who.Program == "" {
		return r, nil
	}
	p, err := tx.Program(who.Program)
	r.program = &p
	return r, err
}

// finding refuses a finding that is not the principal's.
func (r reach) finding(f *seaworthy.TrackedFinding) error {
	if r.program != nil && !r.program.HasNamespace(f.SourceID, f.Object.Namespace) {
		return seaworthy.NotFound("there is no finding %s", f.ID)
	}
	if !r.who.Owns(f.Team) {
		return seaworthy.Forbidden("finding %s of %s is not of a team of %s", f.ID, f.Object, called(r.who))
	}
	return nil
}

// source refuses what is of a source out of the principal's program.
func (r reach) source(id string) error {
	if r.program != nil && !r.program.HasSource(id) {
		return seaworthy.Forbidden("this is not within the program of %s", called(r.who))
	}
	return nil
}

// several refuses a list of ids that is empty or too long, and gives it in order and
// without duplicates.
func several(ids []string) ([]string, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	switch {
	case len(ids) == 0 || ids[0] == "":
		return nil, seaworthy.Invalid("nothing is selected")
	case len(ids) > most:
		return nil, seaworthy.Invalid("%d are selected, at most %d can be changed at a time", len(ids), most)
	}
	return ids, nil
}

// lock gives findings that are the principal's, in the order of their ids.
func lock(tx *store.Tx, who seaworthy.Principal, ids []string) ([]seaworthy.TrackedFinding, error) {
	r, err := reachOf(tx, who)
	if err != nil {
		return nil, err
	}
	have, err := tx.LockFindings(ids...)
	if err != nil {
		return nil, err
	}
	out := make([]seaworthy.TrackedFinding, 0, len(ids))
	for _, id := range ids {
		f, ok := have[id]
		if !ok {
			return nil, seaworthy.NotFound("there is no finding %s", id)
		}
		if err := r.finding(&f); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// change changes findings that are the principal's. f changes one and gives the note of
// its event; a finding that it leaves as it was has no event.
func (t *Triage) change(ctx context.Context, who seaworthy.Principal, ids []string, kind string, f func(*store.Tx, *seaworthy.TrackedFinding) (string, error)) (int, error) {
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return 0, err
	}
	ids, err := several(ids)
	if err != nil {
		return 0, err
	}
	n := 0
	err = t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		list, err := lock(tx, who, ids)
		if err != nil {
			return err
		}
		var changes []store.FindingChange
		for i := range list {
			after := list[i]
			note, err := f(tx, &after)
			if err != nil {
				return err
			}
			if after != list[i] || kind == seaworthy.EventCommented {
				changes = append(changes, store.FindingChange{Before: &list[i], After: after, Kind: kind, Note: note})
			}
		}
		n = len(changes)
		return tx.ChangeFindings(changes)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// clean gives a text that a person wrote without space around it, or refuses it.
func clean(what, text string, longest int) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch {
	case !utf8.ValidString(text):
		return "", seaworthy.Invalid("%s is not text in UTF-8", what)
	case utf8.RuneCountInString(text) > longest:
		return "", seaworthy.Invalid("%s is longer than %d characters", what, longest)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return "", seaworthy.Invalid("%s has control characters in it", what)
	}
	return text, nil
}

// wanted is clean for a text that must be there.
func wanted(what, text string, longest int) (string, error) {
	text, err := clean(what, text, longest)
	if err == nil && text == "" {
		return "", seaworthy.Invalid("%s is missing", what)
	}
	return text, err
}

// person is the user who answers for an actor: for a token, who made it; empty where
// there is none.
func person(tx *store.Tx, actor string) (string, error) {
	kind, id, _ := strings.Cut(actor, ":")
	switch kind {
	case "user":
		return id, nil
	case "token":
		token, err := tx.Token(id)
		return token.UserID, err
	}
	return "", nil
}

// active gives a user who is there and may still come in.
func active(tx *store.Tx, what, id string) (seaworthy.User, error) {
	u, err := tx.User(id)
	if err != nil {
		return u, err
	}
	if u.Disabled || !u.Expires.IsZero() && !u.Expires.After(tx.At) {
		return u, seaworthy.Invalid("%s cannot be %s: the account is disabled", what, u.Name)
	}
	return u, nil
}
