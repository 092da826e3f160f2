// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/api"
	"github.com/seaworthy-dev/seaworthy/internal/golden"
)

var allRoles = slices.Concat(seaworthy.Roles, seaworthy.TokenRoles)

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// example is a path of a route with ids that nothing has.
func example(r api.Route) string {
	path := strings.Replace(r.Path, "{index}", "0", 1)
	path = strings.Replace(path, "{digest}", strings.Repeat("0", 64), 1)
	return parameter.ReplaceAllString(path, "none")
}

// Who may go where is one table, made of the routes; every cell is tried. A new route
// shows here as a difference to be agreed to.
func TestRolesAndRoutes(t *testing.T) {
	w := here(t, api.Config{PrivateLog: true})
	var table strings.Builder
	fmt.Fprintf(&table, "%-7s %-50s %-17s", "method", "path", "action")
	for _, role := range allRoles {
		fmt.Fprintf(&table, " %s", role)
	}
	table.WriteString("\n")
	for _, route := range w.api.Routes() {
		fmt.Fprintf(&table, "%-7s %-50s %-17s", route.Method, route.Path, route.Action)
		for _, role := range allRoles {
			may := w.mayGo(route, role)
			fmt.Fprintf(&table, " %*s", len(role), map[bool]string{true: "yes", false: "-"}[may])
			if want := route.Action == "" || seaworthy.Can(role, route.Action); may != want {
				t.Errorf("%s %s as %s: let in %v, want %v", route.Method, route.Path, role, may, want)
			}
		}
		table.WriteString("\n")
		if got := w.do("", route.Method, example(route), nil).Code; (got == http.StatusUnauthorized) != (route.Action != "") {
			t.Errorf("%s %s as nobody: status %d", route.Method, route.Path, got)
		}
		if got := w.do("swt_nonsense", route.Method, example(route), nil).Code; (got == http.StatusUnauthorized) != (route.Action != "") {
			t.Errorf("%s %s with a token that nobody made: status %d", route.Method, route.Path, got)
		}
	}
	golden.Compare(t, "roles.txt", []byte(table.String()))
}

// mayGo tells whether a role is let in, whatever comes of it then.
func (w *world) mayGo(route api.Route, role seaworthy.Role) bool {
	w.Helper()
	a := w.do(w.as(role), route.Method, example(route), nil)
	if a.Code == http.StatusUnauthorized {
		w.Fatalf("%s %s as %s: status 401", route.Method, route.Path, role)
	}
	refused := strings.HasPrefix(a.detail(), fmt.Sprintf("the role %s may not do this", role))
	if refused && a.Code != http.StatusForbidden {
		w.Errorf("%s %s as %s: refused with status %d", route.Method, route.Path, role, a.Code)
	}
	if a.Code >= 500 {
		w.Errorf("%s %s as %s: status %d: %s", route.Method, route.Path, role, a.Code, a.Body)
	}
	return !refused
}
