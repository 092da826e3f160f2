// SPDX-License-Identifier: Apache-2.0

package triage_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

// world is a company with people of every role, two teams, a cluster and a repository,
// and a clock that the test moves. Ada and Bob may approve, Eve and Finn are engineers
// of the teams shop and pay.
type world struct {
	*testing.T
	store  *store.Store
	triage *triage.Triage
	now    time.Time
	config store.Config
}

var (
	ada    = seaworthy.Principal{Actor: "user:ada", UserID: "ada", Name: "Ada", Role: seaworthy.Owner}
	bob    = seaworthy.Principal{Actor: "user:bob", UserID: "bob", Name: "Bob", Role: seaworthy.ComplianceManager}
	eve    = seaworthy.Principal{Actor: "user:eve", UserID: "eve", Name: "Eve", Role: seaworthy.Engineer, Teams: []string{"shop"}}
	finn   = seaworthy.Principal{Actor: "user:finn", UserID: "finn", Name: "Finn", Role: seaworthy.Engineer, Teams: []string{"pay"}}
	vic    = seaworthy.Principal{Actor: "user:vic", UserID: "vic", Name: "Vic", Role: seaworthy.Viewer}
	otto   = seaworthy.Principal{Actor: "user:otto", UserID: "otto", Name: "Otto", Role: seaworthy.Auditor, Program: "p1"}
	robot  = seaworthy.Principal{Actor: "token:robot", Maker: "ada", Name: "robot", Role: seaworthy.Reporter}
	adaBot = seaworthy.Principal{Actor: "token:adabot", Maker: "ada", Name: "ada's bot", Role: seaworthy.Owner}
)

var everybody = []seaworthy.Principal{ada, bob, eve, finn, vic, otto, robot}

func each(t *testing.T, f func(w *world)) {
	t.Helper()
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := &world{T: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
		c.Now = func() time.Time { return w.now }
		w.config, w.store = c, storetest.Open(t, c)
		w.triage = triage.New(triage.Config{Store: w.store})
		w.found()
		f(w)
		w.intact()
	})
}

// found founds the company.
func (w *world) found() {
	w.Helper()
	w.write(func(tx *store.Tx) error {
		for _, name := range []string{"shop", "pay"} {
			if err := tx.PutTeam(&seaworthy.Team{ID: name, Name: "Team " + name, CreatedAt: tx.At}); err != nil {
				return err
			}
		}
		for _, p := range []seaworthy.Principal{ada, bob, eve, finn, vic, otto} {
			teams := append([]string{}, p.Teams...)
			if err := tx.PutUser(&seaworthy.User{ID: p.UserID, Email: p.UserID + "@example.com", Name: p.Name, Role: p.Role, Teams: teams, Program: p.Program}); err != nil {
				return err
			}
		}
		for _, p := range []seaworthy.Principal{robot, adaBot} {
			if err := tx.PutToken(&seaworthy.Token{ID: p.Actor[len("token:"):], Name: p.Name, UserID: p.Maker, Role: p.Role, Teams: []string{}}); err != nil {
				return err
			}
		}
		for _, s := range []seaworthy.DeclaredSource{
			{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Environment: seaworthy.Production, Declared: true},
			{ID: "s2", Kind: seaworthy.KindRepository, Name: "infra", Environment: seaworthy.Production, Team: "pay", Declared: true},
		} {
			if err := tx.PutSource(&s); err != nil {
				return err
			}
		}
		return tx.PutProgram(&seaworthy.Program{ID: "p1", Name: "2026", From: w.now.AddDate(0, -1, 0), To: w.now.AddDate(0, 11, 0),
			Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "s1", In: true}}})
	})
}

func (w *world) write(f func(*store.Tx) error) {
	w.Helper()
	if err := w.store.Write(w.Context(), "system", f); err != nil {
		w.Fatal(err)
	}
}

// finding makes the finding n of a check in a namespace.
func finding(n int, check, namespace, team string) seaworthy.TrackedFinding {
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: fmt.Sprintf("app-%d", n)}
	print := fmt.Sprintf("fp%d", n)
	return seaworthy.TrackedFinding{
		ID: store.FindingID("s1", print), SourceID: "s1", ObjectID: store.ObjectID("s1", o), Fingerprint: print, Check: check,
		Severity: seaworthy.High, Object: o, Message: "m", Status: seaworthy.FindingOpen, Team: team,
	}
}

// open opens findings, with their objects, and gives their ids.
func (w *world) open(list ...seaworthy.TrackedFinding) []string {
	w.Helper()
	ids := make([]string, len(list))
	w.write(func(tx *store.Tx) error {
		sla, err := triage.SLA(tx)
		if err != nil {
			return err
		}
		changes, objects := make([]store.FindingChange, len(list)), make([]store.TrackedObject, len(list))
		for i, f := range list {
			f.FirstSeenAt, f.OpenedAt, ids[i] = tx.At, tx.At, f.ID
			if d, ok := sla[f.Severity]; ok {
				f.DueAt = tx.At.Add(d)
			}
			changes[i] = store.FindingChange{After: f, Kind: seaworthy.EventOpened}
			objects[i] = store.TrackedObject{ID: f.ObjectID, SourceID: f.SourceID, Object: f.Object, Team: f.Team, FirstSeenAt: tx.At, File: f.File}
		}
		if err := tx.PutObjects(objects); err != nil {
			return err
		}
		return tx.ChangeFindings(changes)
	})
	return ids
}

func (w *world) get(id string) seaworthy.TrackedFinding {
	w.Helper()
	f, err := w.store.Finding(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// last is the latest event of a finding.
func (w *world) last(id string) store.Event {
	w.Helper()
	events, err := w.store.FindingEvents(w.Context(), id)
	if err != nil || len(events) == 0 {
		w.Fatalf("events of %s: %v, %v", id, events, err)
	}
	return events[len(events)-1]
}

func (w *world) status(want seaworthy.FindingStatus, ids ...string) {
	w.Helper()
	for _, id := range ids {
		if f := w.get(id); f.Status != want {
			w.Errorf("finding of %s is %s, want %s", f.Object, f.Status, want)
		}
	}
}

func (w *world) settle() {
	w.Helper()
	if err := w.triage.Settle(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// intact has the self-check find nothing.
func (w *world) intact() {
	w.Helper()
	if problems := w.problems(); len(problems) > 0 {
		w.Errorf("Verify = %q, want nothing", problems)
	}
}

// problems are what the self-check finds.
func (w *world) problems() []string {
	w.Helper()
	_, public, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		w.Fatal(err)
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		w.Fatal(err)
	}
	check, err := w.store.Verify(w.Context(), key)
	if err != nil {
		w.Fatal(err)
	}
	return check.Problems
}

// kind is what sort of trouble an error is; 0 for none.
func kind(err error) seaworthy.Kind {
	var e *seaworthy.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return seaworthy.KindInternal
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) refused(err error, want seaworthy.Kind) {
	w.Helper()
	if err == nil || kind(err) != want {
		w.Errorf("error %v of kind %d, want kind %d", err, kind(err), want)
	}
}

// day is a date a number of days from now.
func (w *world) day(n int) seaworthy.Date {
	y, m, d := w.now.AddDate(0, 0, n).Date()
	return seaworthy.Date{Time: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

func terms(w *world) triage.Terms { return triage.Terms{Reason: "r", Expires: w.day(300)} }

func decision() triage.Decision { return triage.Decision{Note: "ok"} }
