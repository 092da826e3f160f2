// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"fmt"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// people makes teams, people, who owns what, and the sources.
func (s *site) people() {
	s.write(func(tx *store.Tx) error {
		for n := range teams {
			if err := tx.PutTeam(&seaworthy.Team{ID: teamID(n), Name: fmt.Sprintf("Team %02d", n), CreatedAt: tx.At}); err != nil {
				return err
			}
		}
		for n := range people {
			u := seaworthy.User{ID: fmt.Sprintf("user-%02d", n), Email: fmt.Sprintf("user%02d@harbour.example", n), Name: fmt.Sprintf("Person %02d", n), Role: seaworthy.Engineer,
				Teams: []string{teamID(n % teams)}, CreatedAt: tx.At}
			if n%10 == 1 {
				u.Role, u.Teams = seaworthy.ComplianceManager, []string{}
			}
			if err := tx.PutUser(&u); err != nil {
				return err
			}
		}
		for n := range sources {
			v := source(n)
			if err := tx.PutSource(&v); err != nil {
				return err
			}
		}
		for n := range 200 {
			r := seaworthy.OwnershipRule{ID: fmt.Sprintf("rule-%03d", n), Place: n + 1, Namespace: space(n * 2), Team: teamID(n * 2 % teams)}
			if err := tx.PutOwnershipRule(&r); err != nil {
				return err
			}
		}
		return nil
	})
	for n := range 40 {
		_, _, err := s.server.Auth().CreateToken(s.t.Context(), s.owner, auth.NewToken{Name: fmt.Sprintf("pipeline %d", n), Role: seaworthy.Reporter})
		s.must(err)
	}
	for n := range 300 {
		s.blobs = append(s.blobs, s.blob(n))
	}
}

// programme makes the program, with some namespaces out of scope, and gives most controls
// an owner.
func (s *site) programme() {
	p := seaworthy.Program{Name: "SOC 2 2026 H1", Type: seaworthy.TypeII, From: began, To: began.AddDate(0, 0, 200), Categories: []string{"security", "availability", "confidentiality"}}
	for n := range sources {
		v := source(n)
		item := seaworthy.ScopeItem{Kind: v.Kind, Source: v.ID, In: v.Environment == seaworthy.Production && n%6 != 5}
		if !item.In {
			item.Reason = "Holds no customer data"
		}
		p.Scope = append(p.Scope, item)
		if item.In && isCluster(n) && n%2 == 0 {
			p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: v.ID, Name: space((n / 3 * 40) % spaceNames), Reason: "An experiment"},
				seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: v.ID, Name: space((7 + n/3*40) % spaceNames), Reason: "An experiment"})
		}
	}
	var err error
	s.program, err = s.audit.CreateProgram(s.t.Context(), s.owner, p)
	s.must(err)
	all, err := s.server.Store().Controls(s.t.Context())
	s.must(err)
	for n, c := range all {
		if n%9 == 4 {
			continue
		}
		c.OwnerUser = fmt.Sprintf("user-%02d", n%people)
		_, err := s.audit.ChangeControl(s.t.Context(), s.owner, c)
		s.must(err)
	}
}

