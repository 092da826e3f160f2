// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/client"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

func (a *API) sendMessages(ctx context.Context, in *struct {
	Encoding string `header:"Content-Encoding" enum:"gzip,zstd,identity" doc:"How the body is compressed."`
}) (*one[seaworthy.MessagesTaken], error) {
	source, err := a.ownCluster(ctx)
	if err != nil {
		return nil, err
	}
	r := requestOf(ctx)
	body, err := a.decompress(in.Encoding, http.MaxBytesReader(r.w, r.r.Body, client.MaxBatchBytes))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	agent, err := a.Store.Agent(ctx, auth.AgentID(who(ctx)))
	if err != nil {
		return nil, err
	}
	streams, err := readMessages(body, &agent)
	if err != nil {
		return nil, unread(err)
	}
	out := seaworthy.MessagesTaken{Acknowledged: map[string]uint64{}}
	if m := streams[seaworthy.StreamChanges]; len(m) > 0 {
		if out.Acknowledged[seaworthy.StreamChanges], err = a.takeChanges(ctx, source, m); err != nil {
			return nil, err
		}
	}
	if m := streams[seaworthy.StreamFindings]; len(m) > 0 {
		if out.Acknowledged[seaworthy.StreamFindings], err = ingest.Findings(ctx, a.Ingest, who(ctx), m); err != nil {
			return nil, err
		}
	}
	live, err := a.Store.LiveSource(ctx, source.ID)
	out.Report = !live.WantedAt.IsZero()
	return &one[seaworthy.MessagesTaken]{Body: out}, err
}

// readMessages reads messages of an agent, one a line, and gives them by stream, in the
// order of their numbers and each once. One that is not as it was signed, or of another
// instance, has them all refused.
func readMessages(r io.Reader, agent *seaworthy.Agent) (map[string]ingest.Messages, error) {
	out := map[string]ingest.Messages{}
	lines := bufio.NewScanner(io.LimitReader(r, client.MaxBatchBytes+1))
	lines.Buffer(nil, client.MaxMessageBytes)
	n, size, instance := 0, 0, ""
	for lines.Scan() {
		size += len(lines.Bytes()) + 1
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if n++; n > client.MaxMessages || size > client.MaxBatchBytes {
			return nil, seaworthy.Invalid("more than %d messages or %d MiB at once", client.MaxMessages, client.MaxBatchBytes>>20)
		}
		m, err := readMessage(lines.Bytes(), agent)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", n, err)
		}
		if n > 1 && m.Instance != instance {
			return nil, seaworthy.Invalid("message %d is of another instance than the one before", n)
		}
		instance = m.Instance
		out[m.Stream] = append(out[m.Stream], m)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, seaworthy.Invalid("message %d is larger than %d MiB", n+1, client.MaxMessageBytes>>20)
	} else if err != nil {
		return nil, err
	}
	for stream, m := range out {
		slices.SortStableFunc(m, func(a, b seaworthy.AgentMessage) int { return compare(a.Sequence, b.Sequence) })
		out[stream] = slices.CompactFunc(m, func(a, b seaworthy.AgentMessage) bool { return a.Sequence == b.Sequence })
	}
	return out, nil
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// readMessage reads one message and checks that the agent signed it.
func readMessage(line []byte, agent *seaworthy.Agent) (m seaworthy.AgentMessage, err error) {
	if err := json.Unmarshal(line, &m); err != nil {
		return m, seaworthy.Invalid("it is no message in JSON: %v", err)
	}
	const mostSequence = 1 << 62 // databases count no further than twice that
	switch {
	case m.Instance == "" || len(m.Instance) > maxInstance || !readable(m.Instance):
		return m, seaworthy.Invalid("it names no instance in %d bytes at most", maxInstance)
	case m.Stream != seaworthy.StreamChanges && m.Stream != seaworthy.StreamFindings:
		return m, seaworthy.Invalid("there is no stream %.60q", m.Stream)
	case m.Sequence == 0 || m.Sequence > mostSequence:
		return m, seaworthy.Invalid("messages are numbered from 1")
	case !m.SignedBy(agent):
		return m, seaworthy.Invalid("it is not as the agent signed it")
	}
	return m, nil
}

// takeChanges takes messages of the change trail, and gives the number up to which they
// were taken. What they hold may be taken twice; that they were is noted last.
func (a *API) takeChanges(ctx context.Context, source seaworthy.DeclaredSource, m ingest.Messages) (uint64, error) {
	pending, err := ingest.Pending(ctx, a.Store, auth.AgentID(who(ctx)), m)
	if err != nil {
		return 0, err
	}
	unreadable := map[uint64]error{}
	var seen []changes.Observation
	for i := range pending {
		list, err := a.content(ctx, source, &pending[i])
		if kindOf(err) == seaworthy.KindInvalid {
			unreadable[pending[i].Sequence] = err
		} else if err != nil {
			return 0, err
		}
		seen = append(seen, list...)
	}
	if _, err := trail.Take(ctx, a.Trail, who(ctx), source, seen); err != nil {
		return 0, err
	}
	return ingest.Acknowledge(ctx, a.Store, who(ctx), m, unreadable)
}

// content gives the observations of a message, and takes what else it may hold.
func (a *API) content(ctx context.Context, source seaworthy.DeclaredSource, m *seaworthy.AgentMessage) ([]changes.Observation, error) {
	switch m.Kind {
	case seaworthy.MessageObservations:
		return observations(m.Body, a.Store.Now())
	case seaworthy.MessageClaims:
		var list []seaworthy.Deployment
		if err := unmarshal(m.Body, &list); err != nil {
			return nil, err
		}
		for _, d := range list {
			if err := trail.Claim(ctx, a.Trail, who(ctx), source, d); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case seaworthy.MessageOwners:
		var list []changes.Owner
		if err := unmarshal(m.Body, &list); err != nil {
			return nil, err
		}
		return nil, trail.Know(ctx, a.Trail, who(ctx), source, list)
	case seaworthy.MessageGap: // which is taken where it is acknowledged
		return nil, nil
	}
	return nil, seaworthy.Invalid("this server knows no messages of kind %.60q about changes", m.Kind)
}

// unmarshal reads JSON and mends what databases cannot keep.
func unmarshal(data []byte, into any) error {
	data = bytes.ReplaceAll(data, []byte(`\u0000`), []byte(`\ufffd`))
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	if err := json.Unmarshal(data, into); err != nil {
		return seaworthy.Invalid("it cannot be read: %v", err)
	}
	return nil
}

// observations reads what an agent observed. The time of what is told is now at the
// latest.
func observations(body []byte, now time.Time) ([]changes.Observation, error) {
	var list []changes.Observation
	if err := unmarshal(body, &list); err != nil {
		return nil, err
	}
	for i := range list {
		o := &list[i]
		switch o.By {
		case seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch:
		default:
			return nil, seaworthy.Invalid("observation %d is by %.40q", i+1, o.By)
		}
		if o.ID == "" || o.Object.Kind == "" || o.Verb == "" || o.At.IsZero() {
			return nil, seaworthy.Invalid("observation %d does not say what was seen, of what and when", i+1)
		}
		if o.At.After(now) {
			o.At = now
		}
		o.At = o.At.UTC().Truncate(time.Microsecond)
	}
	return list, nil
}
