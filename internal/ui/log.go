// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/timestamp"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// logHealth says how the log stands.
type logHealth struct {
	Size       int64
	Checkpoint *store.Checkpoint
	Check      *store.SelfCheck
	Witnesses  int
	Overdue    bool // the self-check
}

// overdue is after how long a self-check, which runs daily, should have been done: whoever
// wants it not to find something may keep it from running.
const overdue = 48 * time.Hour

// cosigned gives how far witnesses followed the log whose keys are known.
func (u *UI) cosigned(ctx context.Context) (map[string]store.Cosigned, error) {
	all, err := u.Store.LastCosigned(ctx)
	maps.DeleteFunc(all, func(name string, _ store.Cosigned) bool {
		return u.Witnesses != nil && !slices.Contains(u.Witnesses, name)
	})
	return all, err
}

func (u *UI) logHealth(ctx context.Context) (logHealth, error) {
	var h logHealth
	var err error
	if h.Size, _, err = u.Store.LogHead(ctx); err != nil {
		return h, err
	}
	last, err := u.Store.LastCheckpoint(ctx)
	if err == nil {
		h.Checkpoint = &last
	} else if !isKind(err, seaworthy.KindNotFound) {
		return h, err
	}
	checks, err := u.Store.SelfChecks(ctx, 1)
	if err != nil {
		return h, err
	}
	if len(checks) > 0 {
		h.Check = &checks[0]
		h.Overdue = u.now().Sub(h.Check.FinishedAt) > overdue
	}
	cosigned, err := u.cosigned(ctx)
	h.Witnesses = len(cosigned)
	return h, err
}

func isKind(err error, k seaworthy.Kind) bool {
	var known *seaworthy.Error
	return errors.As(err, &known) && known.Kind == k
}

// entryRow is an entry of the log in a list.
type entryRow struct {
	store.LogEntry
	Who     string
	Href    string // of the entry
	About   string // where its subject is shown; may be empty
	Removed bool
}

// logPage is what pages/log.html needs.
type logPage struct {
	page
	Health      logHealth
	Checks      []store.SelfCheck
	Checkpoints []store.Checkpoint
	Witnesses   []witnessRow
	Stamps      stampHealth
	Entries     []entryRow
	Kinds       []string
	Next        string
	Base        string
	Key         string // of the log, public
}

// stampHealth says how the timestamps of an authority stand.
type stampHealth struct {
	Authority string // empty: there is none
	Last      *store.Checkpoint
	At        time.Time  // of Last, by the authority's clock
	Job       *store.Job // nil: it never ran
}

func (u *UI) stampHealth(ctx context.Context) (stampHealth, error) {
	h := stampHealth{Authority: u.Timestamps}
	last, err := u.Store.LastStamped(ctx)
	if err == nil {
		h.Last = &last
		h.At, _ = timestamp.Intact(last.Timestamp, []byte(last.Note)) // the self-check tells of one that was altered
	} else if !isKind(err, seaworthy.KindNotFound) {
		return h, err
	}
	list, err := u.Store.Jobs(ctx)
	for _, j := range list {
		if j.Name == store.TimestampJob && h.Authority != "" {
			h.Job = &j
		}
	}
	return h, err
}

type witnessRow struct {
	Name string
	store.Cosigned
}

// logKinds are the kinds of entry that the filter offers.
var logKinds = []string{"action", "check", "control", "events", "evidence", "gap", "occurrence", "package", "population", "program", "readiness", "run", "sample", "self-check", "setting",
	"source", "team", "token", "user", "waiver"}

func (u *UI) log(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := logPage{page: u.page(r, "Log"), Kinds: logKinds, Base: u.Auth.BaseURL(), Key: u.LogKey}
	var err error
	if p.Health, err = u.logHealth(ctx); err != nil {
		return err
	}
	if p.Checks, err = u.Store.SelfChecks(ctx, 5); err != nil {
		return err
	}
	if p.Checkpoints, err = u.Store.Checkpoints(ctx, 5); err != nil {
		return err
	}
	cosigned, err := u.cosigned(ctx)
	if err != nil {
		return err
	}
	for name, c := range cosigned {
		p.Witnesses = append(p.Witnesses, witnessRow{name, c})
	}
	if p.Stamps, err = u.stampHealth(ctx); err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	const most = 50
	f := store.LogFilter{Kind: p.Q.Get("kind"), Subject: p.Q.Get("subject"), Actor: p.Q.Get("actor"), Limit: most}
	if p.Who.Program != "" {
		f.Actor = "" // which is not theirs to know
	}
	if f.Before, err = cursorOf(p.Q.Get("after")); err != nil {
		return err
	}
	entries, err := u.Store.LogEntries(ctx, f)
	if err != nil {
		return err
	}
	p.Entries = entryRows(p.page, names, entries)
	if len(entries) == most && entries[most-1].Index > 0 {
		p.Next = p.Q.After(strconv.FormatInt(entries[most-1].Index, 10))
	}
	return u.render(w, r, "log", p)
}

func cursorOf(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, seaworthy.Invalid("the address of this part of the list is cut off; go back to its beginning")
	}
	return n, nil
}

func entryRows(p page, names names, entries []store.LogEntry) []entryRow {
	out := make([]entryRow, len(entries))
	for i, e := range entries {
		e = covered(p, e)
		out[i] = entryRow{e, names.actor(e.Actor), p.To("/log/", strconv.FormatInt(e.Index, 10)), about(p, e), e.Content == "null"}
	}
	return out
}

