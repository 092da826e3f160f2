// SPDX-License-Identifier: Apache-2.0

package output_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/output"
)

// FuzzFormats puts any text into every place of a report: no format breaks and none
// lets a control character through.
func FuzzFormats(f *testing.F) {
	for _, s := range []string{"plain", hostile, "a|b\\", "`", "::x", "##[x]", "\x1b", "]]>", "=1", "<b>", "\u202e", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			s = "x"
		}
		r, all := poisoned(rich(), s), hostileChecks(s)
		for _, format := range output.Formats {
			got := string(replay(t, format, r, all, output.Options{Coverage: true, Baseline: true}))
			harmless(t, format.Name, got)
			switch format.Name {
			case "json", "sarif", "gitlab", "openreports":
				if !json.Valid([]byte(got)) {
					t.Errorf("%s is not JSON", format.Name)
				}
			case "junit":
				readJUnit(t, []byte(got))
			case "csv":
				if _, err := csv.NewReader(strings.NewReader(got)).ReadAll(); err != nil {
					t.Errorf("csv: %v", err)
				}
			case "github":
				readGitHub(t, []byte(got))
			case "html":
				readHTML(t, got)
			}
		}
	})
}
