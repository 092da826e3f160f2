// SPDX-License-Identifier: Apache-2.0

// Package attack takes the part of somebody who may use a server a little, or not at all,
// and wants more: what others keep from them, what others would read as a page, what is
// theirs only once.
package attack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// hidden is in every text of what lies outside the program "mine" and outside team "ours".
const hidden = "zz-hidden"

// world is a site with its API, two programs, two teams and two clusters.
type world struct {
	*testing.T
	*uitest.Site
	api    *api.API
	triage *triage.Triage
	signer note.Signer
	mine   seaworthy.Program
	theirs seaworthy.Program
	// ids are of records of every kind, by kind.
	ids map[string][]string
}

// each runs f in an empty world on each database that there is, and eachFilled in one with
// records of every kind.
func each(t *testing.T, f func(w *world)) {
	uitest.Each(t, func(t *testing.T, s *uitest.Site) { f(newWorld(t, s)) })
}

func eachFilled(t *testing.T, f func(w *world)) {
	each(t, func(w *world) {
		w.fill()
		_, err := w.Store.Checkpoint(w.T.Context(), w.signer)
		w.must(err)
		f(w)
	})
}

func newWorld(t *testing.T, s *uitest.Site) *world {
	t.Helper()
	w := &world{T: t, Site: s, ids: map[string][]string{}}
	private, public, err := note.GenerateKey(nil, "seaworthy.example.com/test")
	w.must(err)
	w.signer, err = note.NewSigner(private)
	w.must(err)
	w.triage = triage.New(triage.Config{Store: w.Store})
	w.api, err = api.New(api.Config{
		Store: w.Store, Vault: w.Vault, Auth: w.Auth, Audit: w.Audit, Triage: w.triage, Trail: trail.Config{Store: w.Store, Key: []byte("key")}, LogKey: public, Signer: w.signer, Checks: w.Checks,
		PrivateLog: true,
		Ingest: ingest.Config{Store: w.Store, Vault: w.Vault, TempDir: filepath.Join(t.TempDir()),
			SLA: triage.SLA, Owners: triage.Owners, Waivers: triage.Waivers, Requested: triage.Requested},
	})
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) keep(kind string, ids ...string) { w.ids[kind] = append(w.ids[kind], ids...) }

// fill makes records of every kind, once for "mine" and once hidden.
func (w *world) fill() {
	w.T.Helper()
	ours, other := seaworthy.Team{ID: "ours", Name: "Ours"}, seaworthy.Team{ID: "other", Name: "Other"}
	w.write(func(tx *store.Tx) error {
		if err := tx.PutTeam(&ours); err != nil {
			return err
		}
		return tx.PutTeam(&other)
	})
	w.keep("team", ours.ID, other.ID)
	for _, side := range []struct{ name, team string }{{"open", ours.ID}, {hidden, other.ID}} {
		w.write(func(tx *store.Tx) error {
			return tx.PutSource(&seaworthy.DeclaredSource{ID: "src-" + side.team, Kind: seaworthy.KindCluster, Name: side.name + "-cluster", Declared: true,
				Environment: seaworthy.Production, Team: side.team, Every: time.Hour, CreatedAt: tx.At})
		})
		w.keep("source", "src-"+side.team)
		program, err := w.Audit.CreateProgram(w.T.Context(), w.Owner(), seaworthy.Program{
			Name: side.name + " program", Type: seaworthy.TypeII, From: w.Now.AddDate(0, -1, 0), To: w.Now.AddDate(0, 5, 0), Categories: []string{"security"},
			Scope: []seaworthy.ScopeItem{{Kind: seaworthy.KindCluster, Source: "src-" + side.team, In: true}},
		})
		w.must(err)
		w.keep("program", program.ID)
		if side.name == hidden {
			w.theirs = program
		} else {
			w.mine = program
		}
	}
	for role, n := range map[seaworthy.Role]auth.NewUser{
		seaworthy.ComplianceManager: {}, seaworthy.Engineer: {Teams: []string{ours.ID}}, seaworthy.Viewer: {},
		seaworthy.Auditor: {Program: w.mine.ID, Expires: w.Now.AddDate(1, 0, 0)},
	} {
		n.Email, n.Name, n.Role = string(role)+"@harbour.example", string(role), role
		w.keep("user", w.Join(n).ID)
	}
	w.keep("user", w.Users[seaworthy.Owner].ID)
	w.records("open", ours.ID, w.mine)
	w.records(hidden, other.ID, w.theirs)
}

