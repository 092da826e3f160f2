// SPDX-License-Identifier: Apache-2.0

// Package acceptance judges cases that nobody here wrote: objects and expectations of
// other tools' public test suites. They are read from where SEAWORTHY_SHARED points and
// are no part of the repository.
package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/manifest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

type testCase struct {
	ID, Suite, Check, Input, Expect, Subject string
	Wave                                     string
	SubjectsFail                             []string `json:"subjects_fail"`
	Context                                  []string
	Params                                   map[string]any
	InputType                                string `json:"input_type"`
}

// disputed are cases in which the peer is wrong, or judges something else than the check
// means; each has its reason. They count as misses in the total; only the floor of a
// check's own cases looks at the others.
var disputed = map[string]string{
	"polaris-0127":      noPolicy,
	"polaris-0128":      noPolicy,
	"regolibrary-0443":  "an audit policy without a log file or webhook records nothing",
	"kyverno-0659":      "a daily backup is a backup; the case asks for an hourly one of one product",
	"trivy-checks-2732": "the Pod Security Standards compare capability names literally: drop [all] does not drop ALL",
	"trivy-checks-2791": notAVerb,
	"trivy-checks-2801": "the answer to an update is what was sent: it reveals nothing of a Secret",
	"trivy-checks-2803": notAVerb,
	"kyverno-0954":      patchReads,
	"kyverno-0965":      patchReads,
	"trivy-checks-2811": notAVerb,
	"trivy-checks-2854": "a pod-level Unconfined profile fails the Pod Security Standards whatever containers say",
	"trivy-checks-2855": "seccomp annotations have no effect since Kubernetes 1.27",
	"trivy-checks-2882": "net.ipv4.tcp_wmem is safe from Kubernetes 1.32 on; the case asks about 1.29",
	"checkov-2976":      "without --authorization-mode the API server runs AlwaysAllow",
	"checkov-3048":      "without --root-ca-file the controller manager publishes no root CA",
	"checkov-3055":      "without --service-account-private-key-file no service account tokens are signed",
	"pluto-3520":        lifeCycle,
	"pluto-3523":        lifeCycle,
	"pluto-3527":        lifeCycle,
	"pluto-3530":        lifeCycle,
}

const (
	patchReads = "the API server answers a patch, even an empty one, with the whole Secret"
	noPolicy   = "an image without a tag is latest, for which the API server sets the pull policy Always"
	notAVerb   = "impersonate is a verb of users, groups and service accounts; on other resources it grants nothing"
	lifeCycle  = "the life cycle in k8s.io/api has other versions than the peer's table"
)

func load(t *testing.T) (inputs string, cases []testCase) {
	t.Helper()
	inputs, cases = others.Cases[testCase](t)
	return inputs, slices.DeleteFunc(cases, func(c testCase) bool { return c.Wave != "1" })
}

type score struct{ ok, n int }

func (s score) percent() float64 { return 100 * float64(s.ok) / float64(s.n) }

// TestAcceptance wants 99 % of the cases, and 90 % of each check's own.
func TestAcceptance(t *testing.T) {
	root, cases := load(t)
	runner := &runner{t: t, root: root, catalogues: map[string]*scan.Catalogue{}, results: map[string]*result{}}
	byCheck, bySuite, total := map[string]*score{}, map[string]*score{}, score{}
	undisputed := map[string]*score{}
	for _, c := range cases {
		ok, why := runner.judge(c)
		scores := []*score{entry(byCheck, c.Check), entry(bySuite, c.Suite), &total}
		if ok || disputed[c.ID] == "" {
			scores = append(scores, entry(undisputed, c.Check))
		}
		for _, s := range scores {
			s.n++
			if ok {
				s.ok++
			}
		}
		if ok && disputed[c.ID] != "" {
			t.Errorf("%s is disputed, but holds", c.ID)
		}
		if !ok {
			t.Logf("MISS %s %s (%s): %s%s", c.Check, c.ID, c.Input, why, reason(c.ID))
		}
	}
	for _, m := range []map[string]*score{bySuite, byCheck} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			t.Logf("%-36s %4d of %4d  %5.1f %%", name, m[name].ok, m[name].n, m[name].percent())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(undisputed)) {
		if s := undisputed[name]; s.percent() < 90 {
			t.Errorf("%s: %d of %d (%.1f %%), below 90 %%", name, s.ok, s.n, s.percent())
		}
	}
	if total.percent() < 99 {
		t.Errorf("%d of %d cases hold (%.2f %%), below 99 %%", total.ok, total.n, total.percent())
	}
	fmt.Printf("acceptance: %d cases judged, %d hold (%.2f %%)\n", total.n, total.ok, total.percent())
}

func entry(m map[string]*score, name string) *score {
	if m[name] == nil {
		m[name] = &score{}
	}
	return m[name]
}

func reason(id string) string {
	if r := disputed[id]; r != "" {
		return " [disputed: " + r + "]"
	}
	return ""
}

// runner scans each input once for each set of parameters.
type runner struct {
	t          *testing.T
	root       string
	catalogues map[string]*scan.Catalogue
	results    map[string]*result
}

// result collects what a scan says.
type result struct {
	found  map[string][]seaworthy.Object // by check
	checks map[string]seaworthy.CheckResult
	errors []seaworthy.Problem
}

func (r *result) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (r *result) Pass(*seaworthy.Pass) error                       { return nil }
func (r *result) Finding(f *seaworthy.Finding) error {
	r.found[f.Check] = append(r.found[f.Check], f.Object)
	return nil
}

func (r *result) End(t *seaworthy.Trailer) error {
	r.errors = t.Errors
	for _, c := range t.Checks {
		r.checks[c.ID] = c
	}
	return nil
}

