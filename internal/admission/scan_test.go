// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// cases gives the cases of every check about a single object.
func cases(t testing.TB, f func(s checks.Source, c checktest.Case)) {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		list, err := checktest.Of(checks.Cases(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			f(s, c)
		}
	}
}

// creation is the request that creates the object of a case.
func creation(o *snapshot.Object) asked {
	version := o.Resource.Version
	if o.Resource.Group != "" {
		version = o.Resource.Group + "/" + version
	}
	return asked{
		object: o.Written, namespace: o.EffectiveNamespace(), name: o.Name,
		resource: o.Resource.Resource + "." + version, kind: o.Resource.Group + "/" + o.Resource.Version + "/" + o.Kind,
	}
}

// findings keeps the findings of a scan.
type findings struct{ list []seaworthy.Finding }

func (f *findings) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (f *findings) Finding(x *seaworthy.Finding) error               { f.list = append(f.list, *x); return nil }
func (f *findings) Pass(*seaworthy.Pass) error                       { return nil }
func (f *findings) End(*seaworthy.Trailer) error                     { return nil }

// TestVerdictsAreThoseOfAScan creates the objects of every case of every check: what
// admission finds is what a scan finds, word for word.
func TestVerdictsAreThoseOfAScan(t *testing.T) {
	catalogues := map[string]*admission.Guard{}
	judged, denied := 0, 0
	cases(t, func(s checks.Source, c checktest.Case) {
		for name := range c.Params {
			if !slices.ContainsFunc(s.Params, func(p seaworthy.Param) bool { return p.Name == name }) {
				return // no configuration can set it
			}
		}
		key := s.ID + fmt.Sprint(c.Params)
		g := catalogues[key]
		if g == nil {
			g = guard(t, denying(), scan.Selection{Only: []string{s.ID}, Settings: map[string]scan.Setting{s.ID: {Parameters: c.Params}}})
			catalogues[key] = g
		}
		cfg := g.Config()
		in := scan.Texts(cfg.Source, []scan.Text{{File: "", Text: []byte(c.Text)}}, snapshot.NewDecoder())
		out := &findings{}
		config := scan.Config{Catalogue: cfg.Catalogue, Target: cfg.Target, Now: day, Workers: 1}
		if _, err := scan.Run(t.Context(), config, in, out); err != nil {
			t.Fatal(err)
		}
		d := review(t, g, creation(c.Object))
		var got []seaworthy.Finding
		for _, v := range d.Verdicts {
			if v.Err != nil {
				t.Errorf("%s of %s:%d: %v", s.ID, s.File, c.Line, v.Err)
			}
			for _, f := range v.Findings {
				got = append(got, *f)
			}
		}
		for i := range out.list {
			out.list[i].Line = 0 // a cluster has no lines
		}
		want := out.list
		if s.Scope == seaworthy.ScopeSingleCross { // the other half looks at other objects
			want = slices.DeleteFunc(want, func(f seaworthy.Finding) bool {
				return !slices.ContainsFunc(got, func(g seaworthy.Finding) bool { return g.Message == f.Message })
			})
		}
		// A scan of files does not know that a namespace comes with the request.
		for _, list := range [][]seaworthy.Finding{want, got} {
			for i := range list {
				if c.Object.Namespace == "" {
					list[i].Object.Namespace, list[i].Fingerprint = "", ""
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s of %s:%d (-scan +admission):\n%s", s.ID, s.File, c.Line, diff)
		}
		if d.Allowed != (len(c.Want) == 0) || len(got) != len(c.Want) {
			t.Errorf("%s of %s:%d: allowed %t, want %q", s.ID, s.File, c.Line, d.Allowed, c.Want)
		}
		if !d.Allowed {
			denied++
			if !strings.Contains(d.Message, s.Title) {
				t.Errorf("%s: the message does not say %q: %s", s.ID, s.Title, d.Message)
			}
		}
		judged++
	})
	if judged < 500 || denied < 200 {
		t.Errorf("%d objects were judged and %d refused: some are missing", judged, denied)
	}
}

// TestUnchangedIsNeverRefused updates the object of every case, by all checks at once, to
// what it is, with a label more, and with bookkeeping that differs.
func TestUnchangedIsNeverRefused(t *testing.T) {
	g := guard(t, denying(), everything())
	bad, n := 0, 0
	cases(t, func(s checks.Source, c checktest.Case) {
		if n++; testing.Short() && n%4 != 0 {
			return
		}
		a := creation(c.Object)
		if d := review(t, g, a); !d.Allowed {
			bad++
		}
		a.operation, a.old = "UPDATE", a.object
		for what, changed := range map[string]object{
			"unchanged":     a.old,
			"another label": with(a.old, "x", "metadata", "labels", "example.com/more"),
			"other managers": with(with(a.old, []any{object{"manager": "kubectl"}}, "metadata", "managedFields"),
				"9", "metadata", "resourceVersion"),
			"no finalizers": with(a.old, nil, "metadata", "finalizers"),
		} {
			a.object = changed
			d := review(t, g, a)
			if !d.Allowed || len(d.Verdicts) > 0 {
				t.Errorf("%s of %s:%d, %s: %q %s", s.ID, s.File, c.Line, what, found(d), d.Message)
			}
		}
	})
	if bad < n/3 && !testing.Short() {
		t.Errorf("only %d of the %d objects are bad", bad, n)
	}
}

// FuzzReview reads hostile reviews: none is answered but what can be read, and what is
// judged neither panics nor passes by a failure.
func FuzzReview(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","kind":{"kind":"Pod","version":"v1"},"resource":{"resource":"pods","version":"v1"},"object":{"apiVersion":"v1","kind":"Pod","metadata":[],"spec":null}}}`))
	f.Add([]byte(strings.Repeat(`[`, 2000)))
	for _, body := range mix() {
		if len(body) < 20_000 {
			f.Add(body)
		}
	}
	g := guard(f, admission.Config{Default: admission.Deny, FailurePolicy: "Fail"}, everything())
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := admission.ReadReview(body)
		if err != nil {
			return
		}
		d := g.Review(t.Context(), r)
		if strings.Contains(d.NotJudged, "runtime error") {
			t.Errorf("it panicked: %s", d.NotJudged)
		}
		if d.Allowed && d.Failed && d.Spared == "" && r.Namespace != "kube-system" && r.Namespace != "seaworthy" && r.Resource.Resource != "namespaces" && r.User.Username != "system:apiserver" {
			t.Errorf("a failure was let through: %+v", d)
		}
		for _, w := range d.Warnings {
			if len(w) > 256 || strings.ContainsAny(w, "\n\r\x00") {
				t.Errorf("the warning %q cannot be sent", w)
			}
		}
		if _, err := json.Marshal(d.Annotations); err != nil {
			t.Error(err)
		}
	})
}
