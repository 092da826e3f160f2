// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// PackageRequest says what goes into an evidence package.
type PackageRequest struct {
	// AsOf leaves out what the log took later; zero: now.
	AsOf time.Time `json:"asOf,omitzero"`
	// WithoutBytes leaves out the bytes of evidence; their digests stay.
	WithoutBytes bool `json:"withoutBytes,omitempty"`
	// WithoutLists leaves out the frozen lists, and with them the samples.
	WithoutLists bool `json:"withoutLists,omitempty"`
	// WithoutSamples leaves out the samples.
	WithoutSamples bool `json:"withoutSamples,omitempty"`
}

// Package asks for the evidence package of a program, which the server makes while it is
// read. Reading fails where the answer breaks off: what came until then is no package, and
// a package is worth what its verification says. Close it.
func (c *Client) Package(ctx context.Context, program string, r PackageRequest) (io.ReadCloser, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write a request: %w", err)
	}
	var body io.ReadCloser
	err = c.retry(ctx, func() error {
		at := "/api/v1/programs/" + url.PathEscape(program) + "/packages"
		header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/zip"}}
		resp, err := c.ask(ctx, http.MethodPost, at, header, bytes.NewReader(data))
		if err == nil {
			body = resp.Body
		}
		return err
	})
	return body, err
}

// MadePackage is a package that was sealed.
type MadePackage struct {
	ID    string    `json:"id"`
	Entry int64     `json:"entry"` // of the log: the seal
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	// Sums is the SHA-256 of the package's list of files, SHA256SUMS.
	Sums    string    `json:"sums"`
	Files   int       `json:"files"`
	AsOf    time.Time `json:"asOf"`
	Partial string    `json:"partial"` // what was left out
}

// Packages calls f with each page of the packages of a program, newest first.
func (c *Client) Packages(ctx context.Context, program string, f func([]MadePackage) error) error {
	q := url.Values{}
	for {
		var page struct {
			Items []MadePackage `json:"items"`
			Next  string        `json:"next"`
		}
		if err := c.Get(ctx, "/api/v1/programs/"+url.PathEscape(program)+"/packages", q, &page); err != nil {
			return err
		}
		if err := f(page.Items); err != nil || page.Next == "" {
			return err
		}
		q.Set("cursor", page.Next)
	}
}
