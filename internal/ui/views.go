// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// viewPages are the lists of which views can be kept.
var viewPages = []string{"findings", "workloads", "waivers", "checks", "controls", "sources"}

// viewRow is a set of filters that somebody keeps.
type viewRow struct {
	ID, Name, Href, By string
	Own, Shared        bool
	Current            bool
}

// views lists the views of a list that who looks may use.
func (u *UI) views(ctx context.Context, p page, names names, list string) ([]viewRow, error) {
	if p.Who.UserID == "" {
		return nil, nil
	}
	all, err := u.Triage.Views(ctx, p.Who, list)
	var out []viewRow
	for _, v := range all {
		row := viewRow{ID: v.ID, Name: v.Name, Href: "/" + v.Page + "?" + v.Query, Own: v.UserID == p.Who.UserID, Shared: v.Shared, Current: v.Query == p.Q.values.Encode()}
		if !row.Own {
			row.By = names.user(v.UserID)
		}
		out = append(out, row)
	}
	return out, err
}

// viewsBeside fills the views of a list whose page needs no names otherwise.
func (u *UI) viewsBeside(r *http.Request, p page, list string, into *[]viewRow) error {
	names, err := u.names(r.Context())
	if err != nil {
		return err
	}
	*into, err = u.views(r.Context(), p, names, list)
	return err
}

// saveView keeps the filters and the order of a list under a name.
func (u *UI) saveView(w http.ResponseWriter, r *http.Request) error {
	list := r.PathValue("list")
	if !slices.Contains(viewPages, list) {
		return seaworthy.NotFound("there is no list %s of which views are kept", list)
	}
	q := r.URL.Query()
	q.Del("after")
	v := seaworthy.SavedView{Page: list, Name: strings.TrimSpace(r.PostFormValue("name")), Query: q.Encode(), Shared: r.PostFormValue("shared") == "yes"}
	if _, err := u.Triage.SaveView(r.Context(), visitOf(r).who, v); err != nil {
		return err
	}
	return u.done(w, r, query{"/" + list, q}.With("", ""), "view")
}

// dropView forgets a view of one's own.
func (u *UI) dropView(w http.ResponseWriter, r *http.Request) error {
	if err := u.Triage.DropView(r.Context(), visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, backTo(r), "dropped")
}

// ViewsTo is where the filters of the page are kept.
func (p page) ViewsTo() string {
	q := url.Values{}
	for k, v := range p.Q.values {
		if k != "after" {
			q[k] = v
		}
	}
	return query{"/views" + p.Path, q}.With("", "")
}
