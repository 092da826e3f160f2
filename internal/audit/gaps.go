// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// gapSays is what a gap means for a source, in words.
var gapSays = map[string]string{
	store.GapSilent: "is silent", store.GapIncomplete: "is incomplete", store.GapAgent: "has agents of which nothing is heard",
	store.GapWatch: "is not watched", store.GapWebhook: "does not reach the admission webhook", store.GapAudit: "lacks audit events",
	store.GapMessages: "lacks messages of its agent",
}

// past says of what is so that it was so.
func past(says string) string {
	for is, was := range map[string]string{"is ": "was ", "has ": "had ", "does not reach ": "did not reach ", "lacks ": "lacked "} {
		if rest, ok := strings.CutPrefix(says, is); ok {
			return was + rest
		}
	}
	return says
}

// ofTrail tells whether a gap is one of the change trail and not of the reports by which
// controls are judged day by day: the day's report saw what it was to see all the same.
func ofTrail(kind string) bool {
	return !slices.Contains([]string{store.GapSilent, store.GapIncomplete}, kind)
}
