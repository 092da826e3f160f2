// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// cluster is where the objects of a test are.
func cluster() *snapshot.Snapshot {
	s := snapshot.New(seaworthy.Source{
		Kind: seaworthy.SourceCluster, Name: "test", KubernetesVersion: "v1.36.3", Started: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	})
	s.Target = "1.36"
	return s
}

// some makes a cluster of the objects of some cases, each identity once. Half of its Pods
// were made by a controller, some of them in Namespaces that are not shown.
func some(t *testing.T, r *rand.Rand, files []string) []*snapshot.Object {
	t.Helper()
	read := cluster()
	for range 1 + r.IntN(8) {
		file := files[r.IntN(len(files))]
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = analysistest.Add(read, file, data) // what stands before what cannot be read counts too
	}
	seen := map[string]bool{}
	var out []*snapshot.Object
	for _, o := range read.Objects() {
		if o.Kind == "Endpoints" {
			continue // nobody lists them
		}
		if o.Namespace == "" && !o.BuiltIn() {
			o.Namespaced = false // no definition of it is at hand
		} else if o.Namespaced && o.Namespace == "" {
			o.Namespace = "default"
		}
		id := o.Group() + o.String()
		if seen[id] {
			continue
		}
		seen[id] = true
		o.Source = snapshot.Origin{}
		if o.Kind == "Pod" && r.IntN(2) == 0 {
			o.Owner = &seaworthy.Object{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: o.Namespace, Name: "made"}
		}
		out = append(out, o)
	}
	return out
}

// says runs an analyzer and gives its lines; those about no object in particular are in
// open, by check.
func says(t *testing.T, a *analysis.Analyzer, objects []*snapshot.Object, wants func(*snapshot.Object) bool) (lines []string, byObject map[string][]string, open map[string]bool) {
	t.Helper()
	s := cluster()
	for _, o := range objects {
		if wants(o) {
			o.Release()
			s.Add(o)
		}
	}
	rec := analysistest.Analyze(t, a, s, "", nil)
	byObject, open = map[string][]string{}, map[string]bool{}
	for _, v := range rec.Verdicts {
		at := place(&v.Object.Object)
		byObject[at] = append(byObject[at], fmt.Sprintf("%s %s %v", v.Check, v.Object, v.Items))
	}
	for _, line := range rec.Lines {
		if check, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, "not-evaluated") || strings.HasPrefix(rest, "error") {
			open[check] = true
		}
	}
	slices.Sort(rec.Lines)
	return rec.Lines, byObject, open
}

// place is the namespace to which the verdict about an object belongs.
func place(o *seaworthy.Object) string {
	if o.Kind == "Namespace" && o.Group() == "" {
		return o.Name
	}
	return o.Namespace
}

// TestReadsIsAllThatIsRead takes away what an analyzer declares not to read, in clusters
// made at random of the cases of all analyzers: nothing may change. What is declared to be
// local is run namespace by namespace, what judges each object for itself, one by one.
func TestReadsIsAllThatIsRead(t *testing.T) {
	own := map[string][]string{} // by folder of the analyzer
	var files []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".yaml") && strings.Contains(path, "testdata") {
			files = append(files, path)
			folder := strings.Split(filepath.ToSlash(path), "/")[1]
			own[folder] = append(own[folder], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rounds := 60
	if testing.Short() {
		rounds = 12
	}
	for _, a := range all.Analyzers {
		if a.PerObject {
			continue
		}
		folder := a.Name
		if own[folder] == nil {
			folder = "controlplane"
		}
		t.Run(a.Name, func(t *testing.T) {
			reads, judged := all.ReadsOf(a), 0
			for n := range rounds {
				r := rand.New(rand.NewPCG(uint64(n), 3))
				// Its own cases four times as often as those of the others.
				pool := slices.Concat(slices.Repeat(own[folder], 4*len(files)/len(own[folder])), files)
				objects := some(t, r, pool)
				every := func(*snapshot.Object) bool { return true }
				whole, byPlace, open := says(t, a, objects, every)
				judged += len(byPlace)
				thin := slices.Clone(objects)
				for i, o := range thin {
					if o.Kind == "Pod" && o.Owner != nil {
						thin[i] = onlyLabels(o)
					}
				}
				if part, _, _ := says(t, a, thin, reads.Object); !slices.Equal(whole, part) {
					t.Fatalf("round %d: it reads more than it declares (-everything +declared):\n%s", n, cmp.Diff(whole, part))
				}
				if reads.Local {
					local(t, a, objects, byPlace, open)
				}
				if reads.Each {
					var single []string
					for _, o := range objects {
						lines, _, _ := says(t, a, []*snapshot.Object{o}, every)
						single = append(single, lines...)
					}
					if slices.Sort(single); !slices.Equal(whole, single) {
						t.Fatalf("round %d: it judges not each object for itself (-together +single):\n%s", n, cmp.Diff(whole, single))
					}
				}
			}
			if judged == 0 {
				t.Error("it judged nothing, so nothing was tried")
			}
		})
	}
}

// onlyLabels is the Pod of a controller with nothing but its labels.
func onlyLabels(o *snapshot.Object) *snapshot.Object {
	pod, ok := o.View().(*corev1.Pod)
	if !ok {
		return o
	}
	return &snapshot.Object{
		Object: o.Object, Owner: o.Owner, Namespaced: true, Resource: o.Resource,
		Typed: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}},
	}
}

// local runs the analyzer for each namespace with what is in it and outside of namespaces.
func local(t *testing.T, a *analysis.Analyzer, objects []*snapshot.Object, want map[string][]string, open map[string]bool) {
	t.Helper()
	places := map[string]bool{}
	for _, o := range objects {
		places[place(&o.Object)] = true
	}
	delete(places, "")
	for _, ns := range slices.Sorted(maps.Keys(places)) {
		_, got, here := says(t, a, objects, func(o *snapshot.Object) bool { return !o.Namespaced || o.Namespace == ns })
		decided := func(lines []string) []string {
			return slices.Sorted(func(yield func(string) bool) {
				for _, l := range lines {
					check, _, _ := strings.Cut(l, " ")
					if !open[check] && !here[check] && !yield(l) {
						return
					}
				}
			})
		}
		if diff := cmp.Diff(decided(want[ns]), decided(got[ns])); diff != "" {
			t.Errorf("namespace %s: it is not local (-whole +namespace alone):\n%s", ns, diff)
		}
	}
}
