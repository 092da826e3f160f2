// SPDX-License-Identifier: Apache-2.0

package seaworthy_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy"
)

func TestNearest(t *testing.T) {
	known := []string{"access-review", "backup", "id", "owner", "restore-test", "title"}
	for word, want := range map[string]string{
		"acess-review":  "access-review",
		"onwer":         "owner",
		"ownr":          "owner",
		"restore-tests": "restore-test",
		"ID":            "",
		"iid":           "id",
		"tilte":         "title",
		"cadence":       "",
		"zzz":           "",
		"":              "",
	} {
		if got := seaworthy.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
