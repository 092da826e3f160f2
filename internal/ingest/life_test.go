// SPDX-License-Identifier: Apache-2.0

package ingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

var api = deployment("shop", "api")

// Why a finding closes follows from what changed between two reports.
func TestCausesOfClosing(t *testing.T) {
	for _, c := range []struct {
		name    string
		second  func(r *seaworthy.Report)
		objects []seaworthy.SeenObject // nil: objects are not listed
		want    seaworthy.Cause
	}{
		{"the_object_changed", nil, seenAll(api), seaworthy.CauseObjectChanged},
		{"the_object_is_gone", nil, seenAll(), seaworthy.CauseObjectDeleted},
		{"objects_are_not_listed", nil, nil, seaworthy.CauseObjectGone},
		{"another_finding_names_the_object", func(r *seaworthy.Report) {
			*r = *cluster(finding("latest-tag", api))
		}, nil, seaworthy.CauseObjectChanged},
		{"a_pass_names_the_object", func(r *seaworthy.Report) {
			r.Passes = []seaworthy.Pass{{Check: "privileged-container", Object: api}}
		}, nil, seaworthy.CauseObjectChanged},
		{"the_catalogue_changed", func(r *seaworthy.Report) { r.Catalogue.Digest = "sha256:c2" }, seenAll(api), seaworthy.CauseCheckChanged},
		{"the_parameters_changed", func(r *seaworthy.Report) { r.Catalogue.ParametersDigest = "sha256:p2" }, seenAll(api), seaworthy.CauseParameterChanged},
		{"an_object_that_is_gone_needs_no_other_cause", func(r *seaworthy.Report) { r.Catalogue.Digest = "sha256:c2" }, seenAll(), seaworthy.CauseObjectDeleted},
		{"the_namespace_is_not_asked_for", func(r *seaworthy.Report) { r.Source.Namespaces = []string{"web"} }, seenAll(), seaworthy.CauseScopeChanged},
		{"only_the_severity_of_the_check_changed", func(r *seaworthy.Report) { r.Checks[0].Severity = seaworthy.Low }, seenAll(api), seaworthy.CauseObjectChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.t = t
				w.take(cluster(finding("privileged-container", api)))
				second := cluster()
				if c.second != nil {
					c.second(second)
				}
				if run := w.take(second, c.objects...); run.Fixed != 1 {
					t.Fatalf("the run fixed %d, want 1", run.Fixed)
				}
				f := w.of("privileged-container")
				if f.Status != seaworthy.FindingFixed || f.Cause != c.want || !f.ClosedAt.Equal(w.now) {
					t.Errorf("the finding is %s by %q, want fixed by %q", f.Status, f.Cause, c.want)
				}
			})
		})
	}
}

// What a report could not see, read or judge closes nothing.
func TestBlindReportsCloseNothing(t *testing.T) {
	problem := func(p seaworthy.Problem) func(*seaworthy.Report) {
		return func(r *seaworthy.Report) { r.Errors = append(r.Errors, p) }
	}
	status := func(s seaworthy.Status) func(*seaworthy.Report) {
		return func(r *seaworthy.Report) { r.Checks[0].Status = s }
	}
	for name, second := range map[string]func(*seaworthy.Report){
		"resource":                problem(seaworthy.Problem{Object: "deployments.apps", Message: "list deployments: forbidden"}),
		"resource_in_a_namespace": problem(seaworthy.Problem{Object: "deployments.apps", Message: "list deployments: in namespace shop: forbidden"}),
		"one_object":              problem(seaworthy.Problem{Object: "deployments.apps shop/api", Message: "decode: broken"}),
		"group":                   problem(seaworthy.Problem{Object: "apps/v1", Message: "its resources could not be discovered"}),
		"namespace":               problem(seaworthy.Problem{Object: "namespace shop", Message: "there is no such namespace"}),
		"object_of_a_check":       problem(seaworthy.Problem{Check: "privileged-container", Object: "shop/Deployment/api", Message: "no such key"}),
		"whole_check":             problem(seaworthy.Problem{Check: "privileged-container", Message: "no such key"}),
		"nothing_named":           problem(seaworthy.Problem{Message: "the connection was lost"}),
		"file":                    problem(seaworthy.Problem{File: "deploy/api.yaml", Message: "line 3: not YAML"}),
		"folder":                  problem(seaworthy.Problem{File: "deploy", Message: "permission denied"}),
		"file_skipped_unreadable": func(r *seaworthy.Report) {
			r.Skipped = []seaworthy.Problem{{File: "deploy/api.yaml", Message: "line 3: not YAML"}}
		},
		"errors_that_are_not_named": func(r *seaworthy.Report) { r.Checks[0].Errors = 1 },
		"check_error":               status(seaworthy.StatusError),
		"check_not_evaluated":       status(seaworthy.StatusNotEvaluated),
		"check_of_the_provider":     status(seaworthy.StatusProvider),
		"check_that_is_not_known":   status("maybe"),
		"check_that_did_not_run":    func(r *seaworthy.Report) { r.Checks = r.Checks[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.t = t
				f := finding("privileged-container", api)
				f.File = "deploy/api.yaml"
				w.take(cluster(f))
				blind := cluster()
				second(blind)
				if run := w.take(blind, seenAll()...); run.Fixed != 0 || run.Unchanged != 1 {
					t.Fatalf("the blind run fixed %d and left %d, want 0 and 1", run.Fixed, run.Unchanged)
				}
				if f := w.of("privileged-container"); f.Status != seaworthy.FindingOpen {
					t.Fatalf("the finding is %s (%s), want open", f.Status, f.Cause)
				}
				if run := w.take(cluster(), seenAll()...); run.Fixed != 1 {
					t.Errorf("the report that saw everything fixed %d, want 1", run.Fixed)
				}
			})
		})
	}
}

