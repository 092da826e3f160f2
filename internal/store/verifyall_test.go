// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
)

// fillAll writes a record of every kind, and writes each again where that is allowed, so
// that the newest entry is not the first.
func fillAll(t *testing.T, s *store.Store, findings int) {
	t.Helper()
	liveOf(t, s, findings)
	for range 2 {
		write(t, s, fillPeople)
		write(t, s, fillSources)
		write(t, s, fillTriage)
		write(t, s, fillChanges)
		write(t, s, fillNotices)
	}
	write(t, s, fillProgramme)
}

func fillPeople(tx *store.Tx) error {
	gone := seaworthy.Enrolment{ID: tx.NewID(), SourceID: "s1", CreatedAt: tx.At}
	return errors.Join(
		tx.PutTeam(&seaworthy.Team{ID: "shop", Name: "Shop", CreatedAt: tx.At}),
		tx.PutUser(&seaworthy.User{ID: "u1", Email: "u1@example.com", Name: "Ü 1", Role: seaworthy.Engineer, Teams: []string{"shop"}, CreatedAt: tx.At}),
		tx.PutToken(&seaworthy.Token{ID: "t1", Name: "ci", UserID: "u1", Role: seaworthy.Reporter, Teams: []string{}, CreatedAt: tx.At}),
		tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: "s1", PublicKey: "k", EnrolledAt: tx.At, EnrolledBy: "user:u1"}),
		tx.PutEnrolment(&seaworthy.Enrolment{ID: "e1", SourceID: "s1", CreatedAt: tx.At, CreatedBy: "user:u1", ExpiresAt: tx.At.Add(time.Hour)}),
		tx.PutEnrolment(&gone), tx.DropEnrolment(&gone),
		tx.SetSetting("sla", `{"high":"24h0m0s"}`),
		tx.SetJudgedUntil(tx.At),
		tx.Action("export", "program p", nil),
		tx.KeepSelfCheck(store.SelfCheck{ID: tx.NewID(), StartedAt: tx.At, FinishedAt: tx.At.Add(time.Second), Size: 3, Problems: []string{"team x is missing"}}),
	)
}

func fillSources(tx *store.Tx) error {
	run := seaworthy.Run{ID: tx.NewID(), SourceID: "s1", FinishedAt: tx.At, ReceivedAt: tx.At, Digest: tx.NewID(), Blob: "b",
		Checks: []seaworthy.CheckResult{{ID: "latest-tag", Status: seaworthy.StatusFailed, InScope: 2, Failed: 1, Passed: 1, Controls: []string{},
			Lacking: "its digests are not known", ByNamespace: map[string]seaworthy.NamespaceTally{"shop": {InScope: 1, Failed: 1}}}}}
	run.Complete, run.Set = true, "d1"
	run.Header.Source = seaworthy.Source{Started: tx.At.Add(-time.Minute), ClusterUID: "u", Provider: "EKS", KubernetesVersion: "v1.36"}
	return errors.Join(
		tx.PutSource(&seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Environment: seaworthy.Production, Every: time.Hour, CreatedAt: tx.At}),
		tx.PutRun(&run),
		tx.PutSourceState(store.SourceState{SourceID: "s1", RunID: run.ID, CompleteRunID: run.ID, ReportedAt: tx.At, StartedAt: run.Header.Source.Started,
			ClusterUID: "u", Provider: "EKS", KubernetesVersion: "v1.36", SetDigest: run.Set}),
		tx.PutCheckVersion(&store.CheckVersion{ID: "example.com/latest-tag", SourceID: "s1", Version: 1, Changed: []string{}, From: tx.At}),
		tx.PutGap(&seaworthy.Gap{ID: "g1", SourceID: "s1", Kind: store.GapSilent, From: tx.At, Reason: "no report came"}),
	)
}

func fillTriage(tx *store.Tx) error {
	comment := seaworthy.Comment{SubjectKind: seaworthy.OnWaiver, Subject: "w1", Text: "<b>why</b>?\nIndeed"}
	waiver := seaworthy.TrackedWaiver{ID: "w1", SourceID: "s1", State: seaworthy.WaiverRequested, RequestedBy: "user:u1", RequestedAt: tx.At, From: "person"}
	waiver.Check, waiver.Reason, waiver.Owner = "latest-tag", "r & d", "u1"
	waiver.Expires = seaworthy.Date{Time: tx.At.AddDate(0, 1, 0)} // with a time of day
	gone := seaworthy.OwnershipRule{ID: tx.NewID(), Place: 2, Team: "shop"}
	return errors.Join(
		tx.AddComment(&comment), tx.PutWaiver(&waiver),
		tx.PutOwnershipRule(&seaworthy.OwnershipRule{ID: "o1", Place: 1, Namespace: "shop-*", Team: "shop"}),
		tx.PutOwnershipRule(&gone), tx.DropOwnershipRule(&gone),
		tx.Erase("comment", comment.ID, "a name"),
	)
}

