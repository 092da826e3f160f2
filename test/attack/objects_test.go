// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// reading lists the routes that are read, of the API and of the pages.
func (w *world) reading() []string {
	var out []string
	for _, r := range w.api.Routes() {
		if r.Method == http.MethodGet {
			out = append(out, r.Path)
		}
	}
	for _, r := range w.UI.Routes() {
		if r.Method == http.MethodGet {
			out = append(out, strings.TrimSuffix(r.Pattern, "{$}"))
		}
	}
	return out
}

// fillIn puts ids in the place of the parameters of a path.
func (w *world) fillIn(path string) []string {
	if !strings.Contains(path, "{") {
		return []string{path}
	}
	values := w.everyID()
	switch {
	case strings.Contains(path, "{index}"):
		values = nil
		size, _, err := w.Store.LogHead(w.T.Context())
		w.must(err)
		for i := range min(size, 200) {
			values = append(values, string(appendInt(nil, i)))
		}
	case strings.Contains(path, "{path...}"):
		values = []string{"000", "000.p/1"}
		path = strings.Replace(path, "{level}", "0", 1)
	case strings.Contains(path, "{secret}"):
		return nil
	}
	lists := []string{""}
	if strings.Contains(path, "{list}") {
		lists = store.ListNames()
	}
	var out []string
	for _, list := range lists {
		for _, v := range values {
			out = append(out, parameter.ReplaceAllString(strings.Replace(path, "{list}", list, 1), url.PathEscape(v)))
		}
	}
	return out
}

func appendInt(b []byte, n int64) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// narrowed are queries by which somebody may ask for what is not theirs.
func (w *world) narrowed() []string {
	out := []string{"", "?program=" + w.theirs.ID, "?program=" + w.mine.ID}
	for _, q := range []string{"source=src-other", "team=other", "namespace=" + hidden + "-ns", "check=privileged-container", "deleted=true", "group=namespace", "status=waived",
		"kind=finding&subject=" + w.ids["finding"][2], "q=z", "q=privileged", "list=users", "list=findings&source=src-other", "list=log", "list=actions", "list=program-versions",
		"list=sources", "list=tokens", "list=check-versions", "list=runs", "list=gaps", "list=waivers", "list=evidence", "list=occurrences", "list=finding-events", "scope=source:src-other", "scope=team:other", "view=" + w.ids["view"][1], "actor=user:" + w.Users[seaworthy.Owner].ID} {
		out = append(out, "?"+q)
	}
	return out
}

// complete are routes whose purpose is that an auditor sees what there is beside the
// program, each with the reason.
var complete = map[string]string{
	"/api/v1/programs/{id}/sources": "the list of sources is what a scope is compared with",
	"list=sources":                  "as above",
	"lists/sources":                 "as above",
	"list=tokens":                   "access is reviewed for the whole organisation",
	"lists/tokens":                  "as above",
}

// An auditor who is bound to one program asks every route for every record that there is,
// and reads nothing of what lies outside.
func TestABoundAuditorReadsNothingOfOthers(t *testing.T) {
	eachFilled(t, func(w *world) {
		asked, answered := 0, 0
		for _, route := range w.reading() {
			for _, path := range w.fillIn(route) {
				queries := []string{""}
				if !strings.Contains(route, "{") {
					queries = w.narrowed()
				}
				for _, q := range queries {
					a := w.do(seaworthy.Auditor, http.MethodGet, path+q, nil)
					asked++
					if a.Code == http.StatusOK {
						answered++
					}
					body := a.Body.String()
					if complete[route] != "" || complete[strings.TrimPrefix(q, "?")] != "" && route == "/lists/export" || strings.Contains(route, "{list}") && complete["lists/"+path[strings.LastIndex(path, "/")+1:]] != "" {
						continue
					}
					for _, echo := range []string{hidden + "-ns"} { // what was asked for may stand in the answer
						if strings.Contains(q, echo) {
							body = strings.ReplaceAll(body, echo, "")
						}
					}
					if at := strings.Index(body, hidden); at >= 0 {
						w.T.Errorf("GET %s (%s) as the auditor of another program: status %d tells …%s…", path+q, route, a.Code, body[max(0, at-60):min(len(body), at+60)])
					}
					if a.Code >= 500 {
						w.T.Errorf("GET %s: status %d: %.200s", path+q, a.Code, body)
					}
				}
			}
		}
		if answered < 100 || asked < 1000 {
			w.T.Errorf("%d of %d requests were answered: the test asks for too little", answered, asked)
		}
		// What the test looks for is there for those who may see it.
		for _, path := range []string{"/api/v1/findings", "/findings", "/sources", "/api/v1/comments?kind=finding&subject=" + w.ids["finding"][2], "/waivers", "/api/v1/tokens"} {
			if body := w.do(seaworthy.Owner, http.MethodGet, path+map[bool]string{true: "", false: "?program=" + w.theirs.ID}[strings.HasPrefix(path, "/api")], nil).Body.String(); !strings.Contains(body, hidden) {
				w.T.Errorf("GET %s as the owner tells nothing of %s: the test can find nothing", path, hidden)
			}
		}
	})
}

