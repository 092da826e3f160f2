// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// openReportsEvery is how often what became different is written into the cluster.
const openReportsEvery = 15 * time.Second

// openReports keeps Reports of openreports.io in the cluster that say what is found there
// now: those of a namespace are written anew when what is found in it changes, and removed
// when nothing is. The leader does it, with the findings that it sends to the server.
type openReports struct {
	a     *Agent
	every time.Duration

	mu     sync.Mutex
	found  map[string]*seaworthy.Finding // by fingerprint
	spaces map[string]map[string]bool    // fingerprints by namespace
	dirty  map[string]bool
	whole  bool // a whole report was seen: what is not found is not there

	// Only the writing goroutine uses these.
	there map[string]map[string]bool // names of the Reports in the cluster, by namespace; nil: not known
	said  string                     // what went wrong last
}

func newOpenReports(a *Agent) *openReports {
	return &openReports{
		a: a, every: cmp.Or(a.cfg.OpenReportsEvery, openReportsEvery),
		found: map[string]*seaworthy.Finding{}, spaces: map[string]map[string]bool{}, dirty: map[string]bool{},
	}
}

// delta takes what became different. No reports are kept: nothing happens.
func (r *openReports) delta(d *seaworthy.Delta) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, print := range d.Gone {
		r.drop(print)
	}
	for i := range d.Found {
		r.put(&d.Found[i])
	}
}

func (r *openReports) put(f *seaworthy.Finding) {
	r.drop(f.Fingerprint)
	in := f.Object.Namespace
	if r.spaces[in] == nil {
		r.spaces[in] = map[string]bool{}
	}
	r.found[f.Fingerprint], r.spaces[in][f.Fingerprint], r.dirty[in] = f, true, true
}

func (r *openReports) drop(print string) {
	if f := r.found[print]; f != nil {
		in := f.Object.Namespace
		delete(r.found, print)
		delete(r.spaces[in], print)
		r.dirty[in] = true
	}
}

// report has a whole report pass by on its way, and goes by what it finds from then on.
func (r *openReports) report(ctx context.Context, w io.Writer, written func() error, write func(context.Context, io.Writer, func() error) error) error {
	if r == nil {
		return write(ctx, w, written)
	}
	out, in := io.Pipe()
	var list []seaworthy.Finding
	read := make(chan error, 1)
	go func() {
		err := findingsOf(out, func(f *seaworthy.Finding) { list = append(list, *f) })
		_, rest := io.Copy(io.Discard, out)
		read <- errors.Join(err, rest)
	}()
	err := write(ctx, io.MultiWriter(w, in), func() error {
		if err := errors.Join(in.Close(), <-read); err != nil {
			return fmt.Errorf("read the whole report: %w", err)
		}
		r.replace(list)
		return written()
	})
	return errors.Join(err, in.CloseWithError(cmp.Or(err, io.EOF)))
}

func (r *openReports) replace(list []seaworthy.Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for in := range r.spaces {
		r.dirty[in] = true
	}
	clear(r.found)
	clear(r.spaces)
	for i := range list {
		r.put(&list[i])
	}
	r.whole = true
}

// findingsOf reads the findings of a report as it is written, and holds nothing else of it.
func findingsOf(from io.Reader, take func(*seaworthy.Finding)) error {
	d := json.NewDecoder(from)
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name != "findings" {
			var passed json.RawMessage
			if err := d.Decode(&passed); err != nil {
				return err
			}
			continue
		}
		if _, err := d.Token(); err != nil {
			return err
		}
		for d.More() {
			var f seaworthy.Finding
			if err := d.Decode(&f); err != nil {
				return err
			}
			take(&f)
		}
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	return nil
}

// run writes until the context ends.
func (r *openReports) run(ctx context.Context) error {
	r.there = nil // another leader may have written meanwhile
	for sleep(ctx, r.every) {
		err := r.flush(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			r.said = ""
		case err.Error() != r.said:
			r.said = err.Error()
			r.a.log.Warn("reports cannot be written into the cluster", "error", err)
		}
	}
	return ctx.Err()
}

