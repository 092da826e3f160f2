// SPDX-License-Identifier: Apache-2.0

package all_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/all"
	"github.com/seaworthy-dev/seaworthy/internal/analysis/analysistest"
	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
	"github.com/seaworthy-dev/seaworthy/test/others"
)

// acceptanceCase is one line of the shared cases; their README explains the fields.
type acceptanceCase struct {
	ID           string         `json:"id"`
	Check        string         `json:"check"`
	Wave         string         `json:"wave"`
	Input        string         `json:"input"`
	Context      []string       `json:"context"`
	InputType    string         `json:"input_type"`
	Expect       string         `json:"expect"`
	Subject      string         `json:"subject"`
	SubjectsFail []string       `json:"subjects_fail"`
	Params       map[string]any `json:"params"`
}

// neighbours maps checks of other tools that judge bindings to ours. They are not in
// the catalogue and not in the score.
var neighbours = map[string]string{
	"rbac-pod-exec-bound":           "rbac-pod-exec",
	"rbac-create-workloads-bound":   "rbac-create-workloads",
	"rbac-secrets-read-bound":       "rbac-secrets-read",
	"rbac-csr-approval-bound":       "rbac-csr-approval",
	"rbac-bind-escalate-bound":      "rbac-escalate",
	"rbac-impersonate-bound":        "rbac-impersonate",
	"rbac-webhook-config-bound":     "rbac-webhook-config",
	"rbac-node-proxy-or-exec-bound": "rbac-node-proxy",
}

// misses are cases where we differ on purpose, with the reason. The test fails for a
// miss that is not here and for an entry that is no miss any more.
var misses = map[string]string{
	"pluto-3520":       "flowcontrol v1beta2 was not deprecated in 1.24: its successor v1beta3 came with 1.26",
	"pluto-3523":       "flowcontrol v1beta2 was not deprecated in 1.24: its successor v1beta3 came with 1.26",
	"pluto-3527":       "flowcontrol v1beta1 is deprecated since 1.23, as its types say, not since 1.24",
	"pluto-3530":       "flowcontrol v1beta1 is deprecated since 1.23, as its types say, not since 1.24",
	"regolibrary-0443": "a policy file alone records nothing: kube-apiserver needs a log path or a webhook too",
	"checkov-2976":     "kube-apiserver without --authorization-mode runs AlwaysAllow: that is the flag's default",
	"checkov-3048":     "the benchmark asks for --root-ca-file to be set; the case passes its absence",
	"checkov-3055":     "the benchmark asks for --service-account-private-key-file to be set; the case passes its absence",
}

// TestAcceptance runs the analyzers over cases that others wrote. Checks of scope
// single+cross are scored by the scan, which has their policies too.
func TestAcceptance(t *testing.T) {
	inputs, cases := others.Cases[acceptanceCase](t)
	scores := map[string]*[2]int{}
	for _, c := range cases {
		check, scored := c.Check, c.Wave == "1"
		if ours := neighbours[check]; ours != "" {
			check, scored = ours, false
		}
		if !scored && check == c.Check || !judged(check, scored) {
			continue
		}
		score := scores[c.Check]
		if score == nil {
			score = &[2]int{}
			scores[c.Check] = score
		}
		score[1]++
		why := run(t, inputs, c, check)
		reason, known := misses[c.ID]
		switch {
		case why == "":
			score[0]++
			if known {
				t.Errorf("%s passes now: take it off the list of misses", c.ID)
			}
		case known:
			t.Logf("miss %s (%s, %s): %s; because: %s", c.ID, c.Check, c.Input, why, reason)
		case scored:
			t.Errorf("MISS %s (%s, %s): %s", c.ID, c.Check, c.Input, why)
		default:
			t.Logf("neighbour %s (%s, %s): %s", c.ID, c.Check, c.Input, why)
		}
	}
	total := [2]int{}
	var out []string
	for check, s := range scores {
		out = append(out, fmt.Sprintf("%-34s %3d of %3d", check, s[0], s[1]))
		if neighbours[check] == "" {
			total[0], total[1] = total[0]+s[0], total[1]+s[1]
		}
	}
	slices.Sort(out)
	t.Logf("acceptance of the analyzers' own checks: %d of %d\n%s", total[0], total[1], strings.Join(out, "\n"))
}

// held are the analyzers that this test holds to the cases; the scan's own acceptance
// test holds all of them.
var held = []string{"cis", "controlplane", "deprecation", "podsecurity", "rbac", "schemacheck"}

// judged tells whether an analyzer judges the check, alone where it is scored.
func judged(check string, scored bool) bool {
	for _, a := range all.Analyzers {
		for _, c := range a.Checks {
			if c.ID == check && slices.Contains(held, a.Name) {
				return !scored || c.Scope != seaworthy.ScopeSingleCross
			}
		}
	}
	return false
}

// run judges one case and says what is wrong with the verdict, or nothing.
func run(t *testing.T, inputs string, c acceptanceCase, check string) string {
	s := snapshot.New(seaworthy.Source{Kind: seaworthy.SourceFiles, Name: "acceptance"})
	if v, ok := c.Params["target_version"].(string); ok {
		s.Target = strings.TrimSuffix(strings.TrimPrefix(v, "v"), ".0")
	}
	for _, input := range append([]string{c.Input}, c.Context...) {
		if err := load(s, inputs, input); err != nil {
			return err.Error()
		}
	}
	var failed []string
	for _, a := range all.Analyzers {
		if !slices.Contains(held, a.Name) || !slices.ContainsFunc(a.Checks, func(k seaworthy.Check) bool { return k.ID == check }) {
			continue
		}
		for _, v := range analysistest.Analyze(t, a, s, check, nil).Verdicts {
			if v.Check == check && len(v.Items) > 0 {
				failed = append(failed, v.Object.Kind+"/"+v.Object.Namespace+"/"+v.Object.Name)
			}
		}
	}
	subjects := c.SubjectsFail
	if c.Subject != "" {
		subjects = append(subjects, c.Subject)
	}
	hit := len(failed) > 0
	if len(subjects) > 0 {
		hit = slices.ContainsFunc(failed, func(o string) bool { return slices.Contains(subjects, o) })
	}
	if hit != (c.Expect == "fail") {
		return fmt.Sprintf("want %s on %v, findings on %v of %d objects", c.Expect, subjects, failed, len(s.Objects()))
	}
	return ""
}

// load adds path, path#N or dir/ to the snapshot.
func load(s *snapshot.Snapshot, inputs, input string) error {
	name, nth, one := strings.Cut(input, "#")
	info, err := os.Stat(filepath.Join(inputs, name))
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fs.WalkDir(os.DirFS(inputs), strings.TrimSuffix(name, "/"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return load(s, inputs, path)
		})
	}
	data, err := os.ReadFile(filepath.Join(inputs, name))
	if err != nil {
		return err
	}
	if one {
		n, err := strconv.Atoi(nth)
		if err != nil {
			return err
		}
		if data, err = analysistest.Document(data, n); err != nil {
			return err
		}
	}
	return analysistest.Add(s, name, data)
}