// Nor do they freeze, sample or export what lies outside.
func TestABoundAuditorFreezesNothingOfOthers(t *testing.T) {
	eachFilled(t, func(w *world) {
		theirs, population := w.theirs.ID, w.ids["population"][1]
		before := w.said()
		for path, body := range map[string]string{
			"/api/v1/populations":                            `{"name":"n","program":"` + theirs + `","list":"findings"}`,
			"/api/v1/populations/" + population + "/samples": `{"seed":"s","size":1}`,
			"/api/v1/programs/" + theirs + "/packages":       `{}`,
		} {
			if a := w.do(seaworthy.Auditor, http.MethodPost, path, []byte(body)); a.Code != http.StatusNotFound && a.Code != http.StatusForbidden {
				w.T.Errorf("POST %s of another program: status %d: %.200s", path, a.Code, a.Body)
			}
		}
		for path, values := range map[string]url.Values{
			"/lists?program=" + theirs:         {"name": {"n"}, "list": {"findings"}},
			"/lists/" + population + "/sample": {"seed": {"s"}, "size": {"1"}},
		} {
			if a := w.form(seaworthy.Auditor, path, values); a.Code != http.StatusNotFound && a.Code != http.StatusForbidden {
				w.T.Errorf("POST %s of another program: status %d: %.300s", path, a.Code, a.Body)
			}
		}
		if after := w.said(); after != before {
			w.T.Errorf("%d entries of the log came of it", after-before)
		}
		// What is frozen of their own program holds nothing of others.
		for _, list := range store.ListNames() {
			if complete["lists/"+list] != "" {
				continue
			}
			a := w.do(seaworthy.Auditor, http.MethodPost, "/api/v1/populations", encode(w.T, map[string]string{"name": "n", "program": w.mine.ID, "list": list}))
			var made struct{ ID string }
			if a.Code != http.StatusCreated || json.Unmarshal(a.Body.Bytes(), &made) != nil {
				if a.Code != http.StatusForbidden {
					w.T.Errorf("freezing %s: status %d: %.200s", list, a.Code, a.Body)
				}
				continue
			}
			for _, path := range []string{"/api/v1/populations/" + made.ID + "/rows", "/lists/" + made.ID, "/lists/" + made.ID + "/export?format=csv"} {
				if body := w.do(seaworthy.Auditor, http.MethodGet, path, nil).Body.String(); strings.Contains(body, hidden) {
					w.T.Errorf("GET %s of the frozen list %s holds what lies outside", path, list)
				}
			}
		}
	})
}

