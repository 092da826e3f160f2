// SPDX-License-Identifier: Apache-2.0

// Package witness cosigns the checkpoints of a log from another machine. It remembers
// the last head that it saw and signs a newer one only if that contains the last: once
// it has cosigned, not even the log's administrator can rewrite history unseen. It
// follows c2sp.org/tlog-checkpoint, tlog-tiles and tlog-cosignature.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// Config says what to watch, and as whom.
type Config struct {
	// URL is where the log is served: the server's address followed by /log.
	URL    string
	LogKey note.Verifier
	Signer *tlog.SigningCosigner
	// State is the file that holds the last head that was seen.
	State  string
	Client *http.Client
}

// Witness watches one log.
type Witness struct{ c Config }

// New makes a witness.
func New(c Config) *Witness {
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	return &Witness{c}
}

// RewrittenError tells that the log no longer contains what was seen of it. It is what
// a witness is for.
type RewrittenError struct {
	Seen, Now tlog.Checkpoint
	Why       string
}

// Error says what was seen, what is there now, and what to do.
func (e *RewrittenError) Error() string {
	return fmt.Sprintf("THE LOG WAS REWRITTEN: %s. Seen before: %d entries with root %s; now: %d entries with root %s. "+
		"It is not cosigned. Keep the state file of this witness: it is the proof.",
		e.Why, e.Seen.Size, e.Seen.Root, e.Now.Size, e.Now.Root)
}

// Cosign looks at the log once: it fetches the checkpoint, checks that it contains what
// was seen before, remembers it, and gives the log the cosignature. It returns the head.
func (w *Witness) Cosign(ctx context.Context) (tlog.Checkpoint, error) {
	signed, err := w.get(ctx, "/checkpoint", 64<<10)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	head, _, err := tlog.OpenCheckpoint(signed, w.c.LogKey)
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	seen, err := w.seen()
	if err != nil {
		return head, err
	}
	if err := w.contains(ctx, head, seen); err != nil {
		return head, err
	}
	if head.Size > seen.Size || seen.Origin == "" {
		// Remembered before it is signed: a signature is a promise about the past.
		if err := w.remember(signed); err != nil {
			return head, err
		}
	}
	line, err := w.c.Signer.Line(head.Text())
	if err != nil {
		return head, err
	}
	return head, w.post(ctx, "/cosignatures", head.Text()+"\n"+line)
}

// contains checks that a head contains another.
func (w *Witness) contains(ctx context.Context, head, seen tlog.Checkpoint) error {
	switch {
	case seen.Origin == "" || seen.Size == 0: // the first look
		return nil
	case head.Origin != seen.Origin:
		return &RewrittenError{seen, head, fmt.Sprintf("it calls itself %s, and called itself %s", head.Origin, seen.Origin)}
	case head.Size < seen.Size:
		return &RewrittenError{seen, head, "it is shorter than before: it was rolled back"}
	case head.Size == seen.Size && head.Root != seen.Root:
		return &RewrittenError{seen, head, "it has other entries than before"}
	}
	tiles := &fetched{w, ctx, head.Size}
	proof, err := tlog.ProveTree(head.Size, seen.Size, tiles)
	if err != nil {
		return fmt.Errorf("ask for the proof that the log only grew: %w", err)
	}
	if err := tlog.CheckTree(proof, head.Size, head.Root, seen.Size, seen.Root); err != nil {
		return &RewrittenError{seen, head, "it does not contain the entries that were there before"}
	}
	return nil
}

// seen is the head that was remembered; the zero one before the first look.
func (w *Witness) seen() (tlog.Checkpoint, error) {
	data, err := os.ReadFile(w.c.State)
	if errors.Is(err, fs.ErrNotExist) {
		return tlog.Checkpoint{}, nil
	} else if err != nil {
		return tlog.Checkpoint{}, seaworthy.Invalid("the witness's state cannot be read: %v", err)
	}
	head, _, err := tlog.OpenCheckpoint(data, w.c.LogKey)
	if err != nil {
		return tlog.Checkpoint{}, seaworthy.Invalid("the witness's state %s does not hold a checkpoint of this log (%v); if the log really is a new one, move the file away", w.c.State, err)
	}
	return head, nil
}

// remember replaces the state in one step.
func (w *Witness) remember(signed []byte) (err error) {
	dir := filepath.Dir(w.c.State)
	f, err := os.CreateTemp(dir, ".witness-")
	if err != nil {
		return fmt.Errorf("keep the witness's state: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	_, err = f.Write(signed)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep the witness's state: %w", err)
	}
	if err = os.Rename(f.Name(), w.c.State); err != nil {
		return fmt.Errorf("keep the witness's state: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fetched reads tiles over HTTP.
type fetched struct {
	w    *Witness
	ctx  context.Context
	size int64
}

// Tile fetches a tile as far as a log of the size fills it.
func (f *fetched) Tile(level int, n int64) ([]byte, error) {
	path := TilePath(level, n)
	if have := f.size>>(8*level) - n*256; have < 256 {
		path += ".p/" + strconv.FormatInt(have, 10)
	}
	return f.w.get(f.ctx, path, 256*int64(len(tlog.Hash{})))
}

// TilePath is the path of a full tile below the log's address.
func TilePath(level int, n int64) string {
	index := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		index = fmt.Sprintf("x%03d/%s", n%1000, index)
	}
	return fmt.Sprintf("/tile/%d/%s", level, index)
}

func (w *Witness) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.c.URL+path, nil)
	if err != nil {
		return nil, seaworthy.Invalid("the log's address %q is no URL", w.c.URL)
	}
	return w.do(r, limit)
}

func (w *Witness) post(ctx context.Context, path, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.c.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	_, err = w.do(r, 64<<10)
	return err
}

func (w *Witness) do(r *http.Request, limit int64) (_ []byte, err error) {
	resp, err := w.c.Client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of its text repeats ours
		}
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the log at " + r.URL.Redacted() + " cannot be reached", Err: err}
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 != 2:
		return nil, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: fmt.Sprintf("%s %s answers %s: %.200q", r.Method, r.URL.Redacted(), resp.Status, bytes.TrimSpace(data))}
	case int64(len(data)) > limit:
		return nil, seaworthy.Invalid("%s answers with more than %d bytes", r.URL.Redacted(), limit)
	}
	return data, nil
}
