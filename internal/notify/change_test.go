// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"slices"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// TestKindsOfChange: each thing that makes a change remarkable is a notice, and none of what
// nobody has to know is.
func TestKindsOfChange(t *testing.T) {
	for name, test := range map[string]struct {
		c    seaworthy.Change
		want []seaworthy.NoticeKind
	}{
		"approved": {seaworthy.Change{Match: seaworthy.MatchVerified}, nil},
		"approved, and past admission": {
			seaworthy.Change{Match: seaworthy.MatchVerified, Flags: []seaworthy.Flag{seaworthy.FlagBypassed}}, []seaworthy.NoticeKind{seaworthy.NoticeBypassed},
		},
		"out of band, and widens access": {
			seaworthy.Change{Match: seaworthy.MatchOutOfBand, Flags: []seaworthy.Flag{seaworthy.FlagWidened}}, []seaworthy.NoticeKind{seaworthy.NoticeOutOfBand, seaworthy.NoticeWidened},
		},
		"a controller's": {seaworthy.Change{Match: seaworthy.MatchFolded}, nil},
		"a Secret read by a person": {
			seaworthy.Change{Match: seaworthy.MatchExempt, Flags: []seaworthy.Flag{seaworthy.FlagSecretRead}, Actor: seaworthy.Actor{Username: "alice"}}, []seaworthy.NoticeKind{seaworthy.NoticeSecretRead},
		},
		"a Secret read by a program": {
			seaworthy.Change{Match: seaworthy.MatchExempt, Flags: []seaworthy.Flag{seaworthy.FlagSecretRead}, Actor: seaworthy.Actor{Username: "system:serviceaccount:shop:cart"}}, nil,
		},
		"a Secret read by a person as a program": {
			seaworthy.Change{Match: seaworthy.MatchExempt, Flags: []seaworthy.Flag{seaworthy.FlagSecretRead}, Actor: seaworthy.Actor{Username: "system:serviceaccount:shop:cart", Impersonator: "alice"}}, []seaworthy.NoticeKind{seaworthy.NoticeSecretRead},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := notify.KindsOfChange(&test.c); !slices.Equal(got, test.want) {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
	for _, f := range seaworthy.Flags {
		c := seaworthy.Change{Match: seaworthy.MatchVerified, Flags: []seaworthy.Flag{f}, Actor: seaworthy.Actor{Username: "alice"}}
		if len(notify.KindsOfChange(&c)) == 0 {
			t.Errorf("nobody is ever told of %s", f)
		}
	}
	for _, k := range []seaworthy.NoticeKind{seaworthy.NoticeBypassed, seaworthy.NoticeWidened, seaworthy.NoticeOutOfBand} {
		if !k.Urgent() || !slices.Contains(seaworthy.NoticeKinds, k) {
			t.Errorf("%s can be held back", k)
		}
	}
}
