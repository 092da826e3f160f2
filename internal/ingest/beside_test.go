// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/store/storetest"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// patience is for how long the jobs below get to do what they must not: to go on beside a
// transaction that they have to wait for.
const patience = 500 * time.Millisecond

// Who is heard of in a transaction that a job does not see yet is not silent: the jobs wait for
// it before they say so.
func TestWhoIsHeardBesideIsNotSilent(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		speak   func(w *world, h *held) error
		job     func(ctx context.Context, s *store.Store) ([]seaworthy.Gap, error)
	}{
		"heartbeat": {job: ingest.AgentSilences,
			prepare: func(w *world) {
				if err := w.store.Write(w.t.Context(), "system", func(tx *store.Tx) error {
					return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: "s1", EnrolledAt: tx.At})
				}); err != nil {
					w.t.Fatal(err)
				}
				if err := w.beat(""); err != nil {
					w.t.Fatal(err)
				}
				w.now = w.now.Add(seaworthy.HeartbeatSilence + time.Second)
			},
			speak: func(w *world, _ *held) error { return w.beat("harbour") }, // which is an entry of the log
		},
		"audit event": {job: ingest.AuditSilences,
			prepare: func(w *world) {
				w.audited("s1", w.now, w.now)
				w.now = w.now.Add(seaworthy.DefaultAuditSilence + time.Second)
			},
			speak: func(w *world, h *held) error {
				return w.store.Write(w.t.Context(), "token:t1", func(tx *store.Tx) error {
					v, err := tx.LockAuditStream("s1")
					if err != nil {
						return err
					}
					v.EventAt, v.ReceivedAt = tx.At, tx.At
					if err := tx.PutAuditStream(&v); err != nil {
						return err
					}
					return h.told(tx, nil)
				})
			},
		},
		"report": {job: ingest.Silences,
			prepare: func(w *world) {
				w.take(cluster())
				w.now = w.now.Add(3 * time.Hour)
			},
			speak: func(w *world, _ *held) error {
				r := cluster()
				r.Source.Started, r.Finished = w.now.Add(-2*time.Minute), w.now.Add(-time.Minute)
				_, err := w.try(context.Background(), robot, "prod", text(w.t, r))
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.EachConfig(t, func(t *testing.T, config store.Config) {
				w, held := heldWorld(t, config)
				w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod", Every: 2 * time.Hour})
				c.prepare(w)
				held.arm()
				spoke, minded := make(chan error, 1), make(chan error, 1)
				go func() { spoke <- c.speak(w, held) }()
				<-held.arrived
				var opened []seaworthy.Gap
				go func() {
					var err error
					opened, err = c.job(t.Context(), w.store)
					minded <- err
				}()
				select {
				case err := <-minded: // without a look at the other one
					minded <- err
				case <-time.After(patience):
				}
				held.release()
				for _, done := range []chan error{spoke, minded} {
					if err := <-done; err != nil {
						t.Fatal(err)
					}
				}
				if len(opened) != 0 {
					t.Errorf("gaps %+v of a source that was heard of in the meantime", opened)
				}
			})
		})
	}
}

// beat takes a heartbeat of the agent a1 of the source s1, which has a name or none.
func (w *world) beat(name string) error {
	said := seaworthy.Heartbeat{Instance: "i1", At: w.now, Started: w.now, Leader: true, Watching: w.now}
	if name != "" {
		said.Own = seaworthy.OwnNames{Namespace: "watch", Name: name}
	}
	_, err := ingest.Beat(w.t.Context(), w.store, seaworthy.Principal{Actor: "agent:a1", Role: seaworthy.Reporter, Source: "s1"}, said)
	return err
}

