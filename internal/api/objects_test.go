// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

type items[T any] struct {
	Items []T
	Next  string
}

// The list of findings is of now, and says where the past is to be had instead of leaving the
// moment out.
func TestFindingsOfAPastMoment(t *testing.T) {
	on(t, func(w *world) {
		owner := w.as(seaworthy.Owner)
		for _, then := range []string{"2026-01-01", "2026-01-01T00:00:00Z", "noon"} {
			a := w.do(owner, http.MethodGet, "/api/v1/findings?as-of="+then, nil).want(http.StatusBadRequest, nil)
			if kind := a.Header().Get("Content-Type"); kind != "application/problem+json" {
				w.Errorf("the refusal is %s", kind)
			}
			if said := a.detail(); !strings.Contains(said, "as of "+then) || !strings.Contains(said, "finding-events") {
				w.Errorf("it says %q", said)
			}
		}
		prod := w.declare("prod", "", "shop")
		program := w.program("mine", prod.ID)
		frozen := map[string]any{"name": "n", "program": program.ID, "list": "finding-events", "asOf": w.now.Add(-time.Minute)}
		w.do(owner, http.MethodPost, "/api/v1/populations", frozen).want(http.StatusCreated, nil)
	})
}

// Through a program reports and checks are counted without the namespaces that it leaves out.
func TestCountsThroughAProgram(t *testing.T) {
	type counted struct {
		ID    string
		Tally *store.CheckTally
	}
	on(t, func(w *world) {
		owner, prod := w.as(seaworthy.Owner), w.declare("prod", "", "shop")
		w.do(owner, http.MethodPost, "/api/v1/sources/"+prod.ID+"/reports", report("prod", w.now.Add(-time.Millisecond), "shop", "play")).want(http.StatusCreated, nil)
		p := w.program("mine", prod.ID)
		for _, want := range []int{2, 1} {
			var runs items[seaworthy.Run]
			w.do(owner, http.MethodGet, "/api/v1/runs?program="+p.ID, nil).want(http.StatusOK, &runs)
			if c := runs.Items[0].Checks[0]; c.InScope != want || c.Failed != want {
				w.Errorf("the newest report counts %d of %d failed, want %d", c.Failed, c.InScope, want)
			}
			var checks items[counted]
			w.do(owner, http.MethodGet, "/api/v1/checks?program="+p.ID, nil).want(http.StatusOK, &checks)
			i := slices.IndexFunc(checks.Items, func(c counted) bool { return c.ID == "privileged-container" })
			if c := checks.Items[i].Tally; c.InScope != want || c.Failed != want {
				w.Errorf("the check counts %d of %d failed, want %d", c.Failed, c.InScope, want)
			}
			p.Scope = append(p.Scope, seaworthy.ScopeItem{Kind: seaworthy.KindNamespace, Source: prod.ID, Name: "play", Reason: "a game"})
			if want == 2 {
				_, err := w.audit.ChangeProgram(w.Context(), w.owner, p)
				w.must(err)
			}
		}
	})
}

