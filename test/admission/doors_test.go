// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/checks"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/checktest"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// excepted are checks of which the API server lets no bad object come this far.
var excepted = map[string]string{
	"selector-mismatch":                      "the API server itself refuses a workload whose selector is not that of its pods",
	"duplicate-env-var by server-side apply": "a list with the same key twice cannot be applied",
}

// fixed are kinds of which little may change.
var fixed = map[string]bool{"Pod": true, "Job": true, "Namespace": true, "CustomResourceDefinition": true, "PersistentVolumeClaim": true, "PersistentVolume": true, "StorageClass": true}

// doors are both doors of the API server, and what they were asked.
type doors struct {
	*world
	exported map[string]bool
	requests []asked
	refused  map[string]int // by how: what the API server itself did not accept
	stored   int
}

// asked is a request that both doors judged.
type asked struct {
	id, how     string
	check       string // whose case it is
	after       object
	before      object // nil where there was none
	decision    *admission.Decision
	ofEphemeral bool
}

// TestEveryCheckAtBothDoors has the objects of all cases of all checks created, applied on
// the server's side, changed and given ephemeral containers, as dry-runs: for each request
// the webhook and the exported policies find what a scan finds in what comes of it, less
// what a scan finds in what was there before, item by item and word for word. Both tell by
// audit annotations, which nothing cuts.
func TestEveryCheckAtBothDoors(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Audit}, scan.Selection{Settings: parametersOf, Target: "1.36"})
	d := &doors{world: w, exported: w.export("--action", "Audit"), refused: map[string]int{}}
	w.awaitPolicies()
	cases := ownCases(t)
	for i, c := range cases {
		w.prepare(c.Object)
		d.ask(asked{id: fmt.Sprintf("create-%d", i), how: "create", check: c.check}, call{path: place(c.Object), body: c.Object.Written})
		if containers, _ := spec(c.Object.Written)["ephemeralContainers"].([]any); c.Object.Kind == "Pod" && len(containers) > 0 {
			d.debug(i, c, containers)
		}
	}
	flagged, clean := firsts(cases, true), firsts(cases, false)
	for _, check := range slices.Sorted(maps.Keys(d.exported)) {
		for _, c := range []*ownCase{flagged[check+" "], clean[check+" "]} {
			if c != nil {
				d.ask(asked{id: "apply-" + check + c.Name, how: "server-side apply", check: check}, call{
					path: place(c.Object) + "/" + c.Object.Name, patch: types.ApplyPatchType, body: c.Object.Written, params: map[string]string{"fieldManager": "test"},
				})
			}
		}
		d.change(check, flagged, clean)
	}
	w.must(call{path: pods, body: pod("probe", true), dryRun: true, id: "last"})
	annotationsOf(t, "last")
	d.compare(annotations(t))
}

// ask makes a request as a dry-run and keeps what was asked of the webhook.
func (d *doors) ask(a asked, c call) {
	d.t.Helper()
	c.dryRun, c.id = true, a.id
	var err error
	reviews := d.asked(func() { a.after, _, err = d.do(c) })
	if err != nil {
		d.refused[a.how]++
		return
	}
	for _, r := range reviews {
		if r.NotJudged != "" && r.NotJudged != "only bookkeeping changes" || r.Failed {
			d.t.Errorf("%s: not judged: %s", a.id, r.NotJudged)
		}
		a.decision = r.Decision
	}
	d.requests = append(d.requests, a)
}

// store makes an object, and gives it with what takes it away again.
func (d *doors) store(path string, body object) (object, func()) {
	d.stored++
	stored, _, err := d.do(call{path: path, body: named(body, fmt.Sprintf("door-%d", d.stored))})
	if err != nil {
		return nil, func() {}
	}
	return stored, func() {
		d.do(call{verb: "DELETE", path: path + "/" + name(stored), params: map[string]string{"gracePeriodSeconds": "0"}})
	}
}

