// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// slaSetting is the setting that holds the SLA; slaDone notes the one that due dates
// follow.
const (
	slaSetting = "sla"
	slaDone    = "sla.applied"
)

// SLA gives how long findings may stay open, for reports.
func SLA(tx *store.Tx) (seaworthy.SLA, error) {
	value, err := tx.Setting(slaSetting)
	if err != nil {
		return nil, err
	}
	return parseSLA(value)
}

// ChangeableSLA gives how long findings may stay open, inside the write that is to set it.
func ChangeableSLA(tx *store.Tx) (seaworthy.SLA, error) {
	value, err := tx.ChangeableSetting(slaSetting)
	if err != nil {
		return nil, err
	}
	return parseSLA(value)
}

// SLA gives how long findings may stay open.
func (t *Triage) SLA(ctx context.Context) (seaworthy.SLA, error) {
	value, err := t.store.Setting(ctx, slaSetting)
	if err != nil {
		return nil, err
	}
	return parseSLA(value)
}

// SetSLA sets how long findings of each severity may stay open from now on. Findings
// whose date was by an SLA follow; a date that somebody set stays.
func (t *Triage) SetSLA(ctx context.Context, who seaworthy.Principal, sla seaworthy.SLA) error {
	if err := allow(who, seaworthy.ManageProgramme); err != nil {
		return err
	}
	for severity, d := range sla {
		switch {
		case !slices.Contains(seaworthy.Severities, severity):
			return seaworthy.Invalid("severity %q is not one of %v", severity, seaworthy.Severities)
		case d < time.Hour || d > 5*366*24*time.Hour || d%time.Hour != 0:
			return seaworthy.Invalid("findings of severity %s cannot stay open for %s: whole hours, from one to five years", severity, d)
		}
	}
	value, err := writeSLA(sla)
	if err != nil {
		return err
	}
	return t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		have, err := tx.Setting(slaSetting)
		if err != nil || have == value {
			return err
		}
		return tx.SetSetting(slaSetting, value)
	})
}

// writeSLA writes durations as people read them in the log.
func writeSLA(sla seaworthy.SLA) (string, error) {
	m := make(map[seaworthy.Severity]string, len(sla))
	for severity, d := range sla {
		m[severity] = d.String()
	}
	data, err := json.Marshal(m)
	return string(data), err
}

func parseSLA(value string) (seaworthy.SLA, error) {
	if value == "" {
		return seaworthy.DefaultSLA(), nil
	}
	var m map[seaworthy.Severity]string
	if err := json.Unmarshal([]byte(value), &m); err != nil {
		return nil, fmt.Errorf("read the SLA: %w", err)
	}
	sla := make(seaworthy.SLA, len(m))
	for severity, text := range m {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("read the SLA of %s: %w", severity, err)
		}
		sla[severity] = d
	}
	return sla, nil
}

// dueBy is when a finding is due by an SLA; zero: it is not.
func dueBy(sla seaworthy.SLA, f *seaworthy.TrackedFinding) time.Time {
	d, ok := sla[f.Severity]
	if !ok {
		return time.Time{}
	}
	return f.OpenedAt.Add(d)
}

// given are all the times that an SLA ever gave. By them is known whether the date of a
// finding was by an SLA: it lies exactly so long after its opening, to the microsecond. A
// person sets a date, and never none.
func given(tx *store.Tx) (map[time.Duration]bool, error) {
	out := map[time.Duration]bool{}
	history, err := tx.SettingHistory(slaSetting)
	if err != nil {
		return nil, err
	}
	for _, value := range append(history, "") {
		sla, err := parseSLA(value)
		if err != nil {
			return nil, err
		}
		for _, d := range sla {
			out[d] = true
		}
	}
	return out, nil
}

// redateLot is how many findings are dated again in one transaction.
const redateLot = 2000

// lots does work in transactions of n things each. f begins after a thing, and gives the
// last one and how many there were.
func (t *Triage) lots(ctx context.Context, n int, f func(tx *store.Tx, after string) (last string, count int, err error)) error {
	for after := ""; ; {
		last, count := "", 0
		err := t.store.Write(ctx, "system", func(tx *store.Tx) (err error) {
			last, count, err = f(tx, after)
			return err
		})
		if err != nil || count < n {
			return err
		}
		after = last
	}
}

// redate has due dates follow the SLA where it changed.
func (t *Triage) redate(ctx context.Context) error {
	value, err := t.store.Setting(ctx, slaSetting)
	if err != nil {
		return err
	}
	done, err := t.store.Setting(ctx, slaDone)
	if err != nil || done == value {
		return err
	}
	if err := t.lots(ctx, redateLot, redate); err != nil {
		return err
	}
	return t.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.NoteSetting(slaDone, value) })
}

func redate(tx *store.Tx, after string) (last string, n int, err error) {
	sla, err := SLA(tx)
	if err != nil {
		return after, 0, err
	}
	by, err := given(tx)
	if err != nil {
		return after, 0, err
	}
	list, err := tx.StandingFindingsAfter(after, redateLot)
	if err != nil || len(list) == 0 {
		return after, 0, err
	}
	var changes []store.FindingChange
	for i := range list {
		next := list[i]
		if !next.DueAt.IsZero() && !by[next.DueAt.Sub(next.OpenedAt)] {
			continue
		}
		if next.DueAt = dueBy(sla, &next); next != list[i] {
			changes = append(changes, store.FindingChange{Before: &list[i], After: next, Kind: seaworthy.EventDue, Note: "the SLA changed"})
		}
	}
	return list[len(list)-1].ID, len(list), tx.ChangeFindings(changes)
}
