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

// trailRow is a change in a list.
type trailRow struct {
	seaworthy.Change
	Source, Person, What, Href string
	Who, Account               string  // the actor in short, and what it is where it is no person
	Attempt                    bool    // it did not persist
	Gap                        *gapRow // in its place: an interval of which nobody knows
	Open                       bool    // somebody has to explain it
}

// did says what a verb did, in the past.
var did = map[string]string{
	seaworthy.VerbCreate: "Made", seaworthy.VerbUpdate: "Changed", seaworthy.VerbDelete: "Deleted", seaworthy.VerbExec: "Command run inside",
	seaworthy.VerbAttach: "Attached to", seaworthy.VerbPortForward: "Port forwarded", seaworthy.VerbProxy: "Gone through", seaworthy.VerbRead: "Read",
	seaworthy.VerbImpersonate: "Acted as",
}

func (u *UI) trailRow(p page, n names, c seaworthy.Change) trailRow {
	row := trailRow{Change: c, Source: n.source(c.SourceID), Person: n.user(c.Actor.Person), What: p0(did[c.Verb], c.Verb), Href: p.To("/changes/", c.ID), Open: c.Unexplained()}
	row.Attempt = c.Nothing()
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
		Verb: p.Q.Get("verb"), Image: strings.TrimSpace(p.Q.Get("image")), Program: p.Program, Limit: 50,
	}
	if err := p.filter(&f, n); err != nil {
		return err
	}
	f.Unexplained = p.Q.Get("open") == "yes" // which counts as well
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
	f.Cursor = p.Q.Get("after")
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
	if err := u.withGaps(ctx, &p, n, f); err != nil {
		return err
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

// withGaps puts the intervals in which changes may have gone unseen among the changes. A
// list of what stands in some way to an approval has none: nothing unseen would be in it.
func (u *UI) withGaps(ctx context.Context, p *changesPage, n names, f store.ChangeFilter) error {
	if p.Q.Get("match")+p.Q.Get("open")+p.Q.Get("flag")+p.Q.Get("image") != "" {
		return nil
	}
	from, to := f.From, f.To
	if f.Cursor != "" && len(p.Rows) > 0 {
		to = p.Rows[0].At
	}
	if p.Next != "" {
		from = p.Rows[len(p.Rows)-1].At
	}
	gaps, err := u.blanks(ctx, p.page, n, f.Source, from, to)
	p.Rows = between(p.Rows, gaps)
	return err
}

// chosen lists the filters that are set beside the chips.
func (p changesPage) chosen(n names) []chosen {
	var out []chosen
	for _, key := range []string{"source", "namespace", "kind", "name", "actor", "verb", "flag", "image", "from", "to"} {
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