// debug gives a Pod its ephemeral containers, which only come into being like this.
func (d *doors) debug(i int, c *ownCase, containers []any) {
	bare := maps.Clone(c.Object.Written)
	bare["spec"] = maps.Clone(spec(bare))
	delete(spec(bare), "ephemeralContainers")
	stored, drop := d.store(place(c.Object), bare)
	defer drop()
	if stored == nil {
		d.refused["ephemeral containers"]++
		return
	}
	next := maps.Clone(stored)
	next["spec"] = maps.Clone(spec(stored))
	spec(next)["ephemeralContainers"] = containers
	d.ask(asked{id: fmt.Sprintf("debug-%d", i), how: "ephemeral containers", check: c.check, before: stored, ofEphemeral: true},
		call{verb: "PUT", path: place(c.Object) + "/" + name(stored) + "/ephemeralcontainers", body: next})
}

// change adds a label to an object that is bad, which concerns nobody, and makes a bad
// object of one that is not.
func (d *doors) change(check string, flagged, clean map[string]*ownCase) {
	if c := flagged[check+" "]; c != nil {
		stored, drop := d.store(place(c.Object), c.Object.Written)
		if stored != nil {
			d.ask(asked{id: "label-" + check, how: "unrelated change", check: check, before: stored}, call{
				path: place(c.Object) + "/" + name(stored), patch: types.MergePatchType,
				body: object{"metadata": object{"labels": object{"example.com/unrelated": "true"}}},
			})
		}
		drop()
	}
	for key, good := range clean {
		kind, ok := strings.CutPrefix(key, check+" ")
		bad := flagged[key]
		if !ok || kind == "" || bad == nil || fixed[kind] {
			continue
		}
		stored, drop := d.store(place(good.Object), good.Object.Written)
		if stored != nil {
			next := named(bad.Object.Written, name(stored))
			keep(stored, next)
			d.ask(asked{id: "worse-" + check + kind, how: "change for the worse", check: check, before: stored}, call{
				verb: "PUT", path: place(good.Object) + "/" + name(stored), body: next,
			})
		}
		drop()
	}
}

// compare holds what both doors said to what scans say.
func (d *doors) compare(log map[string]map[string]string) {
	var made []written
	for _, a := range d.requests {
		made = append(made, written{a.id + ".json", a.after})
		if a.before != nil {
			made = append(made, written{a.id + "-before.json", a.before})
		}
	}
	found := d.scanned(made)
	pairs, failing := map[string]int{}, map[string]map[string]int{}
	for _, a := range d.requests {
		if failing[a.how] == nil {
			failing[a.how] = map[string]int{}
		}
		before := found[a.id+"-before.json"]
		for check := range d.exported {
			want := map[string]string{} // fingerprint → message
			for _, f := range found[a.id+".json"][check] {
				if !slices.ContainsFunc(before[check], func(b seaworthy.Finding) bool { return b.Fingerprint == f.Fingerprint }) {
					want[f.Fingerprint] = f.Message
				}
			}
			pairs[a.how]++
			if len(want) > 0 {
				failing[a.how][check]++
			}
			d.same(a, check, want, log[a.id])
		}
	}
	d.summary(pairs, failing)
}

