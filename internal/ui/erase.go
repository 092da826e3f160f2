// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// erasing is the form by which an owner has words erased.
type erasing struct {
	To   string // where the form goes; empty: who looks may not, or nothing is there
	What string // is destroyed, and what stays
	ID   string // of its field
}

// erasing makes the form for a record.
func (p page) erasing(kind, id, what string) erasing {
	if !p.Who.Can(seaworthy.Administer) {
		return erasing{}
	}
	return erasing{To: p.To("/erase/"+kind+"/", id), What: what, ID: "erase-" + id}
}

// erase destroys what somebody wrote, and goes back to where it stood.
func (u *UI) erase(w http.ResponseWriter, r *http.Request) error {
	ctx, kind, id := r.Context(), r.PathValue("kind"), r.PathValue("id")
	to := map[string]string{"waiver": "/waivers/" + id, "change": "/changes/" + id, "finding": "/findings/" + id}[kind]
	if kind == "comment" {
		c, err := u.Store.Comment(ctx, id)
		if err != nil {
			return err
		}
		if to = "/findings/" + c.Subject; c.SubjectKind != seaworthy.OnFinding {
			to = subjects[c.SubjectKind] + c.Subject + "#talk"
		}
	}
	if err := u.Triage.Erase(ctx, visitOf(r).who, kind, id, r.PostFormValue("reason")); err != nil {
		return err
	}
	return u.done(w, r, to, "erased")
}

// erasePerson destroys what an account holds of its person.
func (u *UI) erasePerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := u.Auth.EraseUser(r.Context(), visitOf(r).who, id, strings.TrimSpace(r.PostFormValue("reason"))); err != nil {
		return err
	}
	return u.done(w, r, "/people/"+id, "erased")
}
