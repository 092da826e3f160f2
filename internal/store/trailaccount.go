// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
)

// trailPlaces are the places from which changes are seen, as lists name them.
var trailPlaces = []string{seaworthy.SeenByWebhook, seaworthy.SeenByAudit, seaworthy.SeenByWatch}

// trailGaps are the kinds of gap in which a change may go unseen by some place.
var trailGaps = []string{GapAgent, GapWatch, GapWebhook, GapAudit, GapMessages}

// claimed is what a deployment says that rows of its changes show.
type claimOf struct{ ticket, pull, commit, approvers string }

// trailRows is what rows of the change trail are shown with, and what they come to.
type trailRows struct {
	needs   []string // the places that see such rows; empty: all
	says    []string // of the list, whatever is in it
	sources map[string]seaworthy.DeclaredSource
	claims  map[string]claimOf

	all       int
	by        map[string]int // place, or "alone " and the place
	everyone  int            // all places saw it
	clusters  map[string]map[string]int
	matches   map[seaworthy.Match]int
	outcomes  map[seaworthy.Outcome]int
	late      int
	explained int
	bypassed  int
	matched   map[string]int // by deployment
}

func (t *trailRows) readSources(v *View) error {
	list, err := sources.list(v.ctx, v.store, v.q, where{}, "ORDER BY id")
	t.sources = map[string]seaworthy.DeclaredSource{}
	for _, s := range list {
		t.sources[s.ID] = s
	}
	return err
}

// prepare reads the clusters, and the deployments that rows may be matched with.
func (t *trailRows) prepare(v *View, q ListQuery) error {
	t.by, t.clusters, t.matched = map[string]int{}, map[string]map[string]int{}, map[string]int{}
	t.matches, t.outcomes, t.claims = map[seaworthy.Match]int{}, map[seaworthy.Outcome]int{}, map[string]claimOf{}
	if err := t.readSources(v); err != nil {
		return err
	}
	w := where{}
	within(&w, q, "source_id", "")
	if q.Program.ID != "" { // a claim may be of the days beside the period
		w.add("from_at < ?", micros(q.Program.To.Add(24*time.Hour)))
		w.add("until_at >= ?", micros(q.Program.From.Add(-24*time.Hour)))
	}
	return each(v, `SELECT document FROM deployments`+w.sql()+` ORDER BY id`, w.args, func(d *seaworthy.Deployment) {
		c := claimOf{ticket: d.Ticket, pull: d.PullURL, commit: d.Commit}
		if d.Verified != nil {
			c.approvers = strings.Join(d.Verified.Approvers, "; ")
		}
		t.claims[d.ID] = c
	})
}

// each gives each record of a query.
func each[T any](v *View, statement string, args []any, f func(*T)) error {
	rows, err := v.q.QueryContext(v.ctx, statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scanDocument[T](rows)
		if err != nil {
			return err
		}
		f(&one)
	}
	return rows.Err()
}

// eachChange gives each change of a table in the scope and period of a query, whatever its
// filters, oldest first.
func (v *View) eachChange(q ListQuery, table string, f func(*seaworthy.Change)) error {
	w := where{}
	within(&w, q, "source_id", "namespace")
	during(&w, q, "at", "at")
	until(&w, q, "at")
	return each(v, `SELECT document FROM `+table+w.sql()+` ORDER BY at, id`, w.args, f)
}

// add counts a row.
func (t *trailRows) add(c *seaworthy.Change) {
	t.all++
	of := t.clusters[c.SourceID]
	if of == nil {
		of = map[string]int{}
		t.clusters[c.SourceID] = of
	}
	of[""]++
	saw, lacks := Seers(c)
	for _, place := range saw {
		t.by[place]++
		of[place]++
	}
	switch {
	case len(lacks) == 0:
		t.everyone++
	case len(saw) == 1:
		t.by["alone "+saw[0]]++
	}
	t.matches[c.Match]++
	t.outcomes[c.Outcome]++
	if c.MatchID != "" {
		t.matched[c.MatchID]++
	}
	count := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	count(&t.late, c.Late)
	count(&t.explained, c.Match == seaworthy.MatchOutOfBand && c.Explained != nil)
	count(&t.bypassed, slices.Contains(c.Flags, seaworthy.FlagBypassed))
}

