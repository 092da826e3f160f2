// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Retention says how many days each class of data is kept; 0: for ever. Whatever it
// says, what belongs to the period of an open program is kept.
type Retention struct {
	// RawReports are the bytes of reports. What they counted stays, their evidence
	// becomes a tombstone.
	RawReports int `json:"rawReports"`
	// FindingEvents are the steps of findings that were fixed; how each ended stays.
	FindingEvents int `json:"findingEvents"`
	// Evidence is what people brought; digest, times and a tombstone stay.
	Evidence int `json:"evidence"`
	// Sessions are counted from when they were last used.
	Sessions int `json:"sessions"`
}

// DefaultRetention keeps everything that an audit may ask for.
func DefaultRetention() Retention { return Retention{Sessions: 90} }

// retentionKey is the setting that holds it; its history is in the log.
const retentionKey = "retention"

// reportsKey says until when raw reports were removed.
const reportsKey = "retention.reports"

// Retention gives what is set.
func (a *Audit) Retention(ctx context.Context) (Retention, error) {
	value, err := a.store.Setting(ctx, retentionKey)
	return parseRetention(value, err)
}

// ChangeableRetention gives what is set, inside the write that is to set it.
func ChangeableRetention(tx *store.Tx) (Retention, error) {
	value, err := tx.ChangeableSetting(retentionKey)
	return parseRetention(value, err)
}

func parseRetention(value string, err error) (Retention, error) {
	r := DefaultRetention()
	if err != nil || value == "" {
		return r, err
	}
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return r, fmt.Errorf("read how long data is kept: %w", err)
	}
	return r, nil
}

// SetRetention sets how long data is kept.
func (a *Audit) SetRetention(ctx context.Context, p seaworthy.Principal, r Retention) error {
	if err := may(p, seaworthy.Administer); err != nil {
		return err
	}
	for class, days := range map[string]int{"raw reports": r.RawReports, "events of findings": r.FindingEvents, "evidence": r.Evidence, "sessions": r.Sessions} {
		if days < 0 || days > 0 && days < 30 && class != "sessions" {
			return seaworthy.Invalid("%s cannot be kept for %d days: 30 at least, or 0 for ever", class, days)
		}
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.store.Write(ctx, p.Actor, func(tx *store.Tx) error { return tx.SetSetting(retentionKey, string(value)) })
}

// Retain removes what is kept no longer. Doing it again removes nothing more.
func (a *Audit) Retain(ctx context.Context) error {
	r, err := a.Retention(ctx)
	if err != nil {
		return err
	}
	floor, err := a.keptFrom(ctx)
	if err != nil {
		return err
	}
	for _, class := range []struct {
		name   string
		days   int
		remove func(context.Context, time.Time) (map[string]any, error)
	}{
		{"raw reports", r.RawReports, a.removeReports},
		{"events of findings", r.FindingEvents, a.removeEvents},
		{"evidence", r.Evidence, a.removeEvidence},
		{"sessions", r.Sessions, a.removeSessions},
	} {
		if class.days == 0 {
			continue
		}
		before := a.store.Now().AddDate(0, 0, -class.days)
		if class.name != "sessions" && !floor.IsZero() && floor.Before(before) {
			before = floor
		}
		removed, err := class.remove(ctx, before)
		if err != nil {
			return fmt.Errorf("remove %s that are kept no longer: %w", class.name, err)
		}
		if removed == nil {
			continue
		}
		removed["before"] = before.Format(time.RFC3339)
		if err := a.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.Action("retain", class.name, removed) }); err != nil {
			return err
		}
	}
	return nil
}

// keptFrom is the start of the earliest period of an open program, less the year that
// evidence may be old; zero: there is no open program.
func (a *Audit) keptFrom(ctx context.Context) (time.Time, error) {
	programs, err := a.store.Programs(ctx)
	var floor time.Time
	for _, p := range programs {
		if from := p.From.AddDate(-1, 0, 0); p.Open() && (floor.IsZero() || from.Before(floor)) {
			floor = from
		}
	}
	return floor, err
}

// batch is how many records one transaction removes.
const batch = 200

func (a *Audit) removeReports(ctx context.Context, before time.Time) (map[string]any, error) {
	if a.blobs == nil {
		return nil, nil
	}
	value, err := a.store.Setting(ctx, reportsKey)
	if err != nil {
		return nil, err
	}
	after, err := time.Parse(time.RFC3339Nano, value)
	if err == nil {
		after = after.AddDate(0, 0, -30) // reports may come in late
	} // the first time there is none
	n := 0
	for {
		runs, err := a.store.RunsWithBytes(ctx, after, before, batch)
		if err != nil {
			return nil, err
		}
		if len(runs) == 0 {
			break
		}
		for _, run := range runs {
			if err := a.removeReport(ctx, run.ID); err != nil {
				return nil, err
			}
		}
		n += len(runs)
	}
	if n == 0 {
		return nil, nil
	}
	err = a.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.NoteSetting(reportsKey, before.Format(time.RFC3339Nano)) })
	return map[string]any{"reports": n}, err
}

// removeReport makes tombstones first and then takes the bytes away. Should it be
// interrupted in between, bytes stay that nothing names.
func (a *Audit) removeReport(ctx context.Context, id string) error {
	run, err := a.store.Run(ctx, id)
	if err != nil {
		return err
	}
	shared := false
	err = a.store.Write(ctx, "system", func(tx *store.Tx) error {
		if _, err := tx.DropRawReport(id, "kept no longer"); err != nil {
			return err
		}
		var err error
		shared, err = tx.DigestInUse(run.Blob, run.ID)
		return err
	})
	if err != nil || shared {
		return err
	}
	return a.blobs.Delete(ctx, run.Blob)
}

func (a *Audit) removeEvidence(ctx context.Context, before time.Time) (map[string]any, error) {
	n := 0
	for {
		list, err := a.store.EvidenceBefore(ctx, before, batch)
		if err != nil || len(list) == 0 {
			if n == 0 {
				return nil, err
			}
			return map[string]any{"evidence": n}, err
		}
		for _, e := range list {
			if err := a.erase(ctx, "system", e.ID, "kept no longer"); err != nil {
				return nil, err
			}
			n++
		}
	}
}

func (a *Audit) removeEvents(ctx context.Context, before time.Time) (map[string]any, error) {
	chunks, events := 0, 0
	for {
		c, e := 0, 0
		err := a.store.Write(ctx, "system", func(tx *store.Tx) error {
			var err error
			c, e, err = tx.DropEventChunks(before, batch)
			return err
		})
		if err != nil {
			return nil, err
		}
		if chunks, events = chunks+c, events+e; c < batch {
			break
		}
	}
	if chunks == 0 {
		return nil, nil
	}
	return map[string]any{"chunks": chunks, "events": events}, nil
}

func (a *Audit) removeSessions(ctx context.Context, before time.Time) (map[string]any, error) {
	return nil, a.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.DropSessions(before) })
}
