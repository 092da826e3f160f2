// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/seaworthy-dev/seaworthy"
)

const (
	// auditNote is where on the Lease replicas write that audit events come to them.
	auditNote = "seaworthy.dev/audit-events"
	// speakEvery is how often they do.
	speakEvery = 10 * time.Second
)

// hearsay is what replicas tell each other of the audit stream: the API server sends each
// event to one of them, and may for hours send all to the same one. A replica to which
// nothing comes knows by it that the stream lives, whether it leads or takes over.
//
// What is written says nothing but that it is new, and which canaries of other replicas came
// of late: no two clocks are compared.
type hearsay struct {
	read  bool
	note  string        // as it was last read or written
	spoke time.Duration // when this replica last wrote
	said  int64         // until when the events were that it told of
}

// hear takes what the Lease says. What was there before this replica first looked is old.
func (e *election) hear(l *coordinationv1.Lease) {
	h, note := &e.audit, l.Annotations[auditNote]
	if h.read && note != "" && note != h.note && e.a.audits() {
		if !e.a.canaries.prove(e.a.elapsed()) {
			e.a.places.heard(seaworthy.SeenByAudit, speakEvery+leaseEvery)
		}
		_, ids, _ := strings.Cut(note, " ")
		for _, id := range strings.Fields(ids) {
			e.a.canaryCame(id, false)
		}
	}
	h.read, h.note = true, note
}

// speak adds to the Lease that events came to this replica, where some came since it last
// did, and tells whether there is anything to write.
func (e *election) speak(l *coordinationv1.Lease) bool {
	h, came, now := &e.audit, e.a.audited.Load(), e.a.elapsed()
	if came == h.said || h.spoke > 0 && now-h.spoke < speakEvery {
		return false
	}
	h.said, h.spoke = came, now
	h.note = strings.Join(append([]string{e.a.cfg.Replica + "/" + strconv.FormatInt(e.a.now().UnixNano(), 36)}, e.a.canaries.ofOthers(now)...), " ")
	if l.Annotations == nil {
		l.Annotations = map[string]string{}
	}
	l.Annotations[auditNote] = h.note
	return true
}

// audits tells whether audit events are set up to come to the agent.
func (a *Agent) audits() bool { return a.cfg.AuditToken != "" || a.cfg.AuditLog != "" }