// account says what the rows come to.
func (t *trailRows) account(v *View, q ListQuery) ([]string, error) {
	out := append([]string{t.seen(), t.standing()}, t.says...)
	inScope := t.inScope(q)
	for _, s := range inScope {
		out = append(out, t.cluster(s))
	}
	if len(q.Filters) == 0 {
		more, err := t.claimed(v, q, t.matched)
		if err != nil {
			return nil, err
		}
		folded, err := t.folded(v, q)
		if err != nil {
			return nil, err
		}
		out = append(append(out, more...), folded)
	}
	gaps, err := t.gaps(v, q)
	return append(out, gaps...), err
}

func (t *trailRows) seen() string {
	return fmt.Sprintf("%d rows; seen by admission webhook %d, in audit events %d, by watch %d; by all three %d; by one alone: webhook %d, audit events %d, "+
		"watch %d (which does not tell who asked); bypassed admission %d", t.all, t.by[seaworthy.SeenByWebhook], t.by[seaworthy.SeenByAudit], t.by[seaworthy.SeenByWatch],
		t.everyone, t.by["alone "+seaworthy.SeenByWebhook], t.by["alone "+seaworthy.SeenByAudit], t.by["alone "+seaworthy.SeenByWatch], t.bypassed)
}

func (t *trailRows) standing() string {
	out := t.matches[seaworthy.MatchOutOfBand]
	text := fmt.Sprintf("approvals: verified %d, claimed %d, of either late %d; out of band %d, of which explained by another %d; not required %d",
		t.matches[seaworthy.MatchVerified], t.matches[seaworthy.MatchClaimed], t.late, out, t.explained, t.matches[seaworthy.MatchExempt])
	for _, o := range slices.Sorted(maps.Keys(t.outcomes)) {
		text += fmt.Sprintf("; %s %d", o, t.outcomes[o])
	}
	return text
}

