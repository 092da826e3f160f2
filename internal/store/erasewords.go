// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// findingKind is what erasures call a finding: its steps are not records of their own.
const findingKind = "finding"

// eraseWaiver destroys what people wrote in a waiver. Who asked, who decided, what is
// waived and until when stay.
func (t *Tx) eraseWaiver(id, reason string) error {
	w, err := waivers.locked(t, id, byID(id))
	if err != nil {
		return err
	}
	if w.Reason == ErasedText {
		return seaworthy.Conflict("the words of waiver %s were erased already", id)
	}
	if err := t.EraseEntries(waivers.kind, id); err != nil {
		return err
	}
	w.Reason = ErasedText
	for _, text := range []*string{&w.CompensatingControl, &w.DecisionNote, &w.EndNote} {
		if *text != "" {
			*text = ErasedText
		}
	}
	if err := waivers.put(t, &w); err != nil {
		return err
	}
	return t.Action("erase", "waiver "+id, map[string]any{"reason": reason})
}

// eraseExplanation destroys what somebody said of a change. That it was explained, when
// and by whom stays, and so do the entries from before.
func (t *Tx) eraseExplanation(id, reason string) error {
	c, err := t.Change(id)
	switch {
	case err != nil:
		return err
	case c.Explained == nil:
		return seaworthy.Conflict("nobody has explained change %s: there is nothing to erase", id)
	case c.Explained.Note == ErasedText:
		return seaworthy.Conflict("the explanation of change %s was erased already", id)
	}
	// Not by time: of two servers one may be behind, and clocks are set back. Nothing that
	// others say of a change has quotes that are not escaped.
	if err := t.exec(`UPDATE log_entries SET salt = NULL, content = NULL WHERE kind = $1 AND subject = $2 AND content LIKE '%"explained":{%'`,
		changes.kind, id); err != nil {
		return fmt.Errorf("erase the entries of change %s: %w", id, err)
	}
	explained := *c.Explained
	explained.Note = ErasedText
	c.Explained = &explained
	if err := changes.put(t, &c); err != nil {
		return err
	}
	return t.Action("erase", "change "+id, map[string]any{"reason": reason})
}

// wording is a text that people gave with a step of a finding; with a bulk action, of many.
type wording struct {
	chunk, at   int64
	actor, text string
}

// eraseNotes destroys what people wrote with the steps of a finding: why it is due then,
// and addresses of tickets. What a bulk action wrote with many findings goes from all.
func (t *Tx) eraseNotes(id, reason string) error {
	if have, err := t.LockFindings(id); err != nil {
		return err
	} else if _, ok := have[id]; !ok {
		return seaworthy.NotFound("there is no finding %s", id)
	}
	rows, err := t.tx.QueryContext(t.ctx, `SELECT chunk, at, actor, note FROM finding_events
		WHERE finding_id = $1 AND kind IN ($2, $3) AND note <> '' AND note <> $4`, id, seaworthy.EventDue, seaworthy.EventLinked, ErasedText)
	notes, err := collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (n wording, err error) {
		return n, row.Scan(&n.chunk, &n.at, &n.actor, &n.text)
	})
	if err != nil {
		return err
	}
	if len(notes) == 0 {
		return seaworthy.Conflict("nobody wrote anything with the steps of finding %s: there is nothing to erase", id)
	}
	touched := map[int64]bool{}
	for _, n := range notes {
		chunks, err := t.eraseNote(n)
		if err != nil {
			return fmt.Errorf("erase what is noted of finding %s: %w", id, err)
		}
		for _, c := range chunks {
			touched[c] = true
		}
	}
	for chunk := range touched {
		if err := t.reroot(chunk, reason); err != nil {
			return fmt.Errorf("log the erasure in chunk %d: %w", chunk, err)
		}
	}
	return t.Action("erase", findingKind+" "+id, map[string]any{"reason": reason})
}

// eraseNote takes a note from all chunks of its transaction, and tells which had it.
func (t *Tx) eraseNote(n wording) ([]int64, error) {
	rows, err := t.tx.QueryContext(t.ctx, `UPDATE finding_events SET note = $1 WHERE note = $2 AND actor = $3 AND kind IN ($4, $5)
		AND chunk IN (SELECT id FROM finding_chunks WHERE at = $6) RETURNING chunk`,
		ErasedText, n.text, n.actor, seaworthy.EventDue, seaworthy.EventLinked, n.at)
	return collect(t.store, rows, err, func(row interface{ Scan(...any) error }) (c int64, err error) { return c, row.Scan(&c) })
}

// reroot logs what a chunk comes to without the notes that were erased, in the place of
// what it came to: whoever knew its root could else guess at a note until it fits.
func (t *Tx) reroot(chunk int64, reason string) error {
	rows, err := t.tx.QueryContext(t.ctx, `SELECT `+eventColumns+` FROM finding_events WHERE chunk = $1 ORDER BY n`, chunk)
	events, err := collect(t.store, rows, err, scanEvent)
	if err != nil {
		return err
	}
	hashes := make([]tlog.Hash, len(events))
	for i, e := range events {
		if hashes[i], err = e.Hash(); err != nil {
			return err
		}
	}
	sum := tlog.RootOf(hashes)
	subject, root := strconv.FormatInt(chunk, 10), hex.EncodeToString(sum[:])
	if err := t.EraseEntries("events", subject); err != nil {
		return err
	}
	var run string
	if err := t.tx.QueryRowContext(t.ctx, `UPDATE finding_chunks SET root = $1 WHERE id = $2 RETURNING run_id`, root, chunk).Scan(&run); err != nil {
		return err
	}
	if err := t.Log("events", subject, Chunk{Events: len(events), Root: root, Run: run}); err != nil {
		return err
	}
	return t.Action("erase", "events "+subject, map[string]any{"reason": reason})
}
