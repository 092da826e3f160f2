// SPDX-License-Identifier: Apache-2.0

package outbox_test

import (
	"fmt"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// BenchmarkTell writes 500 changes in a transaction: without notices, with no rule, with
// changes that were approved, and with changes that nobody approved.
func BenchmarkTell(b *testing.B) {
	for _, c := range []struct {
		name  string
		told  bool
		rules int
		match seaworthy.Match
	}{
		{"without", false, 0, seaworthy.MatchOutOfBand}, {"no-rule", true, 0, seaworthy.MatchOutOfBand},
		{"approved", true, 3, seaworthy.MatchVerified}, {"out-of-band", true, 3, seaworthy.MatchOutOfBand},
	} {
		b.Run(c.name, func(b *testing.B) {
			config := store.Config{Dir: b.TempDir()}
			if c.told {
				config.Told = outbox.Tell
			}
			s := storetest.Open(b, config)
			write := func(f func(tx *store.Tx) error) {
				if err := s.Write(b.Context(), "system", f); err != nil {
					b.Fatal(err)
				}
			}
			write(func(tx *store.Tx) error {
				for i := range c.rules {
					if err := tx.PutNoticeRule(&seaworthy.NoticeRule{ID: fmt.Sprint(i), Destinations: []string{"d"}}); err != nil {
						return err
					}
				}
				return nil
			})
			for b.Loop() {
				write(func(tx *store.Tx) error {
					for range 500 {
						v := change(tx.NewID(), tx.At)
						v.Match = c.match
						if err := tx.PutChange(v); err != nil {
							return err
						}
					}
					return nil
				})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/500, "µs/change")
		})
	}
}
