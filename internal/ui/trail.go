// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// trailRow is a change in a list.
type trailRow struct {
	seaworthy.Change
	Source, Person, What, Href string
	Who, Account               string // the actor in short, and what it is where it is no person
	Attempt                    bool   // it did not persist
	Open                       bool   // somebody has to explain it
}

// did says what a verb did, in the past.
var did = map[string]string{
	seaworthy.VerbCreate: "Made", seaworthy.VerbUpdate: "Changed", seaworthy.VerbDelete: "Deleted", seaworthy.VerbExec: "Command run inside",
	seaworthy.VerbAttach: "Attached to", seaworthy.VerbPortForward: "Port forwarded", seaworthy.VerbProxy: "Gone through", seaworthy.VerbRead: "Read",
}

func (u *UI) trailRow(p page, n names, c seaworthy.Change) trailRow {
	row := trailRow{Change: c, Source: n.source(c.SourceID), Person: n.user(c.Actor.Person), What: p0(did[c.Verb], c.Verb), Href: p.To("/changes/", c.ID), Open: c.Unexplained()}
	row.Attempt = c.Outcome == seaworthy.OutcomeDenied || c.Outcome == seaworthy.OutcomeFailed
	row.Who = p0(c.Actor.Username, "unknown")
	if parts := strings.Split(c.Actor.Username, ":"); len(parts) == 4 && parts[1] == "serviceaccount" {
		row.Who, row.Account = parts[3], "service account in "+parts[2]
	}
	if row.Attempt {
		row.What = "Tried, and it " + map[bool]string{true: "was denied", false: "failed"}[c.Outcome == seaworthy.OutcomeDenied] + ": " + strings.ToLower(row.What)
	}
	return row
}

// Edited says in a few words what an update changed.
func (r trailRow) Edited() string {
	switch n := len(r.Edits) + r.EditsLeftOut; {
	case n == 0 || r.Verb != seaworthy.VerbUpdate:
		return ""
	case n == 1:
		return r.Edits[0].Path
	default:
		return r.Edits[0].Path + " and " + count(n-1, "more edit")
	}
}

// Why says how it stands, as a sentence.
func (r trailRow) Why() string {
	if r.MatchWhy == "" {
		return ""
	}
	return strings.ToUpper(r.MatchWhy[:1]) + r.MatchWhy[1:] + "."
}

// matches are how changes stand to an approval, the worst first.
var matches = []seaworthy.Match{seaworthy.MatchOutOfBand, seaworthy.MatchClaimed, seaworthy.MatchVerified, seaworthy.MatchExempt}

// changesPage is what pages/changes.html needs.
type changesPage struct {
	page
	Rows    []trailRow
	First   []trailRow // what nobody approved and nobody has explained
	Matches []facetItem
	Open    facetItem
	Chosen  []chosen
	Filters trailFilters
	Next    string
	Folded  int // of the last seven days
}

// mostChanges is how far changes are counted.
const mostChanges = 10_000

func (u *UI) timeline(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := changesPage{page: u.page(r, "Timeline")}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	f := store.ChangeFilter{
		Source: p.Q.Get("source"), Namespace: p.Q.Get("namespace"), Kind: p.Q.Get("kind"), Name: p.Q.Get("name"), Actor: p.Q.Get("actor"),
		Verb: p.Q.Get("verb"), Program: p.Program, Limit: 50,
	}
	if err := p.filter(&f, n); err != nil {
		return err
	}
	counts, err := u.Store.CountChanges(ctx, f, mostChanges)
	if err != nil {
		return err
	}
	for _, m := range matches {
		it := toggled(p.Q, "match", string(m), meanings[string(m)].word, min(counts[m], mostChanges))
		if counts[m] > mostChanges {
			it.N += "+"
		}
		p.Matches = append(p.Matches, it)
	}
	p.Open = toggled(p.Q, "open", "yes", "To be explained", 0)
	f.Cursor, f.Unexplained = p.Q.Get("after"), p.Q.Get("open") == "yes"
	if m := p.Q.Get("match"); m != "" {
		f.Approvals = []string{m}
	}
	list, err := u.Store.Changes(ctx, f)
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		p.Rows = append(p.Rows, u.trailRow(p.page, n, c))
	}
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	p.Chosen = p.chosen(n)
	if p.Q.Get("match")+p.Q.Get("open")+p.Q.Get("after") == "" {
		f.Unexplained, f.Limit = true, 5
		first, err := u.Store.Changes(ctx, f)
		if err != nil {
			return err
		}
		for _, c := range first.Items {
			p.First = append(p.First, u.trailRow(p.page, n, c))
		}
	}
	if p.Folded, err = u.folded(ctx, p.page, f.Source); err != nil {
		return err
	}
	return u.render(w, r, "changes", p)
}

