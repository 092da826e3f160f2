// SPDX-License-Identifier: Apache-2.0

package changes

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seaworthy-dev/seaworthy"
)

// The most that a sighting keeps of what admission said.
const (
	maxJudged = 20
	// bytes of the items of a judgement, and of its error: of one that refuses, of another
	maxDenied, maxJudgedText = 1000, 200
)

// modes of admission, the gravest first.
var modes = []string{"deny", "warn", "audit", ""}

// ReviewNote begins the names of the audit annotations by which the webhook tells the audit
// event which reviews were made of a request; the UID of one follows. The API server asks
// again when another write came first, and keeps the first value of a name.
const ReviewNote = "review."

// KeepJudged keeps what admission said of a request on its sighting: the gravest first, within
// the limits of a record.
func KeepJudged(s *seaworthy.Sighting, list []seaworthy.Judgement) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b seaworthy.Judgement) int {
		return cmp.Or(
			bools(a.Waived, b.Waived), cmp.Compare(slices.Index(modes, a.Mode), slices.Index(modes, b.Mode)),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Door, b.Door),
		)
	})
	s.JudgedLeftOut = max(len(list)-maxJudged, 0)
	list = list[:min(len(list), maxJudged)]
	for i := range list {
		j := &list[i]
		left := maxJudgedText
		if j.Mode == "deny" {
			left = maxDenied
		}
		j.Error = shortened(j.Error, left)
		var items []string
		for _, it := range j.Items {
			if left <= 0 {
				items = append(items, "…")
				break
			}
			items = append(items, shortened(it, left))
			left -= len(it)
		}
		j.Items = items
	}
	s.Judged = list
}

func bools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// shortened cuts a text at a character, and takes a copy of it: what it is part of may be
// large.
func shortened(s string, most int) string {
	if len(s) <= most {
		return strings.Clone(s)
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}
