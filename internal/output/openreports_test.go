// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// TestOpenReportsHoldEverything: however many findings there are, each stands in exactly
// one Report of its namespace, no Report is larger than the API server takes, no two have
// one name, and the summaries agree with the results.
func TestOpenReportsHoldEverything(t *testing.T) {
	r := rich()
	one, waived := r.Findings[0], 0
	r.Findings = nil
	for i := range 2300 {
		f := one
		f.Object.Namespace, f.Fingerprint, f.Waiver = fmt.Sprintf("ns-%d", i%3), fmt.Sprint(i), nil
		if i%10 == 0 {
			f.Waiver = &seaworthy.AppliedWaiver{Owner: "a", Reason: "b"}
			waived++
		}
		r.Findings = append(r.Findings, f)
	}
	var list struct {
		Kind  string
		Items []struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
			Summary          map[string]int
			Results          []struct {
				Result     string
				Scored     bool
				Resources  []struct{ Namespace string }
				Properties map[string]string
			}
		}
	}
	if err := json.Unmarshal(render(t, "openreports", r, output.Options{}), &list); err != nil {
		t.Fatal(err)
	}
	names, seen, warned := map[string]bool{}, map[string]bool{}, 0
	for _, item := range list.Items {
		if key := item.Metadata.Namespace + "/" + item.Metadata.Name; names[key] {
			t.Errorf("two reports are called %s", key)
		} else {
			names[key] = true
		}
		if len(item.Results) > 500 || (item.Kind == "Report") != (item.Metadata.Namespace != "") {
			t.Errorf("%s %s/%s holds %d results", item.Kind, item.Metadata.Namespace, item.Metadata.Name, len(item.Results))
		}
		counts := map[string]int{}
		for _, v := range item.Results {
			counts[v.Result]++
			if f := v.Properties["fingerprint"]; f != "" && !seen[f] && v.Resources[0].Namespace == item.Metadata.Namespace {
				seen[f] = true
			} else if f != "" {
				t.Errorf("finding %s stands twice, or elsewhere", f)
			}
			if v.Properties["waiver"] != "" {
				warned++
				if v.Result != "warn" || v.Scored {
					t.Errorf("a waived finding is a scored %s", v.Result)
				}
			}
		}
		for word, n := range item.Summary {
			if counts[word] != n {
				t.Errorf("%s says %d %s and holds %d", item.Metadata.Name, n, word, counts[word])
			}
		}
	}
	if len(seen) != 2300 || warned != waived {
		t.Errorf("%d findings and %d waivers, want 2300 and %d", len(seen), warned, waived)
	}
}
