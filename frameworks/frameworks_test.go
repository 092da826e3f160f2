// SPDX-License-Identifier: Apache-2.0

package frameworks_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
	"github.com/seaworthy-dev/seaworthy/frameworks"
)

func builtIn(t *testing.T) []seaworthy.Framework {
	t.Helper()
	list, err := frameworks.List()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func builtInControls(t *testing.T) []seaworthy.Control {
	t.Helper()
	list, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestListBeginsWithSOC2(t *testing.T) {
	var got []string
	for _, f := range builtIn(t) {
		got = append(got, f.ID)
		if f.Source == "" {
			t.Errorf("framework %s does not name the document that its ids come from", f.ID)
		}
	}
	want := []string{"soc2", "gdpr-32", "hipaa", "iso27001-2022", "pci-dss-4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List() ids (-want +got):\n%s", diff)
	}
}

// SOC 2 has 61 criteria, no more, and their ids are written one way.
func TestSOC2HasExactlyItsCriteria(t *testing.T) {
	groups := []struct {
		category string
		prefix   string
		count    []int // of CC1, CC2, … or of P1, P2, …; one number: A1, PI1, C1
	}{
		{"security", "CC", []int{5, 3, 4, 2, 3, 8, 5, 1, 2}},
		{"availability", "A", []int{3}},
		{"processing-integrity", "PI", []int{5}},
		{"confidentiality", "C", []int{2}},
		{"privacy", "P", []int{1, 1, 2, 3, 2, 7, 1, 1}},
	}
	var want, got []string
	for _, g := range groups {
		for i, n := range g.count {
			for j := range n {
				want = append(want, fmt.Sprintf("%s %s%d.%d", g.category, g.prefix, i+1, j+1))
			}
		}
	}
	for _, r := range builtIn(t)[0].Requirements {
		got = append(got, r.Category+" "+r.ID)
	}
	if len(want) != 61 {
		t.Fatalf("the test itself wants %d criteria", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("criteria (-want +got):\n%s", diff)
	}
}

func TestEveryRequirementIsWhole(t *testing.T) {
	known := map[string]seaworthy.Control{}
	for _, c := range builtInControls(t) {
		known[c.ID] = c
	}
	for _, f := range builtIn(t) {
		for _, r := range f.Requirements {
			name := f.ID + ":" + r.ID
			if len(r.Controls) == 0 {
				t.Errorf("%s has no control", name)
			}
			if r.Title == "" {
				t.Errorf("%s has no title", name)
			}
			machine := false
			for i, id := range r.Controls {
				c, ok := known[id]
				if !ok {
					t.Errorf("%s names control %q, which is not known", name, id)
				}
				if slices.Contains(r.Controls[:i], id) {
					t.Errorf("%s names control %s twice", name, id)
				}
				machine = machine || slices.Contains(c.Sources, "checks")
			}
			if manual := r.Evidence == "manual"; manual == machine {
				t.Errorf("%s: evidence is %q, but checks behind its controls: %v", name, r.Evidence, machine)
			}
			if f.ID == "soc2" && (r.Evidence == "manual") != (len(r.Upload) > 0) {
				t.Errorf("%s: evidence is %q and upload has %d items; one goes with the other", name, r.Evidence, len(r.Upload))
			}
		}
	}
}

// A control that supports no criterion is work that nobody asked for.
func TestEveryControlServesSOC2(t *testing.T) {
	served := seaworthy.RequirementsOf(builtIn(t)[:1])
	for _, c := range builtInControls(t) {
		if len(served[c.ID]) == 0 {
			t.Errorf("control %s supports no criterion of SOC 2", c.ID)
		}
	}
}

// Mappings that other tools get wrong, or that would claim more than is shown.
func TestMappingsAreNotWeak(t *testing.T) {
	served := seaworthy.RequirementsOf(builtIn(t)[:1])
	for _, test := range []struct {
		control, requirement string
		want                 bool
	}{
		{"backup", "soc2:A1.2", true},
		{"backup", "soc2:A1.3", false}, // a backup is no restore test
		{"restore-test", "soc2:A1.3", true},
		{"restore-test", "soc2:A1.2", false},
		{"least-privilege-access", "soc2:CC6.1", true},
		{"least-privilege-access", "soc2:CC6.3", true},
		{"least-privilege-access", "soc2:CC6.2", false}, // what is granted says nothing of who approved it
		{"access-review", "soc2:CC6.3", true},
		{"encryption-at-rest", "soc2:CC1.1", false},
		{"encryption-at-rest", "soc2:CC6.1", true},
		{"encryption-in-transit", "soc2:CC6.7", true},
		{"api-audit-logging", "soc2:CC7.2", true},
		{"change-approval", "soc2:CC8.1", true},
		{"monitoring-alerting", "soc2:CC7.4", false}, // an alert is no response
	} {
		if got := slices.Contains(served[test.control], test.requirement); got != test.want {
			t.Errorf("%s supports %s: %v, want %v", test.control, test.requirement, got, test.want)
		}
	}
}

func TestCrosswalks(t *testing.T) {
	list, err := frameworks.Crosswalks()
	if err != nil {
		t.Fatal(err)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	section := map[string]*regexp.Regexp{
		"cis-kubernetes-1.10": regexp.MustCompile(`^[1-5](\.[1-9][0-9]?){1,2}$`),
		"nsa-hardening-1.2":   regexp.MustCompile(`^[a-z]+(-[a-z]+)*/[a-z]+(-[a-z]+)*$`),
	}
	if len(list) != len(section) {
		t.Errorf("Crosswalks() returns %d, want %d", len(list), len(section))
	}
	for _, c := range list {
		for _, e := range c.Entries {
			if !section[c.ID].MatchString(e.ID) {
				t.Errorf("%s: %q does not look like a section", c.ID, e.ID)
			}
			for i, id := range e.Checks {
				if !kebab.MatchString(id) || slices.Contains(e.Checks[:i], id) {
					t.Errorf("%s: %s: check id %q is not kebab-case or stands there twice", c.ID, e.ID, id)
				}
			}
		}
	}
}

func TestCrosswalkOf(t *testing.T) {
	c := frameworks.Crosswalk{Entries: []frameworks.CrosswalkEntry{
		{ID: "5.7.1", Checks: []string{"default-namespace"}},
		{ID: "5.7.3", Checks: []string{"pss-restricted"}},
		{ID: "5.7.4", Checks: []string{"default-namespace"}},
	}}
	if diff := cmp.Diff([]string{"5.7.1", "5.7.4"}, c.Of("default-namespace")); diff != "" {
		t.Errorf("Of (-want +got):\n%s", diff)
	}
	if got := c.Of("host-pid"); got != nil {
		t.Errorf("Of(host-pid) = %v, want none", got)
	}
}

func TestLoadTakesOwnFrameworks(t *testing.T) {
	base := builtIn(t)
	own := append(builtInControls(t),
		seaworthy.Control{ID: "clean-desks", Sources: []string{"people"}},
		seaworthy.Control{ID: "desk-checks", Sources: []string{"checks"}})
	all, notes, err := frameworks.Load("testdata/own", base, own)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"framework gdpr-32: testdata/own/gdpr.yaml replaces frameworks/gdpr-32.yaml",
		"framework soc2: testdata/own/soc2-extra.yaml adds 3 controls to 3 requirements",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	byID := map[string]seaworthy.Framework{}
	for _, f := range all {
		byID[f.ID] = f
	}
	if len(all) != len(base)+1 || all[0].ID != "soc2" || byID["house"].Title != "House rules" {
		t.Errorf("Load returns %d frameworks, the first %s", len(all), all[0].ID)
	}
	if got := len(byID["gdpr-32"].Requirements); got != 1 {
		t.Errorf("gdpr-32 has %d requirements, want the one of the user's file", got)
	}
	requirement := func(f seaworthy.Framework, id string) seaworthy.Requirement {
		i := slices.IndexFunc(f.Requirements, func(r seaworthy.Requirement) bool { return r.ID == id })
		return f.Requirements[i]
	}
	before, after := requirement(base[0], "CC6.4"), requirement(all[0], "CC6.4")
	if diff := cmp.Diff(append(slices.Clone(before.Controls), "clean-desks"), after.Controls); diff != "" {
		t.Errorf("controls of CC6.4 (-want +got):\n%s", diff)
	}
	if last := after.Upload[len(after.Upload)-1]; last != "Photographs of clear desks" || after.Evidence != "manual" {
		t.Errorf("CC6.4 is %+v", after)
	}
	if got := requirement(all[0], "CC1.1"); got.Evidence != "" {
		t.Errorf("CC1.1 has a control that checks show, but evidence is %q", got.Evidence)
	}
	if diff := cmp.Diff(builtIn(t), base); diff != "" {
		t.Errorf("Load changed base (-want +got):\n%s", diff)
	}
}

func TestLoadTellsWhatIsWrong(t *testing.T) {
	_, _, err := frameworks.Load("testdata/wrong", builtIn(t), builtInControls(t))
	if err == nil {
		t.Fatal("Load(testdata/wrong) = nil error")
	}
	want := strings.Join([]string{
		`testdata/wrong/controls.yaml: line 6: control "acess-review" is not known (did you mean "access-review"?)`,
		`testdata/wrong/controls.yaml: line 10: control "astrology" is not known`,
		`testdata/wrong/empty.yaml: the file is empty`,
		`testdata/wrong/extend-nothing.yaml: line 1: the extension of "soc2" adds nothing: it needs requirements`,
		`testdata/wrong/keys.yaml: line 3: key "requirments" is not known (did you mean "requirements"?)`,
		`testdata/wrong/keys2.yaml: line 5: key "requirements[0].checks" is not known (known are id, title, category, controls, evidence, upload)`,
		`testdata/wrong/keys3.yaml: line 4: key "requirements[0].title" is not known (known are id, controls, upload)`,
		`testdata/wrong/none.yaml: line 1: framework none has no requirements`,
		`testdata/wrong/twice.yaml: line 1: framework twice: requirement A.1 stands there twice`,
		`testdata/wrong/extend-unknown.yaml: line 1: framework "socc2" is not known (did you mean "soc2"?)`,
		`testdata/wrong/extend.yaml: line 5: requirement "CC6.11" is not known (did you mean "CC6.1"?)`,
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestLoadNeedsFrameworks(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "testdata/missing"} {
		if _, _, err := frameworks.Load(dir, nil, nil); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("Load(%q) = %v, want an error that names it", dir, err)
		}
	}
}
