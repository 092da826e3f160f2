// SPDX-License-Identifier: Apache-2.0

package api

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/zstd"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func (a *API) reportRoutes() {
	route(a, operation{
		method: http.MethodPost, path: "/api/v1/sources/{source}/reports", action: seaworthy.SendReports, id: "send-report", tag: "Reports",
		summary: "Send a report of a source",
		doc: "The body is a report in the form seaworthy.dev/report/v1, as 'seaworthy scan --output json' writes it, " +
			"plain, or compressed with gzip or zstd. It is read as a stream and taken whole or not at all. " +
			"201 is a report that was taken; 200 is one that was taken before: the same run is given again and nothing changed, " +
			"so a report may be sent again whenever it is not known whether it arrived. Reports that are large or go over bad lines " +
			"can be sent in pieces: see uploads.",
		status: http.StatusCreated, also: http.StatusOK, requestBody: reportBody(),
	}, a.sendReport)
	route(a, operation{
		method: http.MethodGet, path: "/api/v1/sources/{source}/reports/{digest}", action: seaworthy.SendReports, id: "find-report", tag: "Reports",
		summary: "Whether a report was taken",
		doc:     "digest is the SHA-256 of the report, decompressed, in hexadecimal. 404: it was not taken, send it.",
	}, a.findReport)
	a.uploadRoutes()
}

func reportBody() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{Type: "object", Description: "A report: seaworthy.dev/report/v1"}},
	}}
}

// OfSource names the source of a report.
type OfSource struct {
	Source string `path:"source" maxLength:"300" doc:"The id of a source, or the name of one."`
}

// taken is the run of a report.
type taken struct {
	Status int
	Body   seaworthy.Run
}

func (a *API) sendReport(ctx context.Context, in *struct {
	OfSource
	Encoding string `header:"Content-Encoding" enum:"gzip,zstd,identity" doc:"How the body is compressed."`
}) (*taken, error) {
	r := requestOf(ctx)
	if err := a.mayReport(ctx, in.Source); err != nil {
		return nil, err
	}
	return a.take(ctx, in.Source, in.Encoding, http.MaxBytesReader(r.w, r.r.Body, a.Limits.Report))
}

// mayReport refuses early, before gigabytes are read; ingest decides with what it reads.
func (a *API) mayReport(ctx context.Context, source string) error {
	p := who(ctx)
	if p.Source == "" || source == p.Source {
		return nil
	}
	own, err := a.Store.Source(ctx, p.Source)
	if err == nil && own.Name == source {
		return nil
	}
	return seaworthy.Forbidden("this token reports for another source")
}

// take reads a report and has it taken.
func (a *API) take(ctx context.Context, source, encoding string, body io.Reader) (*taken, error) {
	plain, err := a.decompress(encoding, body)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	c := a.Ingest
	c.Limits.Bytes = a.Limits.Report + 1<<20 // we say it first, with a status of its own
	run, fresh, err := ingest.Take(ctx, c, who(ctx), source, plain)
	if err != nil {
		return nil, unread(err)
	}
	out := &taken{Status: http.StatusCreated, Body: tidy(run)}
	if !fresh {
		out.Status = http.StatusOK // it was taken before
	}
	return out, nil
}

// unread tells a client that sends too slowly, or stops, from trouble of ours.
func unread(err error) error {
	var timeout net.Error
	switch {
	case kindOf(err) == seaworthy.KindUnavailable: // a connection to the database may end in the middle too
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return seaworthy.Invalid("the body ends in the middle")
	case errors.As(err, &timeout) && timeout.Timeout() && kindOf(err) == seaworthy.KindInternal:
		return &statusError{http.StatusRequestTimeout, "the body came too slowly; send it in pieces, see uploads"}
	}
	return err
}

// decompress undoes a Content-Encoding, within bounds.
func (a *API) decompress(encoding string, body io.Reader) (io.ReadCloser, error) {
	sent := &counted{r: body}
	bound := func(r io.Reader, end func() error) io.ReadCloser {
		return &inflated{r: r, end: end, sent: sent, ratio: a.Limits.Ratio, most: a.Limits.Report}
	}
	switch encoding {
	case "", "identity":
		return bound(sent, func() error { return nil }), nil
	case "gzip":
		z, err := gzip.NewReader(sent)
		if err != nil {
			return nil, seaworthy.Invalid("the body is not compressed with gzip")
		}
		return bound(z, z.Close), nil
	case "zstd":
		const window = 8 << 20 // RFC 8878 asks of decoders no more
		z, err := zstd.NewReader(sent, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("decompress a report: %w", err)
		}
		return bound(z, func() error { z.Close(); return nil }), nil
	}
	return nil, seaworthy.Invalid("the encoding %q is none of gzip, zstd, identity", encoding)
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflated bounds what a compressed body grows to.
type inflated struct {
	r           io.Reader
	end         func() error
	sent        *counted
	ratio, most int64
	n           int64
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.n += int64(n)
	const free = 1 << 20 // small bodies compress well and hurt nobody
	switch {
	case i.n > i.most:
		return n, &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the report is larger than %d bytes", i.most)}
	case i.n > free && i.n > i.ratio*i.sent.n:
		return n, &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the report is more than %d times larger than what was sent", i.ratio)}
	case i.r == i.sent, err == nil, errors.Is(err, io.EOF), errors.As(err, new(net.Error)), errors.As(err, new(*http.MaxBytesError)):
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, seaworthy.Invalid("the body ends in the middle")
	}
	// Whatever else a decompressor says is about what it read.
	return n, seaworthy.Invalid("the body cannot be decompressed: %v", err)
}

func (i *inflated) Close() error { return i.end() }

func (a *API) findReport(ctx context.Context, in *struct {
	OfSource
	Digest string `path:"digest" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$"`
}) (*one[seaworthy.Run], error) {
	if err := a.mayReport(ctx, in.Source); err != nil {
		return nil, err
	}
	var run seaworthy.Run
	err := a.Store.Write(ctx, who(ctx).Actor, func(tx *store.Tx) error { // which writes nothing
		ids, err := sourcesCalled(tx, in.Source)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if found, taken, err := tx.RunOf(id, in.Digest); err != nil {
				return err
			} else if taken {
				run = found
				return nil
			}
		}
		return seaworthy.NotFound("no report %s of %s was taken", in.Digest, in.Source)
	})
	if err != nil {
		return nil, err
	}
	if err := a.seesSource(ctx, "report", in.Digest, run.SourceID); err != nil {
		return nil, err
	}
	return record(tidy(run))
}

// tidy gives a run empty lists where its report had none.
func tidy(run seaworthy.Run) seaworthy.Run {
	if run.Summary.BySev == nil {
		run.Summary.BySev = map[seaworthy.Severity]int{}
	}
	if run.Summary.ByStatus == nil {
		run.Summary.ByStatus = map[seaworthy.Status]int{}
	}
	return run
}

// sourcesCalled gives the ids of the sources that a report for the name may be of.
func sourcesCalled(tx *store.Tx, name string) ([]string, error) {
	ids := []string{}
	if s, err := tx.Source(name); err == nil {
		return append(ids, s.ID), nil
	} else if kindOf(err) != seaworthy.KindNotFound {
		return nil, err
	}
	for _, kind := range []string{seaworthy.KindCluster, seaworthy.KindRepository} {
		s, err := tx.SourceNamed(kind, name)
		if err == nil {
			ids = append(ids, s.ID)
		} else if kindOf(err) != seaworthy.KindNotFound {
			return nil, err
		}
	}
	return ids, nil
}
