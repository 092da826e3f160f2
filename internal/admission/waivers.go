// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// waivers are those that may hold in this cluster, by check.
type waivers struct {
	exact    map[string][]seaworthy.TrackedWaiver
	patterns []seaworthy.TrackedWaiver
}

func newWaivers(all []seaworthy.TrackedWaiver, source string) waivers {
	w := waivers{exact: map[string][]seaworthy.TrackedWaiver{}}
	for _, one := range all {
		switch {
		case one.State != seaworthy.WaiverApproved || one.SourceID != "" && one.SourceID != source:
		case one.File != "": // of a manifest in a repository; there are no files here
		case strings.ContainsAny(one.Check, `*?[\`):
			w.patterns = append(w.patterns, one)
		default:
			w.exact[one.Check] = append(w.exact[one.Check], one)
		}
	}
	return w
}

// apply gives a finding the waiver that holds for it, if there is one. An annotation of
// the object is a request and waives nothing.
func (w waivers) apply(f *seaworthy.Finding, now time.Time) {
	for _, list := range [][]seaworthy.TrackedWaiver{w.exact[f.Check], w.patterns} {
		i := slices.IndexFunc(list, func(one seaworthy.TrackedWaiver) bool { return one.Counts(now) && one.Matches(f) })
		if i >= 0 {
			one := list[i]
			f.Waiver = &seaworthy.AppliedWaiver{Owner: one.Owner, Reason: one.Reason, Approver: one.Approver, Expires: one.Expires, By: "server"}
			return
		}
	}
}
