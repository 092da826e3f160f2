// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/notify"
)

// change tells of a change that is remarkable: all that it is in one notice, and what it
// turns out to be later in another.
func (t *telling) change(c *seaworthy.Change) error {
	if len(notify.KindsOfChange(c)) == 0 {
		return nil
	}
	if before, err := t.beforeAgents(c); err != nil || before {
		return err
	}
	var of seaworthy.Notice
	if err := t.at(&of, c.SourceID); err != nil {
		return err
	}
	n, _ := notify.OfChange(c, of.SourceName)
	n.SourceID, n.SourceName, n.Team, n.Path = of.SourceID, of.SourceName, of.Team, "/changes/"+c.ID
	d := draft{
		of: c.ID, kinds: n.Kinds(), Notice: n,
		title: func(k seaworthy.NoticeKind) string { return notify.ChangeTitle(c, n.SourceName, k) },
	}
	if notify.WhoMatters(c) {
		if d.unnamed = c.Actor.Username == ""; !d.unnamed {
			d.named = notify.WhoTitle(c, n.SourceName)
		}
	}
	t.drafts = append(t.drafts, d)
	return nil
}

// beforeAgents tells whether a change is from before the first agent of its cluster was
// enrolled: an audit log holds more than what is news.
func (t *telling) beforeAgents(c *seaworthy.Change) (bool, error) {
	agents, err := t.tx.AgentsOf(c.SourceID)
	if err != nil || len(agents) == 0 {
		return false, err
	}
	for _, a := range agents {
		if !c.At.Before(a.EnrolledAt) {
			return false, nil
		}
	}
	return true, nil
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

// actor tells that somebody said who is behind a name by which clusters know people: who
// may explain a change hangs on it. One without a name is gone.
func (t *telling) actor(a *seaworthy.KnownActor) error {
	who, err := t.person(t.tx.Actor)
	if err != nil {
		return err
	}
	d := draft{of: a.ID + "/" + t.tx.NewID(), kinds: []seaworthy.NoticeKind{seaworthy.NoticeOwnConfig}, Notice: seaworthy.Notice{
		At: t.tx.At, Path: "/actors", Thread: "actors",
	}}
	if err := t.at(&d.Notice, a.SourceID); err != nil {
		return err
	}
	d.title = func(seaworthy.NoticeKind) string {
		if a.Name == "" {
			return who + " took back who is behind a name that clusters know"
		}
		return who + " said who is behind the name " + a.Name
	}
	if a.Name != "" {
		person, err := t.person("user:" + a.UserID)
		if err != nil {
			return err
		}
		detail(&d.Notice, "Person", person)
	}
	detail(&d.Notice, "When", moment(t.tx.At))
	t.drafts = append(t.drafts, d)
	return nil
}
