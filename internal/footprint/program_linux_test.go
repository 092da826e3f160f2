// SPDX-License-Identifier: Apache-2.0

package footprint

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Only what is mapped from the program's file, cannot be written to and never was is given
// back: anything else would be lost.
func TestOnlyUnchangedPartsOfTheProgramAreGivenBack(t *testing.T) {
	part := func(head, anonymous, swap string) string {
		return head + "\nSize:  40 kB\nRss:  40 kB\nAnonymous:  " + anonymous + " kB\nSwap:  " + swap + " kB\nVmFlags: rd mr mw me\n"
	}
	smaps := part("00400000-00500000 r-xp 00000000 fe:00 1  /opt/sea worthy", "0", "0") +
		part("00500000-00600000 r--p 00100000 fe:00 1  /opt/sea worthy", "4", "0") + // a linker changed it
		part("00600000-00700000 r--p 00200000 fe:00 1  /opt/sea worthy", "0", "4") + // and that is swapped out
		part("00700000-00800000 rw-p 00300000 fe:00 1  /opt/sea worthy", "0", "0") +
		part("00800000-00900000 r--p 00000000 fe:00 2  /opt/other", "0", "0") +
		part("00900000-00a00000 r--p 00000000 00:00 0", "0", "0") +
		part("00a00000-00b00000 r--p 00300000 fe:00 1  /opt/sea worthy", "0", "0")
	got, err := unchanged(strings.NewReader(smaps), "/opt/sea worthy")
	want := []mapped{{0x400000, 0x500000}, {0xa00000, 0xb00000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mapped{})); diff != "" || err != nil {
		t.Errorf("unchanged (-want +got, %v):\n%s", err, diff)
	}
}

// The program goes on as before when its own pages were given back.
func TestTheProgramGoesOnWithoutItsPages(t *testing.T) {
	before := describe(os.Args)
	for range 3 {
		if err := unmapProgram(); err != nil {
			t.Fatal(err)
		}
		if after := describe(os.Args); after != before {
			t.Fatalf("%q became %q", before, after)
		}
	}
}

func describe(words []string) string { return strings.ToUpper(strings.Join(words, " ")) }
