// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Paging is what every list that is paged takes.
type Paging struct {
	Cursor string `query:"cursor" maxLength:"500" doc:"Where the page begins: the cursor of the page before."`
	Limit  int    `query:"limit" minimum:"0" maximum:"1000" doc:"How many to give; 100 when absent."`
}

// size is how many to give.
func (p Paging) size() int {
	if p.Limit == 0 {
		return 100
	}
	return p.Limit
}

// list is a page of a list.
type list[T any] struct {
	Link string `header:"Link"`
	Body listBody[T]
}

type listBody[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// Next is the cursor of the next page; empty: this is the last.
	Next string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
}

// pageOf gives a page and links to the next.
func pageOf[T any](ctx context.Context, items []T, next string) *list[T] {
	if items == nil {
		items = []T{}
	}
	out := &list[T]{Body: listBody[T]{Items: items, Next: next}}
	if next != "" {
		out.Link = link(requestOf(ctx).r.URL, next)
	}
	return out
}

// cut makes a page of a list of which one more than the page holds was asked for.
func cut[T any](ctx context.Context, items []T, size int, cursor func(T) string) *list[T] {
	next := ""
	if len(items) > size {
		items = items[:size]
		next = cursor(items[size-1])
	}
	return pageOf(ctx, items, next)
}

// whole gives a list that is never paged.
func whole[T any](ctx context.Context, items []T) *list[T] { return pageOf(ctx, items, "") }

func link(at *url.URL, next string) string {
	q := at.Query()
	q.Set("cursor", next)
	return "<" + (&url.URL{Path: at.Path, RawQuery: q.Encode()}).String() + `>; rel="next"`
}

// one is a record with its tag.
type one[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

func record[T any](v T) (*one[T], error) {
	tag, err := etag(v)
	return &one[T]{ETag: tag, Body: v}, err
}

// made is a record that was made, and where it is.
type made[T any] struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     T
}

func created[T any](path string, v T) (*made[T], error) {
	tag, err := etag(v)
	return &made[T]{Location: path, ETag: tag, Body: v}, err
}

// etag is a strong tag: the digest of the record.
func etag(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("digest a record: %w", err)
	}
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:12]) + `"`, nil
}

// Edit is what every edit of a record takes.
type Edit struct {
	IfMatch string `header:"If-Match" maxLength:"500" doc:"The ETag of the record that was edited; refused with 412 if it changed since."`
}

// guard has the write that follows refuse an edit of a record that is not the present one
// any more, in its own transaction: present reads the record there.
func (e Edit) guard(ctx context.Context, present func(*store.Tx) (any, error)) context.Context {
	if e.IfMatch == "" || e.IfMatch == "*" {
		return ctx
	}
	return store.Guarded(ctx, func(tx *store.Tx) error {
		v, err := present(tx)
		if err != nil {
			return err
		}
		return e.matches(v)
	})
}

// matches refuses an edit of a record that is not the present one any more.
func (e Edit) matches(present any) error {
	tag, err := etag(present)
	if err != nil {
		return err
	}
	for t := range strings.SplitSeq(e.IfMatch, ",") {
		if strings.TrimSpace(t) == tag {
			return nil
		}
	}
	return &statusError{http.StatusPreconditionFailed, "it was changed in between; read it again and decide anew"}
}

// base64Of turns a digest in hexadecimal into one in base64.
func base64Of(digest string) string {
	raw, err := hex.DecodeString(digest)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}
