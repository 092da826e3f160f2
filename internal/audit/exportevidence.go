// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// evidenceColumns are those of the index.
var evidenceColumns = []string{"evidence_id", "control_id", "criteria", "occurrence", "title", "kind", "shows", "source_system", "source_scope", "collector", "method",
	"query_or_command", "collected_at", "effective_from", "effective_to", "received_at", "logged_at", "rows", "sha256", "size", "media_type", "file_name",
	"url", "statement", "log_index", "reviewer", "review_state", "redactions", "path"}

// evidence writes the bytes of evidence, each once, and the index.
func (e *export) evidence() error {
	e.leftOut = map[string]string{}
	write := e.evidenceBytes
	if e.request.WithoutBytes {
		write = e.nameOnly
	}
	if err := write(); err != nil {
		return err
	}
	return e.table(vault.EvidenceFolder+"index.csv", evidenceColumns, func(row func(...any) error) error {
		return e.eachEvidence(func(entry store.LogEntry, v seaworthy.Evidence) error {
			redacted := ""
			if !v.ErasedAt.IsZero() {
				redacted = "erased " + stamp(v.ErasedAt)
			}
			return row(v.ID, strings.Join(v.Controls, " "), e.criteriaOf(v.Controls), strings.Join(v.Occurrences, " "), v.Title, v.Kind, v.Shows,
				system(v), strings.Join(v.Scope, " "), v.Collector, method(v), v.Query, stamp(v.CollectedAt), stamp(v.EffectiveFrom), stamp(v.EffectiveTo),
				stamp(v.ReceivedAt), stamp(v.LoggedAt), v.Rows, v.Digest, v.Size, v.MediaType, v.FileName, v.URL, v.Statement, entry.Index, "", "", redacted, e.path(v))
		})
	})
}

func system(v seaworthy.Evidence) string {
	if v.System != "" {
		return v.System
	}
	return v.SourceID
}

// method says how evidence came in.
func method(v seaworthy.Evidence) string {
	switch {
	case v.Kind == seaworthy.EvidenceAttestation:
		return "attest"
	case v.Kind == seaworthy.EvidenceTrail:
		return "change trail"
	case v.Kind != seaworthy.EvidenceRun:
		return "upload"
	case strings.HasPrefix(v.Collector, "agent:"):
		return "agent"
	}
	return "api"
}

// eachEvidence gives the evidence of the program's controls, scope and period.
func (e *export) eachEvidence(f func(store.LogEntry, seaworthy.Evidence) error) error {
	from := e.program.From
	if e.program.Type == seaworthy.TypeI {
		from = from.AddDate(-1, 0, 0) // what shows a design is older than the day
	}
	return records(e, "evidence", func(entry store.LogEntry, v seaworthy.Evidence) error {
		ours := slices.ContainsFunc(v.Controls, func(c string) bool { return e.controls[c] != nil })
		inScope := v.SourceID == "" || e.program.HasSource(v.SourceID)
		if !ours || !inScope || v.EffectiveTo.Before(from) || !v.EffectiveFrom.Before(e.program.To) {
			return nil
		}
		return f(entry, v)
	})
}

// path is where the bytes of evidence are in the package; empty: they are not.
func (e *export) path(v seaworthy.Evidence) string {
	if _, out := e.leftOut[v.Digest]; out || e.request.WithoutBytes || v.Digest == "" || !v.ErasedAt.IsZero() {
		return ""
	}
	return vault.EvidencePath(v.Digest)
}

// eachDigest gives each digest of evidence once, in the order of evidence.
func (e *export) eachDigest(f func(digest string) error) error {
	given := marks{}
	return e.eachEvidence(func(entry store.LogEntry, v seaworthy.Evidence) error {
		e.kept(entry)
		if len(v.Digest) != 2*sha256.Size || !v.ErasedAt.IsZero() || given.has(v.Digest) {
			return nil
		}
		given.add(v.Digest)
		return f(v.Digest)
	})
}

// evidenceBytes writes the bytes of each digest, and of which there are none.
func (e *export) evidenceBytes() error {
	if err := e.eachDigest(e.blob); err != nil || len(e.leftOut) == 0 {
		return err
	}
	return e.leftOutList(func(tell func(digest, reason string) error) error {
		for _, digest := range slices.Sorted(maps.Keys(e.leftOut)) {
			if err := tell(digest, e.leftOut[digest]); err != nil {
				return err
			}
		}
		return nil
	})
}

// nameOnly writes the digests of evidence whose bytes nobody asked for.
func (e *export) nameOnly() error {
	return e.leftOutList(func(tell func(digest, reason string) error) error {
		return e.eachDigest(func(digest string) error { return tell(digest, "left out on request") })
	})
}

// leftOutList names the digests whose bytes are not in the package.
func (e *export) leftOutList(each func(tell func(digest, reason string) error) error) error {
	return e.file(vault.LeftOutFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		return each(func(digest, reason string) error { return enc.Encode(vault.LeftOut{Digest: digest, Reason: reason}) })
	})
}

// smallBlob is up to what size a blob is read before any of it is written.
const smallBlob = 1 << 20

// blob writes bytes that are those of their digest. What is not there or was altered is
// left out and told, never written. Storage that does not answer ends the export.
func (e *export) blob(digest string) error {
	open := func() (io.ReadCloser, error) { return e.audit.blobs.Open(e.ctx, digest) }
	head, whole, err := checkedHead(&e.buf, open)
	var told *seaworthy.Error
	switch {
	case errors.Is(err, vault.ErrAltered):
		e.leftOut[digest] = "the bytes that are kept are not those of the digest: they were altered"
		return nil
	case errors.As(err, &told) && told.Kind == seaworthy.KindNotFound:
		e.leftOut[digest] = told.Message
		return nil
	case err != nil:
		return err
	}
	return e.file(vault.EvidencePath(digest), func(w io.Writer) error {
		if whole {
			_, err := w.Write(head)
			return err
		}
		r, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(w, r)
		return errors.Join(err, r.Close())
	})
}

// checkedHead reads bytes to their end, where they are compared with their digest, and
// gives them if they are few.
// The bytes are those of the buffer, until it is used again.
func checkedHead(b *bytes.Buffer, open func() (io.ReadCloser, error)) (head []byte, whole bool, err error) {
	r, err := open()
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b.Reset()
	n, err := b.ReadFrom(io.LimitReader(r, smallBlob))
	if err != nil || n < smallBlob {
		return b.Bytes(), true, err
	}
	rest, err := io.Copy(io.Discard, r)
	if err != nil {
		return nil, false, err
	}
	return b.Bytes(), rest == 0, nil
}
