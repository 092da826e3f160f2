// SPDX-License-Identifier: Apache-2.0

package tlog_test

import (
	"testing"

	"github.com/seaworthy-dev/seaworthy/internal/tlog"
)

// What is read of a checkpoint is written the same.
func FuzzParseCheckpoint(f *testing.F) {
	f.Add("log.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Add("log.example\n00\n\n")
	f.Add("\n\n\n\n")
	f.Add("o\n9223372036854775808\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nextension\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := tlog.ParseCheckpoint(text)
		if err != nil {
			return
		}
		again, err := tlog.ParseCheckpoint(c.Text())
		if err != nil || again != c || c.Size < 0 {
			t.Errorf("ParseCheckpoint(%q) = %+v; written and read again %+v, %v", text, c, again, err)
		}
	})
}
