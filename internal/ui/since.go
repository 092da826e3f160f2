// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// A visit ends when nobody looked at the overview for so long.
const (
	visitPause = time.Hour
	visitStep  = 5 * time.Minute // how often it is noted that one goes on
)

// since is what happened since somebody was last here.
type since struct {
	At                      time.Time // zero: this is the first visit
	Opened, Regressed, Shut int
	Needs                   int // controls that needed somebody then; -1: not known
	Mentions                int
}

// Any tells whether findings changed.
func (s since) Any() bool { return s.Opened+s.Regressed+s.Shut > 0 }

// here notes the visit and tells when the one before ended.
func (u *UI) here(ctx context.Context, p page) (time.Time, error) {
	user := p.Who.UserID
	if user == "" {
		return time.Time{}, nil
	}
	v, err := u.Store.LastVisit(ctx, user)
	if err != nil || p.Now.Sub(v.Seen) < visitStep {
		return v.Before, err
	}
	if err := u.Store.Write(ctx, p.Who.Actor, func(tx *store.Tx) error { return tx.Visit(user, visitPause) }); err != nil {
		return v.Before, err
	}
	if !v.Seen.IsZero() && p.Now.Sub(v.Seen) > visitPause {
		return v.Seen, nil
	}
	return v.Before, nil
}

// since counts what reports and days brought after a time.
func (u *UI) since(ctx context.Context, p *overviewPage, at time.Time) error {
	if p.Since = (since{At: at, Needs: -1}); at.IsZero() {
		return nil
	}
	c, err := u.Store.RunChanges(ctx, at, p.Now.Add(time.Second), p.Program)
	if err != nil {
		return err
	}
	p.Since.Opened, p.Since.Regressed, p.Since.Shut = c.Opened, c.Regressed, c.Fixed
	for _, d := range p.days {
		if d.Day.AddDate(0, 0, 1).Before(at.AddDate(0, 0, 1)) {
			p.Since.Needs = d.Counts.NeedsYou
		}
	}
	for i := range p.Changed {
		if p.Changed[i].New = p.Changed[i].At.After(at); p.Changed[i].New && p.Changed[i].Mine {
			p.Since.Mentions++
		}
	}
	return nil
}

// tellComment tells of a comment that mentions who looks.
func tellComment(c changeRow, p page, e store.LogEntry) (changeRow, bool) {
	v, ok := read[seaworthy.Comment](e)
	if !ok || !v.ErasedAt.IsZero() {
		return c, false
	}
	for _, m := range v.Mentions {
		if m == p.Who.UserID && m != "" {
			to := "/findings/"
			if v.SubjectKind != seaworthy.OnFinding {
				to = subjects[v.SubjectKind]
			}
			c.Icon, c.Text, c.Href, c.Mine = "comment", "You are mentioned: "+clip(v.Text, 120), p.To(to, v.Subject), true
			return c, to != ""
		}
	}
	return c, false
}
