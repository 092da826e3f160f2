// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// rows reads the export of a list.
func rows(t *testing.T, s *uitest.Site, role seaworthy.Role, path string) []map[string]any {
	t.Helper()
	code, body := s.Get(s.Client(role), path)
	if code != 200 {
		t.Fatalf("GET %s = %d: %s", path, code, body)
	}
	var out []map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("GET %s: %v in %.200s", path, err, body)
	}
	return out
}

var keepsScope = regexp.MustCompile(`href="/controls\?[^"]*scope=(source|team)%3A`)

// scopes looks at lists and their exports within a cluster and within a team.
func scopes(t *testing.T, s *uitest.Site) {
	program := scoped(t, s)
	source := url.QueryEscape("source:prod-eu") + "&program=" + program
	for _, tt := range []struct{ path, column, want string }{
		{"/findings/export?status=all&format=json&scope=" + source, "source", "prod-eu"},
		{"/workloads/export?format=json&all=yes&scope=" + source, "source", "prod-eu"},
		{"/sources/export?format=json&scope=" + source, "name", "prod-eu"},
		{"/findings/export?status=all&format=json&scope=team:team-1&program=" + program, "owner", "Payments"},
		{"/workloads/export?format=json&all=yes&scope=team:team-1&program=" + program, "owner", "Payments"},
	} {
		all := rows(t, s, seaworthy.Owner, strings.Split(tt.path, "&scope=")[0]+"&program="+program)
		some := rows(t, s, seaworthy.Owner, tt.path)
		if len(some) == 0 || len(some) >= len(all) {
			t.Errorf("%s has %d rows of %d, want some and not all", tt.path, len(some), len(all))
		}
		for _, row := range some {
			if row[tt.column] != tt.want {
				t.Errorf("%s holds %v, want only %s", tt.path, row[tt.column], tt.want)
				break
			}
		}
	}
	// Another team's facet within a team's scope leaves nothing.
	if got := rows(t, s, seaworthy.Owner, "/findings/export?status=all&format=json&team=team-2&scope=team:team-1"); len(got) != 0 {
		t.Errorf("within one team, %d findings of another", len(got))
	}
	whole := rows(t, s, seaworthy.Owner, "/controls/export?format=json&program="+program)
	if tested := rows(t, s, seaworthy.Owner, "/controls/export?format=json&scope="+source); len(tested) == 0 || len(tested) >= len(whole) {
		t.Errorf("%d of %d controls are tested by one cluster", len(tested), len(whole))
	}
	for _, path := range []string{"/", "/findings", "/workloads", "/checks", "/sources", "/waivers", "/requirements", "/controls", "/evidence", "/due", "/search?q=pay", "/scope"} {
		for _, scope := range []string{source, "team:team-1"} {
			to := path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "scope=" + scope
			code, body := s.Get(s.Client(seaworthy.Owner), to)
			if code != 200 {
				t.Errorf("GET %s = %d", to, code)
			}
			for _, problem := range checkHTML(t, s, body) {
				t.Errorf("%s: %s", to, problem)
			}
			if !keepsScope.MatchString(body) {
				t.Errorf("%s: the navigation does not keep the scope", to)
			}
		}
	}
	for _, scope := range []string{"source:nothing", "team:nothing", "x", "source:"} {
		if code, _ := s.Get(s.Client(seaworthy.Owner), "/findings?scope="+scope); code != 404 {
			t.Errorf("the scope %s gives %d, want 404", scope, code)
		}
	}
	if code, _ := s.Get(s.Client(seaworthy.Auditor), "/findings?scope=source:staging"); code != 404 {
		t.Errorf("the auditor gets %d within a source out of the program, want 404", code)
	}
}

// exports reads each list as each kind of file.
func exports(t *testing.T, s *uitest.Site) {
	for _, path := range []string{"/findings", "/workloads", "/waivers", "/checks", "/sources", "/requirements", "/controls", "/due"} {
		_, body := s.Get(s.Client(seaworthy.Owner), path)
		for format, begins := range map[string]string{"csv": "", "xlsx": "PK", "json": "["} {
			to := path + "/export?format=" + format
			if !strings.Contains(body, to) {
				t.Errorf("%s has no link to %s", path, to)
			}
			code, file := s.Get(s.Client(seaworthy.Owner), to)
			if code != 200 || !strings.HasPrefix(file, begins) {
				t.Errorf("GET %s = %d, %.20q", to, code, file)
			}
			if res, err := s.Client(seaworthy.Owner).Get(s.URL + to); err != nil || !strings.Contains(res.Header.Get("Content-Disposition"), `"example-`) {
				t.Errorf("GET %s: the name of the file does not say that it is an example (%v)", to, err)
			} else {
				s.Read(res)
			}
		}
		if code, file := s.Get(s.Client(seaworthy.Owner), path+"/export?format=exe"); code != 400 || !strings.Contains(file, "none of csv") {
			t.Errorf("GET %s as exe = %d", path, code)
		}
	}
	// A file holds what the list shows: the same filters, all pages.
	list, err := s.Store.Findings(t.Context(), store.FindingFilter{Severities: []seaworthy.Severity{seaworthy.High}, Status: []seaworthy.FindingStatus{seaworthy.FindingOpen}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	got := rows(t, s, seaworthy.Owner, "/findings/export?format=json&severity=high")
	for _, row := range got {
		if row["severity"] != "high" || row["status"] != "open" {
			t.Fatalf("a finding that is %v and %v is among the open ones that are high", row["severity"], row["status"])
		}
	}
	if len(got) == 0 || len(got) > len(list.Items) {
		t.Errorf("%d findings, the store has %d", len(got), len(list.Items))
	}
}

// sorted looks at the order of lists, which the address holds.
func sorted(t *testing.T, s *uitest.Site) {
	for path, column := range map[string]string{"/checks": "check", "/controls": "control", "/sources": "name"} {
		name := map[string]string{"/checks": "title", "/controls": "title", "/sources": "name"}[path]
		up, down := rows(t, s, seaworthy.Owner, path+"/export?format=json&sort="+column), rows(t, s, seaworthy.Owner, path+"/export?format=json&sort=-"+column)
		if len(up) < 2 || len(up) != len(down) {
			t.Fatalf("%s has %d rows, and %d the other way", path, len(up), len(down))
		}
		last := ""
		for _, row := range up {
			if v := strings.ToLower(row[name].(string)); path != "/sources" && v < last { // clusters come before repositories
				t.Errorf("%s by %s: %q after %q", path, column, v, last)
			} else {
				last = v
			}
		}
		if _, body := s.Get(s.Client(seaworthy.Owner), path+"?sort=-"+column); !strings.Contains(body, `aria-sort="descending"`) {
			t.Errorf("%s does not tell how it is sorted", path)
		}
	}
}
