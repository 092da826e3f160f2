// SPDX-License-Identifier: Apache-2.0

package uitest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/ingest"
	"github.com/seaworthy-dev/seaworthy/internal/notify/outbox"
	"github.com/seaworthy-dev/seaworthy/internal/outgoing"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/triage"
)

const day = 24 * time.Hour

// Hostile is text that must reach pages as text: from whoever names an object or fills a
// form.
const Hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{.}}`

// Long is as long as a name may be.
var Long = strings.Repeat("extraordinarily-long-name-", 10)[:253]

// workload is an object of the example clusters.
type workload struct {
	kind, namespace, name string
	checks                []string // that fail on it
	from, to              int      // days in which they do; to 0: still
}

var workloads = []workload{
	{"Deployment", "checkout", "payments-api", []string{"privileged-container", "run-as-root-allowed"}, 12, 0},
	{"Deployment", "checkout", "payments-worker", []string{"cpu-limit-missing", "memory-limit-missing"}, 3, 60},
	{"Deployment", "checkout", "ledger", []string{"image-tag-mutable", "liveness-probe-missing"}, 40, 0},
	{"StatefulSet", "data", "orders-postgres", []string{"writable-root-filesystem", "run-as-root-allowed"}, 1, 0},
	{"Deployment", "storefront", "web", []string{"readiness-probe-missing"}, 20, 90},
	{"Deployment", "storefront", "search", []string{"host-path-volume"}, 100, 0},
	{"CronJob", "data", "nightly-export", []string{"privilege-escalation-allowed", "capabilities-dangerous"}, 70, 0},
	{"DaemonSet", "observability", "node-agent", []string{"host-network", "host-pid", "privileged-container"}, 0, 0},
	{"Deployment", "storefront", "متجر-الويب", []string{"image-tag-mutable"}, 110, 0},
	{"Deployment", "storefront", "注文処理サービス", []string{"image-tag-mutable"}, 115, 0},
	{"Deployment", "storefront", Long, []string{"privileged-container"}, 120, 0},
	{"Deployment", "storefront", Hostile, []string{"privileged-container"}, 125, 0},
}

// Fill lets a made-up company use the site for almost five months.
func (s *Site) Fill() {
	s.T.Helper()
	ctx := s.T.Context()
	var teams [3]seaworthy.Team
	s.write(func(tx *store.Tx) error {
		for i, name := range []string{"Payments", "Platform", "Storefront"} {
			teams[i] = seaworthy.Team{ID: fmt.Sprintf("team-%d", i+1), Name: name, CreatedAt: tx.At}
			if err := tx.PutTeam(&teams[i]); err != nil {
				return err
			}
		}
		return nil
	})
	s.declare(teams[1].ID)
	program, err := s.Audit.CreateProgram(ctx, s.Owner(), seaworthy.Program{
		Name: "SOC 2 2026 H2", Type: seaworthy.TypeII, From: s.Now.Truncate(day), To: s.Now.Truncate(day).AddDate(0, 6, 0),
		Categories: []string{"security", "availability", "confidentiality"},
		Scope: []seaworthy.ScopeItem{
			{Kind: seaworthy.KindCluster, Source: "prod-eu", In: true}, {Kind: seaworthy.KindCluster, Source: "prod-us", In: true},
			{Kind: seaworthy.KindRepository, Source: "shop", In: true},
			{Kind: seaworthy.KindCluster, Source: "staging", In: false, Reason: "Holds no customer data"},
		},
	})
	s.must(err)
	s.Join(auth.NewUser{Email: "jonas@harbour.example", Name: "Jonas Weber", Role: seaworthy.ComplianceManager})
	s.Join(auth.NewUser{Email: "priya@harbour.example", Name: "Priya Nair", Role: seaworthy.Engineer, Teams: []string{teams[0].ID}})
	s.Join(auth.NewUser{Email: "tomas@harbour.example", Name: "Tomás Silva", Role: seaworthy.Engineer, Teams: []string{teams[1].ID}})
	s.Join(auth.NewUser{Email: "lena@harbour.example", Name: "Lena Okafor", Role: seaworthy.Viewer})
	s.Join(auth.NewUser{Email: "a.reyes@audit.example", Name: "Alma Reyes", Role: seaworthy.Auditor, Program: program.ID, Expires: s.Now.AddDate(0, 8, 0)})
	s.own()
	start := s.Now
	for d := range 142 {
		s.Now = start.Add(time.Duration(d) * day)
		if d > 128 || d%8 == 0 {
			s.report(d)
		}
		if d%14 == 0 || d > 138 {
			s.must(s.Audit.Advance(ctx))
			s.perform()
		}
	}
	s.must(s.Audit.Advance(ctx))
	s.work(program)
	s.sign()
	for role := range s.Users {
		s.SignIn(role)
	}
}

func (s *Site) declare(team string) {
	s.write(func(tx *store.Tx) error {
		for _, v := range []seaworthy.DeclaredSource{
			{ID: "prod-eu", Kind: seaworthy.KindCluster, Name: "prod-eu", Environment: seaworthy.Production},
			{ID: "prod-us", Kind: seaworthy.KindCluster, Name: "prod-us", Environment: seaworthy.Production},
			{ID: "staging", Kind: seaworthy.KindCluster, Name: "staging", Environment: seaworthy.Staging},
			{ID: "shop", Kind: seaworthy.KindRepository, Name: "harbour/shop-infra", Environment: seaworthy.Production},
			{ID: "dr", Kind: seaworthy.KindCluster, Name: "dr-west", Environment: seaworthy.Production},
		} {
			v.Declared, v.Every, v.Team, v.CreatedAt = true, day, team, tx.At
			if err := tx.PutSource(&v); err != nil {
				return err
			}
		}
		return nil
	})
}

// change has a cluster changed: by a pipeline that said so, and by somebody who did not.
func (s *Site) change() {
	ctx, who := s.T.Context(), s.Owner()
	all, err := s.Store.Sources(ctx)
	s.must(err)
	i := slices.IndexFunc(all, func(v seaworthy.DeclaredSource) bool { return v.Kind == seaworthy.KindCluster })
	c, commit := trail.Config{Store: s.Store}, strings.Repeat("c0ffee00", 5)
	_, err = trail.Record(ctx, c, who, seaworthy.Deployment{SourceID: all[i].ID, Namespaces: []string{"shop"}, Images: []string{"cart:2", Hostile}, Ticket: "SHOP-12 " + Hostile, Commit: commit})
	s.must(err)
	host := seaworthy.Principal{Actor: "token:git-host", Name: "git host", Role: seaworthy.GitHost}
	_, _, err = trail.Confirm(ctx, c, host, seaworthy.Confirmation{Commit: commit, Approval: seaworthy.Approval{
		Author: "bob" + Hostile, Approvers: []string{"carol" + Hostile}, MergedBy: Hostile, MergedAt: s.Now,
	}})
	s.must(err)
	object := func(version, image string) map[string]any {
		return map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": Hostile, "namespace": "shop", "uid": "u", "resourceVersion": version},
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": image}}}}},
		}
	}
	see := func(id, image, before string) changes.Observation {
		o := changes.Observation{
			Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: id, At: s.Now}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown,
			Actor:  seaworthy.Actor{Username: Hostile, UserAgent: Hostile, SourceIPs: []string{Hostile}, Impersonator: Hostile},
			Before: object(id, before), After: object(id+"0", image),
		}
		o.Describe()
		return o
	}
	_, err = trail.Take(ctx, c, who, all[i], []changes.Observation{see("1", "cart:2", "cart:1"), see("2", Hostile+"3", "cart:2"), see("3", "cart:2", Hostile+"3")})
	s.must(err)
}

// ImageOfPayments is what the payments API runs since it was changed on the twelfth day,
// as a deployment with these references had said.
const (
	ImageOfPayments = "registry.harbour.example/payments@sha256:5eaf00d5eaf00d5eaf00d5eaf00d5eaf00d5eaf00d5eaf00d5eaf00d5eaf00d5"
	TicketOfPayment = "https://tickets.harbour.example/PAY-7"
	PullOfPayments  = "https://git.harbour.example/payments/pull/7"
)

// release has a workload changed twice in the past: first for the worse, and as announced,
// then by somebody for the better.
func (s *Site) release() {
	ctx, who, begin := s.T.Context(), s.Owner(), s.Now.AddDate(0, 0, -141)
	source, err := s.Store.Source(ctx, "prod-eu")
	s.must(err)
	c := trail.Config{Store: s.Store}
	see := func(id, name string, at time.Time, by, before, after string) changes.Observation {
		object := func(version, image string) map[string]any {
			return map[string]any{
				"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": "checkout", "uid": name, "resourceVersion": version},
				"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app", "image": image}}}}},
			}
		}
		o := changes.Observation{
			Sighting: seaworthy.Sighting{By: seaworthy.SeenByWebhook, ID: id, At: at}, Verb: seaworthy.VerbUpdate, Outcome: seaworthy.OutcomeUnknown,
			Actor: seaworthy.Actor{Username: by}, Before: object(id, before), After: object(id+"0", after),
		}
		o.Judged = []seaworthy.Judgement{{Door: seaworthy.DoorWebhook, Check: "privileged-container", Mode: "warn", Items: []string{"app: it is privileged " + Hostile}}}
		o.Describe()
		return o
	}
	was := s.Now
	s.Now = begin.AddDate(0, 0, 12) // a pipeline speaks beforehand
	_, err = trail.Record(ctx, c, who, seaworthy.Deployment{SourceID: "prod-eu", Images: []string{ImageOfPayments}, Namespaces: []string{"checkout"}, Ticket: TicketOfPayment, PullURL: PullOfPayments, Commit: strings.Repeat("5eaf00d5", 5)})
	s.must(err)
	_, err = trail.Take(ctx, c, who, source, []changes.Observation{see("r1", "payments-api", s.Now.Add(time.Minute), "pipeline", "payments:1", ImageOfPayments)})
	s.must(err)
	s.Now = begin.AddDate(0, 0, 61)
	_, err = trail.Take(ctx, c, who, source, []changes.Observation{see("r2", "payments-worker", s.Now, "somebody", "payments:1", "payments:2")})
	s.must(err)
	s.Now = was
	_, err = trail.PutActor(ctx, c, who, seaworthy.KnownActor{Name: "root " + Hostile, UserID: s.Users[seaworthy.Engineer].ID, Note: "the key of " + Hostile})
	s.must(err)
}

// watch has an agent watch a cluster, which tells of places that work and of one that does
// not; another one may still enrol.
func (s *Site) watch() {
	ctx, who := s.T.Context(), s.Owner()
	_, token, err := s.Auth.CreateEnrolment(ctx, who, "prod-eu")
	s.must(err)
	_, _, err = s.Auth.CreateEnrolment(ctx, who, "prod-eu")
	s.must(err)
	agent, err := s.Auth.Enrol(ctx, token, base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize)))
	s.must(err)
	is := seaworthy.Principal{Actor: "agent:" + agent.ID, Role: seaworthy.Reporter, Source: "prod-eu"}
	_, err = ingest.Beat(ctx, s.Store, is, seaworthy.Heartbeat{
		Instance: Hostile, Replica: "seaworthy-agent-0 " + Hostile, Version: "v0.1 " + Hostile, At: s.Now, Started: s.Now, Leader: true, Watching: s.Now,
		Places: map[string]seaworthy.Place{
			seaworthy.SeenByWebhook: {State: seaworthy.PlaceWorks, Since: s.Now, Latest: s.Now},
			seaworthy.SeenByAudit:   {State: seaworthy.PlaceNotObserved, Reason: "nobody set it up " + Hostile},
			seaworthy.SeenByWatch:   {State: seaworthy.PlaceBroken, Since: s.Now, Reason: Hostile},
		},
		Unlisted: map[string]string{"secrets": "it may not " + Hostile}, Excess: []string{"delete pods " + Hostile}, Lacking: []string{"get nodes " + Hostile},
		Objects: 1200, Findings: 34, Waiting: map[string]int{seaworthy.StreamChanges: 3}, Last: map[string]uint64{seaworthy.StreamChanges: 9},
	})
	s.must(err)
	s.write(func(tx *store.Tx) error {
		kinds := store.GapKinds
		for _, kind := range kinds {
			if err := tx.PutGap(&seaworthy.Gap{ID: tx.NewID(), SourceID: "prod-us", Kind: kind, From: tx.At.Add(-time.Hour), To: tx.At, Reason: "because " + Hostile}); err != nil {
				return err
			}
		}
		return nil
	})
}

// notify has notices go somewhere that takes nothing.
func (s *Site) notify() {
	ctx, who := s.T.Context(), s.Owner()
	_, err := trail.PutRule(ctx, s.Store, who, seaworthy.ChangeRule{Name: "autoscaling " + Hostile, Users: []string{Hostile}, Paths: []string{"spec.replicas"}})
	s.must(err)
	_, err = trail.PutRule(ctx, s.Store, who, seaworthy.ChangeRule{Name: "trials", Namespaces: []string{"trial-*"}, Approval: true})
	s.must(err)
	refusing := outgoing.Config{}.Client() // the address is of this machine, to which it does not go
	o := outbox.New(outbox.Config{Store: s.Store, Seal: s.Auth.Seal, Unseal: s.Auth.Unseal, Client: refusing})
	d, _, err := o.PutDestination(ctx, who, seaworthy.Destination{Name: "Security " + Hostile, Kind: seaworthy.DestinationWebhook, URL: "https://127.0.0.1/hook"}, "")
	s.must(err)
	_, err = o.PutRule(ctx, who, seaworthy.NoticeRule{Name: "Digest " + Hostile, Severity: "high", Namespaces: []string{"shop-*"}, Destinations: []string{d.ID}, Digest: seaworthy.DigestDaily, Zone: "Europe/Berlin"})
	s.must(err)
	_, err = o.Test(ctx, who, d.ID)
	s.must(err)
	s.must(o.Work(ctx))
}

// work is what people do with what was found.
func (s *Site) work(program seaworthy.Program) {
	ctx, who := s.T.Context(), s.Owner()
	t := triage.New(triage.Config{Store: s.Store})
	list, err := s.Store.Findings(ctx, store.FindingFilter{Checks: []string{"host-network"}, Limit: 5})
	s.must(err)
	first := list.Items[0]
	_, err = t.Assign(ctx, who, []string{first.ID}, s.Users[seaworthy.Owner].ID)
	s.must(err)
	_, err = t.Link(ctx, who, []string{first.ID}, "https://tickets.harbour.example/OPS-412")
	s.must(err)
	_, err = t.Comment(ctx, who, seaworthy.OnFinding, first.ID, "The agent needs the host's network to count packets. "+Hostile)
	s.must(err)
	asked, err := t.WaiveFindings(ctx, who, []string{first.ID, list.Items[1].ID}, triage.Terms{
		Reason: "The agent counts packets on the node. " + Hostile, CompensatingControl: "Its image is signed and its egress is closed", Expires: seaworthy.Date{Time: s.Now.AddDate(0, 2, 0).Truncate(day)},
	})
	s.must(err)
	manager := principal(s.Users[seaworthy.ComplianceManager])
	_, err = t.Approve(ctx, manager, []string{asked[0].ID}, triage.Decision{Note: "Agreed until the new agent"})
	s.must(err)
	_, err = s.Audit.Freeze(ctx, who, audit.FreezeRequest{Name: "Findings of the period", Program: program.ID, List: "findings"})
	s.must(err)
	s.notify()
	s.change()
	s.release()
	s.watch()
	_, err = t.PutRule(ctx, who, seaworthy.OwnershipRule{Namespace: "checkout", Team: "team-1"})
	s.must(err)
	_, err = t.PutRule(ctx, who, seaworthy.OwnershipRule{Label: "team"})
	s.must(err)
	s.must(t.Settle(ctx))
	_, _, err = s.Auth.CreateToken(ctx, who, auth.NewToken{Name: "shop pipeline", Role: seaworthy.Reporter})
	s.must(err)
	_, err = s.Audit.AddEvidence(ctx, who, seaworthy.Evidence{
		Kind: seaworthy.EvidenceLink, Title: Hostile, Shows: seaworthy.Design, URL: "https://wiki.harbour.example/security-policy", System: Hostile,
		Collector: who.Actor, EffectiveFrom: s.Now.Add(-day), EffectiveTo: s.Now, CollectedAt: s.Now, Controls: []string{"access-review"},
	}, audit.Performance{})
	s.must(err)
}

// seen lists the objects that a report saw.
func seen(i, d int) []seaworthy.SeenObject {
	var out []seaworthy.SeenObject
	for n, w := range workloads {
		if n%3 == i%3 && i > 0 || d < w.from {
			continue
		}
		o := seaworthy.SeenObject{Object: w.object(), Workload: true, Labels: map[string]string{"app.kubernetes.io/name": w.namespace, "note": "x"}}
		o.Excerpt = "apiVersion: " + o.APIVersion + "\nkind: " + o.Kind + "\nmetadata:\n  name: app\n  namespace: " + w.namespace +
			"\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: registry.harbour.example/app:latest\n        securityContext:\n          privileged: true\n          runAsNonRoot: false\n"
		out = append(out, o)
	}
	return out
}

func (w workload) object() seaworthy.Object {
	o := seaworthy.Object{APIVersion: "apps/v1", Kind: w.kind, Namespace: w.namespace, Name: w.name}
	if w.kind == "CronJob" {
		o.APIVersion = "batch/v1"
	}
	return o
}

// text is a report with the objects that it saw after its findings.
func text(t testing.TB, r *seaworthy.Report, objects []seaworthy.SeenObject) []byte {
	var parts [2]json.RawMessage
	for i, v := range []any{r, objects} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = data
	}
	return bytes.Replace(parts[0], []byte(`,"finished":`), append(append([]byte(`,"objects":`), parts[1]...), `,"finished":`...), 1)
}

// own gives most controls an owner.
func (s *Site) own() {
	all, err := s.Store.Controls(s.T.Context())
	s.must(err)
	people := []string{s.Users[seaworthy.Owner].ID, s.Users[seaworthy.ComplianceManager].ID, s.Users[seaworthy.Engineer].ID}
	for i, c := range all {
		if i%9 == 4 {
			continue
		}
		c.OwnerUser = people[i%3]
		_, err := s.Audit.ChangeControl(s.T.Context(), s.Owner(), c)
		s.must(err)
	}
}

// perform attests most of what people had to do lately.
func (s *Site) perform() {
	list, err := s.Store.AllOccurrences(s.T.Context(), store.OccurrenceFilter{States: []seaworthy.OccurrenceState{seaworthy.Expected}, DueTo: s.Now.Add(9 * day)})
	s.must(err)
	all, err := s.Store.Controls(s.T.Context())
	s.must(err)
	for i, o := range list {
		at := slices.IndexFunc(all, func(c seaworthy.TrackedControl) bool { return c.ID == o.ControlID })
		if all[at].Machine() || i%7 == 3 || o.From.After(s.Now.Add(-2*day)) {
			continue
		}
		_, err := s.Audit.AddEvidence(s.T.Context(), s.Owner(), seaworthy.Evidence{
			Kind: seaworthy.EvidenceAttestation, Title: all[at].Title, Shows: seaworthy.Operation, Statement: "Done as the procedure says; the minutes are in the register.",
			Collector: s.Owner().Actor, EffectiveFrom: o.From, EffectiveTo: s.Now.Add(-day), CollectedAt: s.Now, Occurrences: []string{o.ID},
		}, audit.Performance{})
		s.must(err)
	}
}

// report sends the reports of one day.
func (s *Site) report(d int) {
	config := ingest.Config{Store: s.Store, Vault: s.Vault, TempDir: s.T.TempDir()}
	for i, name := range []string{"prod-eu", "prod-us", "staging", "harbour/shop-infra"} {
		if name == "prod-us" && d >= 131 && d < 134 || name == "harbour/shop-infra" && d%8 != 0 {
			continue
		}
		data := text(s.T, s.scan(name, i, d), seen(i, d))
		var err error
		who := seaworthy.Principal{Actor: "token:ci", Name: "ci", Role: seaworthy.Reporter}
		_, err = ingest.Report(s.T.Context(), config, who, name, bytes.NewReader(data))
		s.must(err)
	}
}

// scan is the report of a source on a day.
func (s *Site) scan(name string, i, d int) *seaworthy.Report {
	kind := seaworthy.SourceCluster
	if strings.Contains(name, "/") {
		kind = seaworthy.SourceFiles
	}
	r := &seaworthy.Report{
		Header: seaworthy.Header{
			APIVersion: seaworthy.ReportVersion, Tool: seaworthy.Tool{Name: "seaworthy", Version: "v0.2.0"},
			Source: seaworthy.Source{
				Kind: kind, Name: name, Provider: "EKS", KubernetesVersion: "v1.33.4", Identity: "system:serviceaccount:seaworthy:agent",
				Started: s.Now.Add(-2 * time.Minute), Asked: []string{"deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch"},
			},
			Catalogue: seaworthy.Catalogue{Version: "v0.2.0", Digest: "sha256:c1", ParametersDigest: "sha256:p1", Checks: len(s.Checks), Policies: []string{}},
		},
		Findings: []seaworthy.Finding{},
		Trailer: seaworthy.Trailer{
			Finished: s.Now.Add(-time.Minute), Errors: []seaworthy.Problem{}, Skipped: []seaworthy.Problem{}, Waivers: []seaworthy.WaiverNotice{},
		},
	}
	if kind == seaworthy.SourceCluster {
		r.Source.ClusterUID = "uid-" + name
	}
	failed, failedIn := map[string]int{}, map[[2]string]int{} // by check, and by namespace too
	for n, w := range workloads {
		if n%3 == i%3 && i > 0 || d < w.from || w.to > 0 && d >= w.to {
			continue
		}
		for _, id := range w.checks {
			c, ok := s.check(id)
			if !ok {
				s.T.Fatalf("there is no check %s", id)
			}
			o := w.object()
			failed[id]++
			failedIn[[2]string{id, o.Namespace}]++
			r.Findings = append(r.Findings, seaworthy.Finding{
				Check: id, Severity: c.Severity, Category: c.Category, Message: c.Title + ": app", Object: o, Container: "app",
				Path: "spec.template.spec.containers[0].securityContext", Controls: c.Controls, Requirements: []string{}, Remediation: c.Remediation,
				Fingerprint: seaworthy.Fingerprint(name, id, o, "spec.containers[app]"), New: true,
			})
		}
	}
	for _, c := range s.Checks {
		res := seaworthy.CheckResult{ID: c.ID, Title: c.Title, Severity: c.Severity, Category: c.Category, Status: seaworthy.StatusPassed, InScope: len(workloads), Passed: len(workloads) - failed[c.ID], Failed: failed[c.ID], Findings: failed[c.ID], Controls: c.Controls}
		res.ByNamespace = map[string]seaworthy.NamespaceTally{}
		for _, w := range workloads {
			n := w.object().Namespace
			res.ByNamespace[n] = res.ByNamespace[n].Plus(seaworthy.NamespaceTally{InScope: 1, Passed: 1})
		}
		for n, t := range res.ByNamespace {
			bad := failedIn[[2]string{c.ID, n}]
			res.ByNamespace[n] = t.Plus(seaworthy.NamespaceTally{Passed: -bad, Failed: bad})
		}
		if failed[c.ID] > 0 {
			res.Status = seaworthy.StatusFailed
		}
		r.Checks = append(r.Checks, res)
	}
	return r
}

func (s *Site) check(id string) (seaworthy.Check, bool) {
	for _, c := range s.Checks {
		if c.ID == id {
			return c, true
		}
	}
	return seaworthy.Check{}, false
}

// sign makes a checkpoint and checks the log, as the server does by itself.
func (s *Site) sign() {
	verifier, err := note.NewVerifier(s.LogKey)
	s.must(err)
	_, err = s.Store.Checkpoint(s.T.Context(), s.Signer)
	s.must(err)
	result, err := s.Store.Verify(s.T.Context(), verifier)
	s.must(err)
	s.write(func(tx *store.Tx) error { return tx.KeepSelfCheck(result) })
}