// builtIn are parameters that a peer's policy holds in its own text.
var builtIn = map[string]map[string]string{
	"kyverno/image-registry-not-allowed": {"registries": "eu.foo.io,bar.io"},
}

// settings turns a peer's parameters into ours. What is left has no influence here.
func settings(c testCase) (set map[string]scan.Setting, target string) {
	target = "1.36"
	set = map[string]scan.Setting{}
	if p := builtIn[c.Suite+"/"+c.Check]; p != nil {
		set[c.Check] = scan.Setting{Parameters: p}
	}
	words := func(v any) string {
		list, _ := v.([]any)
		out := make([]string, len(list))
		for i, e := range list {
			out[i] = fmt.Sprint(e)
		}
		return strings.Join(out, ",")
	}
	if v, ok := c.Params["target_version"]; ok {
		target = strings.TrimPrefix(fmt.Sprint(v), "v")
	}
	if v, ok := c.Params["k8s_version"]; ok {
		target = fmt.Sprint(v)
		set["unsafe-sysctls"] = scan.Setting{Parameters: map[string]string{"kubernetes-version": target}}
	}
	if v, ok := c.Params["repos"]; ok {
		set[c.Check] = scan.Setting{Parameters: map[string]string{"registries": words(v)}}
	}
	if v, ok := c.Params["postureControlInputs"].(map[string]any); ok {
		set[c.Check] = scan.Setting{Parameters: map[string]string{"registries": words(v["untrustedRegistries"])}}
	}
	return set, target
}

func (r *runner) judge(c testCase) (bool, string) {
	res := r.scan(c)
	checked := res.checks[c.Check]
	found := res.found[c.Check]
	state := fmt.Sprintf("want %s %s%v, found %v (%s %s)", c.Expect, c.Subject, c.SubjectsFail, found, checked.Status, checked.Reason)
	hit := func(subject string) bool {
		return slices.ContainsFunc(found, func(o seaworthy.Object) bool { return names(subject, o) })
	}
	switch {
	case checked.ID == "":
		return false, "there is no such check"
	case checked.Errors > 0:
		return false, fmt.Sprintf("error: %v", res.errors)
	case c.Expect == "fail" && len(c.SubjectsFail) > 0:
		return !slices.ContainsFunc(c.SubjectsFail, func(s string) bool { return !hit(s) }), state
	case c.Expect == "fail" && c.Subject != "":
		return hit(c.Subject), state
	case c.Expect == "fail":
		return len(found) > 0, state
	case c.Subject != "":
		return !hit(c.Subject), state
	}
	return len(found) == 0, state
}

// names tells whether a subject (Kind/namespace/name, Kind/name or namespace/name[Kind])
// names the object.
func names(subject string, o seaworthy.Object) bool {
	if at, kind, ok := strings.Cut(strings.TrimSuffix(subject, "]"), "["); ok {
		namespace, name, _ := strings.Cut(at, "/")
		return kind == o.Kind && name == o.Name && namespace == o.Namespace
	}
	parts := strings.Split(subject, "/")
	if len(parts) == 2 {
		return parts[0] == o.Kind && parts[1] == o.Name
	}
	return len(parts) == 3 && parts[0] == o.Kind && parts[2] == o.Name && (parts[1] == "" || parts[1] == o.Namespace)
}

func (r *runner) scan(c testCase) *result {
	set, target := settings(c)
	key, _ := json.Marshal(set)
	where := fmt.Sprint(c.Input, c.Context, string(key), target)
	if res := r.results[where]; res != nil {
		return res
	}
	ctx := context.Background()
	if r.catalogues[string(key)] == nil {
		catalogue, err := scan.NewCatalogue(ctx, scan.Selection{Settings: set})
		if err != nil {
			r.t.Errorf("%s: %v", c.ID, err)
			return &result{}
		}
		r.catalogues[string(key)] = catalogue
	}
	plan, err := manifest.NewPlan(ctx, r.input(c))
	if err != nil {
		r.t.Fatalf("%s: %v", c.ID, err)
	}
	dec := snapshot.NewDecoder()
	source := seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "acceptance", KubernetesVersion: target}
	res := &result{found: map[string][]seaworthy.Object{}, checks: map[string]seaworthy.CheckResult{}}
	cfg := scan.Config{Catalogue: r.catalogues[string(key)], Target: target}
	if _, err := scan.Run(ctx, cfg, scan.Files(source, plan, dec), res); err != nil {
		r.t.Fatalf("%s: %v", c.ID, err)
	}
	r.results[where] = res
	return res
}

var separator = regexp.MustCompile(`(?m)^---.*$`)

// empty tells whether a document holds nothing but comments.
func empty(doc string) bool {
	for line := range strings.Lines(doc) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// input gives what a case loads: a file, a folder or one document of a file, or the files
// of its context with its own.
func (r *runner) input(c testCase) manifest.Options {
	file, nth, one := strings.Cut(c.Input, "#")
	if len(c.Context) > 0 {
		var paths []string
		for _, p := range append(slices.Clone(c.Context), file) {
			if p = filepath.Join(r.root, p); !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
		return manifest.Options{Paths: paths}
	}
	if !one {
		return manifest.Options{Paths: []string{filepath.Join(r.root, file)}}
	}
	raw, err := os.ReadFile(filepath.Join(r.root, file))
	if err != nil {
		r.t.Fatal(err)
	}
	n, err := strconv.Atoi(nth)
	if err != nil {
		r.t.Fatalf("%s: %v", c.ID, err)
	}
	docs := slices.DeleteFunc(separator.Split(string(raw), -1), empty)
	return manifest.Options{Paths: []string{"-"}, Stdin: strings.NewReader(docs[n])}
}
