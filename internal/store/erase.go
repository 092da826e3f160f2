// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// Tombstone is the document of a record that was erased.
type Tombstone struct {
	ID       string    `json:"id"`
	ErasedAt time.Time `json:"erasedAt"`
	Reason   string    `json:"reason"`
}

// EraseEntries destroys salt and content of all entries about a subject. Their leaves,
// and with them the proof that there was something, stay. Who calls it logs a tombstone.
func (t *Tx) EraseEntries(kind, subject string) error {
	if err := t.exec(`UPDATE log_entries SET salt = NULL, content = NULL WHERE kind = $1 AND subject = $2`, kind, subject); err != nil {
		return fmt.Errorf("erase the entries of %s %s: %w", kind, subject, err)
	}
	return nil
}

// Erase destroys what the log and its table hold of a comment: salt and content of all
// its entries, and its document, of which a tombstone takes the place.
func (t *Tx) EraseComment(id, reason string) error {
	document, err := json.Marshal(Tombstone{ID: id, ErasedAt: t.At, Reason: reason})
	if err != nil {
		return err
	}
	if err := t.EraseEntries("comment", id); err != nil {
		return err
	}
	if err := t.exec(`UPDATE comments SET document = $1 WHERE id = $2`, string(document), id); err != nil {
		return err
	}
	t.logBytes("comment", id, document)
	return t.Action("erase", "comment "+id, map[string]any{"reason": reason})
}

// EraseEvidence destroys what the log and the table hold of evidence but its identity,
// digest, times and what it was for. Its bytes are the vault's to remove, after this.
func (t *Tx) EraseEvidence(id, reason string) (seaworthy.Evidence, error) {
	if reason == "" {
		return seaworthy.Evidence{}, seaworthy.Invalid("evidence is not erased without a reason")
	}
	w := where{}
	w.add("id = ?", id)
	e, err := evidence.one(t.ctx, t.store, t.tx, id, w)
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
