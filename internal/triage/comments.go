// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// longestComment bounds a comment, in characters.
const longestComment = 10000

// Comment says something of a finding, a control, an occurrence, evidence or a waiver.
// People whom it names as @address or @name are mentioned.
func (t *Triage) Comment(ctx context.Context, who seaworthy.Principal, kind, subject, text string) (seaworthy.Comment, error) {
	c := seaworthy.Comment{}
	if err := allow(who, seaworthy.WorkFindings); err != nil {
		return c, err
	}
	text, err := wanted("the comment", text, longestComment)
	if err != nil {
		return c, err
	}
	err = t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		mentions, err := mentionsOf(tx, text)
		if err != nil {
			return err
		}
		c = seaworthy.Comment{SubjectKind: kind, Subject: subject, Text: text, Mentions: mentions}
		if kind == seaworthy.OnFinding {
			list, err := lock(tx, who, []string{subject})
			if err != nil {
				return err
			}
			if err := tx.AddComment(&c); err != nil {
				return err
			}
			return tx.ChangeFindings(commented(list, c.ID))
		}
		if err := commentable(tx, who, kind, subject); err != nil {
			return err
		}
		return tx.AddComment(&c)
	})
	return c, err
}

// CommentFindings says the same of several findings. It tells how many there were.
func (t *Triage) CommentFindings(ctx context.Context, who seaworthy.Principal, ids []string, text string) (int, error) {
	text, err := wanted("the comment", text, longestComment)
	if err != nil {
		return 0, err
	}
	var mentions []string
	return t.change(ctx, who, ids, seaworthy.EventCommented, func(tx *store.Tx, f *seaworthy.TrackedFinding) (string, error) {
		if mentions == nil {
			var err error
			if mentions, err = mentionsOf(tx, text); err != nil {
				return "", err
			}
		}
		c := seaworthy.Comment{SubjectKind: seaworthy.OnFinding, Subject: f.ID, Text: text, Mentions: mentions}
		err := tx.AddComment(&c)
		return c.ID, err
	})
}

// commented is the event of a comment. It names the comment and does not repeat it, so
// that the comment can be erased.
func commented(list []seaworthy.TrackedFinding, id string) []store.FindingChange {
	changes := make([]store.FindingChange, len(list))
	for i := range list {
		changes[i] = store.FindingChange{Before: &list[i], After: list[i], Kind: seaworthy.EventCommented, Note: id}
	}
	return changes
}

// mentionsOf gives the ids of the people whom a text mentions.
func mentionsOf(tx *store.Tx, text string) ([]string, error) {
	if !strings.Contains(text, "@") {
		return []string{}, nil
	}
	people, err := tx.People()
	return mentioned(text, people), err
}

// commentable refuses what is not there or not the principal's: an engineer speaks of
// controls that the engineer owns, and of waivers of own findings.
func commentable(tx *store.Tx, who seaworthy.Principal, kind, subject string) error {
	var controls []string
	switch kind {
	case seaworthy.OnWaiver:
		w, err := tx.Waiver(subject)
		if err != nil {
			return err
		}
		return ownWaiver(tx, who, &w)
	case seaworthy.OnControl:
		controls = []string{subject}
	case seaworthy.OnOccurrence:
		o, err := tx.Occurrence(subject)
		if err != nil {
			return err
		}
		controls = []string{o.ControlID}
	case seaworthy.OnEvidence:
		e, err := tx.Evidence(subject)
		if err != nil {
			return err
		}
		controls = e.Controls
	default:
		return seaworthy.Invalid("comments are about a finding, a control, an occurrence, evidence or a waiver, not about a %q", kind)
	}
	for _, id := range controls {
		c, err := tx.Control(id)
		if err != nil {
			return err
		}
		if who.Role != seaworthy.Engineer || c.OwnerUser != "" && c.OwnerUser == who.Person() {
			return nil
		}
	}
	return seaworthy.Forbidden("%s does not own the control that this is about", called(who))
}

// mentioned gives the ids of the people whom a text names: @ and an address, a name, a
// name without spaces, or what comes before the @ of an address. The longest counts.
func mentioned(text string, people []seaworthy.User) []string {
	out := []string{}
	lower := strings.ToLower(text)
	for i := 0; i < len(lower); i++ {
		if lower[i] != '@' {
			continue
		}
		if before, _ := utf8.DecodeLastRuneInString(lower[:i]); i > 0 && wordy(before) {
			continue // within an address
		}
		longest, ids := 0, []string(nil)
		for _, u := range people {
			if u.Disabled {
				continue
			}
			n := namedAt(lower[i+1:], u)
			if n > longest {
				longest, ids = n, nil
			}
			if n > 0 && n == longest {
				ids = append(ids, u.ID)
			}
		}
		for _, id := range ids {
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
		i += longest
	}
	return out
}

// namedAt is how many bytes at the start of a text name a user.
func namedAt(text string, u seaworthy.User) int {
	local, _, _ := strings.Cut(u.Email, "@")
	longest := 0
	for _, name := range []string{u.Email, u.Name, strings.ReplaceAll(u.Name, " ", ""), local} {
		name = strings.ToLower(name)
		if name == "" || len(name) <= longest || !strings.HasPrefix(text, name) {
			continue
		}
		rest := text[len(name):]
		// "@ada.lovelace" does not name ada, "@ada." does.
		after, size := utf8.DecodeRuneInString(rest)
		if after == '.' || after == '-' || after == '@' {
			after, _ = utf8.DecodeRuneInString(rest[size:])
		}
		if !wordy(after) || rest == "" {
			longest = len(name)
		}
	}
	return longest
}

func wordy(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_')
}
