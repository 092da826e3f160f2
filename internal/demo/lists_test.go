// SPDX-License-Identifier: Apache-2.0

package demo_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// lists holds that no list is empty, that every cause and state that the pages tell apart
// is there, and that what must not be there is not.
func (f *filled) lists(t *testing.T) {
	t.Helper()
	for _, name := range store.ListNames() {
		columns, _, err := store.ListColumns(name)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]map[string]int{}
		err = f.Store.View(t.Context(), func(v *store.View) error {
			_, err := v.Rows(store.ListQuery{List: name}, func(row []any) error {
				for i, c := range columns {
					if text, ok := row[i].(string); ok {
						if values[c] == nil {
							values[c] = map[string]int{}
						}
						values[c][text]++
					}
				}
				return nil
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(values) == 0 {
			t.Errorf("the list %s is empty", name)
		}
		for _, w := range wanted {
			if w.list == name && values[w.column][w.value] == 0 {
				t.Errorf("the list %s has nothing with %s %q; it has %v", name, w.column, w.value, values[w.column])
			}
		}
	}
}

// wanted are values that lists have.
var wanted = []struct{ list, column, value string }{
	{"findings", "status", "open"}, {"findings", "status", "waived"}, {"findings", "status", "fixed"},
	{"findings", "severity", "critical"}, {"findings", "severity", "high"}, {"findings", "severity", "medium"}, {"findings", "severity", "low"},
	{"finding-events", "cause", "object changed"}, {"finding-events", "cause", "object deleted"}, {"finding-events", "cause", "object new"},
	{"finding-events", "cause", "parameter changed"}, {"finding-events", "cause", "waiver"}, {"finding-events", "cause", "waiver ended"},
	{"finding-events", "kind", "regressed"}, {"finding-events", "kind", "assigned"}, {"finding-events", "kind", "due date set"},
	{"finding-events", "kind", "ticket linked"}, {"finding-events", "kind", "commented"},
	{"occurrences", "state", "expected"}, {"occurrences", "state", "performed"}, {"occurrences", "state", "late"},
	{"occurrences", "state", "missed"}, {"occurrences", "state", "not-required"},
	{"occurrences", "result", "as expected"}, {"occurrences", "result", "deviation"},
	{"waivers", "state", "requested"}, {"waivers", "state", "approved"}, {"waivers", "state", "rejected"},
	{"waivers", "state", "revoked"}, {"waivers", "state", "expired"}, {"waivers", "from", "annotation"}, {"waivers", "from", "renewal"},
	{"gaps", "kind", "silent"}, {"gaps", "kind", "incomplete"},
	{"evidence", "kind", "run"}, {"evidence", "kind", "upload"}, {"evidence", "kind", "link"}, {"evidence", "kind", "attestation"},
	{"evidence", "shows", "design"}, {"evidence", "shows", "operation"},
	{"users", "role", "owner"}, {"users", "role", "compliance-manager"}, {"users", "role", "engineer"}, {"users", "role", "viewer"}, {"users", "role", "auditor"},
	{"sources", "environment", "production"}, {"sources", "environment", "staging"}, {"sources", "kind", "repository"},
	{"runs", "kind", "cluster"}, {"runs", "kind", "files"},
}
