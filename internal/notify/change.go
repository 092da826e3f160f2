// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
)

// flagged says which notice each flag of a change is, the gravest first.
var flagged = []struct {
	flag seaworthy.Flag
	kind seaworthy.NoticeKind
}{
	{seaworthy.FlagAuditRemoved, seaworthy.NoticeOwnConfig},
	{seaworthy.FlagOwnConfig, seaworthy.NoticeOwnConfig},
	{seaworthy.FlagSession, seaworthy.NoticeSession},
	{seaworthy.FlagReverted, seaworthy.NoticeReverted},
	{seaworthy.FlagBypassed, seaworthy.NoticeBypassed},
}

// KindsOfChange are all that a change is remarkable for, the foremost first.
func KindsOfChange(c *seaworthy.Change) []seaworthy.NoticeKind {
	var kinds []seaworthy.NoticeKind
	add := func(yes bool, k seaworthy.NoticeKind) {
		if yes && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	for _, f := range flagged {
		add(slices.Contains(c.Flags, f.flag), f.kind)
	}
	add(c.Unexplained(), seaworthy.NoticeOutOfBand)
	add(slices.Contains(c.Flags, seaworthy.FlagWidened), seaworthy.NoticeWidened)
	add(slices.Contains(c.Flags, seaworthy.FlagSecretRead) && personal(c), seaworthy.NoticeSecretRead)
	return kinds
}

// personal tells whether a person may be behind a change: programs read Secrets all day.
func personal(c *seaworthy.Change) bool {
	return !changes.Account(c.Actor.Username) || c.Actor.Impersonator != "" && !changes.Account(c.Actor.Impersonator)
}

// OfChange makes the notice of a change in a cluster of that name; false: it is not
// remarkable. Ids and the page that shows it are the caller's.
func OfChange(c *seaworthy.Change, source string) (seaworthy.Notice, bool) {
	kinds := KindsOfChange(c)
	if len(kinds) == 0 {
		return seaworthy.Notice{}, false
	}
	o := &c.Object
	n := seaworthy.Notice{
		Kind: kinds[0], Also: kinds[1:], At: c.At, SourceID: c.SourceID, SourceName: source, Namespace: o.Namespace,
		Title:  ChangeTitle(c, source, kinds[0]),
		Thread: strings.Join([]string{"object", c.SourceID, o.Group(), o.Kind, o.Namespace, o.Name}, "/"),
	}
	describe(&n, c)
	return n, true
}

// did says what a verb does to an object, in the past.
var did = map[string]string{
	seaworthy.VerbCreate: "made", seaworthy.VerbUpdate: "changed", seaworthy.VerbDelete: "deleted", seaworthy.VerbExec: "ran a command inside",
	seaworthy.VerbAttach: "attached to", seaworthy.VerbPortForward: "forwarded a port to", seaworthy.VerbProxy: "went through", seaworthy.VerbRead: "read",
	seaworthy.VerbImpersonate: "acted as",
}

// ChangeTitle says in one sentence what a notice of a change is about.
func ChangeTitle(c *seaworthy.Change, source string, kind seaworthy.NoticeKind) string {
	who := c.Actor.Username
	if who == "" {
		who = "Somebody unknown"
	}
	verb := did[c.Verb]
	if verb == "" {
		verb = "did " + c.Verb + " to"
	}
	if c.Nothing() {
		verb = "tried, without success, and would have " + verb
	}
	what := who + " " + verb + " " + c.Object.String() + " in " + source
	switch kind {
	case seaworthy.NoticeOutOfBand:
		return what + ", which nobody had approved"
	case seaworthy.NoticeReverted:
		return what + ": made and undone"
	case seaworthy.NoticeOwnConfig:
		return what + ", which the change trail itself is made of"
	case seaworthy.NoticeBypassed:
		return what + ", past admission"
	case seaworthy.NoticeWidened:
		return what + ", which widens access"
	}
	return what
}

// WhoMatters tells whether people who were told of a change by nobody known are told who it
// was, once that is: of what the trail itself is made of.
func WhoMatters(c *seaworthy.Change) bool {
	return slices.Contains(KindsOfChange(c), seaworthy.NoticeOwnConfig)
}

// WhoTitle says in one sentence who made a change that was told of before.
func WhoTitle(c *seaworthy.Change, source string) string {
	return "It is known now who it was: " + ChangeTitle(c, source, seaworthy.NoticeOwnConfig)
}

// mostPaths is how many edits a notice names.
const mostPaths = 8

func describe(n *seaworthy.Notice, c *seaworthy.Change) {
	var paths []string
	for _, e := range c.Edits[:min(len(c.Edits), mostPaths)] {
		paths = append(paths, e.Path)
	}
	if more := len(c.Edits) + c.EditsLeftOut - len(paths); more > 0 {
		paths = append(paths, fmt.Sprintf("%d more", more))
	}
	if c.Verb == seaworthy.VerbUpdate {
		detail(n, "Changed", strings.Join(paths, ", "))
	}
	detail(n, "Approval", c.MatchWhy)
	flags := make([]string, len(c.Flags))
	for i, f := range c.Flags {
		flags[i] = string(f)
	}
	detail(n, "Remarkable", strings.Join(flags, ", "))
	detail(n, "Not seen by", strings.Join(c.Unseen, ", "))
	detail(n, "On behalf of", c.Actor.Impersonator)
	detail(n, "Client", c.Actor.UserAgent)
	detail(n, "From", strings.Join(c.Actor.SourceIPs[:min(len(c.Actor.SourceIPs), mostPaths)], ", "))
	detail(n, "When", c.At.UTC().Format("2 January 2006, 15:04:05")+" UTC")
}

func detail(n *seaworthy.Notice, name, value string) {
	if value != "" {
		n.Details = append(n.Details, seaworthy.NoticeDetail{Name: name, Value: value})
	}
}
