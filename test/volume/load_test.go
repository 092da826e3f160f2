// SPDX-License-Identifier: Apache-2.0

//go:build unix

package volume

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// reporter sends the reports.
const reporter = "token:volume"

// load opens a server on the company's data; it makes them where they are not there yet.
// Rows are what taking reports would have written, and the log proves them; only the
// large tables are written past the store. Left out are the raw reports, of which there
// is one for all, and the steps by which findings came to the people they are assigned to.
func (s *site) load() {
	s.t.Helper()
	done := filepath.Join(s.config.Data, "loaded")
	s.now = began
	if _, err := os.Stat(done); err == nil {
		s.now = began.Add(days*day + 10*time.Hour)
		s.open()
		s.signedIn()
		s.trail()
		s.notices()
		s.agents()
		return
	}
	started := time.Now()
	s.open()
	s.setUp()
	s.people()
	s.programme()
	s.company.plan()
	s.waivers()
	var err error
	s.bulk, err = openBulk(s.t.Context(), store.Config{Database: s.config.Database, Dir: s.config.Data})
	s.must(err)
	c := &counters{places: map[place]int{}, days: map[onDay]int{}}
	s.halfYear(c)
	s.t.Logf("half a year after %s", time.Since(started).Round(time.Second))
	s.must(s.counts(c))
	s.findings()
	s.objects()
	s.must(s.bulk.close())
	s.afterwards()
	s.trail()
	s.notices()
	s.agents()
	s.must(os.WriteFile(done, nil, 0o600))
	s.t.Logf("loaded in %s", time.Since(started).Round(time.Second))
}

// signedIn finds what an earlier run made.
func (s *site) signedIn() {
	all, err := s.server.Store().Users(s.t.Context(), store.UserFilter{})
	s.must(err)
	for _, u := range all {
		if u.Email == email {
			s.owner = seaworthy.Principal{Actor: "user:" + u.ID, UserID: u.ID, Name: u.Name, Role: u.Role}
		}
	}
	programs, err := s.server.Store().Programs(s.t.Context())
	s.must(err)
	s.program = programs[0]
}

// halfYear takes every report, and lets people and the server do what they do meanwhile.
func (s *site) halfYear(c *counters) {
	ready := make(chan taken, 4)
	failed := make(chan error, 1)
	go func() {
		defer close(ready)
		for d := range days {
			for n := range sources {
				r := d
				if !isCluster(n) {
					if d%7 != n%7 {
						continue
					}
					r = d / 7
				}
				t, err := s.company.take(n, r, c)
				if err != nil {
					failed <- err
					return
				}
				ready <- t
			}
		}
	}()
	today, events := 0, 0
	for t := range ready {
		run := s.company.runs[t.source][t.run]
		if d := int(run.at.Sub(began) / day); d != today {
			s.evening(today)
			today = d
		}
		s.now = run.at
		events += s.takeReport(t, run)
	}
	select {
	case err := <-failed:
		s.must(err)
	default:
	}
	s.evening(today)
	s.now = began.Add(days*day + 10*time.Hour)
	s.t.Logf("%d events", events)
}

// evening is what happens beside reports.
func (s *site) evening(d int) {
	s.now = began.Add(time.Duration(d+1)*day - time.Minute)
	_, err := s.server.Store().Checkpoint(s.t.Context(), s.signer)
	s.must(err)
	if d%14 == 13 {
		s.must(s.audit.Advance(s.t.Context()))
		s.perform(d)
	}
}

// takeReport writes what taking a report writes.
func (s *site) takeReport(t taken, at run) int {
	var events, chunks [][]any
	for _, k := range t.chunks {
		chunks = append(chunks, []any{k.id, at.at.UnixMicro(), at.id, int64(len(k.events)), k.root})
		for _, e := range k.events {
			events = append(events, []any{e.Chunk, int64(e.N), e.FindingID, e.At.UnixMicro(), e.Kind, string(e.Cause), e.Actor, e.RunID, e.Note, e.State})
		}
	}
	s.must(s.bulk.rows("finding_chunks", "id, at, run_id, events, root", chunks))
	s.must(s.bulk.rows("finding_events", "chunk, n, finding_id, at, kind, cause, actor, run_id, note, state", events))
	v := s.report(t, at)
	s.must(s.server.Store().Write(s.t.Context(), reporter, func(tx *store.Tx) error {
		if err := s.versions(tx, t); err != nil {
			return err
		}
		if err := tx.PutRun(&v); err != nil {
			return err
		}
		state, err := tx.LockSource(v.SourceID)
		if err != nil {
			return err
		}
		state.RunID, state.CompleteRunID, state.ReportedAt, state.StartedAt, state.ListsObjects = v.ID, v.ID, tx.At, v.Header.Source.Started, true
		state.KubernetesVersion, state.Provider, state.SetDigest = "v1.33.4", "EKS", v.Digest
		if err := tx.PutSourceState(state); err != nil {
			return err
		}
		for _, k := range t.chunks {
			if err := tx.Log("events", strconv.FormatInt(k.id, 10), store.Chunk{Events: len(k.events), Root: k.root, Run: at.id}); err != nil {
				return err
			}
		}
		return nil
	}))
	return len(events)
}

