// SPDX-License-Identifier: Apache-2.0

package kubeaudit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/seaworthy-dev/seaworthy"
)

// stream is JSON values one after the other. What an API server writes, events and lists of
// them, is read from it in one go; what may be an envelope is looked at as a whole first.
type stream struct {
	*json.Decoder
	text []byte
}

// ahead is what comes next.
func (s *stream) ahead() []byte {
	return bytes.TrimLeft(s.text[s.InputOffset():], " \t\r\n,:")
}

// since is what was read after the given rest was ahead.
func (s *stream) since(rest []byte) []byte {
	end := int(s.InputOffset())
	return s.text[len(s.text)-len(rest) : end]
}

// invalid says where a text is no JSON.
func (s *stream) invalid(err error) error {
	return seaworthy.Invalid("at byte %d the text is no JSON: %v", s.InputOffset(), err)
}

// end reads the end of a list or an object.
func (s *stream) end() error {
	if _, err := s.Token(); err != nil {
		return s.invalid(err)
	}
	return nil
}

// next reads one value; io.EOF: there is none.
func (r *Reader) next(s *stream, out *Result, depth int) error {
	rest := s.ahead()
	switch {
	case bytes.HasPrefix(rest, eventList):
		return r.list(s, out, depth)
	case mayBeEvent(rest):
		return r.one(s, rest, out, depth)
	}
	var raw json.RawMessage
	if err := s.Decode(&raw); errors.Is(err, io.EOF) {
		return err
	} else if err != nil {
		return s.invalid(err)
	}
	return r.value(raw, out, depth)
}

// one reads what looks like an event; where it is none after all, as what it is.
func (r *Reader) one(s *stream, rest []byte, out *Result, depth int) error {
	var e event
	err := s.Decode(&e)
	var syntax *json.SyntaxError
	switch {
	case err == nil && e.AuditID != "":
		return r.event(&e, out)
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF):
		return s.invalid(err)
	}
	return r.value(s.since(rest), out, depth)
}

// eventList is how a list of events begins, as API servers send it.
var eventList = []byte(`{"kind":"EventList",`)

// list reads such a list, event by event.
func (r *Reader) list(s *stream, out *Result, depth int) error {
	if _, err := s.Token(); err != nil {
		return s.invalid(err)
	}
	for s.More() {
		field, err := s.Token()
		if err != nil {
			return s.invalid(err)
		}
		if field == "items" && bytes.HasPrefix(s.ahead(), []byte("[")) {
			err = r.items(s, out, depth)
		} else if err = s.Decode(new(json.RawMessage)); err != nil {
			err = s.invalid(err)
		}
		if err != nil {
			return err
		}
	}
	return s.end()
}

func (r *Reader) items(s *stream, out *Result, depth int) error {
	if _, err := s.Token(); err != nil {
		return s.invalid(err)
	}
	for s.More() {
		if err := r.one(s, s.ahead(), out, depth+1); err != nil {
			return err
		}
	}
	return s.end()
}

// mayBeEvent tells whether what follows looks like an event: API servers write its ID near
// the beginning.
func mayBeEvent(rest []byte) bool {
	return bytes.Contains(rest[:min(len(rest), 256)], []byte(`"auditID":`))
}