// What a report leaves out because it has no right to it closes nothing either, and is no
// reason to call the report incomplete.
func TestWhatTheRightsLeaveOutStaysOpen(t *testing.T) {
	index := seaworthy.Object{APIVersion: "example.com/v1", Kind: "Index", Namespace: "shop", Name: "main"}
	widget := seaworthy.Object{APIVersion: "example.com/v1", Kind: "Widget", Namespace: "shop", Name: "one"}
	each(t, func(t *testing.T, w *world) {
		first := []seaworthy.Finding{finding("privileged-container", index), finding("privileged-container", widget)}
		w.take(cluster(first...), seenAll(index, widget)...)
		second := cluster()
		second.Skipped = []seaworthy.Problem{{Object: "indices.example.com", Message: "list indices: forbidden: no"}}
		run := w.take(second, seenAll()...)
		if run.Fixed != 1 || run.Unchanged != 1 || !run.Complete {
			t.Fatalf("run = fixed %d, unchanged %d, complete %t; want 1, 1 and complete", run.Fixed, run.Unchanged, run.Complete)
		}
		objects, err := w.store.Objects(t.Context(), store.ObjectFilter{})
		if err != nil || len(objects.Items) != 1 || objects.Items[0].Object != index {
			t.Errorf("objects that stand: %+v, %v; want the index", objects.Items, err)
		}
		if run := w.take(cluster(), seenAll()...); run.Fixed != 1 {
			t.Errorf("the report that sees fixed %d, want 1", run.Fixed)
		}
	})
}

// Secrets that are not asked for any more are out of scope, which is no fix.
func TestSecretsNotAskedForAreOutOfScope(t *testing.T) {
	secret := seaworthy.Object{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "db"}
	each(t, func(t *testing.T, w *world) {
		first := cluster(finding("privileged-container", secret))
		first.Source.Asked = []string{"deployments.apps", "secrets"}
		w.take(first, seenAll(secret)...)
		second := cluster()
		second.Source.Asked = []string{"deployments.apps"}
		w.take(second, seenAll()...)
		if f := w.of("privileged-container"); f.Status != seaworthy.FindingFixed || f.Cause != seaworthy.CauseScopeChanged {
			t.Errorf("the finding is %s by %q, want fixed by %q", f.Status, f.Cause, seaworthy.CauseScopeChanged)
		}
	})
}

// Blind in one place, a report still closes what it saw elsewhere.
func TestBlindInOnePlaceSeesTheOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(cluster(finding("privileged-container", api), finding("privileged-container", deployment("web", "site"))))
		second := cluster()
		second.Errors = []seaworthy.Problem{{Object: "deployments.apps", Message: "list deployments: in namespace shop: forbidden"}}
		run := w.take(second)
		if run.Fixed != 1 || run.Unchanged != 1 || run.Complete {
			t.Fatalf("run = fixed %d, unchanged %d, complete %t", run.Fixed, run.Unchanged, run.Complete)
		}
		page, err := w.store.Findings(t.Context(), store.FindingFilter{Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}})
		if err != nil || len(page.Items) != 1 || page.Items[0].Object.Namespace != "shop" {
			t.Fatalf("open: %+v, %v, want that of shop", page.Items, err)
		}
	})
}