// same compares what one check found of one request.
func (d *doors) same(a asked, check string, want map[string]string, log map[string]string) {
	d.t.Helper()
	var webhook, native []string
	got := map[string]string{}
	if a.decision != nil {
		for _, v := range a.decision.Verdicts {
			if v.Check.ID != check {
				continue
			}
			for i, f := range v.Findings {
				got[f.Fingerprint] = f.Message
				text, remark := v.Items[i].Key, v.Items[i].Key
				if f.Message != v.Check.Title {
					text, remark = text+": "+f.Message, remark+snapshot.Remark+f.Message
				}
				webhook, native = append(webhook, text), append(native, remark)
			}
		}
	}
	if d.half(check) { // the other half of the check looks at other objects too
		maps.DeleteFunc(want, func(print, _ string) bool { return got[print] == "" })
	}
	if !maps.Equal(got, want) {
		d.t.Errorf("%s of %s:\n a scan: %v\n webhook: %v", check, a.id, want, got)
		return
	}
	said, told := log["judge.seaworthy.dev/"+check], log["seaworthy-"+check+"/offending"]
	if len(webhook) == 0 && (said != "" || told != "") || len(webhook) > 0 && !strings.HasSuffix(said, "…") && said != "audit; "+strings.Join(webhook, "; ") {
		d.t.Errorf("%s of %s: the audit log says %q and %q, and was told %q", check, a.id, said, told, webhook)
	}
	if sorted(told) != sorted(strings.Join(native, "; ")) {
		d.t.Errorf("%s of %s:\n native: %s\n webhook: %s", check, a.id, told, native)
	}
	if len(webhook) > 0 && log["seaworthy-"+check+"/mode"] != "audit" {
		d.t.Errorf("%s of %s: the policy says of its mode %q", check, a.id, log["seaworthy-"+check+"/mode"])
	}
}

func (d *doors) half(check string) bool {
	k := d.door.Guard().Config().Catalogue.Checks
	i := slices.IndexFunc(k, func(k seaworthy.Check) bool { return k.ID == check })
	return k[i].Scope == seaworthy.ScopeSingleCross
}

// summary demands that each check failed in each way in which it can.
func (d *doors) summary(pairs map[string]int, failing map[string]map[string]int) {
	ephemeral := map[string]bool{}
	for _, a := range d.requests {
		ephemeral[a.check] = ephemeral[a.check] || a.ofEphemeral
	}
	total := 0
	var words []string
	for _, how := range slices.Sorted(maps.Keys(pairs)) {
		total += pairs[how]
		words = append(words, fmt.Sprintf("%s %d (%d checks fail, %d requests not accepted)", how, pairs[how], len(failing[how]), d.refused[how]))
	}
	for check := range d.exported {
		for _, how := range []string{"create", "server-side apply"} {
			if failing[how][check] == 0 && excepted[check] == "" && excepted[check+" by "+how] == "" {
				d.t.Errorf("%s by %s failed on no object: it was not compared", check, how)
			}
		}
		if n := failing["unrelated change"][check]; n > 0 {
			d.t.Errorf("%s fails on %d unrelated changes", check, n)
		}
	}
	if n := len(failing["change for the worse"]); n < len(d.exported)/2 {
		d.t.Errorf("only %d of %d checks failed on a change", n, len(d.exported))
	}
	if n := len(failing["ephemeral containers"]); n < 10 {
		d.t.Errorf("only %d checks failed on ephemeral containers", n)
	}
	fmt.Printf("doors: %d pairs compared at two doors, %d checks: %s\n", total, len(d.exported), strings.Join(words, "; "))
}

// written is an object in a file.
type written struct {
	file   string
	object object
}

// scanned gives what a scan of files finds, by file and check. A scan tells objects of one
// name in several files apart, which a cluster does not have: they go into scans of their
// own.
func (d *doors) scanned(list []written) map[string]map[string][]seaworthy.Finding {
	d.t.Helper()
	cfg := d.door.Guard().Config()
	out := &findings{by: map[string]map[string][]seaworthy.Finding{}}
	times := map[string]int{}
	var scans [][]scan.Text
	for _, w := range list {
		meta, _ := w.object["metadata"].(object)
		id := fmt.Sprint(w.object["apiVersion"], w.object["kind"], meta["namespace"], meta["name"])
		n := times[id]
		if times[id]++; n == len(scans) {
			scans = append(scans, nil)
		}
		scans[n] = append(scans[n], scan.Text{File: w.file, Text: jsonOf(d.t, w.object)})
	}
	for _, texts := range scans {
		in := scan.Texts(cfg.Source, texts, snapshot.NewDecoder())
		if _, err := scan.Run(d.t.Context(), scan.Config{Catalogue: cfg.Catalogue, Target: cfg.Target, Now: time.Now}, in, out); err != nil {
			d.t.Fatal(err)
		}
	}
	return out.by
}

