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
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// PackageRequest says what goes into an evidence package.
type PackageRequest struct {
	Program string
	// AsOf leaves out what the log took later; zero: now.
	AsOf time.Time
	// WithoutBytes leaves out the bytes of evidence; their digests stay.
	WithoutBytes bool
	// WithoutLists leaves out the frozen lists, and with them the samples; WithoutSamples
	// the samples alone.
	WithoutLists, WithoutSamples bool
}

// Sealer seals packages.
type Sealer struct {
	// Signer signs checkpoints of the log.
	Signer note.Signer
	// Stamp asks for a timestamp of a checkpoint; nil: none is asked for.
	Stamp func(ctx context.Context, c store.Checkpoint) (token []byte, err error)
}

// Export writes the evidence package of a program as a stream: everything that the log
// says of it in its period, as of a moment, with the evidence's bytes, and the proof.
// docs/evidence.md describes the format. The same state of the store and the same moment
// give the same files; only the seal, which enters the log, is new.
//
// What is in the package comes from the log, not from the tables beside it, so that
// every line can be proved by an entry.
func (a *Audit) Export(ctx context.Context, p seaworthy.Principal, r PackageRequest, s Sealer, w io.Writer) (vault.Seal, error) {
	if err := errors.Join(may(p, seaworthy.FreezeLists), sees(p, r.Program)); err != nil {
		return vault.Seal{}, err
	}
	now := a.store.Now()
	if r.AsOf.IsZero() {
		r.AsOf = now
	}
	if r.AsOf.After(now) {
		return vault.Seal{}, seaworthy.Invalid("a package cannot be as of the future")
	}
	if a.blobs == nil {
		return vault.Seal{}, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "there is no vault to take evidence from"}
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return vault.Seal{}, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "this server is making " + count(cap(a.exports), "package") + " already; try again when one is done"}
	}
	e := &export{
		audit: a, ctx: ctx, id: store.NewID(now), request: r, asOf: r.AsOf.UTC(), pkg: vault.NewPackage(w, a.blobs), origin: s.Signer.Name(),
		keep: marks{}, erased: map[string]bool{},
	}
	defer func() { _ = e.pkg.Close() }() // what is temporary; the error is that of the export
	var err error
	if e.example, err = a.store.Example(ctx); err != nil {
		return vault.Seal{}, err
	}
	err = a.store.View(ctx, func(v *store.View) error {
		e.view = v
		return e.write(p, r.Program)
	})
	if err != nil {
		return vault.Seal{}, fmt.Errorf("export program %s: %w", r.Program, err)
	}
	seal := vault.Seal{Name: e.program.Name, Program: e.program.ID, AsOf: e.asOf, Partial: strings.Join(e.partial, "; "), Example: e.example}
	return e.pkg.Seal(ctx, seal, func(ctx context.Context, seal vault.Seal) (vault.Head, error) {
		return a.seal(ctx, p, e, s, seal)
	})
}

// begun logs that a package is on its way out, before any of it is: who takes most of it
// and hangs up before it is sealed has it nonetheless.
func (e *export) begun(p seaworthy.Principal) error {
	detail := map[string]any{"program": e.program.ID, "asOf": e.asOf}
	for name, without := range map[string]bool{"withoutBytes": e.request.WithoutBytes, "withoutLists": e.request.WithoutLists, "withoutSamples": e.request.WithoutSamples} {
		if without {
			detail[name] = true
		}
	}
	return e.audit.store.Write(e.ctx, p.Actor, func(tx *store.Tx) error { return tx.Action("export", "package "+e.id, detail) })
}

// seal logs the seal of a package and gives the head of the log that holds it.
func (a *Audit) seal(ctx context.Context, p seaworthy.Principal, e *export, s Sealer, seal vault.Seal) (vault.Head, error) {
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error { return tx.Log(vault.SealKind, e.id, seal) })
	if err != nil {
		return vault.Head{}, err
	}
	list, err := a.store.History(ctx, vault.SealKind, e.id)
	if err != nil || len(list) != 1 {
		return vault.Head{}, fmt.Errorf("find the entry of the seal: %d are there, %w", len(list), err)
	}
	c, err := a.store.Checkpoint(ctx, s.Signer)
	if err != nil {
		return vault.Head{}, err
	}
	token := c.Timestamp
	if len(token) == 0 && s.Stamp != nil {
		if token, err = s.Stamp(ctx, c); err != nil {
			return vault.Head{}, fmt.Errorf("get a timestamp of the log: %w", err)
		}
	}
	cosigned, err := a.cosigned(ctx, c.Size)
	if err != nil {
		return vault.Head{}, err
	}
	stamped, err := a.stamped(ctx, c.Size)
	return vault.Head{
		Entry: entryOf(list[0]), Checkpoint: c.Signed(), Size: c.Size, Timestamp: token, Cosigned: cosigned, Stamped: stamped, Tiles: a.store.Tiles(ctx),
	}, err
}

