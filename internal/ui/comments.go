// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
)

// talk is what was said of something, and whether who looks may say more.
type talk struct {
	Rows []said
	May  bool
	To   string // where the form goes
	Was  string // what a form that was refused held
	More bool   // not all is shown
}

// said is a comment.
type said struct {
	seaworthy.Comment
	Who   string
	Told  []string // the people whom it mentions
	Erase erasing
}

// talk reads what was said of a control, an occurrence, evidence or a waiver. Who may
// work on findings may speak; whether of this, triage decides.
func (u *UI) talk(ctx context.Context, p page, names names, kind, id string) (talk, error) {
	list, err := u.Store.Comments(ctx, kind, id, "", 1000)
	if err != nil {
		return talk{}, err
	}
	t := talk{May: p.Who.Can(seaworthy.WorkFindings), To: p.To("/comments/"+kind+"/", id), Was: p.Was("text", ""), More: list.Next != ""}
	for _, c := range list.Items {
		row := said{Comment: c, Who: names.actor(c.Author)}
		for _, m := range c.Mentions {
			row.Told = append(row.Told, names.user(m))
		}
		if c.ErasedAt.IsZero() {
			row.Erase = p.erasing("comment", c.ID, commentErased)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// commentErased is what is left of a comment.
const commentErased = "Its text is destroyed. Who wrote it and when stay, with a tombstone."

// subjects are what can be spoken of, beside findings, and the page of each.
var subjects = map[string]string{
	seaworthy.OnControl: "/controls/", seaworthy.OnOccurrence: "/occurrences/", seaworthy.OnEvidence: "/evidence/", seaworthy.OnWaiver: "/waivers/",
}

// say adds a comment.
func (u *UI) say(w http.ResponseWriter, r *http.Request) error {
	kind, id := r.PathValue("kind"), r.PathValue("id")
	to, ok := subjects[kind]
	if !ok {
		return seaworthy.NotFound("nothing is said of a %q here", kind)
	}
	if _, err := u.Triage.Comment(r.Context(), visitOf(r).who, kind, id, r.PostFormValue("text")); err != nil {
		return err
	}
	return u.done(w, r, to+id+"#talk", "commented")
}

// sayAgain shows the page of what was spoken of, with what was wrong.
func (u *UI) sayAgain(w http.ResponseWriter, r *http.Request) error {
	switch r.PathValue("kind") {
	case seaworthy.OnControl:
		return u.control(w, r)
	case seaworthy.OnOccurrence:
		return u.occurrence(w, r)
	case seaworthy.OnEvidence:
		return u.oneEvidence(w, r)
	}
	return u.waiver(w, r)
}
