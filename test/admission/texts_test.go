// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/admission"
	"github.com/seaworthy-dev/seaworthy/internal/scan"
)

// asks is the label by which a test asks for one policy alone, and for what it does.
const asks = "tests.example.com/asks"

// casesOfText is with how many objects a check is asked that it finds fault with.
const casesOfText = 2

// TestEveryCheckSaysWhatAScanSays compares what whoever asks reads, at both doors, in the
// modes warn and deny, of every check: the title, where, what of it and what to do, as a scan
// finds it in the same object; and nothing of an object in which a scan finds nothing.
func TestEveryCheckSaysWhatAScanSays(t *testing.T) {
	w := enter(t, admission.Config{Default: admission.Off}, scan.Selection{Settings: parametersOf, Target: "1.36"})
	d := &doors{world: w, refused: map[string]int{}}
	catalogue := w.door.Guard().Config()
	d.exported = w.onDemand(parameters)
	cases := ownCases(t)
	x := &texts{doors: d, config: catalogue, compared: map[string]int{}}
	x.await()
	for _, bad := range []bool{true, false} {
		asked := map[string]int{}
		for i, c := range cases {
			if !d.exported[c.check] || (len(c.Want) > 0) != bad || asked[c.check] >= casesOfText || len(c.Params) > 0 && parametersOf[c.check].Parameters == nil {
				continue
			}
			if ns := c.Object.EffectiveNamespace(); ns == "kube-system" || ns == "seaworthy" {
				continue // where the webhook refuses nothing
			}
			w.prepare(c.Object)
			// With the parameters here an object may be well of which its case says it is not.
			if x.ask(fmt.Sprintf("text-%t-%d", bad, i), c) && (!bad || len(x.said[len(x.said)-1].decision.Verdicts) > 0) {
				asked[c.check]++
			}
		}
		for check := range d.exported {
			if asked[check] == 0 && excepted[check] == "" {
				t.Errorf("%s was asked of no object (with faults: %t)", check, bad)
			}
		}
	}
	x.compare()
}

// texts are what both doors said, with what they were asked.
type texts struct {
	*doors
	config   admission.Config
	said     []said
	compared map[string]int
}

// said is what was said of one object by one check.
type said struct {
	id, check      string
	after          object
	decision       *admission.Decision
	warned         []string // by both doors, and by the API server itself
	native, denial string   // the errors
}

// await waits until every policy is taken up: the last of its bindings is.
func (x *texts) await() {
	x.t.Helper()
	x.settled()
	probe := pod("probe", true)
	probe["metadata"].(object)["labels"] = object{asks: "privileged-container.deny"}
	x.until("the policies refuse", func() bool { return nativelyRefused(x.world, call{path: pods, body: probe, dryRun: true}) })
	probe["metadata"].(object)["labels"] = object{asks: "image-registry-not-allowed.warn"}
	x.until("the policies warn", func() bool {
		_, warned, _ := x.do(call{path: pods, body: probe, dryRun: true})
		return len(warned) > 0
	})
}

// ask has both doors judge an object by one check, in both modes, and tells whether the API
// server accepts it otherwise.
func (x *texts) ask(id string, c *ownCase) bool {
	x.t.Helper()
	with := func(ask string) call {
		body := named(c.Object.Written, cmp.Or(name(c.Object.Written), "drawn"))
		labels, _ := body["metadata"].(object)["labels"].(object)
		if labels = maps.Clone(labels); labels == nil {
			labels = object{}
		}
		labels[asks] = ask
		body["metadata"].(object)["labels"] = labels
		return call{path: place(c.Object), body: body, dryRun: true}
	}
	s := said{id: id, check: c.check}
	x.only(c.check, admission.Warn)
	var err error
	reviews := x.asked(func() { s.after, s.warned, err = x.do(with(c.check + ".warn")) })
	if err != nil || len(reviews) == 0 {
		return false
	}
	s.decision = reviews[len(reviews)-1].Decision
	if _, _, err = x.do(with(c.check + ".deny")); err != nil {
		s.native = statusOf(err)
	}
	x.only(c.check, admission.Deny)
	if _, _, err = x.do(with("none")); err != nil {
		s.denial = statusOf(err)
	}
	x.said = append(x.said, s)
	return true
}

// statusOf is the message of an answer.
func statusOf(err error) string {
	if s, ok := err.(apierrors.APIStatus); ok {
		return s.Status().Message
	}
	return err.Error()
}

// only has the webhook judge by one check.
func (x *texts) only(check string, mode admission.Mode) {
	x.t.Helper()
	cfg := x.config
	cfg.Default, cfg.Modes = admission.Off, []admission.ModeIn{{Checks: []string{check}, Mode: mode}}
	g, err := admission.New(cfg)
	if err != nil {
		x.t.Fatal(err)
	}
	x.door.Swap(g)
}

// compare holds everything that was said to what a scan says.
func (x *texts) compare() {
	var made []written
	for _, s := range x.said {
		made = append(made, written{s.id + ".json", s.after})
	}
	x.door.Swap(mustGuard(x.t, x.config))
	found := x.scanned(made)
	faults := 0
	for i := range x.said {
		s := &x.said[i]
		list := found[s.id+".json"][s.check]
		if len(list) > 0 {
			faults++
		}
		x.same(s, list)
	}
	for check := range x.exported {
		if x.compared[check] == 0 && excepted[check] == "" {
			x.t.Errorf("%s said nothing: its texts were not compared", check)
		}
	}
	fmt.Printf("texts: %d objects asked of at two doors in two modes, %d with faults, %d checks\n", len(x.said), faults, len(x.compared))
}