// about is the page that shows the subject of an entry.
func about(p page, e store.LogEntry) string {
	id := e.Subject
	switch e.Kind {
	case "control":
		id, _, _ = strings.Cut(id, "/")
		return p.To("/controls/", id)
	case "evidence", "occurrence", "program", "source", "waiver":
		plural := map[string]string{"evidence": "/evidence/", "occurrence": "/occurrences/", "program": "/programs/", "source": "/sources/", "waiver": "/waivers/"}
		return p.To(plural[e.Kind], id)
	case "population":
		return p.To("/lists/", id)
	case "user":
		if p.Can(string(seaworthy.Administer)) {
			return p.To("/people/", id)
		}
	}
	return ""
}

// history lists every version of a record, newest first.
func (u *UI) history(ctx context.Context, p page, names names, kind, subject string) ([]entryRow, error) {
	entries, err := u.Store.History(ctx, kind, subject)
	if err != nil {
		return nil, err
	}
	rows := entryRows(p, names, entries)
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows, nil
}

// entryPage is what pages/entry.html needs.
type entryPage struct {
	page
	Entry      entryRow
	Pretty     string
	Checkpoint *store.Checkpoint // the oldest that holds the entry; nil: none yet
	Proof      *ladder
	Versions   []entryRow
	Command    string
}

func (u *UI) entry(r *http.Request) (store.LogEntry, error) {
	n, err := strconv.ParseInt(r.PathValue("index"), 10, 64)
	if err != nil || n < 0 {
		return store.LogEntry{}, seaworthy.NotFound("the log's entries are numbered from 0; %q is no number", r.PathValue("index"))
	}
	return u.Store.LogEntry(r.Context(), n)
}

func (u *UI) logEntry(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := u.entry(r)
	if err != nil {
		return err
	}
	p := entryPage{page: u.page(r, fmt.Sprintf("Entry %s", num(e.Index)), link{"Log", "/log"})}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Entry = entryRows(p.page, names, []store.LogEntry{e})[0]
	p.Pretty = pretty(p.Entry.Content)
	c, proof, err := u.prove(ctx, e.Index)
	if err == nil {
		p.Checkpoint = &c
		p.Proof = newLadder(e.Index, c.Size, tlog.RecordHash([]byte(e.Leaf)), proof, c.Root)
	} else if !isKind(err, seaworthy.KindNotFound) {
		return err
	}
	if p.Versions, err = u.history(ctx, p.page, names, e.Kind, e.Subject); err != nil {
		return err
	}
	return u.render(w, r, "entry", p)
}

// prove gives the oldest checkpoint that holds an entry, and the proof that it does.
func (u *UI) prove(ctx context.Context, index int64) (store.Checkpoint, []tlog.Hash, error) {
	c, err := u.Store.CheckpointFrom(ctx, index)
	if err != nil {
		return c, nil, err
	}
	proof, err := tlog.ProveRecord(c.Size, index, u.Store.Tiles(ctx))
	if err != nil {
		return c, nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	return c, proof, nil
}

// logProof gives a proof as c2sp.org/tlog-proof has it.
func (u *UI) logProof(w http.ResponseWriter, r *http.Request) error {
	e, err := u.entry(r)
	if err != nil {
		return err
	}
	c, proof, err := u.prove(r.Context(), e.Index)
	if isKind(err, seaworthy.KindNotFound) {
		return seaworthy.NotFound("no checkpoint holds entry %d yet; the next one is signed within a minute", e.Index)
	}
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nindex %d\n", e.Index)
	for _, h := range proof {
		fmt.Fprintln(&b, h)
	}
	fmt.Fprintf(&b, "\n%s", c.Signed())
	return download(w, fmt.Sprintf("entry-%d.tlog-proof", e.Index), "text/plain; charset=utf-8", b.Bytes())
}

// checkpointOf gives the checkpoint that a path names by its size.
func (u *UI) checkpointOf(r *http.Request) (store.Checkpoint, error) {
	size, err := strconv.ParseInt(r.PathValue("size"), 10, 64)
	if err != nil {
		return store.Checkpoint{}, seaworthy.NotFound("checkpoints are named by how many entries they hold; %q is no number", r.PathValue("size"))
	}
	return u.Store.CheckpointOf(r.Context(), size)
}

func (u *UI) logCheckpoint(w http.ResponseWriter, r *http.Request) error {
	c, err := u.checkpointOf(r)
	if err != nil {
		return err
	}
	return download(w, fmt.Sprintf("checkpoint-%d.txt", c.Size), "text/plain; charset=utf-8", []byte(c.Signed()))
}

// logTimestamp gives what the timestamp authority said of a checkpoint, as it came.
func (u *UI) logTimestamp(w http.ResponseWriter, r *http.Request) error {
	c, err := u.checkpointOf(r)
	if err != nil {
		return err
	}
	if len(c.Timestamp) == 0 {
		return seaworthy.NotFound("the checkpoint of %d entries has no timestamp", c.Size)
	}
	return download(w, fmt.Sprintf("checkpoint-%d.tsr", c.Size), "application/timestamp-reply", c.Timestamp)
}

// download answers with a file. Its name is ours.
func download(w http.ResponseWriter, name, mediaType string, data []byte) error {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	_, err := w.Write(data)
	return err
}

// pretty indents JSON; what is none stays as it is.
func pretty(content string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(content), "", "  ") != nil {
		return content
	}
	return b.String()
}