// waivers makes one for every second check of each source, and some of single findings
// that were refused, are over, or are still asked for.
func (s *site) waivers() {
	for n := range sources {
		s.write(func(tx *store.Tx) error {
			for i, c := range s.company.checks {
				v := seaworthy.TrackedWaiver{ID: waiverID(n, i), SourceID: sourceID(n), State: seaworthy.WaiverApproved, RequestedBy: fmt.Sprintf("user:user-%02d", i%people),
					RequestedAt: tx.At.Add(time.Duration(i) * time.Minute), From: "person"}
				v.Waiver = seaworthy.Waiver{Check: c.ID, Owner: fmt.Sprintf("user-%02d", i%people), Reason: "Runs until the new platform is there", Expires: seaworthy.Date{Time: began.AddDate(0, 0, 185+i)}}
				v.DecidedAt, v.DecidedBy = v.RequestedAt.Add(time.Hour), s.owner.Actor
				if i%2 == 1 {
					if i%8 != 1 {
						continue
					}
					v.State, v.DecidedBy = []string{seaworthy.WaiverRequested, seaworthy.WaiverRejected, seaworthy.WaiverExpired}[i/8%3], ""
					f, _, _ := s.company.finding(n, min(i, len(s.company.lives[n])-1))
					v.Fingerprint, v.Check = f.Fingerprint, f.Check
				}
				if err := tx.PutWaiver(&v); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// perform attests most of what people had to do, and brings files.
func (s *site) perform(d int) {
	ctx := s.t.Context()
	list, err := s.server.Store().AllOccurrences(ctx, store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueTo: s.now.Add(9 * day)})
	s.must(err)
	all, err := s.server.Store().Controls(ctx)
	s.must(err)
	for i, o := range list {
		c := all[slices.IndexFunc(all, func(c seaworthy.TrackedControl) bool { return c.ID == o.ControlID })]
		if c.Machine() || i%7 == 3 || o.From.After(s.now.Add(-2*day)) {
			continue
		}
		_, err := s.audit.AddEvidence(ctx, s.owner, seaworthy.Evidence{
			Kind: seaworthy.EvidenceAttestation, Title: c.Title, Shows: seaworthy.Operation, Statement: "Done as the procedure says; the minutes are in the register.",
			Collector: s.owner.Actor, EffectiveFrom: o.From, EffectiveTo: s.now.Add(-day), CollectedAt: s.now, Occurrences: []string{o.ID},
		}, audit.Performance{})
		s.must(err)
	}
	s.write(func(tx *store.Tx) error {
		for i := range 400 {
			e := seaworthy.Evidence{
				Kind: seaworthy.EvidenceUpload, Title: fmt.Sprintf("Export %d of %s", i, tx.At.Format(time.DateOnly)), Shows: seaworthy.Design, Digest: s.blobs[i%len(s.blobs)].digest,
				Size: s.blobs[i%len(s.blobs)].size, MediaType: "text/csv", FileName: fmt.Sprintf("export-%d.csv", i), Collector: s.owner.Actor, Controls: []string{all[i%len(all)].ID},
				EffectiveFrom: tx.At.Add(-2 * day), EffectiveTo: tx.At.Add(-day), CollectedAt: tx.At,
			}
			if err := tx.AddEvidence(&e); err != nil {
				return err
			}
		}
		for n := range 5 {
			g := seaworthy.Gap{ID: tx.NewID(), SourceID: sourceID((d + n*7) % sources), Kind: store.GapSilent, From: tx.At.Add(-3 * day), To: tx.At.Add(-day), Reason: "no report came"}
			if err := tx.PutGap(&g); err != nil {
				return err
			}
		}
		for n := range 20 {
			if err := tx.Action("exported", "findings", map[string]any{"rows": n}); err != nil {
				return err
			}
		}
		return nil
	})
}

// afterwards is what people did lately: they talked about findings, froze lists, saved
// what they look at, and signed the log.
func (s *site) afterwards() {
	ctx := s.t.Context()
	s.must(s.audit.Advance(ctx))
	for part := range 6 {
		s.write(func(tx *store.Tx) error {
			for n := range 500 {
				i := part*500 + n
				f, _, _ := s.company.finding(i%clusters, i*3%len(s.company.lives[i%clusters]))
				c := seaworthy.Comment{SubjectKind: seaworthy.OnFinding, Subject: f.ID, Text: "We move this with the next release.", Mentions: []string{}}
				if err := tx.AddComment(&c); err != nil {
					return err
				}
			}
			return tx.PutSavedView(&seaworthy.SavedView{UserID: s.owner.UserID, Page: "findings", Name: fmt.Sprintf("View %d", part), Query: "severity=critical"})
		})
	}
	for _, list := range []string{"occurrences", "waivers", "sources", "check-versions", "gaps", "users"} {
		p, err := s.audit.Freeze(ctx, s.owner, audit.FreezeRequest{Name: "All " + list, Program: s.program.ID, List: list})
		s.must(err)
		_, err = s.audit.SampleBySeed(ctx, s.owner, p.ID, "2026-07-06", 25)
		s.must(err)
	}
	_, err := s.server.Store().Checkpoint(ctx, s.signer)
	s.must(err)
}