// inScope lists the clusters of the query, in the order of their names.
func (t *trailRows) inScope(q ListQuery) []seaworthy.DeclaredSource {
	var out []seaworthy.DeclaredSource
	for _, s := range t.sources {
		if s.Kind != seaworthy.KindCluster || q.Program.ID != "" && !q.Program.HasSource(s.ID) ||
			q.Filters["source"] != "" && q.Filters["source"] != s.ID || q.Filters["environment"] != "" && q.Filters["environment"] != s.Environment {
			continue
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b seaworthy.DeclaredSource) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return out
}

// cluster says what each place told of a cluster.
func (t *trailRows) cluster(s seaworthy.DeclaredSource) string {
	of := t.clusters[s.ID]
	if of[""] == 0 {
		return fmt.Sprintf("cluster %s (%s): no row; that none is there is not shown by that", s.Name, s.Environment)
	}
	text := fmt.Sprintf("cluster %s (%s): %d rows", s.Name, s.Environment, of[""])
	needs := t.needs
	if len(needs) == 0 {
		needs = trailPlaces
	}
	for _, place := range needs {
		if n := of[place]; n > 0 {
			text += fmt.Sprintf("; %s saw %d", place, n)
		} else {
			text += fmt.Sprintf("; %s told of none: not observed", place)
		}
	}
	return text
}

// claimed holds deployments, and what the git host says of merges, against what changed.
func (t *trailRows) claimed(v *View, q ListQuery, matched map[string]int) ([]string, error) {
	w := where{}
	within(&w, q, "source_id", "")
	during(&w, q, "from_at", "until_at")
	all, without, changes := 0, 0, 0
	err := each(v, `SELECT document FROM deployments`+w.sql(), w.args, func(d *seaworthy.Deployment) {
		all++
		changes += matched[d.ID]
		if matched[d.ID] == 0 {
			without++
		}
	})
	if err != nil {
		return nil, err
	}
	out := []string{fmt.Sprintf("deployments that touch the time: %d, of which %d with changes in it (%d) and %d without any", all, all-without, changes, without)}
	if t.all > 0 {
		none := t.all
		for _, n := range matched {
			none -= n
		}
		out[0] += fmt.Sprintf("; rows that no deployment claims: %d", none)
	}
	merges, err := t.merges(v, q)
	return append(out, merges), err
}

// merges says how many merges that the git host told of reached a cluster.
func (t *trailRows) merges(v *View, q ListQuery) (string, error) {
	w := where{}
	w.conditions = append(w.conditions, "((c.commit_id <> '' AND d.commit_id = c.commit_id) OR (c.pull_url <> '' AND d.pull_url = c.pull_url))")
	within(&w, q, "d.source_id", "")
	rows, err := v.q.QueryContext(v.ctx, `SELECT c.document, EXISTS (SELECT 1 FROM deployments d`+w.sql()+`) FROM confirmations c ORDER BY c.id`, w.args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	all, deployed := 0, 0
	for rows.Next() {
		var named bool
		c, err := scanDocument[seaworthy.Confirmation](with{rows, &named})
		if err != nil {
			return "", err
		}
		if q.Program.ID != "" && (c.MergedAt.Before(q.Program.From) || !c.MergedAt.Before(q.Program.To)) {
			continue
		}
		if all++; named {
			deployed++
		}
	}
	return fmt.Sprintf("merges in the time of which the git host told: %d, of which a deployment here names %d; %d reached no cluster here that told of it",
		all, deployed, all-deployed), rows.Err()
}

// with scans a row that has one more column.
type with struct {
	scanner
	more any
}

func (w with) Scan(to ...any) error { return w.scanner.Scan(append(to, w.more)...) }

// folded says how much was counted and is in no list.
func (t *trailRows) folded(v *View, q ListQuery) (string, error) {
	w := where{}
	within(&w, q, "source_id", "")
	during(&w, q, "day", "day")
	n, kinds := 0, map[string]int{}
	denied, attempts := 0, map[string]int{}
	err := each(v, `SELECT document FROM folded_changes`+w.sql(), w.args, func(d *seaworthy.FoldedDay) {
		for kind, c := range d.Counts {
			if strings.HasSuffix(kind, " denied") {
				denied += c
				attempts[kind] += c
				continue
			}
			n += c
			kinds[kind] += c
		}
	})
	text := fmt.Sprintf("counted by day and kind and in no row, since a cluster's own controllers wrote them and neither spec nor RBAC: %d", n)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		text += fmt.Sprintf("; %s %d", kind, kinds[kind])
	}
	if denied > 0 {
		text += fmt.Sprintf("; and of what was denied to controllers, or again to who had tried the same or much else: %d", denied)
		for _, kind := range slices.Sorted(maps.Keys(attempts)) {
			text += fmt.Sprintf("; %s %d", kind, attempts[kind])
		}
	}
	return text, err
}

// mostGaps is how many gaps an account names one by one; the list of gaps has all.
const mostGaps = 100

// gaps says when something may have gone unseen.
func (t *trailRows) gaps(v *View, q ListQuery) ([]string, error) {
	w := where{}
	within(&w, q, "source_id", "")
	w.equal("source_id", q.Filters["source"])
	w.among("kind", trailGaps)
	if q.Program.ID != "" {
		w.add("from_at < ?", micros(q.Program.To))
		w.add("(to_at = 0 OR to_at > ?)", micros(q.Program.From))
	}
	var list []seaworthy.Gap
	n := 0
	err := each(v, `SELECT document FROM gaps`+w.sql()+` ORDER BY from_at, id`, w.args, func(g *seaworthy.Gap) {
		if n++; n <= mostGaps {
			list = append(list, *g)
		}
	})
	if n == 0 {
		return []string{"no gap of the change trail is on record for the time"}, err
	}
	out := []string{fmt.Sprintf("gaps in which something may have gone unseen by a place: %d", n)}
	for _, g := range list {
		to := text(g.To)
		if to == "" {
			to = "lasts"
		}
		out = append(out, fmt.Sprintf("gap: %s, %s, %s to %s: %s", t.sources[g.SourceID].Name, g.Kind, text(g.From), to, g.Reason))
	}
	if more := n - len(list); more > 0 {
		out = append(out, fmt.Sprintf("and %d more gaps, which the list of gaps has", more))
	}
	return out, err
}
