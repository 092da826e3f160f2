// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package volume measures what a server answers when it has much to look at: a made-up
// company of many clusters, a million open findings and ten million steps in their lives,
// on each database.
package volume

import (
	"os"
	"strconv"
	"testing"
)

// The settings. The database is filled once and kept where a folder is named; PostgreSQL
// is measured where SEAWORTHY_TEST_POSTGRES names a server.
const (
	wanted     = "SEAWORTHY_BENCH"        // must be set
	ofFindings = "SEAWORTHY_FINDINGS"     // open ones; 1,000,000 unless told
	ofEvents   = "SEAWORTHY_EVENTS"       // ten for each finding unless told
	ofRequests = "SEAWORTHY_REQUESTS"     // of each address; 30 unless told
	keptIn     = "SEAWORTHY_VOLUME"       // a folder; empty: a temporary one
	only       = "SEAWORTHY_VOLUME_ONLY"  // addresses that hold this text
	engine     = "SEAWORTHY_VOLUME_STORE" // sqlite or postgres; empty: both
	verified   = "SEAWORTHY_VERIFY"       // also check the whole store against its log
)

func number(env string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return otherwise
}

// TestReads fills both databases and measures every page and every list. It fails on
// answers that are not what they should be and never on time.
func TestReads(t *testing.T) {
	if testing.Short() || os.Getenv(wanted) == "" {
		t.Skipf("SKIPPED, no reads were measured: %s is not set", wanted)
	}
	c := company{open: number(ofFindings, 1_000_000)}
	c.events = number(ofEvents, 10*c.open)
	each(t, c, func(t *testing.T, s *site) {
		s.verify(t)
		s.measure(t)
	})
}
