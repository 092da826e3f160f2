// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
	if err := e.evidenceBytes(); err != nil {
		return err
	}
	if err := e.leftOutList(); err != nil {
		return err
	}
	return e.table(vault.EvidenceFolder+"index.csv", evidenceColumns, func(row func(...any) error) error {
		return e.eachEvidence(func(entry store.LogEntry, v seaworthy.Evidence) error {
			path, redacted := "", ""
			if _, out := e.leftOut[v.Digest]; v.Digest != "" && v.ErasedAt.IsZero() && !out {
				path = vault.EvidencePath(v.Digest)
			}
			if !v.ErasedAt.IsZero() {
				redacted = "erased " + stamp(v.ErasedAt)
			}
			return row(v.ID, strings.Join(v.Controls, " "), e.criteriaOf(v.Controls), strings.Join(v.Occurrences, " "), v.Title, v.Kind, v.Shows,
				system(v), strings.Join(v.Scope, " "), v.Collector, method(v), v.Query, stamp(v.CollectedAt), stamp(v.EffectiveFrom), stamp(v.EffectiveTo),
				stamp(v.ReceivedAt), stamp(v.LoggedAt), v.Rows, v.Digest, v.Size, v.MediaType, v.FileName, v.URL, v.Statement, entry.Index, "", "", redacted, path)
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

// evidenceBytes writes the bytes of each digest once.
func (e *export) evidenceBytes() error {
	written := map[[sha256.Size]byte]bool{} // less than their text
	return e.eachEvidence(func(entry store.LogEntry, v seaworthy.Evidence) error {
		e.kept(entry)
		var digest [sha256.Size]byte
		if len(v.Digest) != 2*len(digest) || !v.ErasedAt.IsZero() {
			return nil
		}
		if _, err := hex.Decode(digest[:], []byte(v.Digest)); err != nil || written[digest] {
			return nil
		}
		written[digest] = true
		if !e.bytes {
			e.leftOut[v.Digest] = "left out on request"
			return nil
		}
		return e.blob(v.Digest)
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

// leftOutList names the digests whose bytes are not in the package.
func (e *export) leftOutList() error {
	if len(e.leftOut) == 0 {
		return nil
	}
	return e.file(vault.LeftOutFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		for _, digest := range slices.Sorted(maps.Keys(e.leftOut)) {
			if err := enc.Encode(vault.LeftOut{Digest: digest, Reason: e.leftOut[digest]}); err != nil {
				return err
			}
		}
		return nil
	})
}
