// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// Findings are narrowed by how long they are open, and by control and requirement at once.
func TestFindingsByAgeAndControl(t *testing.T) { uitest.Each(t, findingsByAgeAndControl) }

func findingsByAgeAndControl(t *testing.T, s *uitest.Site) {
	checks := map[int]string{0: "privileged-container", 10: "privileged-container", 40: "privileged-container", 100: "image-tag-mutable", 200: "privileged-container"}
	err := s.Store.Write(t.Context(), "system", func(tx *store.Tx) error {
		if err := tx.PutSource(&seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Environment: seaworthy.Production, Declared: true, CreatedAt: tx.At}); err != nil {
			return err
		}
		var all []store.FindingChange
		for days, check := range checks {
			print := fmt.Sprint("f", days)
			o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: fmt.Sprintf("open-%03d", days)}
			at := s.Now.AddDate(0, 0, -days)
			all = append(all, store.FindingChange{Kind: seaworthy.EventOpened, Cause: seaworthy.CauseObjectNew, After: seaworthy.TrackedFinding{
				ID: store.FindingID("s1", print), SourceID: "s1", ObjectID: store.ObjectID("s1", o), Fingerprint: print, Check: check, Severity: seaworthy.High,
				Object: o, Message: "m", Status: seaworthy.FindingOpen, FirstSeenAt: at, OpenedAt: at,
			}})
		}
		return tx.ChangeFindings(all)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Audit.CreateProgram(t.Context(), s.Owner(), seaworthy.Program{
		Name: "Program", Type: seaworthy.TypeII, From: s.Now, To: s.Now.AddDate(0, 6, 0), Categories: []string{"security"},
		Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "s1", In: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"":                                    {"open-000", "open-010", "open-040", "open-100", "open-200"},
		"age=week":                            {"open-000"},
		"age=month":                           {"open-000", "open-010"},
		"age=over-30":                         {"open-040", "open-100", "open-200"},
		"age=over-90":                         {"open-100", "open-200"},
		"age=over-180":                        {"open-200"},
		"age=over-30&check=image-tag-mutable": {"open-100"},
		"control=workload-isolation":          {"open-000", "open-010", "open-040", "open-200"},
		"control=workload-isolation&requirement=CC1.1": {},
	} {
		var got []string
		for _, row := range rows(t, s, seaworthy.Owner, "/findings/export?format=json&"+query) {
			got = append(got, fmt.Sprint(row["name"]))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%q shows %v, want %v", query, got, want)
		}
	}
	if code, _ := s.Get(s.Client(seaworthy.Owner), "/findings?age=old"); code != http.StatusBadRequest {
		t.Errorf("an age that there is not gives %d, want 400", code)
	}
}
