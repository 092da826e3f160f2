// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// OpenEvidence gives the bytes of evidence, those of the digest that it names. Reports
// are kept compressed; they come out as they were received. Reading to the end fails if
// the bytes are not those of the digest.
func (a *Audit) OpenEvidence(ctx context.Context, e seaworthy.Evidence) (io.ReadCloser, error) {
	switch {
	case e.Digest == "":
		return nil, seaworthy.NotFound("evidence %s has no bytes", e.ID)
	case !e.ErasedAt.IsZero():
		return nil, seaworthy.NotFound("the bytes of evidence %s were erased", e.ID)
	case a.blobs == nil:
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "there is no vault that keeps evidence"}
	case e.RunID == "":
		return a.blobs.Open(ctx, e.Digest)
	}
	run, err := a.store.Run(ctx, e.RunID)
	if err != nil {
		return nil, err
	}
	return a.openRun(ctx, keptRun{run.Digest, run.Blob})
}

// openRun gives a report as it was received.
func (a *Audit) openRun(ctx context.Context, r keptRun) (io.ReadCloser, error) {
	if r.blob == "" {
		return nil, seaworthy.NotFound("the report's bytes were not kept")
	}
	packed, err := a.blobs.Open(ctx, r.blob)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, errors.Join(err, packed.Close())
	}
	return &unpacked{z, packed, sha256.New(), r.digest}, nil
}

// unpacked is a report on its way out of its compressed form.
type unpacked struct {
	z      *zstd.Decoder
	packed io.ReadCloser
	hash   hash.Hash
	digest string
}

// Read is io.Reader.
func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	u.hash.Write(p[:n])
	if err != nil {
		// What is behind the compressed bytes belongs to their digest too; and where they
		// do not unpack, it is their digest that says why.
		if _, err := io.Copy(io.Discard, u.packed); err != nil {
			return n, err
		}
	}
	if errors.Is(err, io.EOF) {
		if hex.EncodeToString(u.hash.Sum(nil)) != u.digest {
			return n, fmt.Errorf("%s: %w", u.digest, vault.ErrAltered)
		}
	}
	return n, err
}

// Close is io.Closer.
func (u *unpacked) Close() error {
	u.z.Close()
	return u.packed.Close()
}

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
	written := map[string]bool{}
	return e.eachEvidence(func(entry store.LogEntry, v seaworthy.Evidence) error {
		e.kept(entry)
		if v.Digest == "" || !v.ErasedAt.IsZero() || written[v.Digest] {
			return nil
		}
		written[v.Digest] = true
		if !e.bytes {
			e.leftOut[v.Digest] = "left out on request"
			return nil
		}
		return e.blob(v.Digest, func() (io.ReadCloser, error) {
			if v.RunID == "" {
				return e.audit.blobs.Open(e.ctx, v.Digest)
			}
			run, ok := e.runs[v.RunID]
			if !ok {
				return nil, seaworthy.NotFound("run %s is not there", v.RunID)
			}
			return e.audit.openRun(e.ctx, run)
		})
	})
}

// smallBlob is up to what size a blob is read before any of it is written.
const smallBlob = 1 << 20

// blob writes bytes that are those of their digest. What is not there or was altered is
// left out and told, never written. Storage that does not answer ends the export.
func (e *export) blob(digest string, open func() (io.ReadCloser, error)) error {
	head, whole, err := checkedHead(open)
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
func checkedHead(open func() (io.ReadCloser, error)) (head []byte, whole bool, err error) {
	r, err := open()
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(r, smallBlob))
	if err != nil {
		return nil, false, err
	}
	rest, err := io.Copy(io.Discard, r)
	if err != nil {
		return nil, false, err
	}
	return b.Bytes(), n+rest == int64(b.Len()), nil
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
