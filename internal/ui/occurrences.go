// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// occurrencePage is what pages/occurrence.html needs.
type occurrencePage struct {
	page
	Talk     talk
	Row      occurrenceRow
	State    string
	Control  seaworthy.TrackedControl
	Owner    string
	Evidence []evidenceRow
	Gaps     []seaworthy.Gap
	Versions []entryRow
	Add      []link
	Counts   string // which programs count it; empty: all
	Counted  string // what its numbers are of
	ByItself string // what shows it without anybody; empty: people do
}

func (u *UI) occurrence(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	o, err := u.Store.Occurrence(ctx, r.PathValue("id"))
	if err == nil {
		err = seesOccurrence(r, o)
	}
	if err != nil {
		return err
	}
	c, err := u.Store.Control(ctx, o.ControlID)
	if err != nil {
		return err
	}
	p := occurrencePage{Control: c, State: string(o.State), Counted: numbersOf(c)}
	if byMachine(c, o) {
		p.ByItself = shownBy(c)
	}
	if p.Counts, err = u.countedBy(ctx, o); err != nil {
		return err
	}
	p.page = u.page(r, windowTitle(o), link{"Controls", "/controls"}, link{c.Title, "/controls/" + c.ID})
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Row, p.Owner = u.occurrenceRow(p.page, names, o), names.user(c.OwnerUser)
	list, err := u.Store.EvidenceList(ctx, store.EvidenceFilter{Occurrence: o.ID})
	if err != nil {
		return err
	}
	for _, e := range list {
		if seesEvidence(r, e) == nil {
			p.Evidence = append(p.Evidence, u.evidenceRow(p.page, names, e))
		}
	}
	if p.Versions, err = u.history(ctx, p.page, names, "occurrence", o.ID); err != nil {
		return err
	}
	if p.Who.Can(seaworthy.ManageProgramme) && !byMachine(c, o) {
		for _, k := range []link{{"Upload a file", seaworthy.EvidenceUpload}, {"Link to it", seaworthy.EvidenceLink}, {"Attest", seaworthy.EvidenceAttestation}} {
			p.Add = append(p.Add, link{k.Text, p.To("/evidence/new?occurrence=" + queryEscape(o.ID) + "&kind=" + k.Href)})
		}
	}
	if p.Talk, err = u.talk(ctx, p.page, names, seaworthy.OnOccurrence, o.ID); err != nil {
		return err
	}
	p.Talk.May = p.Talk.May && (p.Who.Role != seaworthy.Engineer || c.OwnerUser == p.Who.UserID)
	return u.render(w, r, "occurrence", p)
}

// byMachine tells whether machines alone show an occurrence.
func byMachine(c seaworthy.TrackedControl, o seaworthy.Occurrence) bool {
	return c.Machine() || c.Daily() && o.Event == ""
}

// numbersOf is what the numbers of a control's performances are of.
func numbersOf(c seaworthy.TrackedControl) string {
	switch {
	case c.Checked():
		return "objects"
	case c.Trail == seaworthy.TrailSessions:
		return "sessions"
	case c.Trail == seaworthy.TrailMonitoring:
		return "clusters and repositories"
	case c.Trailed():
		return "changes"
	}
	return "objects"
}

// shownBy says what shows by itself that a control was performed.
func shownBy(c seaworthy.TrackedControl) string {
	switch {
	case c.Checked():
		return "Reports of live production clusters in scope show this by themselves."
	case c.Trail == seaworthy.TrailMonitoring:
		return "What came in, and what was noticed to be missing, shows this by itself."
	}
	return "The change trail of live production clusters in scope shows this by itself."
}

// countedBy says which programs count an occurrence, where not all do.
func (u *UI) countedBy(ctx context.Context, o seaworthy.Occurrence) (string, error) {
	switch o.ProgramID {
	case "":
		return "", nil
	case seaworthy.OfNoProgram:
		return "none: they look at different clusters, and each has its own", nil
	}
	program, err := u.Store.Program(ctx, o.ProgramID)
	return program.Name, err
}

// windowTitle names an occurrence by its window, or by the event that asked for it.
func windowTitle(o seaworthy.Occurrence) string {
	if o.Event != "" {
		return o.Event
	}
	last := o.DueAt.Add(-time.Second)
	if last.Sub(o.From) < 25*time.Hour {
		return o.From.Format("2 January 2006")
	}
	return o.From.Format("2 Jan") + " to " + last.Format("2 Jan 2006")
}

func (u *UI) notRequired(w http.ResponseWriter, r *http.Request) error {
	o, err := u.Audit.NotRequired(r.Context(), visitOf(r).who, r.PathValue("id"), strings.TrimSpace(r.PostFormValue("reason")))
	if err != nil {
		return err
	}
	return u.done(w, r, "/occurrences/"+o.ID, "performed")
}

// expect makes an occurrence that an event asks for.
func (u *UI) expect(w http.ResponseWriter, r *http.Request) error {
	due, err := dateField(r, "due")
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if due.IsZero() {
		return seaworthy.Invalid("Say by when the control has to be performed.")
	}
	o, err := u.Audit.Expect(r.Context(), visitOf(r).who, id, strings.TrimSpace(r.PostFormValue("event")), u.now(), due.AddDate(0, 0, 1))
	if err != nil {
		return err
	}
	return u.done(w, r, "/occurrences/"+o.ID, "created")
}
