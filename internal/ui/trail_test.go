// SPDX-License-Identifier: Apache-2.0

package ui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
	"github.com/seaworthy-dev/seaworthy/internal/ui/uitest"
)

// trailOf goes the ways that lead from what runs to who approved it, and looks at what a
// change's page says.
func trailOf(t *testing.T, s *uitest.Site) {
	ctx, owner := t.Context(), s.Client(seaworthy.Owner)
	change := func(name string) string {
		list, err := s.Store.Changes(ctx, store.ChangeFilter{Source: "prod-eu", Name: name, Limit: 1})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("changes of %s: %v, %v; want one", name, list.Items, err)
		}
		return "/changes/" + list.Items[0].ID
	}
	err := s.Store.Write(ctx, "system", func(tx *store.Tx) error {
		c, err := tx.Change(strings.TrimPrefix(change("payments-api"), "/changes/"))
		if err != nil {
			return err
		}
		for i := range seaworthy.MaxPods + 3 {
			c.Ran(seaworthy.ChangedPod{Name: fmt.Sprintf("payments-api-5c9-%02d", i), At: c.At.Add(time.Duration(i) * time.Second), Images: c.Images}, true)
		}
		if err := tx.PutChange(&c); err != nil {
			return err
		}
		return tx.PutGap(&seaworthy.Gap{ID: tx.NewID(), SourceID: "prod-eu", Kind: store.GapWebhook, From: tx.At.AddDate(0, 0, -100), To: tx.At.AddDate(0, 0, -99), Reason: "the API server did not reach it"})
	})
	if err != nil {
		t.Fatal(err)
	}
	countsAndLists(t, s)
	workload := store.ObjectID("prod-eu", seaworthy.Object{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "checkout", Name: "payments-api"})
	_, digest, _ := strings.Cut(uitest.ImageOfPayments, "@")
	ticket := `<a href="` + uitest.TicketOfPayment + `" rel="noreferrer">`
	pull := `<a href="` + uitest.PullOfPayments + `" rel="noreferrer">`
	for _, tc := range []struct {
		what, path string
		want, not  []string
	}{
		{"a workload's images lead to who brought them and what was said", "/workloads/" + workload,
			[]string{digest, ticket, pull, "pipeline", change("payments-api"), "/deployments/"}, nil},
		{"a deployment is found by its digest", "/deployments?q=" + digest, []string{ticket}, []string{"SHOP-12"}},
		{"a deployment is found by how its commit begins", "/deployments?q=5EAF00D5", []string{ticket}, []string{"SHOP-12"}},
		{"what no deployment names is said", "/deployments?q=" + url.QueryEscape("sha256:00"), []string{"No deployment names it", "/changes?image=sha256%3A00"}, nil},
		{"changes are found by an image", "/changes?image=" + url.QueryEscape("mirror.example/x@"+digest), []string{change("payments-api")}, []string{change("payments-worker")}},
		{"a digest is searched for everywhere", "/search?q=" + digest, []string{change("payments-api"), "/deployments/"}, nil},
		{"a change says what it broke", change("payments-api"), []string{"newly failed", "0 failed before, 2 after", ticket, pull, "let through with a warning", "Nobody set it up"}, []string{">mended<"}},
		{"a change names the pods that ran it", change("payments-api"), []string{"Pods that ran it", "payments-api-5c9-00", "payments-api-5c9-19", "and 3 pods made later"}, []string{"payments-api-5c9-20"}},
		{"a change that made none names none", change("payments-worker"), nil, []string{"Pods that ran it"}},
		{"a change says what it mended", change("payments-worker"), []string{"mended", "2 failed before, 0 after"}, []string{"newly failed"}},
		{"gaps stand between the changes", "/changes", []string{"Changes may have gone unseen", "the API server did not reach it"}, nil},
		{"a list of what stands in some way has no gaps", "/changes?match=out-of-band", nil, []string{"Changes may have gone unseen"}},
	} {
		code, body := s.Get(owner, tc.path)
		if code != 200 {
			t.Errorf("%s: GET %s = %d", tc.what, tc.path, code)
		}
		for _, want := range tc.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s does not say %q", tc.what, tc.path, want)
			}
		}
		for _, not := range tc.not {
			if strings.Contains(body, not) {
				t.Errorf("%s: %s says %q", tc.what, tc.path, not)
			}
		}
	}
	if _, err := trail.Record(ctx, trail.Config{Store: s.Store}, s.Owner(), seaworthy.Deployment{SourceID: "prod-eu", Namespaces: []string{"checkout"}, Ticket: "PAY-8", PullURL: "javascript:alert(1)"}); err != nil {
		t.Fatal(err)
	}
	if _, body := s.Get(owner, "/actors"); !strings.Contains(body, "<bdi>somebody</bdi>") || !strings.Contains(body, "root ") {
		t.Error("the page of actors does not list who is known, and who is not")
	}
	form := url.Values{"name": {"somebody"}, "user": {s.Users[seaworthy.Engineer].ID}}
	if res := s.Post(owner, "/actors", form); res.StatusCode != http.StatusSeeOther {
		t.Errorf("POST /actors = %d", res.StatusCode)
	}
	if c, err := s.Store.Change(ctx, strings.TrimPrefix(change("payments-worker"), "/changes/")); err != nil || c.Actor.Person != s.Users[seaworthy.Engineer].ID {
		t.Errorf("behind somebody is %q, %v; want the engineer", c.Actor.Person, err)
	}
	if _, body := s.Get(owner, "/actors"); strings.Contains(body, `href="/changes?source=prod-eu&amp;actor=somebody"`) {
		t.Error("who is known now is listed as unknown")
	}
	if res := s.Post(owner, "/change-rules/links", url.Values{"ticket": {"javascript:{ticket}"}}); res.StatusCode == http.StatusSeeOther {
		t.Error("a script is taken for the address of tickets")
	}
	if res := s.Post(owner, "/change-rules/links", url.Values{"ticket": {"https://t.example/{ticket}"}}); res.StatusCode != http.StatusSeeOther {
		t.Errorf("POST /change-rules/links = %d", res.StatusCode)
	}
	if _, body := s.Get(owner, "/deployments"); !strings.Contains(body, `href="https://t.example/PAY-8" rel="noreferrer">`) || !strings.Contains(body, ticket) || strings.Contains(body, `href="javascript`) {
		t.Error("a ticket that is no address does not lead where tickets are said to be")
	}
}

