// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package fleet has many agents talk to one server, and measures what that takes.
package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that asks for sizes

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/server"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/test/program"
)

// pace says how many agents there are and how much happens in their clusters.
type pace struct {
	agents       int
	settle, last time.Duration // until it is steady, and how long that is measured
	change, flip time.Duration // between changes, and between findings, of one agent
}

// ofEnvironment is the pace that SEAWORTHY_AGENTS and SEAWORTHY_MINUTES ask for, or one for
// a test among others.
func ofEnvironment(t *testing.T) pace {
	p := pace{agents: 8, settle: 4 * time.Second, last: 6 * time.Second, change: 300 * time.Millisecond, flip: time.Second}
	n, err := strconv.Atoi(os.Getenv("SEAWORTHY_AGENTS"))
	if err != nil {
		if testing.Short() {
			t.Skip("the fleet was NOT run: -short")
		}
		return p
	}
	minutes, err := strconv.Atoi(os.Getenv("SEAWORTHY_MINUTES"))
	if err != nil {
		minutes = 5
	}
	return pace{agents: n, settle: 2 * time.Minute, last: time.Duration(minutes) * time.Minute, change: 12 * time.Second, flip: 5 * time.Minute}
}

// TestFleet has every agent enrol, report, tell of changes and findings, and beat, and
// expects that all of it is on record once and that no gap is. What it takes is printed.
func TestFleet(t *testing.T) {
	p := ofEnvironment(t)
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			url := ""
			if database == "postgres" {
				if os.Getenv(storetest.Environment) == "" {
					t.Skipf("PostgreSQL is not tested: %s is not set", storetest.Environment)
				}
				url = storetest.Database(t)
			}
			run(t, p, url)
		})
	}
}

func run(t *testing.T, p pace, database string) {
	data, address := t.TempDir(), program.FreeAddress(t)
	tokens := prepare(t, p, data, database, address)
	proc := serve(t, data, database, address)
	agents := make([]*agent, p.agents)
	transport := &http.Transport{MaxIdleConns: p.agents, MaxIdleConnsPerHost: p.agents, MaxConnsPerHost: p.agents, IdleConnTimeout: 5 * time.Minute}
	for n, token := range tokens {
		agents[n] = enrol(t, transport, address, token, filepath.Join(data, "agents", fmt.Sprint(n)), n)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	living, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	var links sync.WaitGroup
	for _, a := range agents {
		links.Go(func() {
			if err := a.link.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("agent %d: %v", a.n, err)
			}
		})
		all.Go(func() {
			if err := a.live(living, p); err != nil && living.Err() == nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(p.settle)
	before := measure(t, proc, data, database)
	time.Sleep(p.last)
	after := measure(t, proc, data, database)
	end()
	all.Wait()
	drain(t, agents)
	stop()
	links.Wait()
	report(t, p, before, after)
	judge(t, agents, data, database, address)
}

// prepare declares the clusters and makes a token for each of them.
func prepare(t *testing.T, p pace, data, database, address string) []string {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{Data: data, Database: database, BaseURL: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	owner := program.Owner(t, s.Auth())
	var tokens []string
	for n := range p.agents {
		declared := seaworthy.DeclaredSource{Kind: seaworthy.KindCluster, Name: clusterName(n), Environment: seaworthy.Production, Declared: true}
		err := s.Store().Write(t.Context(), owner.Actor, func(tx *store.Tx) error {
			declared.ID, declared.CreatedAt = tx.NewID(), tx.At
			return tx.PutSource(&declared)
		})
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := s.Auth().CreateEnrolment(t.Context(), owner, declared.ID)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// drain waits until the server has everything.
func drain(t *testing.T, agents []*agent) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		waiting := 0
		for _, a := range agents {
			for _, n := range a.link.Link().Waiting {
				waiting += n
			}
		}
		if waiting == 0 {
			return
		}
	}
	t.Error("after ten minutes of quiet the server still has not got everything")
}

// moment is what was measured at one.
type moment struct {
	at               time.Time
	server, database time.Duration
	now, height      int64
	stored           int64
}

func measure(t *testing.T, proc *program.Process, data, database string) moment {
	t.Helper()
	m := moment{at: time.Now(), server: cpu(t, proc.PID()), database: cpuOfDatabase()}
	m.now, m.height = resident(t, proc.PID())
	if database == "" {
		for _, name := range []string{"seaworthy.db", "seaworthy.db-wal"} {
			if info, err := os.Stat(filepath.Join(data, name)); err == nil {
				m.stored += info.Size()
			}
		}
		return m
	}
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SELECT pg_database_size(current_database())`).Scan(&m.stored); err != nil {
		t.Fatal(err)
	}
	return m
}

func report(t *testing.T, p pace, a, b moment) {
	took := b.at.Sub(a.at)
	per := func(d time.Duration) float64 { return 100 * d.Seconds() / took.Seconds() }
	t.Logf("%d agents, each a heartbeat every %s, a change every %s, a finding gone or back every %s; %s of it:", p.agents, seaworthy.HeartbeatEvery, p.change, p.flip, took.Round(time.Second))
	t.Logf("server %.1f %% of one core, database %.1f %%; memory %d MiB now, %d MiB at the height; stored %.1f MiB, %.1f KiB for each agent and minute",
		per(b.server-a.server), per(b.database-a.database), b.now>>20, b.height>>20, float64(b.stored)/(1<<20), float64(b.stored-a.stored)/1024/float64(p.agents)/took.Minutes())
}

// judge looks at what is on record once the server is asked to show it.
func judge(t *testing.T, agents []*agent, data, database, address string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: storeDir(data, database), Database: database})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	made := 0
	for _, a := range agents {
		made += a.made
	}
	recorded, sightings := 0, 0
	for cursor := ""; ; {
		page, err := s.Changes(t.Context(), store.ChangeFilter{Cursor: cursor, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Items {
			recorded++
			sightings += len(c.Sightings)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	t.Logf("%d changes made, %d on record, with %d sightings", made, recorded, sightings)
	if made == 0 || recorded != made || sightings != 2*made {
		t.Errorf("%d changes on record with %d sightings, want %d with two each", recorded, sightings, made)
	}
	gaps, err := s.GapsBetween(t.Context(), time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gaps {
		t.Errorf("a gap of the kind %s is on record, though nothing was silent: %s", g.Kind, g.Reason)
	}
	for _, a := range agents {
		if a.asked > 0 {
			t.Errorf("agent %d was asked %d times for a whole report: both sides did not hold the same", a.n, a.asked)
		}
	}
}

func storeDir(data, database string) string {
	if database != "" {
		return ""
	}
	return data
}