func TestCausesOfOpening(t *testing.T) {
	none := func(*seaworthy.Report) {}
	for _, c := range []struct {
		name          string
		first, second func(r *seaworthy.Report)
		objects       []seaworthy.SeenObject // of the first report
		want          seaworthy.Cause
	}{
		{"an_object_that_passed_before", none, none, seenAll(api), seaworthy.CauseObjectChanged},
		{"an_object_that_was_not_there", none, none, seenAll(), seaworthy.CauseObjectNew},
		{"the_catalogue_changed", none, func(r *seaworthy.Report) { r.Catalogue.Digest = "sha256:c2" }, seenAll(api), seaworthy.CauseCheckChanged},
		{"the_parameters_changed", none, func(r *seaworthy.Report) { r.Catalogue.ParametersDigest = "sha256:p2" }, seenAll(api), seaworthy.CauseParameterChanged},
		{"a_check_that_did_not_run_before", func(r *seaworthy.Report) { r.Checks = r.Checks[1:] }, none, seenAll(api), seaworthy.CauseCheckChanged},
		{"the_namespace_was_not_asked_for", func(r *seaworthy.Report) { r.Source.Namespaces = []string{"web"} }, none, seenAll(), seaworthy.CauseScopeChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.t = t
				first, second := cluster(), cluster(finding("privileged-container", api))
				c.first(first)
				c.second(second)
				w.take(first, c.objects...)
				if run := w.take(second, seenAll(api)...); run.Opened != 1 {
					t.Fatalf("the run opened %d, want 1", run.Opened)
				}
				if f := w.of("privileged-container"); f.Cause != c.want {
					t.Errorf("opened by %q, want %q", f.Cause, c.want)
				}
			})
		})
	}
}

// A repository's scope is the paths that were asked for inside of it.
func TestScopeOfARepository(t *testing.T) {
	for _, c := range []struct {
		asked []string
		want  seaworthy.Cause
	}{
		{[]string{"deploy"}, seaworthy.CauseObjectDeleted},
		{[]string{"./deploy/api.yaml"}, seaworthy.CauseObjectDeleted},
		{[]string{"."}, seaworthy.CauseObjectDeleted},
		{[]string{"/builds/4711/shop"}, seaworthy.CauseObjectDeleted},
		{[]string{"../shop"}, seaworthy.CauseObjectDeleted},
		{[]string{"deploy/*.yaml"}, seaworthy.CauseObjectDeleted},
		{[]string{"charts", "dep"}, seaworthy.CauseScopeChanged},
	} {
		t.Run(strings.Join(c.asked, " "), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.t = t
				f := finding("privileged-container", api)
				f.File = "deploy/api.yaml"
				first, second := cluster(f), cluster()
				for _, r := range []*seaworthy.Report{first, second} {
					r.Source.Kind, r.Source.ClusterUID, r.Source.Asked = seaworthy.SourceFiles, "", []string{"deploy"}
				}
				second.Source.Asked = c.asked
				w.take(first, seenAll(api)...)
				w.take(second, seenAll()...)
				if f := w.of("privileged-container"); f.Cause != c.want {
					t.Errorf("closed by %q, want %q", f.Cause, c.want)
				}
			})
		})
	}
}

func TestFindingsComeBackAndChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first := w.take(cluster(finding("privileged-container", api)), seenAll(api)...)
		opened := w.now
		w.take(cluster(), seenAll(api)...)
		if run := w.take(cluster(finding("privileged-container", api)), seenAll(api)...); run.Regressed != 1 || run.Opened != 0 {
			t.Fatalf("run = %+v, want one that came back", run)
		}
		f, e := w.only()
		if e.Kind != seaworthy.EventRegressed || f.Regressions != 1 || !f.FirstSeenAt.Equal(opened) || !f.OpenedAt.Equal(w.now) || !f.ClosedAt.IsZero() {
			t.Fatalf("back as %+v (%s)", f, e.Kind)
		}
		other := finding("privileged-container", api)
		other.Message, other.Severity, other.Line = "containers app and web are privileged", seaworthy.High, 12
		if run := w.take(cluster(other), seenAll(api)...); run.Unchanged != 1 || run.Opened+run.Fixed+run.Regressed != 0 {
			t.Fatalf("run = %+v, want one that stays", run)
		}
		f, e = w.only()
		if e.Kind != seaworthy.EventChanged || e.Note != "severity critical → high, message, place" || f.Line != 12 ||
			!f.DueAt.Equal(f.OpenedAt.Add(30*24*time.Hour)) {
			t.Errorf("changed to %+v: %s", f, e.Note)
		}
		if f.ID != store.FindingID(first.SourceID, f.Fingerprint) {
			t.Errorf("the id %s is not that of source and fingerprint", f.ID)
		}
		story, err := w.store.ObjectStory(t.Context(), f.ObjectID)
		if err != nil || len(story) != 3 || story[0].Compliant || !story[1].Compliant || story[2].Compliant || !story[2].To.IsZero() {
			t.Errorf("the object's story = %+v, %v", story, err)
		}
	})
}

func TestReplaysChangeNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := cluster(finding("privileged-container", api))
		first := w.take(one)
		two := cluster(finding("latest-tag", api))
		w.take(two)
		size, _, err := w.store.LogHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.try(t.Context(), robot, "prod", text(t, one))
		if err != nil || again.ID != first.ID || again.Opened != 1 {
			t.Fatalf("the first report again = %+v, %v, want run %s", again, err, first.ID)
		}
		if now, _, err := w.store.LogHead(t.Context()); err != nil || now != size {
			t.Errorf("the log grew from %d to %d (%v)", size, now, err)
		}
		// An older report that comes late is kept, and closes or opens nothing.
		late := cluster()
		late.Source.Started, late.Finished = one.Source.Started.Add(time.Second), one.Finished
		if run := w.take(late); run.Opened+run.Fixed+run.Regressed != 0 {
			t.Errorf("the late report changed %+v", run)
		}
		if f := w.of("latest-tag"); f.Status != seaworthy.FindingOpen {
			t.Errorf("the finding of the newer report is %s", f.Status)
		}
	})
}

func TestUnchangedReportsWriteNoEvents(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.take(cluster(finding("privileged-container", api)))
		if run := w.take(cluster(finding("privileged-container", api))); run.Unchanged != 1 || run.Opened != 0 {
			t.Fatalf("run = %+v", run)
		}
		entries, err := w.store.LogEntries(t.Context(), store.LogFilter{Kind: "events"})
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d chunks of events, %v, want 1", len(entries), err)
		}
	})
}

func TestWaiversCountOnlyWhenApproved(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		waiver := seaworthy.TrackedWaiver{ID: "w1", State: seaworthy.WaiverApproved, Waiver: seaworthy.Waiver{
			Check: "privileged-*", Namespace: "shop", Owner: "u1", Reason: "needs the device", Expires: seaworthy.Date{Time: w.now.AddDate(0, 1, 0)},
		}}
		requested := waiver
		requested.State, requested.Check = seaworthy.WaiverRequested, "latest-tag"
		var asked []string
		w.config.Waivers = func(*store.Tx, string) ([]seaworthy.TrackedWaiver, error) {
			return []seaworthy.TrackedWaiver{requested, waiver}, nil
		}
		w.config.Requested = func(_ *store.Tx, list []seaworthy.TrackedFinding) error {
			for _, f := range list {
				asked = append(asked, f.Check+": "+f.WaiverRequested)
			}
			return nil
		}
		annotated := finding("latest-tag", api)
		annotated.WaiverRequested = "pinned by the mirror"
		run := w.take(cluster(finding("privileged-container", api), annotated))
		if run.Opened != 2 {
			t.Fatalf("run = %+v", run)
		}
		if f := w.of("privileged-container"); f.Status != seaworthy.FindingWaived || f.WaiverID != "w1" {
			t.Errorf("the waived finding is %+v", f)
		}
		if f := w.of("latest-tag"); f.Status != seaworthy.FindingOpen {
			t.Errorf("a request alone waived: %+v", f)
		}
		if got := strings.Join(asked, "; "); got != "latest-tag: pinned by the mirror" {
			t.Errorf("asked = %q", got)
		}
	})
}

// of gives the one finding of a check, and holds its row against its latest event.
func (w *world) of(check string) seaworthy.TrackedFinding {
	w.t.Helper()
	page, err := w.store.Findings(w.t.Context(), store.FindingFilter{Checks: []string{check}})
	if err != nil || len(page.Items) != 1 {
		w.t.Fatalf("findings of %s: %d, %v, want 1", check, len(page.Items), err)
	}
	f := page.Items[0]
	events, err := w.store.FindingEvents(w.t.Context(), f.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	if state, err := store.FindingState(&f); err != nil || state != events[len(events)-1].State {
		w.t.Fatalf("the row of %s is not what its latest event says (%v)", f.ID, err)
	}
	return f
}
