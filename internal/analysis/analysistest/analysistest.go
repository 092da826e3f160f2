// SPDX-License-Identifier: Apache-2.0

// Package analysistest runs analyzers on small clusters kept as YAML files.
//
// A case is a file testdata/<check>/<name>.yaml: a stream of objects, which may start
// with comments that say what kind of snapshot it is:
//
//	# source: cluster      (else files)
//	# provider: EKS
//	# version: 1.34        the cluster's own version
//	# target: 1.22         the version to judge against
//	# started: 2026-11-22  the day of the scan
//	# unlisted: Secret     a kind that could not be listed
//	# param: key=value     a parameter of the check
//
// What the analyzer says of the check that names the folder is compared with
// <name>.golden beside it, one verdict a line.
package analysistest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/json"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Run judges every case under testdata by the analyzer and compares with the goldens.
// Each check of the analyzer must have a folder, a case that fails and one that passes,
// but for the checks in exempt, each with its reason. Where a package has several
// analyzers, the others are named so that their folders are known.
func Run(t *testing.T, a *analysis.Analyzer, exempt map[string]string, others ...*analysis.Analyzer) {
	t.Helper()
	var known []string
	for _, c := range a.Checks {
		known = append(known, c.ID)
		t.Run(c.ID, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("testdata", c.ID, "*.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			failed, passed := false, false
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".yaml")
				t.Run(name, func(t *testing.T) {
					r := Judge(t, a, file, c.ID)
					failed, passed = failed || r.Failed > 0, passed || r.Passed > 0
					golden.Compare(t, c.ID+"/"+name+".golden", []byte(r.String()))
				})
			}
			if reason := exempt[c.ID]; reason == "" && !(failed && passed) && len(files) > 0 {
				t.Errorf("cases fail: %v, pass: %v; want both", failed, passed)
			} else if len(files) == 0 {
				t.Errorf("no case in testdata/%s", c.ID)
			}
		})
	}
	for _, other := range others {
		for _, c := range other.Checks {
			known = append(known, c.ID)
		}
	}
	dirs, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if info, err := os.Stat(d); err == nil && info.IsDir() && !slices.Contains(known, filepath.Base(d)) {
			t.Errorf("%s is not named after a check of analyzer %s", d, a.Name)
		}
	}
}

// Judge runs the analyzer on one file and keeps what it says of one check.
func Judge(t *testing.T, a *analysis.Analyzer, file, check string) *Recorder {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, params := describe(data)
	if err := Add(s, filepath.ToSlash(file), data); err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Objects() {
		if !a.PerObject {
			o.Release() // as a scan does before analyzers of the whole run
		}
	}
	return Analyze(t, a, s, check, params)
}

// Analyze runs the analyzer on a snapshot and keeps what it says of one check.
func Analyze(t testing.TB, a *analysis.Analyzer, s *snapshot.Snapshot, check string, params map[string]string) *Recorder {
	t.Helper()
	r := &Recorder{only: check}
	if params == nil {
		params = map[string]string{}
	}
	err := a.Run(context.Background(), &analysis.Pass{
		Snapshot: s,
		Params:   func(string) map[string]string { return params },
		Enabled:  func(string) bool { return true },
		Report:   r,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// describe reads the leading comments of a case.
func describe(data []byte) (*snapshot.Snapshot, map[string]string) {
	source, target, params := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "test"}, "", map[string]string{}
	var unlisted []string
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() && strings.HasPrefix(lines.Text(), "#") {
		key, value, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(lines.Text(), "#")), ": ")
		switch key {
		case "source":
			source.Kind = value
		case "provider":
			source.Provider = value
		case "version":
			source.KubernetesVersion = value
		case "target":
			target = value
		case "started":
			source.Started, _ = time.Parse(time.DateOnly, value)
		case "unlisted":
			unlisted = append(unlisted, value)
		case "param":
			k, v, _ := strings.Cut(value, "=")
			params[k] = v
		}
	}
	s := snapshot.New(source)
	s.Target = target
	for _, kind := range unlisted {
		s.Unlisted[kind] = "forbidden"
	}
	return s, params
}

// Add decodes a stream of YAML documents into the snapshot. Lists are taken apart.
func Add(s *snapshot.Snapshot, file string, data []byte) error {
	dec, line := snapshot.NewDecoder(), 1
	r := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := document(s, dec, snapshot.Origin{File: file, Line: line}, doc); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		line += bytes.Count(doc, []byte("\n")) + 1
	}
}

func document(s *snapshot.Snapshot, dec *snapshot.Decoder, src snapshot.Origin, doc []byte) error {
	raw, err := yaml.YAMLToJSON(doc)
	if err != nil {
		return err
	}
	var written any
	if err := json.Unmarshal(raw, &written); err != nil {
		return err
	}
	m, ok := written.(map[string]any)
	if !ok { // an empty document
		return nil
	}
	node := &yamlv3.Node{}
	if yamlv3.Unmarshal(doc, node) == nil {
		shift(node, src.Line-1)
		src.Node = node
	}
	return add(s, dec, src, m)
}

func add(s *snapshot.Snapshot, dec *snapshot.Decoder, src snapshot.Origin, m map[string]any) error {
	kind, _ := m["kind"].(string)
	if items, ok := m["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		for _, item := range items {
			if one, ok := item.(map[string]any); ok {
				if err := add(s, dec, snapshot.Origin{File: src.File, Line: src.Line}, one); err != nil {
					return err
				}
			}
		}
		return nil
	}
	o, err := dec.Decode(m, src)
	if err != nil {
		return err
	}
	s.Add(o)
	return nil
}

// shift moves positions from the document to the file.
func shift(n *yamlv3.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// Document gives the nth document of a stream, from 0, empty ones not counted.
func Document(data []byte, n int) ([]byte, error) {
	r := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := r.Read()
		if err != nil {
			return nil, fmt.Errorf("find document %d: %w", n, err)
		}
		raw, err := yaml.YAMLToJSON(doc)
		if err == nil && string(raw) == "null" {
			continue
		}
		if n == 0 {
			return doc, nil
		}
		n--
	}
}