// findings keeps the findings of a scan.
type findings struct {
	by map[string]map[string][]seaworthy.Finding
}

func (f *findings) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }
func (f *findings) Pass(*seaworthy.Pass) error                       { return nil }
func (f *findings) End(*seaworthy.Trailer) error                     { return nil }
func (f *findings) Finding(x *seaworthy.Finding) error {
	if f.by[x.File] == nil {
		f.by[x.File] = map[string][]seaworthy.Finding{}
	}
	f.by[x.File][x.Check] = append(f.by[x.File][x.Check], *x)
	return nil
}

// ownCase is a case of a check.
type ownCase struct {
	checktest.Case
	check string
}

// ownCases gives the objects of all cases of all checks that the API server serves, each
// once.
func ownCases(t *testing.T) []*ownCase {
	t.Helper()
	sources, err := checks.List()
	if err != nil {
		t.Fatal(err)
	}
	var out []*ownCase
	seen := map[string]bool{}
	for _, s := range sources {
		list, err := checktest.Of(checks.Cases(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if body := s.ID + strings.TrimSpace(c.Text); c.Object.Typed != nil && c.Object.ReplacedAPI == "" && !seen[body] {
				seen[body] = true
				out = append(out, &ownCase{c, s.ID})
			}
		}
	}
	return out
}

// firsts gives the first case of each check, and of each of its kinds, that the check
// finds fault with, or that it does not.
func firsts(cases []*ownCase, bad bool) map[string]*ownCase {
	out := map[string]*ownCase{}
	for _, c := range cases {
		if (len(c.Want) > 0) != bad || len(c.Params) > 0 && parametersOf[c.check].Parameters == nil {
			continue
		}
		for _, key := range []string{c.check + " ", c.check + " " + c.Object.Kind} {
			if out[key] == nil {
				out[key] = c
			}
		}
	}
	return out
}

func spec(o object) object { s, _ := o["spec"].(object); return s }

func name(o object) string {
	m, _ := o["metadata"].(object)
	s, _ := m["name"].(string)
	return s
}

// named gives a copy of an object another name.
func named(o object, name string) object {
	out := maps.Clone(o)
	meta, _ := o["metadata"].(object)
	meta = maps.Clone(meta)
	meta["name"] = name
	delete(meta, "generateName")
	out["metadata"] = meta
	return out
}

// keep gives the new object what may not change.
func keep(stored, next object) {
	next["metadata"].(object)["resourceVersion"] = stored["metadata"].(object)["resourceVersion"]
	for _, field := range []string{"roleRef", "type"} { // of bindings, of Secrets
		if v, ok := stored[field]; ok {
			next[field] = v
		}
	}
	before, after := spec(stored), maps.Clone(spec(next))
	if before == nil || after == nil {
		return
	}
	next["spec"] = after
	for _, field := range []string{"clusterIP", "clusterIPs", "serviceName", "volumeClaimTemplates", "podManagementPolicy"} {
		if before[field] != nil {
			after[field] = before[field]
		}
	}
	selector, _ := before["selector"].(object)
	template, _ := after["template"].(object)
	was, _ := before["template"].(object)
	if selector == nil || template == nil || was == nil {
		return
	}
	after["selector"] = selector
	template = maps.Clone(template)
	meta, _ := template["metadata"].(object)
	if meta = maps.Clone(meta); meta == nil {
		meta = object{}
	}
	labels, _ := was["metadata"].(object)
	meta["labels"] = labels["labels"]
	template["metadata"] = meta
	after["template"] = template
}

func jsonOf(t *testing.T, o object) []byte {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
