// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// The limits of what one call reads.
const (
	MaxBytes  = 64 << 20 // after decompression
	MaxEvents = 200_000
	maxNested = 4 // envelopes in envelopes
)

// Reader reads audit events in any of the forms that it knows, which it tells apart by
// what they hold.
type Reader struct {
	// Key is what digests of Secrets are keyed with.
	Key []byte
	// Kinds names the kind of a resource; nil or an empty answer: the resource's name.
	Kinds func(group, resource string) string
	// After is the time of the latest event that is known.
	After time.Time
	// Heard is told the audit ID of every event, whether it is of the trail or not; nil: nobody
	// is.
	Heard func(auditID string)
}

// Result is what a text held.
type Result struct {
	Observations []changes.Observation
	// Events counts everything that was an audit event, Passed those that are no part of
	// the trail: reads, dry runs, earlier stages, what controllers observe.
	Events, Passed int
	// First is the time of the earliest event after [Reader.After], Latest of the latest of
	// all, whether they are of the trail or not: they show that the stream goes on.
	First, Latest time.Time
	// Problems are records that could not be read. They are said, never skipped silently.
	Problems []seaworthy.Problem
	// Unread is where records could not be read that may have been events; nil: nowhere.
	Unread *Unread
	// Last is the time of the event that was read last.
	Last time.Time
}

// Read reads a text: events one after the other, lists of them, or the envelopes in which
// CloudWatch (EKS), Cloud Logging (GKE) and Azure Monitor (AKS) deliver them, compressed or
// not. An error means that nothing more could be read; what was read before it counts.
func (r *Reader) Read(in io.Reader) (*Result, error) {
	out := &Result{}
	text, err := limited(in)
	if err != nil {
		return out, err
	}
	return out, r.text(text, out, 0)
}

func limited(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read audit events: %w", err)
	}
	if len(text) > MaxBytes {
		return nil, seaworthy.Invalid("audit events of more than %d MiB at once; send them in smaller pieces", MaxBytes>>20)
	}
	return text, nil
}

var gzipped = []byte{0x1f, 0x8b}

func (r *Reader) text(text []byte, out *Result, depth int) error {
	if depth > maxNested {
		return seaworthy.Invalid("audit events are packed more than %d times", maxNested)
	}
	if bytes.HasPrefix(text, gzipped) {
		z, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("decompress audit events: %w", err)
		}
		plain, err := limited(z)
		if err != nil {
			return err
		}
		return r.text(plain, out, depth+1)
	}
	if stamped(text) {
		return r.exported(text, out, depth)
	}
	s := &stream{Decoder: json.NewDecoder(bytes.NewReader(text)), text: text}
	for {
		if err := r.next(s, out, depth); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// stamped tells whether lines begin with their time, as CloudWatch's exports to S3 have it.
func stamped(text []byte) bool {
	at, _, ok := bytes.Cut(text[:min(len(text), 64)], []byte(" "))
	_, err := time.Parse(time.RFC3339Nano, string(at))
	return ok && err == nil
}

// exported reads such lines. The time is that of the log; the event has its own.
func (r *Reader) exported(text []byte, out *Result, depth int) error {
	for line := range bytes.Lines(text) {
		_, rest, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if !ok {
			continue
		}
		if err := r.line(string(rest), out, depth); err != nil {
			return err
		}
	}
	return nil
}

// envelope holds the fields by which the forms are told apart.
type envelope struct {
	Kind      string            `json:"kind"`
	AuditID   string            `json:"auditID"`
	Items     []json.RawMessage `json:"items"`     // EventList
	LogEvents []cloudWatch      `json:"logEvents"` // a CloudWatch subscription
	Events    []cloudWatch      `json:"events"`    // CloudWatch's FilterLogEvents
	AWSLogs   *struct {
		Data string `json:"data"` // gzip in base64
	} `json:"awslogs"` // CloudWatch to Lambda
	Message    message           `json:"message"`
	Type       string            `json:"messageType"` // DATA_MESSAGE or CONTROL_MESSAGE
	Records    []json.RawMessage `json:"records"`     // Azure: Event Hubs, storage
	Properties *struct {
		Log string `json:"log"`
	} `json:"properties"`
	Category     string            `json:"category"`
	ProtoPayload json.RawMessage   `json:"protoPayload"` // Cloud Logging
	Entries      []json.RawMessage `json:"entries"`
}

// message is one event of CloudWatch, a text, or what Pub/Sub pushes, an object.
type message struct{ Text, Data string }

// UnmarshalJSON reads either.
func (m *message) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		return json.Unmarshal(b, &struct {
			Data *string `json:"data"`
		}{&m.Data})
	}
	return json.Unmarshal(b, &m.Text)
}