// chosen lists the filters that are set beside the chips.
func (p changesPage) chosen(n names) []chosen {
	var out []chosen
	for _, key := range []string{"source", "namespace", "kind", "name", "actor", "verb", "flag", "from", "to"} {
		v := p.Q.Get(key)
		if v == "" {
			continue
		}
		if key == "source" {
			v = n.source(v)
		}
		out = append(out, chosen{key + " " + v, p.Q.With(key, "")})
	}
	return out
}

// folded counts what clusters in scope did by themselves in the last seven days.
func (u *UI) folded(ctx context.Context, p page, source string) (int, error) {
	days, err := u.Store.Folded(ctx, source, p.Now.Add(-7*24*time.Hour), p.Now)
	total := 0
	for _, d := range days {
		if p.Program != nil && !p.Program.HasSource(d.SourceID) {
			continue
		}
		for _, n := range d.Counts {
			total += n
		}
	}
	return total, err
}

// changePage is what pages/change.html needs.
type changePage struct {
	page
	Change     trailRow
	Deployment *seaworthy.Deployment
	Explainer  string
	MayExplain error // why not; nil: they may
	Versions   []entryRow
	Erase      erasing
}

func (u *UI) change(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	c, err := u.Store.Change(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := seesPlace(r, "change", c.ID, c.SourceID, c.Object.Namespace); err != nil {
		return err
	}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	p := changePage{page: u.page(r, c.Object.Name, link{"Timeline", "/changes"})}
	p.Change = u.trailRow(p.page, n, c)
	if c.MatchID != "" {
		d, err := u.Store.Deployment(ctx, c.MatchID)
		if err != nil {
			return err
		}
		p.Deployment = &d
	}
	if c.Explained != nil {
		p.Explainer = n.actor(c.Explained.By)
		if c.Explained.Note != store.ErasedText {
			p.Erase = p.erasing("change", c.ID, "The explanation is destroyed. That it was given, when and by whom stays.")
		}
	}
	p.MayExplain = trail.MayExplain(p.Who, &c, n.sources[c.SourceID].Team)
	if p.Versions, err = u.history(ctx, p.page, n, "change", c.ID); err != nil {
		return err
	}
	return u.render(w, r, "change", p)
}

func (u *UI) explainChange(w http.ResponseWriter, r *http.Request) error {
	c, err := trail.Explain(r.Context(), u.Store, visitOf(r).who, r.PathValue("id"), r.PostFormValue("note"))
	if err != nil {
		return err
	}
	return u.done(w, r, "/changes/"+c.ID, "explained")
}

// deploymentRow is a deployment in a list.
type deploymentRow struct {
	seaworthy.Deployment
	Source, Who string
	Covers      []string
}

// deploymentsPage is what pages/deployments.html needs.
type deploymentsPage struct {
	page
	Rows []deploymentRow
	Next string
}

func (u *UI) deployments(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := deploymentsPage{page: u.page(r, "Deployments")}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	list, err := u.Store.Deployments(ctx, store.DeploymentFilter{Source: p.Q.Get("source"), Text: strings.TrimSpace(p.Q.Get("q")), Program: p.Program, Cursor: p.Q.Get("after"), Limit: 50})
	if err != nil {
		return err
	}
	for _, d := range list.Items {
		row := deploymentRow{Deployment: d, Source: n.source(d.SourceID), Who: n.actor(d.RecordedBy)}
		for _, o := range d.Objects {
			row.Covers = append(row.Covers, o.String())
		}
		row.Covers = slices.Concat(row.Covers, d.Namespaces, d.Images)
		p.Rows = append(p.Rows, row)
	}
	if list.Next != "" {
		p.Next = p.Q.After(list.Next)
	}
	return u.render(w, r, "deployments", p)
}
