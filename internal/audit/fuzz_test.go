// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// A list of rows that somebody pastes is read as it is meant, or not at all.
func FuzzParseRows(f *testing.F) {
	for _, text := range []string{"1 2 3", "1,2;3\n4", "", "-1", "1e3", "99999999999999999999", "1\u00a02", "0x1", "+5", "٣"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := audit.ParseRows(text)
		if err != nil {
			return
		}
		again, err := audit.ParseRows(strings.Trim(fmt.Sprint(rows), "[]"))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(rows) {
			t.Errorf("ParseRows(%q) = %v; written and read again %v, %v", text, rows, again, err)
		}
	})
}