// TestWhoCameInTimeIsNotSilent: a job finds the silence while the heartbeat that ends it has come
// and waits for others to write.
func TestWhoCameInTimeIsNotSilent(t *testing.T) {
	for name, c := range map[string]struct {
		late time.Duration // beyond the time in which a heartbeat is due
		kind string
	}{
		"in time": {-time.Second, store.GapAgent}, "too late": {time.Second, store.GapAgent},
		"in time, of those who watch": {-time.Second, store.GapWatch}, "too late, of those who watch": {time.Second, store.GapWatch},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.EachConfig(t, func(t *testing.T, config store.Config) {
				w := &world{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
				var arriving func()
				config.Now = func() time.Time {
					at := w.now
					if f := arriving; f != nil {
						arriving = nil
						f()
					}
					return at
				}
				w.store = storetest.Open(t, config)
				w.declare(seaworthy.DeclaredSource{ID: "s1", Kind: seaworthy.KindCluster, Name: "prod"})
				if err := w.store.Write(t.Context(), "system", func(tx *store.Tx) error {
					return tx.PutAgent(&seaworthy.Agent{ID: "a1", SourceID: "s1", EnrolledAt: tx.At})
				}); err != nil {
					t.Fatal(err)
				}
				if err := w.beat(""); err != nil {
					t.Fatal(err)
				}
				heard := w.now
				if c.kind == store.GapWatch { // another replica is heard of, which does not watch
					w.now = w.now.Add(30 * time.Second)
					other := seaworthy.Heartbeat{Instance: "i2", At: w.now, Started: heard}
					if _, err := ingest.Beat(t.Context(), w.store, seaworthy.Principal{Actor: "agent:a1", Role: seaworthy.Reporter, Source: "s1"}, other); err != nil {
						t.Fatal(err)
					}
				}
				w.now = heard.Add(seaworthy.HeartbeatSilence + c.late)
				said := seaworthy.Heartbeat{Instance: "i1", At: w.now, Started: heard, Leader: true, Watching: heard}
				came := w.now
				arriving = func() {
					w.now = heard.Add(seaworthy.HeartbeatSilence + 5*time.Second)
					if opened, err := ingest.AgentSilences(t.Context(), w.store); err != nil || len(opened) != 1 || opened[0].Kind != c.kind {
						t.Errorf("opened %+v, %v", opened, err)
					}
				}
				if _, err := ingest.Beat(t.Context(), w.store, seaworthy.Principal{Actor: "agent:a1", Role: seaworthy.Reporter, Source: "s1"}, said); err != nil {
					t.Fatal(err)
				}
				list, err := w.store.Gaps(t.Context(), store.GapFilter{Source: "s1", Kind: c.kind, Limit: 10})
				if err != nil || len(list.Items) != 1 {
					t.Fatalf("gaps %+v, %v", list.Items, err)
				}
				want := came
				if c.late < 0 {
					want = heard
				}
				if g := list.Items[0]; !g.From.Equal(heard) || !g.To.Equal(want) || (c.late < 0) != strings.Contains(g.Reason, "had come in time") {
					t.Errorf("the gap %+v, want from %s to %s", g, heard, want)
				}
			})
		})
	}
}

// held holds up one transaction before it ends.
type held struct {
	armed    atomic.Bool
	arrived  chan struct{}
	released chan struct{}
	once     sync.Once
}

func (h *held) arm()     { h.armed.Store(true) }
func (h *held) release() { h.once.Do(func() { close(h.released) }) }

func (h *held) told(_ *store.Tx, _ []store.Logged) error {
	if h.armed.CompareAndSwap(true, false) {
		close(h.arrived)
		<-h.released
	}
	return nil
}

func heldWorld(t *testing.T, c store.Config) (*world, *held) {
	t.Helper()
	h := &held{arrived: make(chan struct{}), released: make(chan struct{})}
	w := &world{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	c.Now, c.Told = func() time.Time { return w.now }, h.told
	w.store = storetest.Open(t, c)
	t.Cleanup(h.release)
	folder, err := vault.OpenFolder(filepath.Join(t.TempDir(), "vault"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	w.config = ingest.Config{Store: w.store, Vault: vault.New(folder, folder), TempDir: t.TempDir()}
	return w, h
}
