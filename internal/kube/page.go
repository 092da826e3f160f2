// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

const (
	// pageLimit is how many objects are asked for at once, pageBytes about how many bytes
	// one answer should have: where objects are large, fewer are asked for.
	pageLimit = 500
	pageBytes = 16 << 20
	minLimit  = 10
	// firstLimit is the first page of what is known to hold large objects.
	firstLimit = 50
	attempts   = 3
)

// query is what to ask for.
type query struct {
	limit int
	token string
	name  string
}

// page is one answer: a part of a list.
type page struct {
	items   []map[string]any
	token   string
	version string // of the list
	bytes   int64
}

// pages lists a resource in one namespace, or everywhere, to its end, and hands on what
// each page brings that none before did.
func (l *listing) pages(ctx context.Context, r resource, namespace string) error {
	seen := map[string]bool{}
	_, err := l.all(ctx, r, namespace, "", func(items []map[string]any) error {
		fresh := items[:0]
		for _, m := range items {
			if id := identity(m); !seen[id] {
				seen[id] = true
				fresh = append(fresh, m)
			}
		}
		return l.handOn(r, fresh)
	})
	return err
}

// all asks for a list to its end and gives the version that it is of. A list that outlives
// its token goes on with the one that the server offers, or starts again: an object may
// then come twice. A name limits it to one object.
func (c *Cluster) all(ctx context.Context, r resource, namespace, name string, take func([]map[string]any) error) (version string, err error) {
	q := query{limit: pageLimit, name: name}
	switch r.Resource {
	case "configmaps", "secrets", "customresourcedefinitions":
		q.limit = firstLimit
	}
	restarts := 0
	for {
		p, err := c.page(ctx, r, namespace, q)
		if status := apierrors.APIStatus(nil); errors.As(err, &status) && apierrors.IsResourceExpired(err) && q.token != "" {
			if restarts++; restarts > attempts {
				return "", err
			}
			q.token = status.Status().Continue
			continue
		}
		if err != nil {
			return "", err
		}
		version = cmp.Or(version, p.version) // what a later page shows anew, a watch from there shows again
		n, next := int64(len(p.items)), p.token
		if n > 0 {
			q.limit = int(min(max(pageBytes*n/max(p.bytes, 1), minLimit), pageLimit))
		}
		if err := take(p.items); err != nil {
			return "", err
		}
		if q.token = next; q.token == "" {
			return version, nil
		}
	}
}

// identity tells the objects of one resource apart.
func identity(m map[string]any) string {
	meta, _ := m["metadata"].(map[string]any)
	if uid, ok := meta["uid"].(string); ok && uid != "" {
		return uid
	}
	return place(m)
}

// place is where an object is, for people.
func place(m map[string]any) string {
	meta, _ := m["metadata"].(map[string]any)
	namespace, _ := meta["namespace"].(string)
	name, _ := meta["name"].(string)
	return strings.TrimPrefix(namespace+"/"+name, "/")
}

// page asks for one page, more than once where that may help.
func (c *Cluster) page(ctx context.Context, r resource, namespace string, q query) (*page, error) {
	for attempt := 1; ; attempt++ {
		p, err := c.ask(ctx, r, namespace, q)
		if err == nil || attempt == attempts || !passing(err) || ctx.Err() != nil {
			return p, err
		}
		select {
		case <-time.After(time.Duration(attempt) * 200 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// passing tells whether an error may be gone the next time. A time-out is not asked
// again: it took long enough.
func passing(err error) bool {
	var timeout interface{ Timeout() bool }
	switch {
	case apierrors.IsServerTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return true
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return false
	}
	return !answered(err) // the connection broke
}

func (c *Cluster) ask(ctx context.Context, r resource, namespace string, q query) (*page, error) {
	req := c.rest.Get().AbsPath(r.path(namespace)).SetHeader("Accept", "application/json").Param("limit", strconv.Itoa(q.limit))
	if q.token != "" {
		req = req.Param("continue", q.token)
	}
	if q.name != "" {
		req = req.Param("fieldSelector", "metadata.name="+q.name)
	}
	body, err := req.Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	counted := &counter{Reader: body}
	p, err := readPage(counted, r)
	if err != nil {
		return nil, fmt.Errorf("read the list of %s: %w", r, err)
	}
	p.bytes = counted.n
	return p, nil
}

// get asks for one object.
func (c *Cluster) get(ctx context.Context, path string) (map[string]any, error) {
	b, err := c.rest.Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := kjson.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}

type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// readPage reads a list item by item, so that its text is never held as a whole.
func readPage(body io.Reader, r resource) (*page, error) {
	dec := json.NewDecoder(body)
	p := &page{}
	if err := expect(dec, '{'); err != nil {
		return nil, err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch key {
		case "items":
			if err := p.readItems(dec, r); err != nil {
				return nil, err
			}
		case "metadata":
			var meta metav1.ListMeta
			if err := dec.Decode(&meta); err != nil {
				return nil, err
			}
			p.token, p.version = meta.Continue, meta.ResourceVersion
		default:
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return nil, err
			}
		}
	}
	// The end must be there: a list that breaks off is not a short list.
	return p, expect(dec, '}')
}

func (p *page) readItems(dec *json.Decoder, r resource) error {
	first, err := dec.Token()
	if err != nil || first == nil { // items: null
		return err
	}
	if first != json.Delim('[') {
		return fmt.Errorf("items is not a list")
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		var m map[string]any
		if err := kjson.Unmarshal(raw, &m); err != nil {
			return err
		}
		if m == nil {
			return fmt.Errorf("an item is no object")
		}
		// The items of a list do not say what they are.
		m["apiVersion"], m["kind"] = r.GroupVersion().String(), r.kind
		p.items = append(p.items, m)
	}
	return expect(dec, ']')
}

func expect(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("unexpected %v, want %v", got, want)
	}
	return nil
}