type cloudWatch struct {
	Message string `json:"message"`
}

// value reads one JSON value.
func (r *Reader) value(raw json.RawMessage, out *Result, depth int) error {
	if depth > maxNested {
		return seaworthy.Invalid("audit events are packed more than %d times", maxNested)
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("read a list: %w", err)
		}
		return r.each(list, out, depth)
	}
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return out.unread("is no audit event and no envelope of one: %v", err)
	}
	switch {
	case e.AuditID != "":
		e, err := decodeEvent(raw)
		if err != nil {
			return out.unread("is an audit event that cannot be read: %v", err)
		}
		return r.event(e, out)
	case e.Kind == "EventList":
		return r.each(e.Items, out, depth)
	case e.AWSLogs != nil:
		return r.packed(e.AWSLogs.Data, out, depth)
	case e.Type == "CONTROL_MESSAGE":
		return nil // CloudWatch tries whether somebody listens
	case e.LogEvents != nil || e.Events != nil:
		for _, m := range append(e.LogEvents, e.Events...) {
			if err := r.line(m.Message, out, depth); err != nil {
				return err
			}
		}
		return nil
	case e.Records != nil:
		return r.each(e.Records, out, depth)
	case e.Entries != nil:
		return r.each(e.Entries, out, depth)
	case e.ProtoPayload != nil:
		return r.google(raw, out)
	case e.Properties != nil && e.Properties.Log != "":
		if e.Category != "" && e.Category != "kube-audit" && e.Category != "kube-audit-admin" {
			return out.problem("holds Azure's log %q, not kube-audit", e.Category)
		}
		return r.line(e.Properties.Log, out, depth)
	case e.Message.Data != "": // Pub/Sub pushes what Cloud Logging exports
		return r.packed(e.Message.Data, out, depth)
	case e.Message.Text != "":
		return r.line(e.Message.Text, out, depth)
	}
	return out.unread("is no audit event and no envelope of one that is known: EKS, GKE, AKS, audit.k8s.io/v1")
}

func (r *Reader) each(list []json.RawMessage, out *Result, depth int) error {
	for _, raw := range list {
		if err := r.value(raw, out, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// line reads an event that a log kept as text.
func (r *Reader) line(text string, out *Result, depth int) error {
	if !json.Valid([]byte(text)) {
		return out.unread("holds a line that is no JSON: %.80q", text)
	}
	return r.value(json.RawMessage(text), out, depth+1)
}

func (r *Reader) packed(data string, out *Result, depth int) error {
	text, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return out.unread("holds data that is no base64: %v", err)
	}
	return r.text(text, out, depth+1)
}

func (r *Reader) event(e *event, out *Result) error {
	r.heard(e.at(), out)
	return out.add(r.observation(e))
}

// heard notes the time of an event.
func (r *Reader) heard(at time.Time, out *Result) {
	if out.Last = at; out.Unread != nil && out.Unread.To.IsZero() {
		out.Unread.To = at
	}
	if at.After(out.Latest) {
		out.Latest = at
	}
	if at.After(r.After) && (out.First.IsZero() || at.Before(out.First)) {
		out.First = at
	}
}

func (out *Result) add(o *changes.Observation) error {
	if out.Events++; out.Events > MaxEvents {
		return seaworthy.Invalid("more than %d audit events at once; send them in smaller pieces", MaxEvents)
	}
	if o == nil {
		out.Passed++
		return nil
	}
	out.Observations = append(out.Observations, *o)
	return nil
}

// maxProblems is how many are told one by one.
const maxProblems = 100

// problem notes what could not be read and goes on.
func (out *Result) problem(format string, args ...any) error {
	if len(out.Problems) < maxProblems {
		out.Problems = append(out.Problems, seaworthy.Problem{Message: fmt.Sprintf(format, args...)})
	}
	return nil
}