// chip is the count of changes that stand in some way to an approval.
var chip = regexp.MustCompile(`<a class="chip" href="[^"]*match=([a-z-]+|not\+required|not%20required)[^"]*">[^<]* <span class="n">([0-9]+)</span>`)

// countsAndLists holds what the timeline counts against what it lists, with all that narrows it.
func countsAndLists(t *testing.T, s *uitest.Site) {
	t.Helper()
	for _, narrowed := range []string{"", "open=yes", "source=prod-eu", "verb=update&open=yes", "kind=Deployment", "flag=" + url.QueryEscape(string(seaworthy.FlagSession))} {
		_, body := s.Get(s.Client(seaworthy.Owner), "/changes?"+narrowed)
		chips := chip.FindAllStringSubmatch(body, -1)
		if len(chips) != 4 {
			t.Fatalf("%s: %d counts", narrowed, len(chips))
		}
		for _, c := range chips {
			_, list := s.Get(s.Client(seaworthy.Owner), "/changes?"+narrowed+"&match="+c[1])
			if strings.Contains(list, `rel="next"`) {
				continue // more than a page
			}
			_, rows, _ := strings.Cut(list, `id="e-h"`)
			if n := len(regexp.MustCompile(`<tr[ >]`).FindAllString(rows, -1)) - strings.Count(rows, "<thead>"); fmt.Sprint(max(n, 0)) != c[2] {
				t.Errorf("%s: %s count as %s, and %d are listed", narrowed, c[2], c[1], n)
			}
		}
	}
}
