// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func TestRetentionEndsInTombstones(t *testing.T) {
	each(t, small(), func(c *company) {
		ctx := c.t.Context()
		p := c.clusters()
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.report("prod-us")
		opened := c.now
		c.finding("old", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, opened, opened.Add(day), time.Time{})
		c.must(c.store.Write(ctx, "system", func(tx *store.Tx) error {
			known, err := tx.LockFindings("old")
			if err != nil {
				return err
			}
			before, after := known["old"], known["old"]
			after.Status, after.ClosedAt = seaworthy.FindingFixed, opened.Add(time.Hour)
			return tx.ChangeFindings([]store.FindingChange{{Before: &before, After: after, Kind: seaworthy.EventFixed}})
		}))
		c.at("2026-01-06T02:00")
		blobs := len(c.blobs.kept)
		c.must(c.SetRetention(ctx, owner, audit.Retention{RawReports: 30, FindingEvents: 30, Evidence: 30, Sessions: 30}))
		if err := c.SetRetention(ctx, manager, audit.Retention{}); !isKind(err, seaworthy.KindForbidden) {
			c.t.Errorf("a compliance manager sets retention: %v", err)
		}
		if err := c.SetRetention(ctx, owner, audit.Retention{Evidence: 3}); !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("three days: %v", err)
		}

		c.at("2028-03-01") // years later, but the program is open
		c.must(c.Retain(ctx))
		if len(c.blobs.kept) != blobs {
			c.t.Fatalf("%d of %d blobs are left under an open program", len(c.blobs.kept), blobs)
		}
		_, err := c.CloseProgram(ctx, manager, p.ID)
		c.must(err)
		c.must(c.Retain(ctx))
		if len(c.blobs.kept) != 0 {
			c.t.Errorf("%d blobs are left", len(c.blobs.kept))
		}
		list, err := c.store.EvidenceList(ctx, store.EvidenceFilter{Kind: seaworthy.EvidenceRun})
		c.must(err)
		for _, e := range list {
			if e.ErasedAt.IsZero() || e.Digest == "" {
				c.t.Errorf("evidence = %+v, want a tombstone with the digest", e)
			}
		}
		runs, err := c.store.Runs(ctx, store.RunFilter{})
		c.must(err)
		for _, r := range runs.Items {
			if r.Blob != "" || r.Digest == "" || len(r.Checks) != 3 {
				c.t.Errorf("run = %+v, want what it counted and no bytes", r)
			}
		}
		events, err := c.store.FindingEvents(ctx, "old")
		c.must(err)
		if len(events) != 1 || events[0].Kind != seaworthy.EventFixed {
			c.t.Errorf("events = %+v, want the last one only", events)
		}
		c.addsNothing(c.Retain)
	})
}

func TestPeopleCanBeErased(t *testing.T) {
	each(t, small(), func(c *company) {
		ctx := c.t.Context()
		comment := seaworthy.Comment{SubjectKind: "finding", Subject: "f", Text: "ask Kim Doe"}
		c.must(c.store.Write(ctx, "user:kim", func(tx *store.Tx) error {
			if err := tx.PutUser(&seaworthy.User{ID: "kim", Email: "kim@example.com", Name: "Kim Doe", Role: seaworthy.Engineer, Teams: []string{}}); err != nil {
				return err
			}
			return tx.AddComment(&comment)
		}))
		c.must(c.store.Write(ctx, "user:olu", func(tx *store.Tx) error {
			if err := tx.Erase("user", "kim", "left, and asked for it"); err != nil {
				return err
			}
			return tx.Erase("comment", comment.ID, "names a person")
		}))
		u, err := c.store.User(ctx, "kim")
		c.must(err)
		if u.Name != "erased" || u.Email != "erased-kim" || !u.Disabled {
			c.t.Errorf("user = %+v, want nothing of the person", u)
		}
		got, err := c.store.Comment(ctx, comment.ID)
		c.must(err)
		if got.Text != "" || got.ErasedAt.IsZero() || got.Author != "user:kim" {
			c.t.Errorf("comment = %+v, want a tombstone", got)
		}
		for kind, subject := range map[string]string{"user": "kim", "comment": comment.ID} {
			entries, err := c.store.History(ctx, kind, subject)
			c.must(err)
			if len(entries) != 2 || !entries[0].Erased || entries[1].Erased {
				c.t.Errorf("entries of the %s: %+v, want the first erased", kind, entries)
			}
		}
		err = c.store.Write(ctx, "user:olu", func(tx *store.Tx) error { return tx.Erase("program", "p", "r") })
		if !isKind(err, seaworthy.KindInvalid) {
			c.t.Errorf("erasing a program: %v, want invalid", err)
		}
	})
}
