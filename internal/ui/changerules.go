// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/trail"
)

// changeRuleRoutes lists the addresses about rules of changes.
func (u *UI) changeRuleRoutes() {
	u.get("/change-rules", seaworthy.ManageSources, u.changeRules)
	u.post("/change-rules", seaworthy.ManageSources, u.addChangeRule, u.changeRules)
	u.post("/change-rules/{id}/move", seaworthy.ManageSources, u.moveChangeRule, u.changeRules)
	u.post("/change-rules/{id}/remove", seaworthy.ManageSources, u.dropChangeRule, u.changeRules)
}

// changeRulesPage is what pages/change-rules.html needs.
type changeRulesPage struct {
	page
	Rules    []changeRuleRow
	Clusters []choice
	Verbs    []choice
	Links    trail.Links
}

type changeRuleRow struct {
	seaworthy.ChangeRule
	Source      string
	Match       []string // what it fits, in words
	First, Last bool
}

// ruleVerbs are the verbs of which rules may speak. What nobody registers a deployment for,
// such as a command run inside, needs an approval by no rule's leave unless one says so.
var ruleVerbs = []string{
	seaworthy.VerbCreate, seaworthy.VerbUpdate, seaworthy.VerbDelete, seaworthy.VerbExec, seaworthy.VerbAttach, seaworthy.VerbPortForward, seaworthy.VerbProxy, seaworthy.VerbRead,
}

func (u *UI) changeRules(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p := changeRulesPage{page: u.page(r, "Change rules", link{"Timeline", "/changes"})}
	n, err := u.names(ctx)
	if err != nil {
		return err
	}
	rules, err := u.Store.ChangeRules(ctx)
	if err != nil {
		return err
	}
	for i, rule := range rules {
		row := changeRuleRow{ChangeRule: rule, Source: n.cluster(rule.SourceID), First: i == 0, Last: i == len(rules)-1}
		for _, part := range []struct {
			word string
			list []string
		}{{"namespace", rule.Namespaces}, {"kind", rule.Kinds}, {"name", rule.Names}, {"user", rule.Users}, {"verb", rule.Verbs}, {"only", rule.Paths}} {
			if len(part.list) > 0 {
				row.Match = append(row.Match, part.word+" "+strings.Join(part.list, " or "))
			}
		}
		p.Rules = append(p.Rules, row)
	}
	p.Clusters = n.clusters(func(id string) bool { return id == p.Was("source", "") })
	for _, v := range ruleVerbs {
		p.Verbs = append(p.Verbs, choice{Value: v, Text: v, Chosen: p.form != nil && slices.Contains(p.form["verbs"], v)})
	}
	if p.Links, err = u.links(ctx); err != nil {
		return err
	}
	return u.render(w, r, "change-rules", p)
}

func (u *UI) addChangeRule(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	rule := seaworthy.ChangeRule{
		SourceID: f.Get("source"), Name: strings.TrimSpace(f.Get("name")), Namespaces: entries(f.Get("namespaces")), Kinds: entries(f.Get("kinds")),
		Names: entries(f.Get("names")), Users: entries(f.Get("users")), Verbs: f["verbs"], Paths: entries(f.Get("paths")), Approval: f.Get("approval") == "yes",
	}
	if _, err := trail.PutRule(r.Context(), u.Store, visitOf(r).who, rule); err != nil {
		return err
	}
	return u.done(w, r, "/change-rules", "saved")
}

// moveChangeRule puts a rule one place up or down.
func (u *UI) moveChangeRule(w http.ResponseWriter, r *http.Request) error {
	rules, err := u.Store.ChangeRules(r.Context())
	if err != nil {
		return err
	}
	ids := make([]string, len(rules))
	for i, rule := range rules {
		ids[i] = rule.ID
	}
	i := slices.Index(ids, r.PathValue("id"))
	if i < 0 {
		return seaworthy.NotFound("there is no rule %s", r.PathValue("id"))
	}
	k := i - 1
	if r.PostFormValue("do") == "down" {
		k = i + 1
	}
	if k >= 0 && k < len(ids) {
		ids[i], ids[k] = ids[k], ids[i]
	}
	if err := trail.OrderRules(r.Context(), u.Store, visitOf(r).who, ids); err != nil {
		return err
	}
	return u.done(w, r, "/change-rules", "saved")
}

func (u *UI) dropChangeRule(w http.ResponseWriter, r *http.Request) error {
	if err := trail.DropRule(r.Context(), u.Store, visitOf(r).who, r.PathValue("id")); err != nil {
		return err
	}
	return u.done(w, r, "/change-rules", "removed")
}