func fillChanges(tx *store.Tx) error {
	c := seaworthy.Change{ID: "c1", SourceID: "s1", Verb: seaworthy.VerbUpdate, At: tx.At, Outcome: seaworthy.OutcomePersisted, Match: seaworthy.MatchOutOfBand,
		Flags: []seaworthy.Flag{seaworthy.FlagWidened}, Actor: seaworthy.Actor{Username: "alice"}, Sightings: []seaworthy.Sighting{{By: seaworthy.SeenByWatch, At: tx.At, ID: "7"}, {By: seaworthy.SeenByAudit, At: tx.At, ID: "a b"}}}
	c.Object = seaworthy.ChangedObject{Object: seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"}, UID: "u"}
	c.Images = []string{"cart@sha256:c0ffee", "cart:2"}
	gone := seaworthy.ChangeRule{ID: tx.NewID(), Name: "gone"}
	nobody := seaworthy.KnownActor{ID: tx.NewID(), Name: "nobody", UserID: "u1"}
	return errors.Join(
		tx.PutChange(&c),
		tx.PutKnownActor(&seaworthy.KnownActor{ID: "ka1", SourceID: "s1", Name: "alice", UserID: "u1", SetAt: tx.At, SetBy: "user:u1"}),
		tx.PutKnownActor(&nobody), tx.DropKnownActor(&nobody),
		tx.PutDeployment(&seaworthy.Deployment{ID: "d1", SourceID: "s1", From: tx.At, Until: tx.At.Add(time.Hour), RecordedAt: tx.At, RecordedBy: "token:t1", By: "pipeline",
			Images: []string{"cart@sha256:c0ffee"}, Ticket: "SHOP-1"}),
		tx.PutConfirmation(&seaworthy.Confirmation{ID: "w1", Commit: "c0ffee", PullURL: "https://git.example.com/7", Approval: seaworthy.Approval{Author: "bob", Approvers: []string{"carol"}, MergedAt: tx.At, CheckedAt: tx.At}}),
		tx.PutChangeRule(&seaworthy.ChangeRule{ID: "r1", SourceID: "s1", Place: 1, Name: "scaling", Paths: []string{"spec.replicas"}}),
		tx.PutChangeRule(&gone), tx.DropChangeRule(&gone),
		tx.AddFolded("s1", tx.At, map[string]int{"Lease": 3}),
	)
}

func fillNotices(tx *store.Tx) error {
	gone := seaworthy.NoticeRule{ID: tx.NewID(), Name: "gone"}
	return errors.Join(
		tx.PutDestination(&seaworthy.Destination{ID: "n1", Name: "Security", Kind: seaworthy.DestinationEmail, To: []string{"a@example.com"}, CreatedAt: tx.At}),
		tx.PutNoticeRule(&seaworthy.NoticeRule{ID: "nr1", Name: "All", Destinations: []string{"n1"}, CreatedAt: tx.At}),
		tx.PutNoticeRule(&gone), tx.DropNoticeRule(&gone),
		tx.PutDelivery(&seaworthy.Delivery{ID: "m1", DestinationID: "n1", NoticeIDs: []string{"x"}, State: seaworthy.DeliveryPending, CreatedAt: tx.At, NextAt: tx.At}),
	)
}

func fillProgramme(tx *store.Tx) error {
	control := seaworthy.TrackedControl{Control: seaworthy.Control{ID: "releases"}}
	if err := errors.Join(tx.PutControl(&control), tx.PutControl(&control)); err != nil {
		return err
	}
	o := seaworthy.Occurrence{ControlID: control.ID, From: tx.At, DueAt: tx.At.Add(time.Hour), State: seaworthy.Expected}
	if err := tx.PutOccurrence(&o, o.DueAt); err != nil {
		return err
	}
	o.State = seaworthy.Missed
	past := tx.At.Add(-time.Hour)
	e := seaworthy.Evidence{Kind: seaworthy.EvidenceLink, URL: "https://example.com", Title: "t", Shows: seaworthy.Design, Collector: "user:u1",
		Occurrences: []string{o.ID}, EffectiveFrom: past, EffectiveTo: past, CollectedAt: past}
	kept := e
	if err := errors.Join(tx.PutOccurrence(&o, o.DueAt), tx.AddEvidence(&e), tx.AddEvidence(&kept), tx.Erase("evidence", e.ID, "r")); err != nil {
		return err
	}
	p := seaworthy.Population{Name: "p", List: "findings"}
	if err := tx.AddPopulation(&p); err != nil {
		return err
	}
	return errors.Join(
		tx.AddSample(&seaworthy.Sample{PopulationID: p.ID, Method: "seed"}),
		tx.KeepReadiness("p", seaworthy.ReadinessDay{Day: tx.At.Truncate(24 * time.Hour)}),
		tx.PutProgram(&seaworthy.Program{ID: "p", Name: "p", From: tx.At, To: tx.At.AddDate(1, 0, 0)}),
	)
}

func TestAStoreOfEveryKindOfRecordIsIntact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		signer, verifier := keys(t)
		fillAll(t, s, 1500)
		for _, table := range store.Verified() {
			if n, err := store.Rows(ctx, s, table); err != nil || n == 0 {
				t.Errorf("table %s has %d rows, %v: the test does not fill it", table, n, err)
			}
		}
		if _, err := s.Checkpoint(ctx, signer); err != nil {
			t.Fatal(err)
		}
		got, err := s.Verify(ctx, verifier)
		if err != nil || !got.Intact() {
			t.Fatalf("Verify = %q, %v, want nothing", got.Problems, err)
		}
		// Each table is really looked at.
		documents, err := store.WithDocuments(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range documents {
			if err := store.Exec(ctx, s, `UPDATE `+table+` SET document = document || ' '`); err != nil {
				t.Fatal(err)
			}
			now, err := s.Verify(ctx, verifier)
			if err != nil || len(now.Problems) <= len(got.Problems) {
				t.Errorf("with altered %s Verify tells %d problems, %v, before %d", table, len(now.Problems), err, len(got.Problems))
			}
			got = now
		}
	})
}
