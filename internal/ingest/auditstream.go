// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes/kubeaudit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// AuditEvents are the times of audit events that were taken: the first after the latest one
// before, and the latest.
type AuditEvents struct{ First, Latest time.Time }

// LastAudited is the time of the latest audit event of a source that was taken.
func LastAudited(ctx context.Context, s *store.Store, source string) (time.Time, error) {
	streams, err := s.AuditStreams(ctx)
	return streams[source].EventAt, err
}

// Audited notes that audit events of a source were sent and taken, and ends the silence of
// its stream: where its events go on.
func Audited(ctx context.Context, s *store.Store, who seaworthy.Principal, source string, e AuditEvents) error {
	if e.Latest.IsZero() {
		return nil
	}
	return s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		v, err := tx.LockAuditStream(source)
		if err != nil {
			return err
		}
		latest := earlier(e.Latest, tx.At)
		if !latest.After(v.EventAt) {
			return nil // told before, or of an older time
		}
		if err := endSilence(tx, source, e.First); err != nil {
			return err
		}
		if v.EventAt, v.ReceivedAt = latest, tx.At; latest.Before(v.Since) {
			v.Since = latest
		}
		return tx.PutAuditStream(&v)
	})
}

// silentAudit begins the reason of gaps that the server opens: those of agents are ended by
// these.
const silentAudit = "no audit events come in that are sent to the server"

// endSilence ends the silence of a stream where its events go on. Of events that only came
// late nothing is missing; that it was silent stays on record.
func endSilence(tx *store.Tx, source string, first time.Time) error {
	open, err := tx.OpenGaps(source)
	if err != nil {
		return err
	}
	for _, g := range open {
		if g.Kind != store.GapAudit || !strings.HasPrefix(g.Reason, silentAudit) {
			continue
		}
		if g.To = earlier(first, tx.At); first.IsZero() {
			g.To = tx.At
		}
		if g.To.Before(g.From) {
			g.To = g.From
		}
		if heard := tx.At.Sub(g.To); heard > time.Minute {
			g.Reason += fmt.Sprintf("; they came in %s late, and go on there", heard.Round(time.Second))
		}
		if err := tx.PutGap(&g); err != nil {
			return err
		}
	}
	return nil
}

// Unread puts on record that audit events of a source could not be read: those between two
// that could, of which either may not be known. The same again is the same gap.
func Unread(ctx context.Context, s *store.Store, who seaworthy.Principal, source string, u *kubeaudit.Unread) error {
	if u == nil {
		return nil
	}
	return s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		about := []time.Time{u.From, u.To}
		if u.From.IsZero() && u.To.IsZero() { // then only the hour tells it from others
			about[0] = tx.At.Truncate(time.Hour)
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "unread\n%s\n%s\n%d\n%s", source, about, u.Records, u.Why))
		g := seaworthy.Gap{ID: hex.EncodeToString(sum[:12]), SourceID: source, Kind: store.GapAudit, Reason: tidyText(u.String())}
		switch _, err := tx.Gap(g.ID); {
		case err == nil:
			return nil
		case !isNotFound(err):
			return fmt.Errorf("read a gap: %w", err)
		}
		g.From, g.To = u.Between(tx.At)
		return tx.PutGap(&g)
	})
}

// AuditSilences opens a gap for each cluster whose audit events are expected and have been
// silent for longer than they may, and gives the gaps that it opened. It ends those of
// clusters of which none are expected any more. Once is enough for each silence.
func AuditSilences(ctx context.Context, s *store.Store) ([]seaworthy.Gap, error) {
	var opened []seaworthy.Gap
	taken, err := takenByAgents(ctx, s)
	if err != nil {
		return nil, err
	}
	err = s.Write(ctx, "system", func(tx *store.Tx) error {
		opened = nil
		m := &auditing{tx: tx, taken: taken}
		if err := m.read(); err != nil {
			return err
		}
		for i := range m.sources {
			if err := m.mind(&m.sources[i]); err != nil {
				return err
			}
		}
		opened = m.opened
		return nil
	})
	return opened, err
}

// takenByAgents names the sources with a stream whose events an agent takes now, and misses
// when they stay away.
func takenByAgents(ctx context.Context, s *store.Store) (map[string]bool, error) {
	streams, err := s.AuditStreams(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for id := range streams {
		instances, err := s.AgentInstances(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, i := range instances {
			heard := s.Now().Sub(i.ReceivedAt) <= seaworthy.HeartbeatSilence
			out[id] = out[id] || heard && i.Beat.Places[seaworthy.SeenByAudit].State == seaworthy.PlaceWorks
		}
	}
	return out, nil
}

// auditing looks after the audit streams of all clusters.
type auditing struct {
	tx      *store.Tx
	taken   map[string]bool // by agents
	sources []seaworthy.DeclaredSource
	streams map[string]store.AuditStream
	open    map[string]seaworthy.Gap // of these streams, by source
	opened  []seaworthy.Gap
}

func (m *auditing) read() (err error) {
	if m.sources, err = m.tx.Sources(); err != nil {
		return err
	}
	if m.streams, err = m.tx.AuditStreams(); err != nil {
		return err
	}
	open, err := m.tx.OpenGaps("")
	m.open = map[string]seaworthy.Gap{}
	for _, g := range open {
		if g.Kind == store.GapAudit && strings.HasPrefix(g.Reason, silentAudit) {
			m.open[g.SourceID] = g
		}
	}
	return err
}

func (m *auditing) mind(s *seaworthy.DeclaredSource) error {
	v, had := m.streams[s.ID]
	lasting, lasts := m.open[s.ID]
	until, expected := s.ExpectsAudit(had)
	expected = expected && !m.taken[s.ID]
	switch {
	case !expected && lasts:
		if lasting.To = m.tx.At; !s.RetiredAt.IsZero() && s.RetiredAt.After(lasting.From) {
			lasting.To = s.RetiredAt
		}
		lasting.Reason += "; none are expected here any more"
		return m.tx.PutGap(&lasting)
	case !expected || lasts:
		return nil
	case !had: // somebody said that there are some: from now on
		_, err := m.tx.LockAuditStream(s.ID)
		return err
	}
	if _, silent := silentSince(&v, until, m.tx.At); !silent {
		return nil
	}
	// Events that are being taken beside this are waited for.
	v, err := m.tx.LockAuditStream(s.ID)
	if err != nil {
		return err
	}
	from, silent := silentSince(&v, until, m.tx.At)
	if !silent {
		return nil
	}
	g := seaworthy.Gap{ID: m.tx.NewID(), SourceID: s.ID, Kind: store.GapAudit, From: from, Reason: fmt.Sprintf("%s: silent for longer than %s", silentAudit, until)}
	m.opened = append(m.opened, g)
	return m.tx.PutGap(&g)
}

// silentSince tells whether a stream has been silent for longer than it may, and since when.
func silentSince(v *store.AuditStream, until time.Duration, now time.Time) (from time.Time, silent bool) {
	if from = v.EventAt; from.IsZero() {
		from = v.Since
	}
	return from, now.Sub(from) > until
}
