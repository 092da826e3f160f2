// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

const day = 24 * time.Hour

// How long before its end or due date something is told of.
const (
	beforeWaiverEnds = 14 * day
	beforeDue        = 7 * day
)

// Remind tells of what comes about by the clock alone: waivers that end, controls that are
// due, findings that became overdue, and once a week the signed head of the log.
func (o *Outbox) Remind(ctx context.Context) error {
	waivers, err := o.endingWaivers(ctx)
	if err != nil {
		return fmt.Errorf("look for waivers that end: %w", err)
	}
	due, controls, err := o.dueOccurrences(ctx)
	if err != nil {
		return fmt.Errorf("look for what is due: %w", err)
	}
	head, err := o.Store.LastCheckpoint(ctx)
	var known *seaworthy.Error
	if err != nil && !(errors.As(err, &known) && known.Kind == seaworthy.KindNotFound) {
		return fmt.Errorf("look for the head of the log: %w", err)
	}
	return o.Store.Write(ctx, "system", func(tx *store.Tx) error {
		rules, err := tx.NoticeRules()
		if err != nil {
			return err
		}
		t := &telling{tx: tx, rules: rules}
		for i := range waivers {
			if err := t.ending(&waivers[i]); err != nil {
				return err
			}
		}
		for i := range due {
			t.due(&due[i], controls[due[i].ControlID])
		}
		if head.Note != "" {
			t.checkpoint(&head)
		}
		if err := t.overdue(); err != nil {
			return err
		}
		return t.write()
	})
}

func (o *Outbox) endingWaivers(ctx context.Context) ([]seaworthy.TrackedWaiver, error) {
	now := o.Store.Now()
	list, err := o.Store.Waivers(ctx, store.WaiverFilter{
		States: []string{seaworthy.WaiverApproved}, ExpiringBefore: now.Add(beforeWaiverEnds), ByExpiry: true, Limit: 1000,
	})
	return list.Items, err
}

func (o *Outbox) dueOccurrences(ctx context.Context) ([]seaworthy.Occurrence, map[string]seaworthy.TrackedControl, error) {
	now := o.Store.Now()
	list, err := o.Store.AllOccurrences(ctx, store.OccurrenceFilter{
		States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueFrom: now, DueTo: now.Add(beforeDue),
	})
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	all, err := o.Store.Controls(ctx)
	if err != nil {
		return nil, nil, err
	}
	controls := map[string]seaworthy.TrackedControl{}
	for _, c := range all {
		controls[c.ID] = c
	}
	var out []seaworthy.Occurrence
	for _, v := range list {
		// Of a day nobody is told a week ahead: at most a quarter of the window.
		if c, ok := controls[v.ControlID]; ok && c.Active && !c.Machine() && !(c.Daily() && v.Event == "") && v.DueAt.Sub(now) <= min(beforeDue, v.DueAt.Sub(v.From)/4) {
			out = append(out, v)
		}
	}
	return out, controls, nil
}

func (t *telling) ending(w *seaworthy.TrackedWaiver) error {
	if !w.Counts(t.tx.At) || w.Expires.IsZero() {
		return nil
	}
	d := draft{of: w.ID + "/" + w.Expires.Format(time.DateOnly), kinds: []seaworthy.NoticeKind{seaworthy.NoticeWaiverEnds}, Notice: seaworthy.Notice{
		At: t.tx.At, Path: "/waivers/" + w.ID, Thread: "waiver/" + w.ID,
	}}
	if w.Owner != "" {
		d.People = []string{w.Owner}
	}
	if err := t.at(&d.Notice, w.SourceID); err != nil {
		return err
	}
	d.title = func(seaworthy.NoticeKind) string {
		return "A waiver of " + w.Check + " ends on " + w.Expires.Format("2 January 2006")
	}
	detail(&d.Notice, "In", d.SourceName)
	t.drafts = append(t.drafts, d)
	return nil
}

func (t *telling) due(v *seaworthy.Occurrence, c seaworthy.TrackedControl) {
	d := draft{of: v.ID, kinds: []seaworthy.NoticeKind{seaworthy.NoticeDue}, Notice: seaworthy.Notice{
		At: t.tx.At, Path: "/occurrences/" + v.ID, Thread: "control/" + v.ControlID,
	}}
	if c.OwnerUser != "" {
		d.People = []string{c.OwnerUser}
	}
	d.title = func(seaworthy.NoticeKind) string {
		return "Due on " + v.DueAt.UTC().Format("2 January 2006") + ": " + c.Title
	}
	t.drafts = append(t.drafts, d)
}

// overdueKey is the setting that says until when overdue findings were told of.
const overdueKey = "notices.overdue"

// overdue tells of findings that became overdue since it was last looked; the first time
// of none, for that would be the whole past.
func (t *telling) overdue() error {
	text, err := t.tx.ChangeableSetting(overdueKey)
	if err != nil {
		return err
	}
	if told, err := strconv.ParseInt(text, 10, 64); err == nil && t.tx.At.UnixMicro() < told {
		return nil // the clock was set back: of the time until then it was told
	}
	if err := t.tx.NoteSetting(overdueKey, strconv.FormatInt(t.tx.At.UnixMicro(), 10)); err != nil {
		return err
	}
	since, err := strconv.ParseInt(text, 10, 64)
	_, narrow, wanted := t.findings(seaworthy.NoticeOverdue)
	if text == "" || err != nil || !wanted {
		return nil
	}
	list, err := t.tx.BecameOverdue(time.UnixMicro(since), t.tx.At)
	if err != nil {
		return err
	}
	return t.groups(seaworthy.NoticeOverdue, "/"+text, list, narrow)
}

// checkpoint tells the log's signed head once a week, line by line: who keeps the message
// can prove later what the log was.
func (t *telling) checkpoint(head *store.Checkpoint) {
	year, week := t.tx.At.ISOWeek()
	d := draft{of: fmt.Sprintf("%d-%d", year, week), kinds: []seaworthy.NoticeKind{seaworthy.NoticeCheckpoint}, Notice: seaworthy.Notice{
		At: head.At, Path: fmt.Sprintf("/checkpoints/%d", head.Size),
	}}
	d.title = func(seaworthy.NoticeKind) string {
		return fmt.Sprintf("The log held %d entries on %s; keep this message", head.Size, moment(head.At))
	}
	for i, line := range strings.Split(strings.TrimRight(head.Note, "\n"), "\n") {
		detail(&d.Notice, fmt.Sprintf("Line %d", i+1), line)
	}
	t.drafts = append(t.drafts, d)
}