// report is a report as the store keeps it.
func (s *site) report(t taken, at run) seaworthy.Run {
	if s.failing[t.source] == nil {
		s.failing[t.source] = map[int]int{}
	}
	failing := s.failing[t.source]
	for check, n := range t.failed {
		failing[check] += n
	}
	sum := sha256.Sum256([]byte(at.id))
	kind := seaworthy.SourceCluster
	if !isCluster(t.source) {
		kind = seaworthy.SourceFiles
	}
	objects := len(s.company.lives[t.source]) / perObject
	v := seaworthy.Run{
		ID: at.id, SourceID: sourceID(t.source), FinishedAt: at.at.Add(-time.Minute), ReceivedAt: at.at, Complete: true, Unlisted: []seaworthy.Problem{},
		Digest: hex.EncodeToString(sum[:]), Blob: s.blobs[0].digest, Opened: t.opened, Fixed: t.fixed, Regressed: t.regained, Actor: reporter,
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1.0.0"},
			Source:    seaworthy.Source{Kind: kind, Name: source(t.source).Name, Provider: "EKS", KubernetesVersion: "v1.33.4", Started: at.at.Add(-3 * time.Minute), Asked: []string{"deployments.apps", "services"}},
			Catalogue: seaworthy.Catalogue{Version: "v1.0.0", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: len(s.company.checks), Policies: []string{}},
		},
	}
	for i, c := range s.company.checks {
		r := seaworthy.CheckResult{ID: c.ID, Title: c.Title, Severity: c.Severity, Category: c.Category, Status: seaworthy.StatusPassed, Controls: c.Controls}
		r.InScope, r.Failed = max(objects, failing[i]), failing[i]
		r.Passed, r.Findings = r.InScope-r.Failed, r.Failed
		if r.Failed > 0 {
			r.Status = seaworthy.StatusFailed
		}
		v.Checks = append(v.Checks, r)
	}
	return v
}

// versions writes the checks as a source's report uses them: at first all, and some of
// them changed after three months.
func (s *site) versions(tx *store.Tx, t taken) error {
	at := len(s.company.runs[t.source]) / 2
	if t.run != 0 && t.run != at {
		return nil
	}
	for i, c := range s.company.checks {
		v := store.CheckVersion{ID: c.ID, SourceID: sourceID(t.source), Version: 1, RunID: s.company.runs[t.source][t.run].id, From: tx.At, Changed: []string{},
			CheckBasis: store.CheckBasis{Title: c.Title, Severity: c.Severity, Category: c.Category, Controls: c.Controls, Digest: "sha256:c1", Parameters: "sha256:p1", Mode: "audit"}}
		if t.run == at {
			if i%6 != 0 {
				continue
			}
			v.Version, v.Parameters, v.Changed = 2, "sha256:p2", []string{"parameters"}
		}
		if i%50 == 3 {
			v.Mode = "off"
		}
		if err := tx.PutCheckVersion(&v); err != nil {
			return err
		}
	}
	return nil
}

// findings writes every finding as its life has left it.
func (s *site) findings() {
	const columns = `id, source_id, object_id, fingerprint, check_id, severity, category, api_version, kind, namespace, name, container, path, file, line, origin, message, ` +
		`waiver_requested, status, cause, first_seen_at, opened_at, closed_at, due_at, regressions, run_id, team, assignee, waiver_id, ticket, content, chunk, n`
	micros := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.UnixMicro()
	}
	standing := map[string]int{}
	for n := range sources {
		rows := make([][]any, 0, len(s.company.lives[n]))
		for i := range s.company.lives[n] {
			f, _, _ := s.company.trackedFinding(n, i)
			l := &s.company.lives[n][i]
			standing[string(f.Status)]++
			rows = append(rows, []any{f.ID, f.SourceID, f.ObjectID, f.Fingerprint, f.Check, rank(f.Severity), f.Category, f.Object.APIVersion, f.Object.Kind,
				f.Object.Namespace, f.Object.Name, f.Container, f.Path, f.File, int64(f.Line), f.Origin, f.Message, f.WaiverRequested, string(f.Status), string(f.Cause),
				micros(f.FirstSeenAt), micros(f.OpenedAt), micros(f.ClosedAt), micros(f.DueAt), int64(f.Regressions), f.RunID, f.Team, f.Assignee, f.WaiverID, f.Ticket,
				store.Content(&f), l.chunk, int64(l.n)})
		}
		s.must(s.bulk.rows("findings", columns, rows))
	}
	s.t.Logf("findings: %v", standing)
}

// objects writes what findings are about, and as many again of which a third has nothing
// found about it and the rest is gone.
func (s *site) objects() {
	const columns = `id, source_id, api_version, kind, namespace, name, team, workload, first_seen_at, deleted_at, file, labels, excerpt`
	total := 0
	for n := range sources {
		var rows [][]any
		found := (len(s.company.lives[n]) + perObject - 1) / perObject
		for i := range found + found/3 {
			o := s.company.tracked(n, i)
			gone := int64(0)
			if i >= found && i%3 > 0 {
				gone = s.company.runs[n][i%len(s.company.runs[n])].at.UnixMicro()
			}
			labels := make([]string, 0, 3)
			for k, v := range maps.All(o.Labels) {
				labels = append(labels, strconv.Quote(k)+":"+strconv.Quote(v))
			}
			rows = append(rows, []any{o.ID, o.SourceID, o.Object.APIVersion, o.Object.Kind, o.Object.Namespace, o.Object.Name, o.Team, o.Workload, o.FirstSeenAt.UnixMicro(),
				gone, o.File, "{" + strings.Join(labels, ",") + "}", o.Excerpt})
		}
		total += len(rows)
		s.must(s.bulk.rows("objects", columns, rows))
	}
	s.t.Logf("objects: %d", total)
}

// blob is a file of evidence.
type blob struct {
	digest string
	size   int64
}

func (s *site) blob(n int) blob {
	text := fmt.Sprintf("export %d\n", n) + strings.Repeat("who,what,when\n", 100+n)
	digest, size, err := s.server.Vault().Put(s.t.Context(), strings.NewReader(text), 1<<20)
	s.must(err)
	return blob{digest, size}
}
