// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"regexp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Waivers gives the approved waivers that count for a source, for reports of it.
func Waivers(tx *store.Tx, source string) ([]seaworthy.TrackedWaiver, error) {
	return tx.CountingWaivers(source)
}

// Requested makes requests of the annotations of objects with findings: once for each
// finding and reason, and none where a waiver is asked for or counts already. Who sent
// the report counts as who asked, so that nobody approves an annotation that they made
// up.
func Requested(tx *store.Tx, findings []seaworthy.TrackedFinding) error {
	if len(findings) == 0 {
		return nil
	}
	counting, err := tx.CountingWaivers(findings[0].SourceID)
	if err != nil {
		return err
	}
	prints := map[string][]string{}
	for _, f := range findings {
		prints[f.SourceID] = append(prints[f.SourceID], f.Fingerprint)
	}
	type asked struct{ source, fingerprint string }
	known := map[asked][]seaworthy.TrackedWaiver{}
	for source, list := range prints {
		waivers, err := tx.WaiversOfFingerprints(source, list)
		if err != nil {
			return err
		}
		for _, w := range waivers {
			known[asked{source, w.Fingerprint}] = append(known[asked{source, w.Fingerprint}], w)
		}
	}
	for i := range findings {
		f := &findings[i]
		reason := shorten(f.WaiverRequested)
		if reason == "" || concerning(counting, f) != nil || isAsked(known[asked{f.SourceID, f.Fingerprint}], reason) {
			continue
		}
		w := exactly(f)
		w.ID, w.State, w.From = tx.NewID(), seaworthy.WaiverRequested, "annotation"
		w.Reason, w.RequestedBy, w.RequestedAt = reason, tx.Actor, tx.At
		if err := tx.PutWaiver(&w); err != nil {
			return err
		}
	}
	return nil
}

// isAsked tells whether a request is pending, or was decided for the same reason.
func isAsked(list []seaworthy.TrackedWaiver, reason string) bool {
	for _, w := range list {
		if w.State == seaworthy.WaiverRequested || w.Reason == reason {
			return true
		}
	}
	return false
}

// shorten bounds what an annotation says.
func shorten(s string) string {
	if r := []rune(s); len(r) > 5000 {
		return string(r[:5000])
	}
	return s
}

var special = regexp.MustCompile(`[*?\[\\]`)

// literal is the pattern that matches a text and nothing else.
func literal(s string) string { return special.ReplaceAllString(s, `\$0`) }
