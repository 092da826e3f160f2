// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// evidenceRow is evidence in a list.
type evidenceRow struct {
	seaworthy.Evidence
	From  string // by what or whom, from where
	What  string // what people call its kind
	Href  string
	State string
}

// evidenceKinds are what people call kinds of evidence.
var evidenceKinds = map[string]string{
	seaworthy.EvidenceRun: "report", seaworthy.EvidenceTrail: "counted by machine", seaworthy.EvidenceUpload: "file", seaworthy.EvidenceLink: "link",
	seaworthy.EvidenceAttestation: "attestation",
}

func (u *UI) evidenceRow(p page, names names, e seaworthy.Evidence) evidenceRow {
	row := evidenceRow{Evidence: e, Href: p.To("/evidence/", e.ID), From: names.actor(e.Collector), What: p0(evidenceKinds[e.Kind], e.Kind)}
	if e.SourceID != "" {
		row.From = names.source(e.SourceID)
	} else if e.System != "" {
		row.From = e.System
	}
	if !e.ErasedAt.IsZero() {
		row.State = "erased"
	}
	return row
}

// evidencePage is what pages/evidence.html needs.
type evidencePage struct {
	page
	Rows  []evidenceRow
	Kinds []facetItem
	Shows []facetItem
	Next  string
	CSV   string
}

func (u *UI) evidenceList(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := evidencePage{page: u.page(r, "Evidence")}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	const most = 50
	f := store.EvidenceFilter{
		Control: p.Q.Get("control"), Occurrence: p.Q.Get("occurrence"), Kind: p.Q.Get("kind"), Shows: p.Q.Get("shows"),
		Source: p.Q.Get("source"), Before: p.Q.Get("after"), Limit: most, Program: p.Program,
	}
	list, err := u.Store.EvidenceList(ctx, f)
	if err != nil {
		return err
	}
	for _, e := range list {
		if seesEvidence(r, e) == nil {
			p.Rows = append(p.Rows, u.evidenceRow(p.page, names, e))
		}
	}
	if len(list) == most {
		p.Next = p.Q.After(list[most-1].ID)
	}
	for _, k := range []struct{ value, text string }{
		{seaworthy.EvidenceRun, "Reports"}, {seaworthy.EvidenceTrail, "Counted by machine"}, {seaworthy.EvidenceUpload, "Files"}, {seaworthy.EvidenceLink, "Links"}, {seaworthy.EvidenceAttestation, "Attestations"},
	} {
		p.Kinds = append(p.Kinds, plainToggle(p.Q, "kind", k.value, k.text))
	}
	p.Shows = []facetItem{plainToggle(p.Q, "shows", seaworthy.Operation, "Operation"), plainToggle(p.Q, "shows", seaworthy.Design, "Design")}
	p.CSV = p.To("/lists/export?list=evidence")
	return u.render(w, r, "evidence", p)
}

func plainToggle(q query, key, value, text string) facetItem {
	it := toggled(q, key, value, text, 0)
	it.N = ""
	return it
}

// onePage is what pages/one-evidence.html needs.
type onePage struct {
	page
	Talk        talk
	Evidence    evidenceRow
	Controls    []link
	Occurrences []occurrenceRow
	Entry       *entryRow // its entry in the log
	Versions    []entryRow
	MayErase    bool
}