// flush writes the namespaces that became different.
func (r *openReports) flush(ctx context.Context) error {
	r.mu.Lock()
	whole := r.whole
	r.mu.Unlock()
	if !whole {
		return nil
	}
	if r.there == nil {
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for _, in := range r.changed() {
		if err := r.write(ctx, in); err != nil {
			r.mu.Lock()
			r.dirty[in] = true
			r.mu.Unlock()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// changed takes the namespaces that are to be written.
func (r *openReports) changed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Sorted(maps.Keys(r.dirty))
	clear(r.dirty)
	return list
}

const (
	openReportsPath  = "/apis/openreports.io/v1alpha1/"
	openReportsLabel = "app.kubernetes.io/managed-by=seaworthy"
)

func openReportsAt(namespace string) string {
	if namespace == "" {
		return openReportsPath + "clusterreports"
	}
	return openReportsPath + "namespaces/" + namespace + "/reports"
}

// look finds out which Reports are there already, and has the namespaces of these written
// too: there may be nothing to say about them any more.
func (r *openReports) look(ctx context.Context) error {
	there := map[string]map[string]bool{}
	for _, resource := range []string{"reports", "clusterreports"} {
		var list struct {
			Items []struct {
				Metadata struct{ Name, Namespace string } `json:"metadata"`
			} `json:"items"`
		}
		call := kube.Call{Path: openReportsPath + resource, Params: map[string]string{"labelSelector": openReportsLabel}, Into: &list}
		if _, err := r.a.cfg.Cluster.Do(ctx, call); err != nil {
			return fmt.Errorf("list %s.openreports.io: %w", resource, err)
		}
		for _, o := range list.Items {
			in := o.Metadata.Namespace
			if there[in] == nil {
				there[in] = map[string]bool{}
			}
			there[in][o.Metadata.Name] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for in := range there {
		r.dirty[in] = true
	}
	for in := range r.spaces {
		r.dirty[in] = true
	}
	r.there = there
	return nil
}

// write brings the Reports of one namespace into line with what is found in it.
func (r *openReports) write(ctx context.Context, namespace string) error {
	wanted, err := r.render(namespace)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := r.apply(ctx, namespace, name, wanted[name]); apierrors.IsNotFound(err) && namespace != "" && r.gone(ctx, namespace) {
			delete(r.there, namespace)
			return nil // the findings in it go too
		} else if err != nil {
			return fmt.Errorf("write the report %s/%s: %w", namespace, name, err)
		}
		if r.there[namespace] == nil {
			r.there[namespace] = map[string]bool{}
		}
		r.there[namespace][name] = true
	}
	for name := range r.there[namespace] {
		if _, stays := wanted[name]; stays {
			continue
		}
		call := kube.Call{Verb: http.MethodDelete, Path: openReportsAt(namespace) + "/" + name}
		if _, err := r.a.cfg.Cluster.Do(ctx, call); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove the report %s/%s: %w", namespace, name, err)
		}
		delete(r.there[namespace], name)
	}
	return nil
}

// gone tells whether a namespace is no more.
func (r *openReports) gone(ctx context.Context, namespace string) bool {
	object, err := r.a.lookupNamespace(ctx, namespace)
	return err == nil && object == nil
}

// apply updates a Report, or makes it.
func (r *openReports) apply(ctx context.Context, namespace, name string, report json.RawMessage) error {
	path := openReportsAt(namespace)
	if r.there[namespace][name] {
		_, err := r.a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPatch, Path: path + "/" + name, Body: report})
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	_, err := r.a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPost, Path: path, Body: report})
	if apierrors.IsAlreadyExists(err) {
		_, err = r.a.cfg.Cluster.Do(ctx, kube.Call{Verb: http.MethodPatch, Path: path + "/" + name, Body: report})
	}
	return err
}

// render makes the Reports of a namespace, by name, in the form in which a scan writes them.
func (r *openReports) render(namespace string) (map[string]json.RawMessage, error) {
	format, err := output.Named("openreports")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	h := format.New(&b, output.Options{})
	source := r.a.source()
	source.Started = r.a.now().UTC()
	err = h.Start(&seaworthy.Header{Source: source}, nil)
	for _, f := range r.in(namespace) {
		err = errors.Join(err, h.Finding(f))
	}
	if err = errors.Join(err, h.End(&seaworthy.Trailer{})); err != nil {
		return nil, fmt.Errorf("write reports of %s: %w", namespace, err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(b.Bytes(), &list); err != nil {
		return nil, fmt.Errorf("write reports of %s: %w", namespace, err)
	}
	out := map[string]json.RawMessage{}
	for _, item := range list.Items {
		var o struct{ Metadata struct{ Name string } }
		if err := json.Unmarshal(item, &o); err != nil {
			return nil, fmt.Errorf("write reports of %s: %w", namespace, err)
		}
		out[o.Metadata.Name] = item
	}
	return out, nil
}

// in lists what is found in a namespace, in an order that stays.
func (r *openReports) in(namespace string) []*seaworthy.Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*seaworthy.Finding, 0, len(r.spaces[namespace]))
	for print := range r.spaces[namespace] {
		list = append(list, r.found[print])
	}
	slices.SortFunc(list, func(a, b *seaworthy.Finding) int {
		return cmp.Or(strings.Compare(a.Check, b.Check), strings.Compare(a.Object.Kind, b.Object.Kind), strings.Compare(a.Object.Name, b.Object.Name), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list
}
