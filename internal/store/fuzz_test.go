// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// Whatever is searched for, filtered by or sent as a cursor, a list answers or says that
// it is no cursor of its own: nothing reaches the statement.
func FuzzFindingFilter(f *testing.F) {
	for _, s := range []string{"", "app", "' OR 1=1 --", "%", "_", `\`, "ü", "1.x", "-1.", "zz.zz", "9223372036854775807.a", "\U0010ffff", "a'; DROP TABLE findings; --"} {
		f.Add(s, s, s)
	}
	s := storetest.Open(f, store.Config{Dir: f.TempDir()})
	err := s.Write(f.Context(), "system", func(tx *store.Tx) error {
		var changes []store.FindingChange
		for i := range 20 {
			changes = append(changes, store.FindingChange{After: tracked(s, i), Kind: seaworthy.EventOpened, RunID: "r1"})
		}
		return tx.ChangeFindings(changes)
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, value, cursor string) {
		if !utf8.ValidString(text + value + cursor) {
			t.Skip("doors let no such text through")
		}
		for _, filter := range []store.FindingFilter{
			{Text: text, Namespaces: []string{value}, Cursor: cursor, Limit: 5}, {Text: text, Sort: store.Sort(value)}, {Checks: []string{value}, Teams: []string{text}, Cursor: cursor},
		} {
			page, err := s.Findings(t.Context(), filter)
			var told *seaworthy.Error
			if err != nil && !(errors.As(err, &told) && told.Kind == seaworthy.KindInvalid) {
				t.Fatalf("Findings(%+v): %v", filter, err)
			}
			if len(page.Items) > 20 {
				t.Errorf("Findings(%+v) gives %d of 20", filter, len(page.Items))
			}
		}
	})
}
