// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"testing"
	"time"
)

func TestLongestGap(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		when []string
		want time.Duration
	}{
		{[]string{"@hourly"}, time.Hour},
		{[]string{"@daily"}, day},
		{[]string{"@every 6h"}, 6 * time.Hour},
		{[]string{"0 3 * * *"}, day},
		{[]string{"0 0 3 * * *"}, day},
		{[]string{"CRON_TZ=Europe/Zurich 0 3 * * *"}, day},
		{[]string{"*/15 * * * *"}, 15 * time.Minute},
		{[]string{"5/20 * * * *"}, 20 * time.Minute},
		{[]string{"0 8-18/2 * * *"}, 14 * time.Hour},
		{[]string{"0 3 * * 1-5"}, 3 * day},
		{[]string{"0 3 * * sun"}, 7 * day},
		{[]string{"0 3 * * 7"}, 7 * day},
		{[]string{"30 2 1 * *"}, 31 * day},
		{[]string{"30 2 1 jan,JUL ?"}, 184 * day},
		{[]string{"0 0 1 * mon"}, 7 * day},
		{[]string{"@weekly", "0 3 * * *"}, day},
	} {
		got, err := longestGap(tc.when)
		if err != nil || got != tc.want {
			t.Errorf("longestGap(%q) = %v, %v, want %v", tc.when, got, err, tc.want)
		}
	}
	for _, when := range []string{"", "daily", "* * * *", "60 * * * *", "0 3 * * 8", "*/0 * * * *", "a * * * *", "0 0 29 2 1-0", "@every soon", "1-b * * * *"} {
		if got, err := longestGap([]string{when}); err == nil {
			t.Errorf("longestGap(%q) = %v, want an error", when, got)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("*/5 1-3 1,15 jan-mar mon")
	f.Fuzz(func(_ *testing.T, text string) {
		if c, err := parseCron(text); err == nil {
			_, _ = c.gap()
		}
	})
}
