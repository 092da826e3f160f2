// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
	"github.com/seaworthy-dev/seaworthy/internal/kube"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// day is today in tests.
func day() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// config judges by everything that is built in.
func config(t testing.TB, s scan.Selection) *scan.Config {
	t.Helper()
	catalogue, err := scan.NewCatalogue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &scan.Config{Catalogue: catalogue, Tool: seaworthy.Tool{Name: "seaworthy", Version: "test"}, Target: "1.36", Now: day}
	if cfg.Controls, err = controls.List(); err != nil {
		t.Fatal(err)
	}
	if cfg.Frameworks, err = frameworks.List(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

var source = seaworthy.Source{Kind: seaworthy.SourceCluster, Name: "test", KubernetesVersion: "v1.36.3"}

// variant is one form of an object.
type variant struct {
	kind   *kube.Kind
	object map[string]any
}

// pool holds the objects of the cases beside the analyzers, by identity: those of the same
// name are forms of one object, which a history moves between.
func pool(t testing.TB) [][]variant {
	t.Helper()
	dec := snapshot.NewDecoder()
	byName := map[string][]variant{}
	kinds := map[kschema.GroupResource]*kube.Kind{}
	err := filepath.WalkDir("../analysis", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".yaml") || !strings.Contains(path, "testdata") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r := yamlutil.NewYAMLReader(bufferedReader(data))
		for {
			doc, err := r.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			raw, err := yaml.YAMLToJSON(doc)
			if err != nil {
				continue // a case of what cannot be read
			}
			var m map[string]any
			if kjson.Unmarshal(raw, &m) == nil && m != nil {
				pick(dec, m, kinds, byName)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var out [][]variant
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}

// pick adds an object to the pool, if an API server could hold it.
func pick(dec *snapshot.Decoder, m map[string]any, kinds map[kschema.GroupResource]*kube.Kind, byName map[string][]variant) {
	o, err := dec.Decode(clone(m), snapshot.Origin{})
	if err != nil || o.ReplacedAPI != "" || o.Name == "" || strings.HasSuffix(o.Kind, "List") || len(o.Schema) > 0 || o.Kind == "Endpoints" {
		return
	}
	meta, _ := m["metadata"].(map[string]any)
	namespaced := o.Namespaced
	if o.Typed == nil {
		namespaced = o.Namespace != ""
		o.Resource.Resource = strings.ToLower(o.Kind) + "s"
	}
	if namespaced {
		meta["namespace"] = orDefault(o.Namespace)
	}
	if kinds[o.Resource.GroupResource()] == nil {
		kinds[o.Resource.GroupResource()] = kube.NewKind(o.Resource, o.Kind, namespaced)
	}
	k := kinds[o.Resource.GroupResource()]
	if k.Version != o.Resource.Version || k.Namespaced != namespaced {
		return // a cluster is asked for one version
	}
	id := k.String() + " " + text(meta, "namespace") + "/" + o.Name
	byName[id] = append(byName[id], variant{k, m})
}

func orDefault(namespace string) string {
	if namespace == "" {
		return "default"
	}
	return namespace
}

func bufferedReader(data []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(data)) }

func clone(m map[string]any) map[string]any {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	if err := kjson.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// history makes what an API server would tell of a cluster.
type history struct {
	t       *testing.T
	r       *rand.Rand
	pool    [][]variant
	there   map[int]string // by index in the pool: the UID
	version int
	l       *Live
}

// step lets something happen.
func (h *history) step() {
	i := h.r.IntN(len(h.pool))
	v := h.pool[i][h.r.IntN(len(h.pool[i]))]
	m := clone(v.object)
	meta := m["metadata"].(map[string]any)
	h.version++
	meta["resourceVersion"] = strconv.Itoa(h.version)
	id, there := h.there[i]
	if there && h.r.IntN(3) == 0 {
		meta["uid"] = id
		h.l.index.Deleted(v.kind, m)
		delete(h.there, i)
		return
	}
	if !there || h.r.IntN(8) == 0 { // also one that goes and comes between two looks
		id = fmt.Sprintf("uid-%d-%d", i, h.version)
	}
	meta["uid"] = id
	h.own(v, meta)
	h.l.index.Set(v.kind, m, kube.Live)
	h.there[i] = id
}

// own has a Pod or ReplicaSet be made by what is there, sometimes.
func (h *history) own(v variant, meta map[string]any) {
	if v.kind.Kind != "Pod" && v.kind.Kind != "ReplicaSet" || meta["ownerReferences"] != nil || h.r.IntN(2) == 0 {
		return
	}
	owner := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-of-web", "controller": true}
	for _, i := range slices.Sorted(maps.Keys(h.there)) {
		o := h.pool[i][0]
		spec, _ := o.object["spec"].(map[string]any)
		if spec["template"] != nil && text(o.object["metadata"].(map[string]any), "namespace") == text(meta, "namespace") && h.r.IntN(3) == 0 {
			owner = map[string]any{
				"apiVersion": text(o.object, "apiVersion"), "kind": o.kind.Kind, "uid": h.there[i], "controller": true,
				"name": text(o.object["metadata"].(map[string]any), "name"),
			}
		}
	}
	meta["ownerReferences"] = []any{owner}
}

// held gives the fingerprints that hold, with the check of each.
func held(j *judge) map[string]string {
	out := map[string]string{}
	add := func(list []mark) {
		for _, m := range list {
			out[hex.EncodeToString(m.print[:])] = j.cfg.Scan.Catalogue.Checks[m.check].ID
		}
	}
	for _, e := range j.index.all() {
		add(e.marks)
	}
	for _, list := range j.others {
		add(*list)
	}
	return out
}

// TestIncrementalEqualsWhole lets clusters live at random and holds what was found piece
// by piece to what a whole run finds.
func TestIncrementalEqualsWhole(t *testing.T) {
	cfg, objects := config(t, scan.Selection{}), pool(t)
	histories, steps := 6, 12
	if testing.Short() {
		histories = 2
	}
	for n := range histories {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			server := map[string]bool{} // what the other side holds
			l := New(Config{Scan: cfg, Source: source, Delta: func(d seaworthy.Delta) {
				for _, f := range d.Found {
					server[f.Fingerprint] = true
				}
				for _, print := range d.Gone {
					delete(server, print)
				}
			}})
			h := &history{t: t, r: rand.New(rand.NewPCG(uint64(n), 7)), pool: objects, there: map[int]string{}, l: l}
			for _, list := range objects {
				l.index.Listing(list[0].kind, "")
				l.index.Listed(list[0].kind, "")
			}
			for range 40 * (n + 1) {
				h.step()
			}
			var report seaworthy.Report
			whole := func() map[string]string {
				var b bytes.Buffer
				if err := l.judge.report(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				l.ready, report = true, seaworthy.Report{}
				if err := json.Unmarshal(b.Bytes(), &report); err != nil {
					t.Fatal(err)
				}
				clear(server)
				for _, f := range report.Findings {
					server[f.Fingerprint] = true
				}
				return held(l.judge)
			}
			whole()
			for round := range 5 {
				for range steps {
					for range 1 + h.r.IntN(4) {
						h.step()
					}
					h.flush()
				}
				pieces, holds := held(l.judge), l.judge.holds
				if holds != len(pieces) || !maps.EqualFunc(server, pieces, func(bool, string) bool { return true }) {
					t.Errorf("round %d: %d findings hold, %d are counted, the server holds %d", round, len(pieces), holds, len(server))
				}
				open := map[string]bool{}
				for _, u := range l.judge.units {
					maps.Copy(open, u.open)
				}
				once := whole()
				h.compare(round, pieces, once, open, &report)
			}
		})
	}
}

// flush judges everything that waits, without waiting for those that are to be spared.
func (h *history) flush() {
	h.t.Helper()
	for _, u := range h.l.judge.units {
		u.next = time.Time{}
	}
	wait, err := h.l.flush(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	for wait < time.Hour {
		for _, u := range h.l.judge.units {
			u.next = time.Time{}
		}
		if wait, err = h.l.flush(context.Background()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// compare wants the same findings. Of a check that could not be judged everywhere more may
// be held: what nobody has seen gone stays.
func (h *history) compare(round int, pieces, once map[string]string, open map[string]bool, report *seaworthy.Report) {
	h.t.Helper()
	if len(once) == 0 {
		h.t.Errorf("round %d: nothing is found", round)
	}
	for _, c := range report.Checks {
		open[c.ID] = open[c.ID] || c.Errors > 0
	}
	for print, check := range once {
		if pieces[print] == "" {
			h.t.Errorf("round %d: %s was missed: %s", round, check, describe(report, print))
		}
	}
	for print, check := range pieces {
		if once[print] == "" && !open[check] {
			h.t.Errorf("round %d: a finding of %s should be gone", round, check)
		}
	}
}

func describe(report *seaworthy.Report, print string) string {
	for _, f := range report.Findings {
		if f.Fingerprint == print {
			return f.Object.String() + ": " + f.Message
		}
	}
	return print
}