func (u *UI) oneEvidence(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	e, err := u.Store.Evidence(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesEvidence(r, e); err != nil {
		return err
	}
	p := onePage{page: u.page(r, e.Title, link{"Evidence", "/evidence"})}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	p.Evidence = u.evidenceRow(p.page, names, e)
	for _, id := range e.Controls {
		text := id
		if c, err := u.Store.Control(ctx, id); err == nil {
			text = c.Title
		}
		p.Controls = append(p.Controls, link{text, p.To("/controls/", id)})
	}
	for i, id := range e.Occurrences {
		if i == 20 {
			break
		}
		o, err := u.Store.Occurrence(ctx, id)
		if err != nil {
			return err
		}
		if seesOccurrence(r, o) == nil {
			p.Occurrences = append(p.Occurrences, u.occurrenceRow(p.page, names, o))
		}
	}
	if p.Versions, err = u.history(ctx, p.page, names, "evidence", e.ID); err != nil {
		return err
	}
	if n := len(p.Versions); n > 0 {
		p.Entry = &p.Versions[n-1]
	}
	p.MayErase = p.Who.Can(seaworthy.ManageProgramme) && e.ErasedAt.IsZero()
	if p.Talk, err = u.talk(ctx, p.page, names, seaworthy.OnEvidence, e.ID); err != nil {
		return err
	}
	return u.render(w, r, "one-evidence", p)
}

// newEvidencePage is what pages/new-evidence.html needs.
type newEvidencePage struct {
	page
	Kind        string
	Controls    []choice
	Occurrence  *seaworthy.Occurrence
	Control     seaworthy.TrackedControl
	First, Last string // days
	Tabs        []facetItem
}

// SuggestedTitle is what evidence for an occurrence may well be called.
func (p newEvidencePage) SuggestedTitle() string {
	if p.Occurrence == nil {
		return ""
	}
	return p.Control.Title + ", " + windowTitle(*p.Occurrence)
}

func (u *UI) newEvidence(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := newEvidencePage{page: u.page(r, "Add evidence", link{"Evidence", "/evidence"}), Kind: p0(r.FormValue("kind"), seaworthy.EvidenceUpload)}
	for _, k := range []struct{ value, text string }{{seaworthy.EvidenceUpload, "A file"}, {seaworthy.EvidenceLink, "A link"}, {seaworthy.EvidenceAttestation, "Your word"}} {
		p.Tabs = append(p.Tabs, facetItem{Text: k.text, Href: query{"/evidence/new", r.URL.Query()}.With("kind", k.value), Current: p.Kind == k.value})
	}
	all, err := u.Store.Controls(ctx)
	if err != nil {
		return err
	}
	if id := r.FormValue("occurrence"); id != "" {
		o, err := u.Store.Occurrence(ctx, id)
		if err != nil {
			return err
		}
		p.Occurrence = &o
		p.First, p.Last = o.From.Format(time.DateOnly), o.DueAt.Add(-time.Second).Format(time.DateOnly)
		if p.Control, err = u.Store.Control(ctx, o.ControlID); err != nil {
			return err
		}
	}
	chosen := r.Form["controls"]
	if c := r.URL.Query().Get("control"); c != "" {
		chosen = append(chosen, c)
	}
	for _, c := range all {
		if c.Active && !c.Machine() {
			p.Controls = append(p.Controls, choice{Value: c.ID, Text: c.Title, Chosen: slices.Contains(chosen, c.ID)})
		}
	}
	slices.SortFunc(p.Controls, func(a, b choice) int { return strings.Compare(a.Text, b.Text) })
	return u.render(w, r, "new-evidence", p)
}

// p0 is a value, or another when it is empty.
func p0(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

// uploadLimit bounds a file that is brought as evidence.
const uploadLimit = 100 << 20

// addEvidence takes a file, a link or an attestation. A file goes to the vault before its
// record is written; one that no record names is swept.
func (u *UI) addEvidence(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, uploadLimit+formLimit)
	if isUpload(r) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return seaworthy.Invalid("The form could not be read, or the file is larger than %s.", size(uploadLimit))
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }() // temporary files
		r.PostForm = r.MultipartForm.Value
	}
	e, how, err := evidenceOf(r, u.now())
	if err != nil {
		return err
	}
	if e.Kind == seaworthy.EvidenceUpload {
		if err := u.keepFile(r, &e); err != nil {
			return err
		}
	}
	e, err = u.Audit.AddEvidence(r.Context(), visitOf(r).who, e, how)
	if err != nil {
		return err
	}
	return u.done(w, r, "/evidence/"+e.ID, "evidence")
}

