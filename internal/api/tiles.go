// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// tileRoutes serve the log as c2sp.org/tlog-tiles has it, for witnesses and monitors of
// any make. What they read tells how much happened and when, by ids; content stays here.
func (a *API) tileRoutes() {
	action := public
	if a.PrivateLog {
		action = seaworthy.ReadLog
	}
	a.raw(http.MethodGet, "/log/checkpoint", action, a.signedCheckpoint)
	a.raw(http.MethodGet, "/log/tile/entries/{path...}", action, a.entryBundle)
	a.raw(http.MethodGet, "/log/tile/{level}/{path...}", action, a.tile)
	a.raw(http.MethodPost, "/log/cosignatures", public, a.cosign) // a signature says who it is
}

// raw adds a route that is no part of the JSON API.
func (a *API) raw(method, path string, action seaworthy.Action, f func(http.ResponseWriter, *http.Request) error) {
	a.routes = append(a.routes, Route{method, path, action})
	a.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		err := a.enter(r, action)
		if err == nil {
			err = f(w, r)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) enter(r *http.Request, action seaworthy.Action) error {
	if action == public {
		return nil
	}
	p, err := a.Auth.FromRequest(r.Context(), r)
	if err == nil && !p.Can(action) {
		err = seaworthy.Forbidden("the role %s may not do this (%s)", p.Role, action)
	}
	return err
}

func (a *API) signedCheckpoint(w http.ResponseWriter, r *http.Request) error {
	c, err := a.Store.LastCheckpoint(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, err = io.WriteString(w, c.Signed())
	return gone(err)
}

// tileWidth is how many hashes a full tile holds.
const tileWidth = 256

func (a *API) tile(w http.ResponseWriter, r *http.Request) error {
	level, err := strconv.Atoi(r.PathValue("level"))
	if err != nil || level < 0 || level > 63/8 || r.PathValue("level") != strconv.Itoa(level) {
		return seaworthy.NotFound("the log has no tiles of level %q", r.PathValue("level"))
	}
	n, width, err := parseTile(r.PathValue("path"))
	if err != nil {
		return err
	}
	size, err := a.published(r.Context())
	if err != nil {
		return err
	}
	if size>>(8*level)-n*tileWidth < int64(width) {
		return seaworthy.NotFound("the log has no such tile yet")
	}
	data, err := a.Store.Tiles(r.Context()).Tile(level, n)
	if err != nil {
		return fmt.Errorf("read tile %d of level %d: %w", n, level, err)
	}
	if len(data) < width*len(tlog.Hash{}) {
		return fmt.Errorf("tile %d of level %d holds %d bytes", n, level, len(data))
	}
	return serveTile(w, data[:width*len(tlog.Hash{})])
}

func (a *API) entryBundle(w http.ResponseWriter, r *http.Request) error {
	n, width, err := parseTile(r.PathValue("path"))
	if err != nil {
		return err
	}
	size, err := a.published(r.Context())
	if err != nil {
		return err
	}
	if size-n*tileWidth < int64(width) {
		return seaworthy.NotFound("the log has no such entries yet")
	}
	leaves, err := a.Store.EntryBundle(r.Context(), n, n*tileWidth+int64(width))
	if err != nil {
		return err
	}
	if len(leaves) != width {
		return fmt.Errorf("bundle %d holds %d entries of %d", n, len(leaves), width)
	}
	var data []byte
	for _, leaf := range leaves {
		data = binary.BigEndian.AppendUint16(data, uint16(len(leaf))) // a leaf is some 200 bytes
		data = append(data, leaf...)
	}
	return serveTile(w, data)
}

// serveTile sends what never changes: a tile of a width is the same forever.
func serveTile(w http.ResponseWriter, data []byte) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(data)
	return gone(err)
}

// published is how much of the log a checkpoint has told of.
func (a *API) published(ctx context.Context) (int64, error) {
	c, err := a.Store.LastCheckpoint(ctx)
	return c.Size, err
}

// parseTile reads "x001/x234/067" or "x001/x234/067.p/8".
func parseTile(path string) (n int64, width int, err error) {
	bad := seaworthy.NotFound("%q names no tile", path)
	width = tileWidth
	if head, tail, found := strings.Cut(path, ".p/"); found {
		w, err := strconv.Atoi(tail)
		if err != nil || w < 1 || w >= tileWidth || tail != strconv.Itoa(w) {
			return 0, 0, bad
		}
		path, width = head, w
	}
	parts := strings.Split(path, "/")
	if len(parts) > 5 { // more entries than that would not be counted in 64 bits
		return 0, 0, bad
	}
	for i, part := range parts {
		digits, x := strings.CutPrefix(part, "x")
		v, err := strconv.ParseUint(digits, 10, 16)
		// All groups but the last begin with an x, and the first is not all zeros.
		if err != nil || len(digits) != 3 || x == (i == len(parts)-1) || i == 0 && x && v == 0 {
			return 0, 0, bad
		}
		n = n*1000 + int64(v)
	}
	return n, width, nil
}

// cosign takes what a witness says of a checkpoint: its text, an empty line, and the
// witness's signature (c2sp.org/tlog-cosignature).
func (a *API) cosign(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<10))
	if err != nil {
		return gone(err)
	}
	n, err := note.Open(body, note.VerifierList(a.Witnesses...))
	var unknown *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unknown):
		return seaworthy.Forbidden("the checkpoint is cosigned by no witness of this log")
	case err != nil:
		return seaworthy.Invalid("this is no cosigned checkpoint")
	}
	head, err := tlog.ParseCheckpoint(n.Text)
	if err != nil {
		return seaworthy.Invalid("this is no cosigned checkpoint: %v", err)
	}
	own, err := a.Store.CheckpointOf(r.Context(), head.Size)
	if err != nil {
		return err
	}
	if head.Origin != a.Signer.Name() || head.Root != own.Root {
		return seaworthy.Conflict("the checkpoint that was cosigned is not one of this log")
	}
	for _, s := range n.Sigs {
		at, err := tlog.SignedAt(s)
		if err != nil {
			return seaworthy.Invalid("the cosignature of %s has no time", s.Name)
		}
		line := fmt.Sprintf("— %s %s\n", s.Name, s.Base64)
		if err := a.Store.AddCosignature(r.Context(), head.Size, store.Cosignature{Witness: s.Name, At: at, Line: line}); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// gone forgets that nobody was there any more to take the answer.
func gone(err error) error {
	var large *http.MaxBytesError
	if err == nil || errors.As(err, &large) {
		return err
	}
	return nil
}

func kindOf(err error) seaworthy.Kind {
	var known *seaworthy.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return seaworthy.KindInternal
}
