// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// EraseEntries destroys salt and content of all entries about a subject, also of those that
// the transaction has yet to append. Their leaves, and with them the proof that there was
// something, stay. Who calls it logs a tombstone.
func (t *Tx) EraseEntries(kind, subject string) error {
	for i := range t.pending {
		if p := &t.pending[i]; p.entry.Kind == kind && p.entry.Subject == subject {
			p.salt, p.content = nil, nil
		}
	}
	if err := t.exec(`UPDATE log_entries SET salt = NULL, content = NULL WHERE kind = $1 AND subject = $2`, kind, subject); err != nil {
		return fmt.Errorf("erase the entries of %s %s: %w", kind, subject, err)
	}
	return nil
}

// ErasedText stands where there was text that somebody had erased. Why is in the action.
const ErasedText = "erased"

// Erase destroys what the log and its table hold of people in a record, of which a
// tombstone takes the place: evidence, a comment, a user, the words of a waiver, of the
// explanation of a change, or of the steps of a finding.
func (t *Tx) Erase(kind, subject, reason string) error {
	if reason == "" {
		return seaworthy.Invalid("a %s is not erased without a reason", kind)
	}
	switch kind {
	case evidence.kind:
		_, err := t.EraseEvidence(subject, reason)
		return err
	case comments.kind:
		return t.eraseComment(subject, reason)
	case users.kind:
		return t.eraseUser(subject, reason)
	case waivers.kind:
		return t.eraseWaiver(subject, reason)
	case changes.kind:
		return t.eraseExplanation(subject, reason)
	case findingKind:
		return t.eraseNotes(subject, reason)
	}
	return seaworthy.Invalid("a %s cannot be erased; evidence, comments, users and the words of waivers, changes and findings can", kind)
}

func (t *Tx) eraseComment(id, reason string) error {
	c, err := comments.locked(t, id, byID(id))
	if err != nil {
		return err
	}
	if !c.ErasedAt.IsZero() {
		return seaworthy.Conflict("comment %s was erased at %s", id, c.ErasedAt.Format(time.RFC3339))
	}
	if err := t.EraseEntries(comments.kind, id); err != nil {
		return err
	}
	c.Text, c.Mentions, c.ErasedAt, c.ErasedFor = "", []string{}, t.At, reason
	if err := comments.put(t, &c); err != nil {
		return err
	}
	return t.Action("erase", "comment "+id, map[string]any{"reason": reason})
}

// eraseUser leaves an account that nobody can use, under the id that the log names.
func (t *Tx) eraseUser(id, reason string) error {
	u, err := users.locked(t, id, byID(id))
	if err != nil {
		return err
	}
	if err := t.EraseEntries(users.kind, id); err != nil {
		return err
	}
	for _, table := range []string{"credentials", "identities", "sessions", "links", "visits"} {
		if err := t.exec(`DELETE FROM `+table+` WHERE user_id = $1`, id); err != nil {
			return fmt.Errorf("erase user %s: %w", id, err)
		}
	}
	stone := seaworthy.User{ID: id, Email: "erased-" + id, Name: "erased", Role: u.Role, Teams: []string{}, Program: u.Program, Disabled: true, CreatedAt: u.CreatedAt}
	if err := users.put(t, &stone); err != nil {
		return err
	}
	return t.Action("erase", "user "+id, map[string]any{"reason": reason})
}

// EraseEvidence destroys what the log and the table hold of evidence but its identity,
// digest, times and what it was for. Its bytes are the vault's to remove, after this.
func (t *Tx) EraseEvidence(id, reason string) (seaworthy.Evidence, error) {
	if reason == "" {
		return seaworthy.Evidence{}, seaworthy.Invalid("evidence is not erased without a reason")
	}
	e, err := evidence.locked(t, id, byID(id))
	if err != nil {
		return e, err
	}
	if !e.ErasedAt.IsZero() {
		return e, seaworthy.Conflict("evidence %s was erased at %s", id, e.ErasedAt.Format(time.RFC3339))
	}
	if err := t.EraseEntries(evidence.kind, id); err != nil {
		return e, err
	}
	stone := e
	stone.Title, stone.Statement = "erased: "+reason, ""
	stone.FileName, stone.URL, stone.System, stone.Query, stone.Scope = "", "", "", "", []string{}
	stone.ErasedAt = t.At
	if err := evidence.put(t, &stone); err != nil {
		return e, err
	}
	if err := t.exec(`UPDATE evidence_for SET erased_at = $1 WHERE evidence_id = $2`, micros(t.At), id); err != nil {
		return e, err
	}
	return stone, t.Action("erase", "evidence "+id, map[string]any{"reason": reason, "digest": e.Digest})
}