// records makes records of one side.
func (w *world) records(name, team string, program seaworthy.Program) {
	w.T.Helper()
	ctx, who := w.T.Context(), w.Owner()
	a := w.do(seaworthy.Owner, http.MethodPost, "/api/v1/sources/src-"+team+"/reports", report(name, w.Now))
	if a.Code != http.StatusCreated {
		w.T.Fatalf("the report of %s: %d %s", name, a.Code, a.Body)
	}
	runs, err := w.Store.Runs(ctx, store.RunFilter{Source: "src-" + team})
	w.must(err)
	w.keep("run", runs.Items[0].ID)
	list, err := w.Store.Findings(ctx, store.FindingFilter{Sources: []string{"src-" + team}})
	w.must(err)
	if len(list.Items) != 2 {
		w.T.Fatalf("there are %d findings of %s", len(list.Items), name)
	}
	first := list.Items[0]
	w.keep("finding", first.ID, list.Items[1].ID)
	w.keep("object", first.ObjectID)
	w.keep("check", first.Check)
	c, err := w.triage.Comment(ctx, who, seaworthy.OnFinding, first.ID, "said of "+name)
	w.must(err)
	w.keep("comment", c.ID)
	_, err = w.triage.Link(ctx, who, []string{first.ID}, "https://tickets.example.com/?"+name)
	w.must(err)
	waivers, err := w.triage.WaiveFindings(ctx, who, []string{first.ID}, triage.Terms{Owner: who.UserID, Reason: "reason of " + name, Expires: seaworthy.Date{Time: w.Now.AddDate(0, 1, 0)}})
	w.must(err)
	w.keep("waiver", waivers[0].ID)
	if name == hidden { // so that there is something to revoke and to renew
		meg := w.Users[seaworthy.ComplianceManager]
		_, err = w.triage.Approve(ctx, seaworthy.Principal{Actor: "user:" + meg.ID, UserID: meg.ID, Role: meg.Role}, []string{waivers[0].ID}, triage.Decision{})
		w.must(err)
	}
	w.must(w.Audit.Advance(ctx))
	w.keep("control", "access-review", "workload-isolation")
	digest, size, err := w.Vault.Put(ctx, strings.NewReader("bytes of "+name), 1000)
	w.must(err)
	e, err := w.Audit.AddEvidence(ctx, who, seaworthy.Evidence{Kind: seaworthy.EvidenceUpload, Title: "evidence of " + name, Digest: digest, Size: size, FileName: name + ".txt",
		MediaType: "text/plain", Shows: seaworthy.Design, SourceID: "src-" + team, Controls: []string{"access-review"}, EffectiveFrom: w.Now.Add(-time.Hour), EffectiveTo: w.Now}, audit.Performance{})
	w.must(err)
	w.keep("evidence", e.ID)
	occurrences, err := w.Store.Occurrences(ctx, store.OccurrenceFilter{Limit: 2})
	w.must(err)
	for _, o := range occurrences {
		w.keep("occurrence", o.ID)
	}
	frozen, err := w.Audit.Freeze(ctx, who, audit.FreezeRequest{Name: "frozen " + name, Program: program.ID, List: "findings"})
	w.must(err)
	w.keep("population", frozen.ID)
	_, err = w.Audit.SampleBySeed(ctx, who, frozen.ID, "seed", 1)
	w.must(err)
	view, err := w.triage.SaveView(ctx, who, seaworthy.SavedView{Page: "findings", Name: "view of " + name, Query: "team=" + team})
	w.must(err)
	w.keep("view", view.ID)
	token, _, err := w.Auth.CreateToken(ctx, who, auth.NewToken{Name: "token of " + name, Role: seaworthy.Reporter, Source: "src-" + team})
	w.must(err)
	w.keep("token", token.ID)
	tracking := trail.Config{Store: w.Store, Key: []byte("key")}
	source, err := w.Store.Source(ctx, "src-"+team)
	w.must(err)
	seen := changes.Observation{Sighting: seaworthy.Sighting{By: seaworthy.SeenByAudit, ID: "audit-" + name, At: w.Now}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomePersisted}
	seen.Object.Object = seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "ns-" + team, Name: name}
	seen.Actor = seaworthy.Actor{Username: "user of " + name, UserAgent: name}
	_, err = trail.Take(ctx, tracking, who, source, []changes.Observation{seen})
	w.must(err)
	changed, err := w.Store.Changes(ctx, store.ChangeFilter{Source: source.ID})
	w.must(err)
	w.keep("change", changed.Items[0].ID)
	deployed, err := trail.Record(ctx, tracking, who, seaworthy.Deployment{SourceID: source.ID, Namespaces: []string{"other"}, Ticket: name, Commit: (fmt.Sprintf("%x", name) + strings.Repeat("0", 40))[:40]})
	w.must(err)
	w.keep("deployment", deployed.ID)
	host := seaworthy.Principal{Actor: "token:git-host", Name: "git host", Role: seaworthy.GitHost}
	said, _, err := trail.Confirm(ctx, tracking, host, seaworthy.Confirmation{Commit: deployed.Commit, Repository: name, Approval: seaworthy.Approval{
		Author: "author of " + name, Approvers: []string{"approver of " + name}, MergedAt: w.Now,
	}})
	w.must(err)
	w.keep("confirmation", said.ID)
	exempt, err := trail.PutRule(ctx, w.Store, who, seaworthy.ChangeRule{SourceID: source.ID, Name: "rule for " + name, Kinds: []string{"Nothing"}})
	w.must(err)
	w.keep("change-rule", exempt.ID)
	w.notices(name, source.ID)
	w.watch(name, source.ID)
	rule, err := w.triage.PutRule(ctx, who, seaworthy.OwnershipRule{Namespace: "ns-" + team, Team: team})
	w.must(err)
	w.keep("rule", rule.ID)
	var upload struct{ ID string }
	a = w.do(seaworthy.Owner, http.MethodPost, "/api/v1/uploads", encode(w.T, map[string]string{"source": name + "-cluster"}))
	w.must(json.Unmarshal(a.Body.Bytes(), &upload))
	w.keep("upload", upload.ID)
}

