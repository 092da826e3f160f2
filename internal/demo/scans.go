// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

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
	in, err := r.input(ctx, p, dir, cfg.KubernetesVersion, forbidden)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	format, err := output.Named("json")
	if err != nil {
		return nil, err
	}
	var seen scan.Inventory
	if _, err := scan.Run(ctx, sc, seen.Watch(in), format.New(&out, output.Options{Objects: seen.Objects})); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(out.Bytes(), []byte(dir+string(filepath.Separator)), nil), nil
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

// input reads the manifests of a place: as the files of a repository, or as the objects
// that a cluster would list.
func (r *reports) input(ctx context.Context, p *place, dir, target, forbidden string) (scan.Input, error) {
	options := manifest.Options{
		ValuesFiles: []string{filepath.Join(dir, filepath.FromSlash(p.valuesFile()))}, ReleaseName: "storefront", Namespace: "shop", KubernetesVersion: target,
	}
	for _, path := range p.paths {
		options.Paths = append(options.Paths, filepath.Join(dir, filepath.FromSlash(path)))
	}
	plan, err := manifest.NewPlan(ctx, options)
	if err != nil {
		return scan.Input{}, err
	}
	dec := snapshot.NewDecoder()
	if err := plan.Learn(ctx, dec); err != nil {
		return scan.Input{}, err
	}
	if p.kind == seaworthy.KindCluster {
		return live(ctx, p, plan, dec, forbidden)
	}
	return scan.Files(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: p.name, KubernetesVersion: target, Asked: p.paths}, plan, dec), nil
}