// evidenceOf reads a form.
func evidenceOf(r *http.Request, now time.Time) (seaworthy.Evidence, audit.Performance, error) {
	f := r.PostForm
	e := seaworthy.Evidence{
		Kind: f.Get("kind"), Title: strings.TrimSpace(f.Get("title")), Shows: p0(f.Get("shows"), seaworthy.Operation),
		URL: strings.TrimSpace(f.Get("url")), Statement: strings.TrimSpace(f.Get("statement")), System: strings.TrimSpace(f.Get("system")),
		Query: strings.TrimSpace(f.Get("query")), Collector: visitOf(r).who.Actor, Controls: f["controls"],
	}
	if o := f.Get("occurrence"); o != "" {
		e.Occurrences = []string{o}
	}
	how := audit.Performance{Reason: strings.TrimSpace(f.Get("reason"))}
	if f.Get("result") == seaworthy.ResultDeviation {
		how.Result = seaworthy.ResultDeviation
	}
	var err error
	for _, field := range []struct {
		name string
		to   *time.Time
	}{{"from", &e.EffectiveFrom}, {"to", &e.EffectiveTo}, {"collected", &e.CollectedAt}} {
		if *field.to, err = dateField(r, field.name); err != nil {
			return e, how, err
		}
	}
	// A day that is not over ends now; what is not said otherwise was collected now.
	if end := e.EffectiveTo.AddDate(0, 0, 1).Add(-time.Second); !e.EffectiveTo.IsZero() {
		e.EffectiveTo = end
		if end.After(now) {
			e.EffectiveTo = now
		}
	}
	if e.CollectedAt.IsZero() || e.CollectedAt.Before(e.EffectiveTo) {
		e.CollectedAt = now
	}
	how.At = e.EffectiveTo
	return e, how, nil
}

// keepFile puts the file of a form into the vault.
func (u *UI) keepFile(r *http.Request, e *seaworthy.Evidence) error {
	file, head, err := r.FormFile("file")
	if err != nil {
		return seaworthy.Invalid("Choose the file that is the evidence.")
	}
	defer file.Close()
	if e.Digest, e.Size, err = u.Vault.Put(r.Context(), file, uploadLimit); err != nil {
		return err
	}
	e.FileName = fileName(head.Filename)
	e.MediaType = p0(mediaType(head.Header.Get("Content-Type")), "application/octet-stream")
	if e.Title == "" {
		e.Title = e.FileName
	}
	return nil
}

// fileName is the last part of a name, without what could act on a terminal or a header.
func fileName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '"' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	for len(name) > 200 {
		name = name[:len(name)-1]
	}
	return strings.ToValidUTF8(name, "")
}

func mediaType(s string) string {
	m, _, err := mime.ParseMediaType(s)
	if err != nil || len(m) > 100 {
		return ""
	}
	return m
}

// evidenceFile gives the bytes. They are whatever somebody brought, so the browser may
// neither show them here nor guess what they are.
func (u *UI) evidenceFile(w http.ResponseWriter, r *http.Request) error {
	e, err := u.Store.Evidence(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesEvidence(r, e); err != nil {
		return err
	}
	if e.Digest == "" || !e.ErasedAt.IsZero() {
		return seaworthy.NotFound("no bytes are kept of this evidence")
	}
	body, err := u.Vault.Open(r.Context(), e.Digest)
	if err != nil {
		return err
	}
	defer body.Close()
	name := e.FileName
	if name == "" {
		name = "evidence-" + e.ID
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("send evidence %s: %w", e.ID, err)
	}
	return nil
}

func (u *UI) eraseEvidence(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := u.Audit.EraseEvidence(r.Context(), visitOf(r).who, id, strings.TrimSpace(r.PostFormValue("reason"))); err != nil {
		return err
	}
	return u.done(w, r, "/evidence/"+id, "removed")
}