// stamped gives older heads with timestamps, the first of each day.
func (a *Audit) stamped(ctx context.Context, size int64) ([]vault.Stamped, error) {
	list, err := a.store.StampedDaily(ctx, size)
	out := make([]vault.Stamped, len(list))
	for i, c := range list {
		out[i] = vault.Stamped{Size: c.Size, Note: c.Note, Timestamp: c.Timestamp}
	}
	return out, err
}

// cosigned gives the newest head that each witness cosigned before one of the size.
func (a *Audit) cosigned(ctx context.Context, size int64) (map[int64]string, error) {
	last, err := a.store.LastCosigned(ctx)
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, c := range last {
		if c.Size >= size || out[c.Size] != "" {
			continue
		}
		head, err := a.store.CheckpointOf(ctx, c.Size)
		if err != nil {
			return nil, err
		}
		out[c.Size] = head.Signed()
	}
	return out, nil
}

// export is a package on its way.
type export struct {
	audit   *Audit
	ctx     context.Context
	view    *store.View
	pkg     *vault.Package
	id      string // of the package, and of its seal
	request PackageRequest
	asOf    time.Time
	origin  string

	program      seaworthy.Program
	requirements []seaworthy.Requirement               // in scope
	criteria     map[string][]string                   // of each control
	controls     map[string][]seaworthy.TrackedControl // versions of the period, by id
	keep         marks                                 // of what kind and subject entries go along
	partial      []string                              // what was left out
	leftOut      map[string]string                     // digest to why its bytes are not there
	erased       map[string]bool                       // records whose content as of the moment was erased since
	populations  []seaworthy.Population
	samples      []seaworthy.Sample
	example      string               // says that it is all made up; empty: it is not
	buf          bytes.Buffer         // the bytes that are about to be written
	items        map[string][]sampled // of a sample, by what an item is evidence through
	recorded     []string             // those that are records of their own
}

// write writes all files but the proof.
func (e *export) write(p seaworthy.Principal, program string) error {
	if err := e.readProgram(program); err != nil {
		return err
	}
	if err := e.begun(p); err != nil {
		return err
	}
	for _, part := range []func() error{
		e.readControls, e.readPopulations, e.scope, e.controlFiles, e.sources, e.gaps, e.tests, e.days, e.waivers,
		e.evidence, e.populationFiles, e.sampleFiles, e.trail, e.entries,
	} {
		if err := errors.Join(part(), e.ctx.Err()); err != nil {
			return err
		}
	}
	e.saysPartial()
	return e.file("README.txt", func(w io.Writer) error { return e.readme(w) })
}

// saysPartial says what a reader might miss.
func (e *export) saysPartial() {
	if e.asOf.Before(e.program.To) {
		e.partial = append(e.partial, fmt.Sprintf("the period ends %s; this is as of %s", e.program.To.Format(time.RFC3339), e.asOf.Format(time.RFC3339)))
	}
	switch {
	case e.request.WithoutLists:
		e.partial = append(e.partial, "frozen lists and samples were left out on request")
	case e.request.WithoutSamples:
		e.partial = append(e.partial, "samples were left out on request")
	}
	if e.request.WithoutBytes {
		e.partial = append(e.partial, "the bytes of evidence were left out on request")
	} else if n := len(e.leftOut); n > 0 {
		e.partial = append(e.partial, fmt.Sprintf("the bytes of %s of evidence could not be had (%s)", count(n, "piece"), vault.LeftOutFile))
	}
	if n := len(e.erased); n > 0 {
		e.partial = append(e.partial, fmt.Sprintf("%s as of then had been erased since", count(n, "record")))
	}
}

