// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// lost puts on record what instances may have seen that did not come back: what they had
// waiting, and what they saw after they were last heard of. An instance keeps that on its
// disk, and its disk may go with it.
func (m *minding) lost() error {
	silent, err := m.tx.SilentInstances(m.tx.At.Add(-seaworthy.HeartbeatSilence))
	if err != nil || len(silent) == 0 {
		return err
	}
	heard := map[string][]store.AgentInstance{} // by agent
	for i := range silent {
		v := &silent[i]
		if _, asked := heard[v.AgentID]; !asked {
			if heard[v.AgentID], err = m.tx.InstancesOf(v.AgentID); err != nil {
				return err
			}
		}
		end, over := m.over(v, heard[v.AgentID])
		if !over {
			continue
		}
		spoke, err := m.spoke(v)
		if err != nil {
			return err
		}
		if spoke {
			continue
		}
		if err := m.lose(v, end); err != nil {
			return err
		}
		v.Lost = true
		if err := m.tx.PutInstance(v); err != nil {
			return err
		}
	}
	return nil
}

// spoke tells whether an instance was heard of while this transaction looked: a heartbeat that
// is being taken beside it is waited for, and no other one comes before it ends.
func (m *minding) spoke(v *store.AgentInstance) (bool, error) {
	if _, err := m.tx.LockLive(v.SourceID); err != nil {
		return false, err
	}
	now, err := m.tx.Instance(v.AgentID, v.Beat.Instance)
	return err == nil && (now.Lost || !now.ReceivedAt.Equal(v.ReceivedAt)), err
}

// over tells whether an instance is not expected back, and until when it may have seen
// something: until what came in its place started, where that is known.
func (m *minding) over(v *store.AgentInstance, all []store.AgentInstance) (end time.Time, over bool) {
	if v.Beat.Ended && waits(v) == 0 {
		return v.ReceivedAt, true
	}
	for i := range all {
		o := &all[i]
		started := earlier(o.Beat.Started.Add(o.ReceivedAt.Sub(o.Beat.At)), o.ReceivedAt)
		if o.Beat.Instance == v.Beat.Instance || !started.After(v.ReceivedAt) {
			continue
		}
		if !over || started.Before(end) {
			end, over = started, true
		}
	}
	if over || m.tx.At.Sub(v.ReceivedAt) <= lostAfter {
		return end, over
	}
	return m.tx.At, true
}

func waits(v *store.AgentInstance) (n int) {
	for _, waiting := range v.Beat.Waiting {
		n += waiting
	}
	return n
}

// lose opens the gap of an instance, unless it ended in good order and brought everything.
func (m *minding) lose(v *store.AgentInstance, end time.Time) error {
	streams, err := m.tx.AgentStreams(v.AgentID)
	if err != nil {
		return err
	}
	from, missing := v.ReceivedAt, []string{}
	for _, stream := range []string{seaworthy.StreamChanges, seaworthy.StreamFindings} {
		taken, at := uint64(0), v.Beat.Started
		for _, s := range streams {
			if s.Instance == v.Beat.Instance && s.Stream == stream {
				taken, at = s.Taken, s.MessageAt
			}
		}
		if v.Beat.Waiting[stream] == 0 || v.Beat.Last[stream] <= taken {
			continue
		}
		missing = append(missing, fmt.Sprintf("of its messages about %s, %d had not arrived", stream, v.Beat.Last[stream]-taken))
		from = earlier(at, from)
	}
	if v.Beat.Ended && len(missing) == 0 {
		return nil
	}
	if !v.Beat.Ended {
		missing = append(missing, "what it saw after it was last heard of, and nobody else saw, is not known")
	}
	if v.Beat.Notices > 0 {
		missing = append(missing, fmt.Sprintf("%d notices of its own had reached nobody", v.Beat.Notices))
	}
	g := seaworthy.Gap{
		ID: lostID(v), SourceID: v.SourceID, Kind: store.GapMessages, From: from, To: end,
		Reason: fmt.Sprintf("the agent's instance %s has not come back: %s", tidyText(v.Beat.Replica), strings.Join(missing, "; ")),
	}
	m.opened = append(m.opened, g)
	return m.tx.PutGap(&g)
}

// lostID is the id of the gap of an instance that was last heard of at a moment.
func lostID(v *store.AgentInstance) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "lost\n%s\n%s\n%d", v.AgentID, v.Beat.Instance, v.ReceivedAt.UnixMicro()))
	return hex.EncodeToString(sum[:12])
}

// cameBack says of the gap of an instance that was taken for lost that it was none: the
// instance has its disk, and what is on it comes.
func (b *beat) cameBack() error {
	if b.before == nil || !b.before.Lost || b.before.Beat.Ended {
		return nil
	}
	g, err := b.tx.Gap(lostID(b.before))
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read a gap: %w", err)
	}
	g.To, g.Reason = g.From, g.Reason+"; it came back, with what it had kept: nothing is missing"
	return b.tx.PutGap(&g)
}
