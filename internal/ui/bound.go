// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// seesPlace refuses what lies outside the program that somebody is bound to, as if it
// were not there. Who is bound to none sees everything.
func seesPlace(r *http.Request, what, id, source, namespace string) error {
	return visitOf(r).seesPlace(what, id, source, namespace)
}

func (v *visit) seesPlace(what, id, source, namespace string) error {
	if v.who.Program == "" || v.whole != nil && v.whole.HasNamespace(source, namespace) {
		return nil
	}
	return seaworthy.NotFound("there is no %s %s", what, id)
}

// seesEvidence refuses evidence that is not of the program; what people brought belongs to
// no source.
func seesEvidence(r *http.Request, e seaworthy.Evidence) error { return visitOf(r).seesEvidence(e) }

func (v *visit) seesEvidence(e seaworthy.Evidence) error {
	if v.who.Program == "" || v.whole != nil && v.whole.HasEvidence(e) {
		return nil
	}
	return seaworthy.NotFound("there is no evidence %s", e.ID)
}

// seesOccurrence refuses an occurrence that the program does not count.
func seesOccurrence(r *http.Request, o seaworthy.Occurrence) error {
	if v := visitOf(r); v.who.Program == "" || v.whole != nil && v.whole.HasOccurrence(o) {
		return nil
	}
	return seaworthy.NotFound("there is no occurrence %s", o.ID)
}

// knowsSource tells whether somebody may read a source's name: it is in the scope of the
// program that they are bound to, or the program says why not.
func (v *visit) knowsSource(id string) bool {
	return v.who.Program == "" || v.whole != nil && slices.ContainsFunc(v.whole.Scope, func(s seaworthy.ScopeItem) bool { return s.Source == id })
}

// covered takes from entries what somebody who is bound to a program may not read: it may
// be about another. That an entry exists, and its proof, everybody may see.
func covered(p page, e store.LogEntry) store.LogEntry {
	if p.Who.Program == "" || e.Kind == "self-check" || e.Kind == "program" && e.Subject == p.Who.Program {
		return e
	}
	e.Salt, e.Content, e.Actor = nil, "", ""
	return e
}
