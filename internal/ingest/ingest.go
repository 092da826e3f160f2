// SPDX-License-Identifier: Apache-2.0

// Package ingest takes reports of scans into the store: findings open, stay, get fixed
// and come back, each step with its cause, in one transaction for each report.
//
// What it keeps true: the same report again changes nothing. A finding closes only where
// the report saw and judged; what it could not list, read or judge closes nothing. When
// what decides a verdict changed, that is the cause, and nothing else.
//
// A report is read once, as a stream: its raw bytes go to the vault, its findings to a
// temporary file, and memory holds 40 bytes of each.
package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Vault keeps raw reports.
type Vault interface {
	Put(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error)
}

// Config says with what reports are taken. Functions that are nil are not called; they
// are called inside of the transaction, which may run more than once.
type Config struct {
	Store  *store.Store
	Vault  Vault
	Limits Limits
	// TempDir is where reports wait while they are taken; empty: the system's.
	TempDir string

	// SLA is how long findings may stay open; nil: the default one.
	SLA func(tx *store.Tx) (seaworthy.SLA, error)
	// Owners gives a function that names the team of an object; empty: the source's.
	Owners func(tx *store.Tx, source seaworthy.DeclaredSource) (func(store.TrackedObject) string, error)
	// Waivers gives the approved waivers that count for a source.
	Waivers func(tx *store.Tx, source string) ([]seaworthy.TrackedWaiver, error)
	// Requested is told of findings whose objects ask for a waiver, when they begin to.
	Requested func(tx *store.Tx, findings []seaworthy.TrackedFinding) error
	// Collected is told of each run, to make evidence of it.
	Collected func(tx *store.Tx, run seaworthy.Run) error
}

// Report takes a report of a source in the form seaworthy.dev/report/v1. source is the id
// of a source, or the name of one of the report's kind; empty: the name that the report
// gives. A source that is not known is noted as undeclared. The run of a report that was
// taken before is given again, and nothing changes.
func Report(ctx context.Context, c Config, who seaworthy.Principal, source string, body io.Reader) (seaworthy.Run, error) {
	run, _, err := Take(ctx, c, who, source, body)
	return run, err
}

// Take is [Report], and tells whether the report is new.
func Take(ctx context.Context, c Config, who seaworthy.Principal, source string, body io.Reader) (run seaworthy.Run, fresh bool, err error) {
	if !who.Can(seaworthy.SendReports) {
		return run, false, seaworthy.Forbidden("%s may not send reports", who.Name)
	}
	t := &taking{c: c, ctx: ctx}
	defer t.close()
	resolve := func(h seaworthy.Header) (string, error) {
		var err error
		t.source, t.unknown, err = resolveSource(ctx, c.Store, who, source, h)
		return t.source.ID, err
	}
	if err := t.receive(body, resolve); err != nil {
		return run, false, err
	}
	if err := t.keepRaw(); err != nil {
		return run, false, err
	}
	err = c.Store.Write(ctx, who.Actor, t.take)
	if t.noticing && isConflict(err) {
		return t.again(who, source)
	}
	return t.run, t.fresh && err == nil, err
}

// again takes the report anew, from what was kept of it: its source was not known when it
// was read, and another report made it known meanwhile.
func (t *taking) again(who seaworthy.Principal, source string) (run seaworthy.Run, fresh bool, err error) {
	if _, err := t.raw.Seek(0, io.SeekStart); err != nil {
		return run, false, fmt.Errorf("read a temporary file: %w", err)
	}
	body, err := zstd.NewReader(t.raw, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return run, false, err
	}
	defer body.Close()
	return Take(t.ctx, t.c, who, source, body)
}

func isConflict(err error) bool {
	var told *seaworthy.Error
	return errors.As(err, &told) && told.Kind == seaworthy.KindConflict
}

// taking is one report on its way into the store.
type taking struct {
	c       Config
	ctx     context.Context
	source  seaworthy.DeclaredSource
	unknown bool // the source is noticed with this report
	// noticing: a conflict is about the source that is noticed.
	noticing bool
	report   *report
	raw      *os.File // the report as received, compressed
	digest   string
	blob     string
	set      string // digest of all that could change findings

	// Of the transaction.
	tx    *store.Tx
	state store.SourceState
	run   seaworthy.Run
	fresh bool // the run is of this report
}

// maxCompressed bounds the compressed report in the vault.
const maxCompressed = 1 << 30

