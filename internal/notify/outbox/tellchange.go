// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
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
}

// change tells of a change that is remarkable: all that it is in one notice, and what it
// turns out to be later in another.
func (t *telling) change(c *seaworthy.Change) error {
	var kinds []seaworthy.NoticeKind
	add := func(k seaworthy.NoticeKind) {
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	for _, f := range flagged {
		if slices.Contains(c.Flags, f.flag) {
			add(f.kind)
		}
	}
	if c.Unexplained() {
		add(seaworthy.NoticeOutOfBand)
	}
	if slices.Contains(c.Flags, seaworthy.FlagWidened) {
		add(seaworthy.NoticeWidened)
	}
	if slices.Contains(c.Flags, seaworthy.FlagSecretRead) {
		add(seaworthy.NoticeSecretRead)
	}
	if len(kinds) == 0 {
		return nil
	}
	o := &c.Object
	d := draft{of: c.ID, kinds: kinds, Notice: seaworthy.Notice{
		At: c.At, Namespace: o.Namespace, Path: "/changes/" + c.ID,
		Thread: strings.Join([]string{"object", c.SourceID, o.Group(), o.Kind, o.Namespace, o.Name}, "/"),
	}}
	if err := t.at(&d.Notice, c.SourceID); err != nil {
		return err
	}
	d.title = func(k seaworthy.NoticeKind) string { return changeTitle(c, d.SourceName, k) }
	describe(&d.Notice, c)
	t.drafts = append(t.drafts, d)
	return nil
}

// did says what a verb does to an object, in the past.
var did = map[string]string{
	seaworthy.VerbCreate: "made", seaworthy.VerbUpdate: "changed", seaworthy.VerbDelete: "deleted", seaworthy.VerbExec: "ran a command inside",
	seaworthy.VerbAttach: "attached to", seaworthy.VerbPortForward: "forwarded a port to", seaworthy.VerbProxy: "went through", seaworthy.VerbRead: "read",
}

func changeTitle(c *seaworthy.Change, source string, kind seaworthy.NoticeKind) string {
	who := c.Actor.Username
	if who == "" {
		who = "Somebody unknown"
	}
	verb := did[c.Verb]
	if verb == "" {
		verb = "did " + c.Verb + " to"
	}
	if c.Outcome == seaworthy.OutcomeDenied || c.Outcome == seaworthy.OutcomeFailed {
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
	case seaworthy.NoticeWidened:
		return what + ", which widens access"
	}
	return what
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
	detail(n, "From", named(c.Actor.SourceIPs))
	detail(n, "When", moment(c.At))
}

// changeRule tells that somebody changed which changes need an approval. A rule without a
// name is gone.
func (t *telling) changeRule(r *seaworthy.ChangeRule) error {
	who, err := t.person(t.tx.Actor)
	if err != nil {
		return err
	}
	d := draft{of: r.ID + "/" + t.tx.NewID(), kinds: []seaworthy.NoticeKind{seaworthy.NoticeOwnConfig}, Notice: seaworthy.Notice{
		At: t.tx.At, Path: "/change-rules", Thread: "change-rules",
	}}
	if err := t.at(&d.Notice, r.SourceID); err != nil {
		return err
	}
	d.title = func(seaworthy.NoticeKind) string {
		if r.Name == "" {
			return who + " removed a rule that says which changes need an approval"
		}
		return who + " set a rule that says which changes need an approval: " + r.Name
	}
	if r.Name != "" {
		detail(&d.Notice, "Needs an approval", map[bool]string{true: "yes", false: "no"}[r.Approval])
	}
	detail(&d.Notice, "When", moment(t.tx.At))
	t.drafts = append(t.drafts, d)
	return nil
}