func mustGuard(t *testing.T, cfg admission.Config) *admission.Guard {
	t.Helper()
	g, err := admission.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// same compares what one check says of one object.
func (x *texts) same(s *said, list []seaworthy.Finding) {
	x.t.Helper()
	i := slices.IndexFunc(x.config.Catalogue.Checks, func(k seaworthy.Check) bool { return k.ID == s.check })
	k := &x.config.Catalogue.Checks[i]
	remedy, _, _ := strings.Cut(strings.TrimSpace(k.Remediation), "\n")
	items := x.items(s, k, list)
	policy := "seaworthy-" + s.check
	var native, webhook []string
	for _, text := range s.warned {
		if rest, ok := strings.CutPrefix(text, fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': ", policy, policy)); ok {
			native = append(native, rest)
		} else if slices.Contains(s.decision.Warnings, text) {
			webhook = append(webhook, text)
		}
	}
	if len(items) == 0 {
		if len(native)+len(s.decision.Warnings) > 0 || s.native != "" || s.denial != "" {
			x.t.Errorf("%s of %s: a scan finds nothing, the doors say %q, %q, %q", s.check, s.id, s.warned, s.native, s.denial)
		}
		return
	}
	x.compared[s.check]++
	full := k.Title + ": " + strings.Join(items, ", ") + ". " + remedy
	if len(native) != 1 || sortedItems(native[0], k.Title, remedy) != sortedItems(full, k.Title, remedy) {
		x.t.Errorf("%s of %s: the policy warns %q, want %q", s.check, s.id, native, full)
	}
	if _, said, ok := strings.Cut(s.native, fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s.deny' denied request: ", policy, policy)); !ok || len(native) == 1 && said != native[0] {
		x.t.Errorf("%s of %s: the policy refuses with %q, and warns %q", s.check, s.id, s.native, native)
	}
	switch {
	case len(webhook) != 1 || len(s.decision.Warnings) != 1 || !strings.HasPrefix(webhook[0], k.Title) || !strings.HasSuffix(webhook[0], remedy) && len(webhook[0]) < 250:
		x.t.Errorf("%s of %s: the webhook warns %q, want %q", s.check, s.id, webhook, full)
	case len(full) <= 256 && webhook[0] != full:
		x.t.Errorf("%s of %s: the webhook warns %q, want %q", s.check, s.id, webhook[0], full)
	}
	want := fmt.Sprintf("1 check fails:\n- %s (%s, %s)", k.Title, s.check, k.Severity)
	for i, item := range items {
		if i < 5 {
			want += "\n    " + item
		}
	}
	if len(items) > 5 {
		want += fmt.Sprintf("\n    and %d more", len(items)-5)
	}
	want += "\n  " + remedy
	if s.denial != `admission webhook "judge.seaworthy.dev" denied the request: `+want {
		x.t.Errorf("%s of %s: the webhook refuses with\n%s\nwant\n%s", s.check, s.id, s.denial, want)
	}
}

// items is what has to be read of what a scan found: where each item is, by the key that
// makes its fingerprint, and the scan's message where it is not the title.
func (x *texts) items(s *said, k *seaworthy.Check, list []seaworthy.Finding) []string {
	x.t.Helper()
	keys := map[string]string{}
	var order []string
	for _, v := range s.decision.Verdicts {
		for i, f := range v.Findings {
			keys[f.Fingerprint] = v.Items[i].Key
			order = append(order, f.Fingerprint)
		}
	}
	half := x.half(s.check)
	var out []string
	for _, print := range order {
		i := slices.IndexFunc(list, func(f seaworthy.Finding) bool { return f.Fingerprint == print })
		if i < 0 {
			x.t.Errorf("%s of %s: the webhook finds %s, which a scan does not", s.check, s.id, keys[print])
			continue
		}
		text := keys[print]
		if m := list[i].Message; m != k.Title && m != text {
			text += ": " + m
		}
		out = append(out, text)
	}
	for _, f := range list {
		if keys[f.Fingerprint] == "" && !half {
			x.t.Errorf("%s of %s: a scan finds %s, which the webhook does not", s.check, s.id, f.Path)
		}
	}
	return out
}

// sortedItems puts the items of a text in order: those of a mapping come in none.
func sortedItems(text, title, remedy string) string {
	list := strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, title+": "), ". "+remedy), ", ")
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// onDemand applies the exported policies with bindings that count for objects alone that ask
// for them by a label: the exported one, which warns, and one that refuses.
func (w *world) onDemand(config string) map[string]bool {
	w.t.Helper()
	return w.applied(map[string]string{"seaworthy.yaml": config}, func(o object) []object {
		if o["kind"] != "ValidatingAdmissionPolicyBinding" {
			return []object{o}
		}
		var refuses object
		raw, err := json.Marshal(o)
		if err == nil {
			err = yaml.Unmarshal(raw, &refuses)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		check := strings.TrimPrefix(name(o), "seaworthy-")
		for ask, b := range map[string]object{"warn": o, "deny": refuses} {
			match, _ := spec(b)["matchResources"].(object)
			if match == nil {
				match = object{}
			}
			match["objectSelector"] = object{"matchLabels": object{asks: check + "." + ask}}
			spec(b)["matchResources"] = match
		}
		refuses["metadata"].(object)["name"] = name(o) + ".deny"
		spec(refuses)["validationActions"] = []any{"Deny"}
		return []object{o, refuses}
	}, "--action", "Warn")
}
