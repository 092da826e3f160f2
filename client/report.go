// SPDX-License-Identifier: Apache-2.0

package client

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/seaworthy-dev/seaworthy"
)

// piece is how much of a report goes in one request: what is lost at most when a line
// breaks.
const piece = 8 << 20

// Report is a report on its way: spooled, compressed, with its digest.
type Report struct {
	file   *os.File
	size   int64 // compressed
	digest string
}

// Spool reads a report whole, so that it can be sent again. dir holds it meanwhile;
// empty: the system's folder for such files.
func Spool(dir string, r io.Reader) (_ *Report, err error) {
	f, err := os.CreateTemp(dir, "seaworthy-report-*.gz")
	if err != nil {
		return nil, fmt.Errorf("spool the report: %w", err)
	}
	out := &Report{file: f}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("spool the report: %w", err), out.Close())
		}
	}()
	sum := sha256.New()
	z := gzip.NewWriter(f)
	if _, err := io.Copy(io.MultiWriter(z, sum), r); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if out.size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return nil, err
	}
	out.digest = hex.EncodeToString(sum.Sum(nil))
	return out, nil
}

// Digest is the SHA-256 of the report, in hexadecimal.
func (r *Report) Digest() string { return r.digest }

// Close removes the spooled report.
func (r *Report) Close() error {
	return errors.Join(r.file.Close(), os.Remove(r.file.Name()))
}

// SendReport sends a report of a source, which is an id or a name, until the server has
// taken it, and gives its run. A report that the server took before is not sent again;
// fresh tells the two apart.
func (c *Client) SendReport(ctx context.Context, source string, r *Report) (run seaworthy.Run, fresh bool, err error) {
	at := "/api/v1/sources/" + url.PathEscape(source) + "/reports"
	err = c.Get(ctx, at+"/"+r.digest, nil, &run)
	if err == nil || status(err) != http.StatusNotFound {
		return run, false, err
	}
	if r.size <= piece {
		err = c.retry(ctx, func() error {
			body := io.NewSectionReader(r.file, 0, r.size)
			return c.once(ctx, http.MethodPost, at, http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/json"}}, body, &run)
		})
		return run, err == nil, err
	}
	err = c.retry(ctx, func() error { return c.pieces(ctx, source, r, &run) })
	return run, err == nil, err
}

// upload is what the server knows of a report that comes in pieces.
type upload struct {
	ID     string `json:"id"`
	Offset int64  `json:"offset"`
}

// pieces sends a report in pieces. A server that forgot the upload, or another one behind
// the same address, is begun with anew.
func (c *Client) pieces(ctx context.Context, source string, r *Report, run *seaworthy.Run) error {
	var u upload
	if err := c.Send(ctx, http.MethodPost, "/api/v1/uploads", map[string]string{"source": source, "encoding": "gzip"}, &u); err != nil {
		return err
	}
	at := "/api/v1/uploads/" + url.PathEscape(u.ID)
	for u.Offset < r.size {
		if err := c.retry(ctx, func() error { return c.next(ctx, at, r, &u) }); err != nil {
			return forgotten(err)
		}
	}
	return forgotten(c.retry(ctx, func() error { return c.once(ctx, http.MethodPost, at+"/complete", nil, nil, run) }))
}

// next sends the next piece, from where the server says that it stopped.
func (c *Client) next(ctx context.Context, at string, r *Report, u *upload) error {
	n, from := min(piece, r.size-u.Offset), u.Offset
	header := http.Header{"Upload-Offset": {strconv.FormatInt(u.Offset, 10)}, "Content-Type": {"application/octet-stream"}}
	err := c.once(ctx, http.MethodPatch, at, header, io.NewSectionReader(r.file, u.Offset, n), u)
	if err == nil {
		return nil
	}
	if code := status(err); code == http.StatusNotFound || code == http.StatusUnauthorized || code == http.StatusForbidden || ctx.Err() != nil {
		return err
	}
	// How much arrived of what broke off, only the server knows.
	if asked := c.once(ctx, http.MethodGet, at, nil, nil, u); asked != nil {
		return asked
	}
	if u.Offset != from {
		return nil // now it is known where to go on
	}
	return err
}

// forgotten makes of an upload that is not there something to begin anew.
func forgotten(err error) error {
	if status(err) == http.StatusNotFound {
		return &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "the server forgot the upload", Err: err}
	}
	return err
}
