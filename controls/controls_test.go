// SPDX-License-Identifier: Apache-2.0

package controls_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/controls"
)

func builtIn(t *testing.T) []seaworthy.Control {
	t.Helper()
	list, err := controls.List()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestListReadsEveryFile(t *testing.T) {
	names, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, n := range names {
		want = append(want, strings.TrimSuffix(n, ".yaml"))
	}
	slices.Sort(want) // "backup.yaml" comes after "backup-copy.yaml", "backup" before
	for _, c := range builtIn(t) {
		got = append(got, c.ID)
		if c.File != "controls/"+c.ID+".yaml" {
			t.Errorf("control %s stands in %s, want a file of its own name", c.ID, c.File)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List() ids (-files +got):\n%s", diff)
	}
	if len(got) < 60 {
		t.Errorf("List() returns %d controls, want at least 60", len(got))
	}
}

// The checks name these; one that is renamed here would leave its checks without a
// control.
func TestControlsThatChecksSupport(t *testing.T) {
	want := strings.Fields(`admission-control api-audit-logging asset-inventory backup
		capacity-management cluster-authentication configuration-management
		control-plane-hardening encryption-at-rest encryption-in-transit
		environment-separation image-provenance least-privilege-access log-collection
		monitoring-alerting network-boundary network-segmentation platform-lifecycle
		pod-security-admission privileged-access secrets-management service-identity
		vulnerability-management workload-availability workload-hardening
		workload-isolation`)
	var got []string
	for _, c := range builtIn(t) {
		for _, s := range c.Sources {
			if s == "checks" {
				got = append(got, c.ID)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("controls with the source checks (-want +got):\n%s", diff)
	}
}

// An auditor samples statements, so each must be whole: a sentence in the present tense
// about what is done, a title that is not one, evidence that is not a sentence.
func TestControlsReadWell(t *testing.T) {
	role := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	future := regexp.MustCompile(`\b(will be|shall|should|must be|TBD)\b`)
	statements := map[string]string{}
	for _, c := range builtIn(t) {
		if !strings.HasSuffix(c.Statement, ".") || len(c.Statement) < 120 || len(c.Statement) > 700 {
			t.Errorf("%s: the statement has %d characters, want 120 to 700 and a period at the end", c.ID, len(c.Statement))
		}
		if word := future.FindString(c.Statement); word != "" {
			t.Errorf("%s: the statement says %q; it says what is done, in the present tense", c.ID, word)
		}
		if strings.HasSuffix(c.Title, ".") || len(c.Title) > 90 {
			t.Errorf("%s: title %q is long or ends with a period", c.ID, c.Title)
		}
		if !role.MatchString(c.Owner) {
			t.Errorf("%s: owner %q is not a role in kebab-case", c.ID, c.Owner)
		}
		for _, e := range c.Evidence {
			if strings.HasSuffix(e, ".") || strings.ToUpper(e[:1]) != e[:1] {
				t.Errorf("%s: evidence %q is an item of a list: it begins with a capital and has no period", c.ID, e)
			}
		}
		if other := statements[c.Statement]; other != "" {
			t.Errorf("%s says the same as %s", c.ID, other)
		}
		statements[c.Statement] = c.ID
	}
}

// Each file begins with why the control exists, for whoever wonders whether to drop it.
func TestControlFilesSayWhy(t *testing.T) {
	for _, c := range builtIn(t) {
		data, err := os.ReadFile(filepath.Base(c.File))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(data), "# ") {
			t.Errorf("%s begins without a comment that says why", c.File)
		}
	}
}

func TestLoadLaysOwnOverBase(t *testing.T) {
	base := builtIn(t)
	all, notes, err := controls.Load("testdata/own", base)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"control backup: testdata/own/storage/backup.yml replaces controls/backup.yaml"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if len(all) != len(base)+2 {
		t.Errorf("Load returns %d controls, want those of base (%d) and two more", len(all), len(base))
	}
	byID := map[string]seaworthy.Control{}
	for i, c := range all {
		byID[c.ID] = c
		if i > 0 && all[i-1].ID >= c.ID {
			t.Errorf("%s stands before %s", all[i-1].ID, c.ID)
		}
	}
	if got := byID["backup"]; got.Owner != "database-lead" || got.Cadence != "weekly" {
		t.Errorf("backup is %+v, want the user's own", got)
	}
	if byID["cable-locks"].File != "testdata/own/office.yaml" || byID["clean-desks"].ID == "" {
		t.Error("a file with two controls did not give both")
	}
	if !cmp.Equal(base, builtIn(t)) {
		t.Error("Load changed base")
	}
}

// Every mistake is told, each with its file and line, in one go.
func TestLoadTellsWhatIsWrong(t *testing.T) {
	_, _, err := controls.Load("testdata/wrong", nil)
	if err == nil {
		t.Fatal("Load(testdata/wrong) = nil error")
	}
	want := strings.Join([]string{
		`testdata/wrong/empty.yaml: the file is empty`,
		`testdata/wrong/keys.yaml: line 4: key "onwer" is not known (did you mean "owner"?)`,
		`testdata/wrong/keys.yaml: line 8: key "frequency" is not known (known are id, title, statement, owner, kind, cadence, evidence, sources, trail)`,
		`testdata/wrong/list.yaml: line 1: a mapping with the keys id, title, statement, owner, kind, cadence, evidence, sources, trail is wanted`,
		`testdata/wrong/syntax.yaml: line 2: found unexpected end of stream`,
		`testdata/wrong/twice.yaml: line 18: control cable-locks is already in testdata/wrong/twice.yaml`,
		`testdata/wrong/types.yaml: line 6: a list is wanted, not ` + "`A list,...`",
		`testdata/wrong/values.yaml: line 2: control cable-locks: cadence "fortnightly" is not one of [continuous daily weekly monthly quarterly semi-annual annual event once]`,
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestLoadNeedsControls(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "missing")} {
		if _, _, err := controls.Load(dir, nil); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("Load(%q) = %v, want an error that names it", dir, err)
		}
	}
	huge := filepath.Join(t.TempDir(), "huge.yaml")
	if err := os.WriteFile(huge, []byte("id: a\ntitle: "+strings.Repeat("a", 4<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := controls.Load(filepath.Dir(huge), nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Load of a huge file = %v, want an error that says so", err)
	}
}
