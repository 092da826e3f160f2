// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

func (a *API) logRoutes() {
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/entries", action: seaworthy.ReadLog, id: "list-log-entries", tag: "Log",
		summary: "Entries of the log, newest first",
	}, a.logEntries)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/entries/{index}", action: seaworthy.ReadLog, id: "get-log-entry", tag: "Log",
		summary: "An entry with the proof that it is in the log",
		doc:     "The proof is for the tree of the checkpoint's size, as RFC 6962 has it. The leaf commits to the content: its last line is SHA-256(salt ‖ content).",
	}, a.logEntry)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/checkpoint", action: seaworthy.ReadLog, id: "get-checkpoint", tag: "Log",
		summary: "The newest checkpoint, with cosignatures",
	}, a.checkpoint)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/checkpoints", action: seaworthy.ReadLog, id: "list-checkpoints", tag: "Log",
		summary: "The latest checkpoints, newest first, without cosignatures",
	}, a.checkpoints)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/key", action: seaworthy.ReadLog, id: "get-log-key", tag: "Log",
		summary: "The public key of the log, and those of its witnesses",
	}, a.logKey)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/self-checks", action: seaworthy.ReadLog, id: "list-self-checks", tag: "Log",
		summary: "What the verifications of everything that is kept found, newest first",
	}, a.selfChecks)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/log/actions", action: seaworthy.ReadLog, id: "list-actions", tag: "Log",
		summary: "What people did that left no record of its own: exports, erasures, retention",
	}, a.actions)
	a.tileRoutes()
}

type logEntriesInput struct {
	Paging
	Kind    string `query:"kind" maxLength:"100"`
	Subject string `query:"subject" maxLength:"200"`
	Actor   string `query:"actor" maxLength:"200"`
}

func (a *API) logEntries(ctx context.Context, in *logEntriesInput) (*list[store.LogEntry], error) {
	before, err := before(in.Cursor)
	if err != nil {
		return nil, err
	}
	if in.Actor != "" {
		if err := everyone(ctx, "who wrote what"); err != nil {
			return nil, err
		}
	}
	items, err := a.Store.LogEntries(ctx, store.LogFilter{
		Kind: in.Kind, Subject: in.Subject, Actor: in.Actor, Before: before, Limit: min(in.size()+1, 1000),
	})
	if err != nil {
		return nil, err
	}
	for i := range items {
		cover(ctx, &items[i])
	}
	return cut(ctx, items, min(in.size(), 999), func(e store.LogEntry) string { return strconv.FormatInt(e.Index, 10) }), nil
}

func before(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n <= 0 {
		return 0, seaworthy.Invalid("the cursor %q is not one of this list", cursor)
	}
	return n, nil
}

// cover takes the content from entries for who is bound to one program: it may be about
// another. That they exist, and their proof, everybody may see.
func cover(ctx context.Context, e *store.LogEntry) {
	p := who(ctx)
	if p.Program == "" || e.Kind == "self-check" || e.Kind == "program" && e.Subject == p.Program {
		return
	}
	e.Salt, e.Content, e.Actor = nil, "", ""
}

// provenEntry is an entry of the log and what proves it.
type provenEntry struct {
	store.LogEntry
	// Checkpoint is the oldest that holds the entry; absent until one was signed.
	Checkpoint string `json:"checkpoint,omitempty" doc:"The signed note; absent until one was signed."`
	Size       int64  `json:"size,omitempty" doc:"The size of the tree of the proof."`
	// Proof is in base64.
	Proof []tlog.Hash `json:"proof" nullable:"false" doc:"The hashes of the proof, in base64."`
}

func (a *API) logEntry(ctx context.Context, in *struct {
	Index int64 `path:"index" minimum:"0"`
}) (*one[provenEntry], error) {
	e, err := a.Store.LogEntry(ctx, in.Index)
	if err != nil {
		return nil, err
	}
	cover(ctx, &e)
	out := provenEntry{LogEntry: e, Proof: []tlog.Hash{}}
	c, err := a.Store.CheckpointFrom(ctx, in.Index)
	if kindOf(err) == seaworthy.KindNotFound {
		return record(out)
	} else if err != nil {
		return nil, err
	}
	if out.Proof, err = tlog.ProveRecord(c.Size, in.Index, a.Store.Tiles(ctx)); err != nil {
		return nil, err
	}
	out.Checkpoint, out.Size = c.Signed(), c.Size
	return record(out)
}

// head is a checkpoint.
type head struct {
	Size         int64               `json:"size"`
	At           time.Time           `json:"at"`
	Root         tlog.Hash           `json:"root"`
	Note         string              `json:"note" doc:"The signed note, with cosignatures where they are given."`
	Cosignatures []store.Cosignature `json:"cosignatures" nullable:"false"`
	Timestamp    []byte              `json:"timestamp,omitempty" doc:"The RFC 3161 response over the note's SHA-256, in base64."`
}

func headOf(c store.Checkpoint) head {
	if c.Cosignatures == nil {
		c.Cosignatures = []store.Cosignature{}
	}
	return head{c.Size, c.At, c.Root, c.Signed(), c.Cosignatures, c.Timestamp}
}

func (a *API) checkpoint(ctx context.Context, _ *struct{}) (*one[head], error) {
	c, err := a.Store.LastCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	return record(headOf(c))
}

func (a *API) checkpoints(ctx context.Context, in *struct {
	Limit int `query:"limit" minimum:"0" maximum:"1000"`
}) (*list[head], error) {
	all, err := a.Store.Checkpoints(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]head, len(all))
	for i, c := range all {
		out[i] = headOf(c)
	}
	return whole(ctx, out), nil
}

// keys are the public keys by which the log is verified.
type keys struct {
	Log       string              `json:"log" doc:"As 'seaworthy verify --key' takes it."`
	Witnesses []string            `json:"witnesses" nullable:"false" doc:"Names of the witnesses that may cosign."`
	Cosigned  map[string]cosigned `json:"cosigned" doc:"How far each witness followed."`
}

// cosigned is how far a witness followed the log.
type cosigned struct {
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

func (a *API) logKey(ctx context.Context, _ *struct{}) (*one[keys], error) {
	out := keys{Log: a.LogKey, Witnesses: []string{}, Cosigned: map[string]cosigned{}}
	for _, w := range a.Witnesses {
		out.Witnesses = append(out.Witnesses, w.Name())
	}
	last, err := a.Store.LastCosigned(ctx)
	if err != nil {
		return nil, err
	}
	for name, c := range last {
		out.Cosigned[name] = cosigned(c)
	}
	return record(out)
}

func (a *API) selfChecks(ctx context.Context, in *struct {
	Limit int `query:"limit" minimum:"0" maximum:"1000"`
}) (*list[store.SelfCheck], error) {
	all, err := a.Store.SelfChecks(ctx, in.Limit)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Problems == nil {
			all[i].Problems = []string{}
		}
	}
	return whole(ctx, all), nil
}

func (a *API) actions(ctx context.Context, in *Paging) (*list[store.Action], error) {
	if err := everyone(ctx, "what others did"); err != nil {
		return nil, err
	}
	all, err := a.Store.Actions(ctx, in.Cursor, min(in.size()+1, 1000))
	if err != nil {
		return nil, err
	}
	return cut(ctx, all, min(in.size(), 999), func(v store.Action) string { return v.ID }), nil
}