// An engineer of one team sends every form and request that writes to the records of
// another team: nothing of them changes.
func TestAnEngineerChangesNothingOfOtherTeams(t *testing.T) {
	eachFilled(t, func(w *world) {
		theirs := w.ids["finding"][2]
		before := w.said()
		for _, c := range []struct {
			path string
			json string
		}{
			{"/api/v1/findings/assign", `{"findings":["ID"],"user":""}`},
			{"/api/v1/findings/due", `{"findings":["ID"],"dueAt":"2026-08-01T00:00:00Z","reason":"r"}`},
			{"/api/v1/findings/ticket", `{"findings":["ID"],"address":"https://t.example.com/1"}`},
			{"/api/v1/findings/comment", `{"findings":["ID"],"text":"t"}`},
			{"/api/v1/findings/waive", `{"findings":["ID"],"reason":"r","expires":"2026-08-01"}`},
			{"/api/v1/comments", `{"kind":"finding","subject":"ID","text":"t"}`},
			{"/api/v1/waivers", `{"source":"src-other","check":"privileged-container","reason":"r","expires":"2026-08-01"}`},
			{"/api/v1/waivers/" + w.ids["waiver"][1] + "/revoke", `{"note":"n"}`},
			{"/api/v1/waivers/" + w.ids["waiver"][1] + "/renew", `{"reason":"r","expires":"2026-08-01"}`},
			{"/api/v1/evidence", `{"kind":"link","title":"t","shows":"design","url":"https://e.example.com","controls":["access-review"],"effectiveFrom":"2026-06-01T00:00:00Z","effectiveTo":"2026-06-02T00:00:00Z"}`},
		} {
			if a := w.do(seaworthy.Engineer, http.MethodPost, c.path, []byte(strings.ReplaceAll(c.json, "ID", theirs))); a.Code != http.StatusForbidden && a.Code != http.StatusNotFound {
				w.T.Errorf("POST %s of another team's: status %d: %.200s", c.path, a.Code, a.Body)
			}
		}
		for path, values := range map[string]url.Values{
			"/findings/bulk":                             {"finding": {theirs}, "id": {theirs}, "ids": {theirs}, "do": {"comment"}, "action": {"comment"}, "text": {"t"}},
			"/findings/" + theirs + "/assign":            {"user": {w.Users[seaworthy.Engineer].ID}},
			"/findings/" + theirs + "/due":               {"due": {"2026-08-01"}, "reason": {"r"}},
			"/findings/" + theirs + "/ticket":            {"address": {"https://t.example.com"}, "ticket": {"https://t.example.com"}},
			"/findings/" + theirs + "/comment":           {"text": {"t"}},
			"/findings/" + theirs + "/waive":             {"reason": {"r"}, "expires": {"2026-08-01"}},
			"/waivers/" + w.ids["waiver"][1] + "/decide": {"do": {"revoke"}, "decision": {"revoke"}, "note": {"n"}},
			"/waivers/" + w.ids["waiver"][1] + "/renew":  {"reason": {"r"}, "expires": {"2026-08-01"}},
		} {
			w.form(seaworthy.Engineer, path, values)
		}
		if after := w.said(); after != before {
			w.T.Errorf("what an engineer of another team sent left %d entries of the log, before %d", after, before)
		}
		// The same is taken from the finding's own team, so that it is not refused for its form.
		if a := w.do(seaworthy.Engineer, http.MethodPost, "/api/v1/findings/comment", []byte(`{"findings":["`+w.ids["finding"][0]+`"],"text":"t"}`)); a.Code != http.StatusOK {
			w.T.Errorf("a comment on a finding of one's own team: status %d: %s", a.Code, a.Body)
		}
	})
}

// said is the size of the log.
func (w *world) said() int64 {
	size, _, err := w.Store.LogHead(w.T.Context())
	w.must(err)
	return size
}

// A role sends every request that writes, with every id, and an empty form: what it may
// not do leaves no trace.
func TestWhatARoleMayNotDoLeavesNoTrace(t *testing.T) {
	eachFilled(t, func(w *world) {
		for _, role := range []seaworthy.Role{seaworthy.Viewer, seaworthy.Auditor, ""} {
			before := w.said()
			for _, r := range w.api.Routes() {
				if r.Method == http.MethodGet || r.Action == seaworthy.OwnAccount || r.Action == seaworthy.FreezeLists {
					continue
				}
				for _, path := range w.fillIn(r.Path) {
					if a := w.do(role, r.Method, path, []byte(`{}`)); a.Code < 400 {
						w.T.Errorf("%s %s as %q: status %d", r.Method, path, role, a.Code)
					}
				}
			}
			for _, r := range w.UI.Routes() {
				if r.Method == http.MethodGet || slices.Contains([]seaworthy.Action{"", seaworthy.OwnAccount, seaworthy.FreezeLists}, r.Action) {
					continue
				}
				for _, path := range w.fillIn(r.Pattern) {
					if a := w.form(role, path, url.Values{}); a.Code < 303 || a.Code == http.StatusSeeOther && !strings.HasPrefix(a.Header().Get("Location"), "/sign-in") {
						w.T.Errorf("%s %s as %q: status %d", r.Method, path, role, a.Code)
					}
				}
			}
			if after := w.said(); after != before {
				w.T.Errorf("what %q may not do left %d entries of the log", role, after-before)
			}
		}
	})
}