// notices makes a destination that takes nothing, a rule, and a delivery that failed.
func (w *world) notices(name, source string) {
	w.T.Helper()
	ctx, who := w.T.Context(), w.Owner()
	place, _, err := w.api.Notices.PutDestination(ctx, who, seaworthy.Destination{Name: "place of " + name, Kind: seaworthy.DestinationWebhook, URL: "https://127.0.0.1/?" + url.QueryEscape(name)}, "")
	w.must(err)
	w.keep("destination", place.ID)
	sends, err := w.api.Notices.PutRule(ctx, who, seaworthy.NoticeRule{Name: "notices of " + name, Sources: []string{source}, Destinations: []string{place.ID}})
	w.must(err)
	w.keep("notice-rule", sends.ID)
	sent, err := w.api.Notices.Test(ctx, who, place.ID)
	w.must(err)
	w.keep("delivery", sent.ID)
}

// watch has an agent watch a cluster; another one may still enrol.
func (w *world) watch(name, source string) {
	ctx, who := w.T.Context(), w.Owner()
	used, token, err := w.Auth.CreateEnrolment(ctx, who, source)
	w.must(err)
	unused, _, err := w.Auth.CreateEnrolment(ctx, who, source)
	w.must(err)
	w.keep("enrolment", used.ID, unused.ID)
	agent, err := w.Auth.Enrol(ctx, token, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	w.must(err)
	w.keep("agent", agent.ID)
	is := seaworthy.Principal{Actor: "agent:" + agent.ID, Role: seaworthy.Reporter, Source: source}
	_, err = ingest.Beat(ctx, w.Store, is, seaworthy.Heartbeat{
		Instance: "instance of " + name, Replica: "replica of " + name, Version: name, At: w.Now, Started: w.Now, Leader: true, Watching: w.Now,
		Places:   map[string]seaworthy.Place{seaworthy.SeenByAudit: {State: seaworthy.PlaceBroken, Since: w.Now, Reason: "because of " + name}},
		Unlisted: map[string]string{"kind of " + name: "because of " + name}, Excess: []string{"right of " + name}, Waiting: map[string]int{name: 3},
	})
	w.must(err)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (w *world) write(f func(*store.Tx) error) {
	w.T.Helper()
	w.must(w.Store.Write(w.T.Context(), w.Owner().Actor, f))
}

// do asks the API or a page as a role's browser does.
func (w *world) do(role seaworthy.Role, method, path string, body []byte, header ...string) *httptest.ResponseRecorder {
	w.T.Helper()
	r := httptest.NewRequest(method, w.URL+path, bytes.NewReader(body)).WithContext(w.T.Context())
	if method == http.MethodGet {
		r.Body = http.NoBody
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if role != "" {
		for _, c := range w.Cookies(role) {
			r.AddCookie(c)
		}
	}
	rec := httptest.NewRecorder()
	if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/log/tile") || path == "/log/cosignatures" {
		w.api.ServeHTTP(rec, r)
	} else {
		w.UI.ServeHTTP(rec, r)
	}
	return rec
}

// form sends a form to a page.
func (w *world) form(role seaworthy.Role, path string, values url.Values) *httptest.ResponseRecorder {
	w.T.Helper()
	return w.do(role, http.MethodPost, path, []byte(values.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// everyID lists the ids of all records.
func (w *world) everyID() []string {
	var out []string
	for _, ids := range w.ids {
		out = append(out, ids...)
	}
	return out
}

// report is a report of a cluster with two findings, everything in it named after it.
func report(name string, at time.Time) []byte {
	r := seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v1"},
			Source: seaworthy.Source{Kind: seaworthy.SourceCluster, Name: name + "-cluster", ClusterUID: "uid-" + name, Started: at.Add(-time.Minute),
				Asked: []string{"deployments.apps"}},
			Catalogue: seaworthy.Catalogue{Version: "v1", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: 1, Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: at.Add(-time.Second), Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
			Errors: []seaworthy.Problem{{Message: "cannot list things of " + name}},
			Checks: []seaworthy.CheckResult{{ID: "privileged-container", Title: "Containers are privileged", Severity: seaworthy.Critical, Category: "Security",
				Status: seaworthy.StatusFailed, InScope: 2, Failed: 2, Controls: []string{"workload-isolation"}, Reason: "because of " + name}},
		},
	}
	for i := range 2 {
		o := seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: name + "-ns", Name: fmt.Sprint(name, "-", i)}
		r.Findings = append(r.Findings, seaworthy.Finding{
			Check: "privileged-container", Severity: seaworthy.Critical, Category: "Security", Message: "container of " + name + " is privileged", Object: o, Container: name,
			Path: "spec.template.spec.containers[0]", File: name + ".yaml", Line: 3, Origin: name, Controls: []string{}, Requirements: []string{},
			Fingerprint: seaworthy.Fingerprint(name, "privileged-container", o, "spec.containers[app]"), New: true,
		})
		r.Objects = append(r.Objects, seaworthy.SeenObject{Object: o, Workload: true, File: name + ".yaml", Labels: map[string]string{"of": name}, Excerpt: "kind: Deployment # of " + name})
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return data
}