// An auditor sees one program: its sources, its period, and nothing of the others, not
// even that they are there.
func TestAuditorOfAnotherProgram(t *testing.T) {
	on(t, func(w *world) {
		prod, other := w.declare("prod", "", "shop"), w.declare("other", "", "secret")
		mine, theirs := w.program("mine", prod.ID), w.program("theirs", other.ID)
		token := w.token(auth.NewToken{Role: seaworthy.Auditor, Program: mine.ID, Expires: w.now.Add(time.Hour)})
		owner := w.as(seaworthy.Owner)
		var all items[seaworthy.TrackedFinding]
		w.do(owner, http.MethodGet, "/api/v1/findings", nil).want(http.StatusOK, &all)
		var runs items[seaworthy.Run]
		w.do(owner, http.MethodGet, "/api/v1/runs", nil).want(http.StatusOK, &runs)
		if len(all.Items) != 2 || len(runs.Items) != 2 {
			w.Fatalf("there are %d findings and %d runs, want 2 and 2", len(all.Items), len(runs.Items))
		}
		status := map[string]int{prod.ID: http.StatusOK, other.ID: http.StatusNotFound}
		for _, f := range all.Items {
			w.do(token, http.MethodGet, "/api/v1/findings/"+f.ID, nil).want(status[f.SourceID], nil)
			w.do(token, http.MethodGet, "/api/v1/findings/"+f.ID+"/events", nil).want(status[f.SourceID], nil)
		}
		for _, r := range runs.Items {
			w.do(token, http.MethodGet, "/api/v1/runs/"+r.ID, nil).want(status[r.SourceID], nil)
		}
		w.do(token, http.MethodGet, "/api/v1/sources/"+other.ID, nil).want(http.StatusNotFound, nil)
		for path, n := range map[string]int{
			"/api/v1/findings": 1, "/api/v1/runs": 1, "/api/v1/sources": 1, "/api/v1/programs": 1,
			"/api/v1/findings?source=" + other.ID: 0, "/api/v1/runs?source=" + other.ID: 0,
		} {
			var list items[any]
			w.do(token, http.MethodGet, path, nil).want(http.StatusOK, &list)
			if len(list.Items) != n {
				w.Errorf("GET %s gives the auditor %d items, want %d", path, len(list.Items), n)
			}
		}
		for _, path := range []string{
			"/api/v1/programs/%s", "/api/v1/programs/%s/readiness", "/api/v1/programs/%s/readiness/trend", "/api/v1/programs/%s/due",
			"/api/v1/programs/%s/honesty", "/api/v1/programs/%s/sources", "/api/v1/programs/%s/lists/findings", "/api/v1/findings?program=%s",
			"/api/v1/runs?program=%s", "/api/v1/gaps?program=%s", "/api/v1/checks?program=%s", "/api/v1/populations?program=%s",
		} {
			w.do(token, http.MethodGet, fmt.Sprintf(path, theirs.ID), nil).want(http.StatusNotFound, nil)
			w.do(token, http.MethodGet, fmt.Sprintf(path, mine.ID), nil).want(http.StatusOK, nil)
		}
		w.do(token, http.MethodPost, "/api/v1/programs/"+theirs.ID+"/packages", map[string]any{}).want(http.StatusNotFound, nil)
		w.do(token, http.MethodPost, "/api/v1/populations", map[string]any{"name": "n", "program": theirs.ID, "list": "findings"}).want(http.StatusNotFound, nil)
		w.do(token, http.MethodPost, "/api/v1/populations", map[string]any{"name": "n", "program": mine.ID, "list": "findings"}).want(http.StatusCreated, nil)
		var frozen seaworthy.Population
		w.do(owner, http.MethodPost, "/api/v1/populations", map[string]any{"name": "n", "program": theirs.ID, "list": "findings"}).want(http.StatusCreated, &frozen)
		for _, path := range []string{"", "/rows", "/samples"} {
			w.do(token, http.MethodGet, "/api/v1/populations/"+frozen.ID+path, nil).want(http.StatusNotFound, nil)
		}
	})
}

// What a program alone counts is nothing to the auditor of another, nor is what lies beside
// the period.
func TestOccurrencesOfAnotherProgram(t *testing.T) {
	on(t, func(w *world) {
		prod, other := w.declare("prod", "", "shop"), w.declare("other", "", "secret")
		mine, theirs := w.program("mine", prod.ID), w.program("theirs", other.ID)
		token := w.token(auth.NewToken{Role: seaworthy.Auditor, Program: mine.ID, Expires: w.now.Add(time.Hour)})
		for name, test := range map[string]struct {
			program string
			from    time.Time
			want    int
		}{
			"of every program": {"", w.now.AddDate(0, 0, -3), http.StatusOK}, "of their own": {mine.ID, w.now.AddDate(0, 0, -3), http.StatusOK},
			"of another": {theirs.ID, w.now.AddDate(0, 0, -3), http.StatusNotFound}, "of none alone": {seaworthy.OfNoProgram, w.now.AddDate(0, 0, -2), http.StatusNotFound},
			"long before": {"", w.now.AddDate(-2, 0, 0), http.StatusNotFound},
		} {
			o := seaworthy.Occurrence{ControlID: "pod-security", ProgramID: test.program, From: test.from, DueAt: test.from.AddDate(0, 0, 1), State: seaworthy.Missed, Reason: "other is silent"}
			w.must(w.store.Write(w.Context(), "system", func(tx *store.Tx) error { return tx.PutOccurrence(&o, o.DueAt) }))
			for _, path := range []string{"/api/v1/occurrences/" + o.ID, "/api/v1/occurrences/" + o.ID + "/history"} {
				if got := w.do(token, http.MethodGet, path, nil).Code; got != test.want {
					w.Errorf("GET %s, %s = %d, want %d", path, name, got, test.want)
				}
			}
		}
	})
}