// receive reads the report once: into the digest, the file that is kept, and the index.
func (t *taking) receive(body io.Reader, resolve func(seaworthy.Header) (string, error)) (err error) {
	limits := t.c.Limits.orDefaults()
	if t.raw, err = scratch(t.c.TempDir); err != nil {
		return err
	}
	pack, err := zstd.NewWriter(t.raw, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	h := sha256.New()
	bounded := &bounded{r: body, left: limits.Bytes}
	t.report, err = readReport(io.TeeReader(bounded, io.MultiWriter(h, kept{pack})), limits, t.c.TempDir, resolve)
	if packed := pack.Close(); err == nil && packed != nil {
		err = noRoom("write", packed)
	}
	if err != nil {
		return err
	}
	if t.source.ID == "" { // nothing was listed, so the reader had no need of it
		if _, err := resolve(t.report.head); err != nil {
			return err
		}
	}
	t.digest = hex.EncodeToString(h.Sum(nil))
	t.set = t.report.digest()
	return nil
}

// noRoom tells that the report cannot even wait here until it is taken.
func noRoom(what string, err error) error {
	return &seaworthy.Error{
		Kind: seaworthy.KindUnavailable, Message: "the server cannot " + what + " a temporary file; nothing was taken", Err: err,
	}
}

// kept is the file that the report is kept in on its way.
type kept struct{ io.Writer }

// Write is io.Writer.
func (k kept) Write(p []byte) (int, error) {
	n, err := k.Writer.Write(p)
	if err != nil {
		err = noRoom("write", err)
	}
	return n, err
}

// keepRaw puts the raw report into the vault, before the record that names it.
func (t *taking) keepRaw() error {
	if _, err := t.raw.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read a temporary file: %w", err)
	}
	var err error
	if t.blob, _, err = t.c.Vault.Put(t.ctx, t.raw, maxCompressed); err != nil {
		return fmt.Errorf("keep the report: %w", err)
	}
	return nil
}

func (t *taking) close() {
	// What is left in temporary files is of no use to anybody.
	if t.report != nil {
		_ = t.report.spool.Close()
	}
	if t.raw != nil {
		_ = discard(t.raw)
	}
}

// bounded fails when more comes than is taken.
type bounded struct {
	r    io.Reader
	left int64
}

// Read is io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, seaworthy.Invalid("the report is larger than this server takes")
	}
	return n, err
}

// take is the transaction.
func (t *taking) take(tx *store.Tx) (err error) {
	t.tx = tx
	if t.unknown {
		t.noticing = true
		if err := t.notice(); err != nil {
			return err
		}
		t.noticing = false
	}
	if t.state, err = tx.LockSource(t.source.ID); err != nil {
		return err
	}
	run, taken, err := tx.RunOf(t.source.ID, t.digest)
	if t.fresh = !taken; err != nil || taken {
		t.run = run
		return err
	}
	if err := t.sameCluster(); err != nil {
		return err
	}
	t.begin()
	started := earlier(t.report.head.Source.Started, tx.At)
	if started.Before(t.state.StartedAt) {
		return t.finish() // a later report is taken already; this one is kept, and changes nothing
	}
	if err := t.apply(); err != nil {
		return err
	}
	if err := t.mindGaps(); err != nil {
		return err
	}
	if err := t.finish(); err != nil {
		return err
	}
	return tx.PutSourceState(t.newState(started))
}

// apply brings findings in step with the report.
func (t *taking) apply() error {
	drifted, err := t.tx.Settle(t.source.ID)
	if err != nil {
		return err
	}
	if t.set == t.state.SetDigest && !drifted {
		t.run.Unchanged = len(t.report.findings)
		return nil
	}
	why, err := t.causes()
	if err != nil {
		return err
	}
	return t.compare(why)
}

func (t *taking) begin() {
	r := t.report
	t.run = seaworthy.Run{
		ID: t.tx.NewID(), SourceID: t.source.ID, Header: r.head, FinishedAt: earlier(r.finished, t.tx.At), ReceivedAt: t.tx.At,
		Complete: r.complete(), Unlisted: []seaworthy.Problem{}, Checks: make([]seaworthy.CheckResult, 0, len(r.checks)),
		Summary: r.summary, Digest: t.digest, Blob: t.blob, Set: t.set, Actor: t.tx.Actor,
	}
	if t.run.Header.Source.Asked == nil {
		t.run.Header.Source.Asked = []string{}
	}
	if t.run.Header.Catalogue.Policies == nil {
		t.run.Header.Catalogue.Policies = []string{}
	}
	for _, c := range r.checks {
		t.run.Checks = append(t.run.Checks, c.CheckResult)
	}
	// The raw report has them all.
	const most = 1000
	t.run.Unlisted = append(t.run.Unlisted, r.errors[:min(len(r.errors), most)]...)
	if rest := len(r.errors) - most; rest > 0 {
		t.run.Unlisted = append(t.run.Unlisted, seaworthy.Problem{Message: fmt.Sprintf("and %d more, all of them in the raw report", rest)})
	}
}

// finish writes the run as it came out.
func (t *taking) finish() error {
	if err := t.tx.PutRun(&t.run); err != nil {
		return err
	}
	if t.c.Collected != nil {
		return t.c.Collected(t.tx, t.run)
	}
	return nil
}

func (t *taking) newState(started time.Time) store.SourceState {
	h := t.report.head.Source
	s := store.SourceState{
		SourceID: t.source.ID, RunID: t.run.ID, CompleteRunID: t.state.CompleteRunID, ReportedAt: t.tx.At, StartedAt: started,
		ClusterUID: h.ClusterUID, Provider: h.Provider, KubernetesVersion: h.KubernetesVersion, SetDigest: t.set,
		ListsObjects: t.report.listed,
	}
	if t.run.Complete {
		s.CompleteRunID = t.run.ID
	}
	if s.ClusterUID == "" {
		s.ClusterUID = t.state.ClusterUID
	}
	return s
}

// earlier bounds what a reporter's clock says by ours; a time that is not said is now.
func earlier(t, now time.Time) time.Time {
	if t.IsZero() || t.After(now) {
		return now
	}
	return t.UTC().Truncate(time.Microsecond)
}