// file writes one file.
func (e *export) file(name string, f func(io.Writer) error) error {
	w, err := e.pkg.File(name)
	if err != nil {
		return err
	}
	if err := f(w); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// table writes one CSV file.
func (e *export) table(name string, columns []string, f func(row func(...any) error) error) error {
	return e.tableOf(name, "csv", columns, nil, f)
}

func (e *export) tableOf(name, format string, columns, about []string, f func(row func(...any) error) error) error {
	return e.file(name, func(w io.Writer) error {
		t, err := NewTable(w, format, columns, about)
		if err != nil {
			return err
		}
		return errors.Join(f(func(values ...any) error { return t.Row(values) }), t.Close())
	})
}

// json writes one JSON file for people to read.
func (e *export) json(name string, v any) error {
	return e.file(name, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	})
}

// records gives each record of a kind as it was at the moment, in the order of their
// ids, with the entry that says so.
func records[T any](e *export, kind string, f func(store.LogEntry, T) error) error {
	return e.view.Log(store.LogQuery{Kind: kind, Until: e.asOf, Newest: true}, func(entry store.LogEntry) error {
		if entry.Erased {
			e.erased[kind+" "+entry.Subject] = true
			return nil
		}
		if entry.Content == "null" { // dropped
			return nil
		}
		var v T
		if err := json.Unmarshal([]byte(entry.Content), &v); err != nil {
			return fmt.Errorf("read entry %d of the log (%s %s): %w", entry.Index, kind, entry.Subject, err)
		}
		return f(entry, v)
	})
}

// kept has all entries about a subject go along.
func (e *export) kept(entry store.LogEntry) { e.keep.add(entry.Kind + " " + entry.Subject) }

func (e *export) readProgram(id string) error {
	found := false
	err := e.view.Log(store.LogQuery{Kind: "program", Subject: id, Until: e.asOf, Newest: true}, func(entry store.LogEntry) error {
		found = true
		e.kept(entry)
		return json.Unmarshal([]byte(entry.Content), &e.program)
	})
	if err != nil {
		return err
	}
	if !found {
		return seaworthy.NotFound("there was no program %s at %s", id, e.asOf.Format(time.RFC3339))
	}
	framework, err := e.audit.Framework(e.program.Framework)
	if err != nil {
		return err
	}
	e.criteria = map[string][]string{}
	for _, r := range framework.Requirements {
		if !e.program.Requires(r) {
			continue
		}
		e.requirements = append(e.requirements, r)
		for _, c := range r.Controls {
			e.criteria[c] = append(e.criteria[c], r.ID)
		}
	}
	return nil
}

// criteriaOf are the requirements that controls support, each once.
func (e *export) criteriaOf(controls []string) string {
	var out []string
	for _, c := range controls {
		for _, r := range e.criteria[c] {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// entryOf is an entry as packages hold it.
func entryOf(e store.LogEntry) vault.Entry {
	out := vault.Entry{Index: e.Index, Leaf: e.Leaf}
	if !e.Erased {
		out.Salt, out.Actor, out.Content = hex.EncodeToString(e.Salt), e.Actor, &e.Content
	}
	return out
}

// proved are the kinds of entry that a package holds, where they are about what is in it.
var proved = []string{"program", "control", "source", "gap", "run", "occurrence", "waiver", "population", "sample", "evidence",
	"change", "deployment", "confirmation", "folded-changes", "change-rule"}

// entries writes the entries of the log about everything in the package, every version.
func (e *export) entries() error {
	return e.file(vault.EntriesFile, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, kind := range proved {
			err := e.view.Log(store.LogQuery{Kind: kind, Until: e.asOf}, func(entry store.LogEntry) error {
				if !e.keep.has(kind + " " + entry.Subject) {
					return nil
				}
				return enc.Encode(entryOf(entry))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// marks is a set of many texts in little memory: half of the SHA-256 of each, which is
// enough that no two are alike.
type marks map[[sha256.Size / 2]byte]struct{}

func (m marks) add(text string) {
	sum := sha256.Sum256([]byte(text))
	m[[sha256.Size / 2]byte(sum[:])] = struct{}{}
}

func (m marks) has(text string) bool {
	sum := sha256.Sum256([]byte(text))
	_, there := m[[sha256.Size / 2]byte(sum[:])]
	return there
}

// stamp writes a time as the package's tables have it; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
