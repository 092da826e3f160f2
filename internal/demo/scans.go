// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/config"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/output"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// reports scans the example company. The same place in the same state gives the same
// report but for its times, so each state is scanned once.
type reports struct {
	history    *history
	version    string // of the tool
	controls   []seaworthy.Control
	frameworks []seaworthy.Framework
	catalogues map[string]*scan.Catalogue // by their configuration
	done       map[string][]byte
	scanned    int
}

// once is the time that stands in a report until it is dated.
var once = time.Date(2000, 1, 2, 3, 4, 5, 0, time.UTC)

// report gives the report of a place as it was some days before the end, dated.
// forbidden names a kind that the scan was not allowed to list, or is empty.
func (r *reports) report(ctx context.Context, p *place, ago int, forbidden string, started, finished time.Time) ([]byte, error) {
	state := r.history.of(p.name, min(ago+p.lag, days))
	key := fmt.Sprint(p.name, state, forbidden)
	text, ok := r.done[key]
	if !ok {
		var err error
		if text, err = r.scan(ctx, p, state, forbidden); err != nil {
			return nil, fmt.Errorf("scan %s: %w", p.name, err)
		}
		r.done[key] = text
		r.scanned++
	}
	stamp := func(t time.Time) []byte { return []byte(t.UTC().Format(time.RFC3339)) }
	text = bytes.Replace(text, stamp(once), stamp(started), 1)
	return bytes.Replace(text, stamp(once), stamp(finished), 1), nil
}

// scan writes the shop as it was into a folder and scans what the place runs of it.
func (r *reports) scan(ctx context.Context, p *place, state []int, forbidden string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "harbour-lane-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := r.history.write(dir, state); err != nil {
		return nil, err
	}
	cfg, err := config.Load(filepath.Join(dir, p.config))
	if err != nil {
		return nil, err
	}
	catalogue, err := r.catalogue(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sc := scan.Config{
		Catalogue: catalogue, Tool: seaworthy.Tool{Name: "seaworthy", Version: r.version}, Target: cfg.KubernetesVersion,
		Controls: r.controls, Frameworks: r.frameworks, Base: dir, Now: func() time.Time { return once },
	}
	in, seen, err := r.input(ctx, p, dir, cfg.KubernetesVersion, forbidden)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	format, err := output.Named("json")
	if err != nil {
		return nil, err
	}
	if _, err := scan.Run(ctx, sc, in, format.New(&out, output.Options{})); err != nil {
		return nil, err
	}
	text := bytes.ReplaceAll(out.Bytes(), []byte(dir+string(filepath.Separator)), nil)
	return withObjects(text, seen)
}

// catalogue assembles the checks as a configuration sets them.
func (r *reports) catalogue(ctx context.Context, cfg *config.Config) (*scan.Catalogue, error) {
	s := scan.Selection{Settings: map[string]scan.Setting{}, Only: cfg.Only, Except: cfg.Except, Target: cfg.KubernetesVersion}
	for id, k := range cfg.Checks {
		s.Settings[id] = scan.Setting{Off: k.Mode == "off", Severity: seaworthy.Severity(k.Severity), Parameters: k.Parameters}
	}
	for _, scope := range cfg.Scopes {
		s.Scopes = append(s.Scopes, scan.Scope(scope))
	}
	key := fmt.Sprintf("%v", s)
	if c, ok := r.catalogues[key]; ok {
		return c, nil
	}
	c, err := scan.NewCatalogue(ctx, s)
	if err == nil {
		r.catalogues[key] = c
	}
	return c, err
}

// seen gathers the objects of a scan.
type seen struct{ objects []seaworthy.SeenObject }

// input reads the manifests of a place: as the files of a repository, or as the objects
// that a cluster would list.
func (r *reports) input(ctx context.Context, p *place, dir, target, forbidden string) (scan.Input, *seen, error) {
	options := manifest.Options{
		ValuesFiles: []string{filepath.Join(dir, filepath.FromSlash(p.valuesFile()))}, ReleaseName: "storefront", Namespace: "shop", KubernetesVersion: target,
	}
	for _, path := range p.paths {
		options.Paths = append(options.Paths, filepath.Join(dir, filepath.FromSlash(path)))
	}
	plan, err := manifest.NewPlan(ctx, options)
	if err != nil {
		return scan.Input{}, nil, err
	}
	dec, all := snapshot.NewDecoder(), &seen{}
	if err := plan.Learn(ctx, dec); err != nil {
		return scan.Input{}, nil, err
	}
	if p.kind == seaworthy.KindCluster {
		in, err := live(ctx, p, plan, dec, forbidden, all)
		return in, all, err
	}
	in := scan.Files(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: p.name, KubernetesVersion: target, Asked: p.paths}, plan, dec)
	read := in.Batches
	in.Batches = func(ctx context.Context, next func(scan.Batch) error) (scan.Yield, error) {
		return read(ctx, func(b scan.Batch) error {
			return next(func(ctx context.Context, emit func(*snapshot.Object) error) (scan.Yield, error) {
				return b(ctx, func(o *snapshot.Object) error {
					all.add(o, strings.TrimPrefix(o.Source.File, dir+string(filepath.Separator)))
					return emit(o)
				})
			})
		})
	}
	return in, all, nil
}

// excerptLines bounds what is kept of an object for people to look at.
const excerptLines = 200

// add notes an object, with what people may see of it.
func (s *seen) add(o *snapshot.Object, file string) {
	v := seaworthy.SeenObject{Object: o.Object, File: file, Workload: o.Template != nil, Labels: map[string]string{}}
	meta, _ := o.Written["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	for k, l := range labels {
		v.Labels[k], _ = l.(string)
	}
	if o.Kind != "Secret" {
		text, err := yaml.Marshal(o.Written)
		if err == nil {
			lines := strings.SplitAfterN(string(text), "\n", excerptLines+1)
			v.Excerpt = strings.Join(lines[:min(len(lines), excerptLines)], "")
		}
	}
	s.objects = append(s.objects, v)
}

// withObjects adds the list of all objects to a report.
func withObjects(report []byte, s *seen) ([]byte, error) {
	slices.SortFunc(s.objects, func(a, b seaworthy.SeenObject) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name), strings.Compare(a.File, b.File))
	})
	list, err := json.Marshal(s.objects)
	if err != nil {
		return nil, fmt.Errorf("list the objects: %w", err)
	}
	before, after, found := bytes.Cut(report, []byte(",\n  \"finished\":"))
	if !found {
		return nil, errors.New("the report has no end")
	}
	return slices.Concat(before, []byte(",\n  \"objects\": "), list, []byte(",\n  \"finished\":"), after), nil
}