// The log shows who is bound to a program that there are entries, not what others say.
func TestAuditorSeesNoContentOfOthers(t *testing.T) {
	w := here(t, api.Config{})
	w.declare("prod", "", "shop")
	var list items[struct {
		Kind, Content, Leaf string
		Salt                []byte
	}]
	w.do(w.as(seaworthy.Auditor), http.MethodGet, "/api/v1/log/entries?limit=1000", nil).want(http.StatusOK, &list)
	for _, e := range list.Items {
		if e.Leaf == "" {
			t.Errorf("an entry of kind %s has no leaf", e.Kind)
		}
		if e.Kind != "program" && (e.Content != "" || e.Salt != nil) {
			t.Errorf("an entry of kind %s shows its content", e.Kind)
		}
	}
	w.do(w.as(seaworthy.Auditor), http.MethodGet, "/api/v1/log/actions", nil).want(http.StatusForbidden, nil)
}

// form is an upload of evidence.
func form(t *testing.T, evidence, name, content string) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if err := m.WriteField("evidence", evidence); err != nil {
		t.Fatal(err)
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", multipart.FileContentDisposition("file", name))
	h.Set("Content-Type", "text/html")
	part, err := m.CreatePart(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), b.Bytes()
}

func TestEvidenceUploads(t *testing.T) {
	on(t, func(w *world) {
		owner := w.as(seaworthy.Owner)
		about := fmt.Sprintf(`{"kind":"upload","title":"Minutes","shows":"design","controls":["access-review"],"effectiveFrom":%q,"effectiveTo":%q}`,
			w.now.AddDate(0, 0, -2).Format(time.RFC3339), w.now.AddDate(0, 0, -1).Format(time.RFC3339))
		kind, body := form(w.T, about, "../../etc/\"pass\"wd.html", "<script>alert(1)</script>")
		var e seaworthy.Evidence
		w.do(owner, http.MethodPost, "/api/v1/evidence/upload", body, "Content-Type", kind).want(http.StatusCreated, &e)
		a := w.do(owner, http.MethodGet, "/api/v1/evidence/"+e.ID+"/content", nil).want(http.StatusOK, nil)
		if a.Body.String() != "<script>alert(1)</script>" {
			w.Errorf("the content is %q", a.Body)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
		} {
			if got := a.Header().Get(name); got != want {
				w.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if got := a.Header().Get("Content-Disposition"); got[:10] != "attachment" || bytes.ContainsAny([]byte(got), "/<>") {
			w.Errorf("Content-Disposition is %q", got)
		}
		// Who neither manages the programme nor owns the control is refused before the
		// file is read.
		for _, role := range []seaworthy.Role{seaworthy.Engineer, seaworthy.Viewer, seaworthy.Auditor} {
			w.do(w.as(role), http.MethodPost, "/api/v1/evidence/upload", body, "Content-Type", kind).want(http.StatusForbidden, nil)
		}
		w.do(owner, http.MethodPost, "/api/v1/evidence/"+e.ID+"/erase", map[string]any{"reason": "names a person"}).want(http.StatusNoContent, nil)
		w.do(owner, http.MethodGet, "/api/v1/evidence/"+e.ID+"/content", nil).want(http.StatusNotFound, nil)
		w.do(owner, http.MethodGet, "/api/v1/evidence/"+e.ID, nil).want(http.StatusOK, nil)
	})
}

func TestHostileForms(t *testing.T) {
	w := here(t, api.Config{Limits: api.Limits{Evidence: 1 << 20}})
	owner := w.as(seaworthy.Owner)
	const about = `{"kind":"upload","title":"Minutes","shows":"design","controls":["access-review"],"effectiveFrom":"2026-02-01T00:00:00Z","effectiveTo":"2026-02-02T00:00:00Z"}`
	kind, good := form(t, about, "a.txt", "x")
	largeKind, large := form(t, about, "a.txt", string(make([]byte, 3<<20)))
	unknownKind, unknown := form(t, `{"titel":"Minutes"}`, "a.txt", "x")
	for name, c := range map[string]struct {
		kind string
		body []byte
		want int
	}{
		"no_form":       {"text/plain", good, http.StatusBadRequest},
		"no_boundary":   {"multipart/form-data", good, http.StatusBadRequest},
		"cut":           {kind, good[:len(good)/2], http.StatusBadRequest},
		"empty":         {kind, nil, http.StatusBadRequest},
		"large":         {largeKind, large, http.StatusRequestEntityTooLarge},
		"unknown_field": {unknownKind, unknown, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do(owner, http.MethodPost, "/api/v1/evidence/upload", c.body, "Content-Type", c.kind)
			if a.Code != c.want {
				t.Errorf("status %d, want %d: %s", a.Code, c.want, a.Body)
			}
		})
	}
}

// What two people edit at once, the second does not overwrite.
func TestEditsInBetween(t *testing.T) {
	on(t, func(w *world) {
		owner := w.as(seaworthy.Owner)
		team := w.team("platform")
		a := w.do(owner, http.MethodGet, "/api/v1/teams/"+team.ID, nil).want(http.StatusOK, nil)
		tag := a.Header().Get("ETag")
		w.do(owner, http.MethodPut, "/api/v1/teams/"+team.ID, map[string]any{"name": "infra"}, "If-Match", tag).want(http.StatusOK, nil)
		w.do(owner, http.MethodPut, "/api/v1/teams/"+team.ID, map[string]any{"name": "base"}, "If-Match", tag).want(http.StatusPreconditionFailed, nil)
		w.do(owner, http.MethodPut, "/api/v1/teams/"+team.ID, map[string]any{"name": "base"}, "If-Match", "*").want(http.StatusOK, nil)
		w.do(owner, http.MethodDelete, "/api/v1/teams/"+team.ID, nil, "If-Match", tag).want(http.StatusPreconditionFailed, nil)
		w.do(owner, http.MethodDelete, "/api/v1/teams/"+team.ID, nil).want(http.StatusNoContent, nil)
		w.do(owner, http.MethodGet, "/api/v1/teams/"+team.ID, nil).want(http.StatusNotFound, nil)

		p := w.program("p")
		tag = w.do(owner, http.MethodGet, "/api/v1/programs/"+p.ID, nil).want(http.StatusOK, nil).Header().Get("ETag")
		body := map[string]any{"name": "q", "type": "II", "from": p.From, "to": p.To, "categories": []string{"security"}}
		w.do(owner, http.MethodPut, "/api/v1/programs/"+p.ID, body, "If-Match", tag).want(http.StatusOK, nil)
		w.do(owner, http.MethodPut, "/api/v1/programs/"+p.ID, body, "If-Match", tag).want(http.StatusPreconditionFailed, nil)

		var c seaworthy.TrackedControl
		w.do(owner, http.MethodGet, "/api/v1/controls/access-review", nil).want(http.StatusOK, &c)
		edited := map[string]any{
			"version": c.Version, "title": "Reviews", "statement": c.Statement, "owner": c.Owner, "kind": c.Kind, "cadence": c.Cadence,
			"evidence": c.Evidence, "sources": c.Sources, "checks": c.Checks,
		}
		w.do(owner, http.MethodPut, "/api/v1/controls/access-review", edited).want(http.StatusOK, nil)
		w.do(owner, http.MethodPut, "/api/v1/controls/access-review", edited).want(http.StatusConflict, nil)
	})
}

func TestPages(t *testing.T) {
	on(t, func(w *world) {
		w.declare("prod", "", "a", "b", "c", "d", "e")
		seen, path := map[string]bool{}, "/api/v1/findings?limit=2"
		for range 10 {
			var page items[seaworthy.TrackedFinding]
			a := w.do(w.as(seaworthy.Viewer), http.MethodGet, path, nil).want(http.StatusOK, &page)
			for _, f := range page.Items {
				if seen[f.ID] {
					w.Errorf("finding %s comes twice", f.ID)
				}
				seen[f.ID] = true
			}
			link := a.Header().Get("Link")
			if (link == "") != (page.Next == "") {
				w.Errorf("the link is %q and the cursor %q", link, page.Next)
			}
			if link == "" {
				break
			}
			path = link[1:bytes.IndexByte([]byte(link), '>')]
		}
		if len(seen) != 5 {
			w.Errorf("the pages hold %d findings, want 5", len(seen))
		}
		for _, list := range []string{"log/entries", "occurrences", "evidence", "tokens", "runs", "gaps", "users"} {
			token := w.as(seaworthy.Owner)
			w.do(token, http.MethodGet, "/api/v1/"+list+"?limit=1", nil).want(http.StatusOK, nil)
			w.do(token, http.MethodGet, "/api/v1/"+list+"?limit=100000", nil).want(http.StatusUnprocessableEntity, nil)
			w.do(token, http.MethodGet, "/api/v1/"+list+"?unknown=1", nil).want(http.StatusUnprocessableEntity, nil)
		}
	})
}

func TestPeopleAndTokens(t *testing.T) {
	w := here(t, api.Config{})
	owner := w.as(seaworthy.Owner)
	var made struct {
		User seaworthy.User
		Link string
	}
	w.do("session", http.MethodPost, "/api/v1/users", map[string]any{"email": "bob@example.com", "name": "Bob", "role": "viewer"}).want(http.StatusCreated, &made)
	if made.Link == "" || made.User.Role != seaworthy.Viewer {
		t.Errorf("the account is %+v", made)
	}
	w.do("session", http.MethodPatch, "/api/v1/users/"+made.User.ID, map[string]any{"disabled": true}).want(http.StatusOK, nil)
	w.do("session", http.MethodPatch, "/api/v1/users/"+w.owner.UserID, map[string]any{"role": "viewer"}).want(http.StatusConflict, nil)
	w.do(owner, http.MethodPost, "/api/v1/tokens", map[string]any{"name": "t", "role": "viewer"}).want(http.StatusForbidden, nil)
	var token struct {
		Token seaworthy.Token
		Text  string
	}
	w.do("session", http.MethodPost, "/api/v1/tokens", map[string]any{"name": "ci", "role": "reporter"}).want(http.StatusCreated, &token)
	w.do(token.Text, http.MethodGet, "/api/v1/uploads/none", nil).want(http.StatusNotFound, nil)
	w.do("session", http.MethodDelete, "/api/v1/tokens/"+token.Token.ID, nil).want(http.StatusNoContent, nil)
	w.do(token.Text, http.MethodGet, "/api/v1/uploads/none", nil).want(http.StatusUnauthorized, nil)
	w.do("session", http.MethodGet, "/api/v1/sessions", nil).want(http.StatusOK, nil)
	w.do(owner, http.MethodGet, "/api/v1/sessions", nil).want(http.StatusForbidden, nil)
	w.do("session", http.MethodGet, "/api/v1/me", nil).want(http.StatusOK, nil)
	w.do(owner, http.MethodGet, "/api/v1/health", nil).want(http.StatusOK, nil)
}
