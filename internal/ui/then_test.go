// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

const onlyNow = "This page shows what is so now"

// eventsThen finds the link to where events up to a moment are frozen.
var eventsThen = regexp.MustCompile(`<a href="([^"]+)">freeze finding events as of that day</a>`)

// then asks for pages as of a past moment: each either is of then, or says that it is not.
func then(t *testing.T, s *uitest.Site) {
	c := s.Client(seaworthy.Owner)
	yesterday := s.Now.AddDate(0, 0, -1).Format("2006-01-02")
	says := func(path string, want bool) (body string) {
		t.Helper()
		code, body := s.Get(c, path)
		if code != http.StatusOK || strings.Contains(body, onlyNow) != want {
			t.Errorf("GET %s = %d, says that it is of now: %v, want %v", path, code, !want, want)
		}
		return body
	}
	for _, path := range []string{"/", "/requirements", "/controls"} {
		says(path+"?as-of="+yesterday, false)
	}
	for _, path := range []string{"/findings", "/workloads", "/changes", "/waivers", "/due", "/checks", "/evidence"} {
		says(path, false)
		says(path+"?as-of="+yesterday, true)
		says(path+"?as-of="+url.QueryEscape("<b>noon"), true)
		says(path+"?as-of="+s.Now.AddDate(0, 0, 1).Format("2006-01-02"), false)
	}
	for _, path := range []string{"/findings/export?", "/workloads/export?", "/lists/export?list=findings&"} {
		if code, body := s.Get(c, path+"as-of="+yesterday); code != http.StatusBadRequest || !strings.Contains(body, "not as of "+yesterday) {
			t.Errorf("GET %s of yesterday = %d: %.300s", path, code, body)
		}
	}
	body := says("/findings?status=all&as-of="+yesterday, true)
	if strings.Contains(body, "/findings/export?as-of") || !strings.Contains(body, "/findings/export?") {
		t.Error("the page of findings leads to an export of then")
	}
	for _, problem := range checkHTML(t, s, body) {
		t.Error(problem)
	}
	link := eventsThen.FindStringSubmatch(body)
	if link == nil {
		t.Fatal("the page of findings does not lead to their events")
	}
	body = says(html.UnescapeString(link[1]), false)
	if !strings.Contains(body, `<option value="finding-events" selected`) || !strings.Contains(body, `type="date" value="`+yesterday+`"`) {
		t.Error("the form does not hold what the link was about")
	}
	res := s.Post(c, "/lists", url.Values{"name": {"Events until then"}, "list": {"finding-events"}, "as-of": {yesterday}})
	if res.StatusCode != http.StatusSeeOther {
		t.Errorf("freezing the events answers %d", res.StatusCode)
	}
}
