// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// mostRules bounds how many rules there are.
const mostRules = 5000

// PutRule writes a rule of ownership. Without an id it is a new one, after all others.
// Findings follow with the next [Triage.Settle].
func (t *Triage) PutRule(ctx context.Context, who seaworthy.Principal, rule seaworthy.OwnershipRule) (seaworthy.OwnershipRule, error) {
	var r seaworthy.OwnershipRule
	if err := allow(who, seaworthy.ManageSources); err != nil {
		return r, err
	}
	err := t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		r = rule
		if err := sound(tx, &r); err != nil {
			return err
		}
		rules, err := tx.OwnershipRules()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rules, func(o seaworthy.OwnershipRule) bool { return o.ID == r.ID })
		switch {
		case r.ID == "" && len(rules) >= mostRules:
			return seaworthy.Conflict("there are %d ownership rules already", len(rules))
		case r.ID == "":
			r.ID, r.Place = tx.NewID(), lastPlace(rules)+1
		case i < 0:
			return seaworthy.NotFound("there is no ownership rule %s", r.ID)
		default:
			r.Place = rules[i].Place
		}
		r.From = ""
		return tx.PutOwnershipRule(&r)
	})
	return r, err
}

func lastPlace(rules []seaworthy.OwnershipRule) int {
	last := 0
	for _, r := range rules {
		last = max(last, r.Place)
	}
	return last
}

// sound refuses a rule that could match nothing or name nobody.
func sound(tx *store.Tx, r *seaworthy.OwnershipRule) error {
	for _, text := range []struct {
		what string
		into *string
	}{{"the source", &r.Source}, {"the namespace", &r.Namespace}, {"the label", &r.Label}, {"the path", &r.Path}} {
		var err error
		if *text.into, err = clean(text.what, *text.into, 500); err != nil {
			return err
		}
	}
	for _, p := range []string{r.Source, r.Namespace} {
		if _, err := path.Match(p, ""); err != nil {
			return seaworthy.Invalid("the ownership rule has a malformed pattern %q", p)
		}
	}
	if r.Path != "" {
		if _, err := fileMatcher(r.Path); err != nil {
			return err
		}
	}
	if key, _, _ := strings.Cut(r.Label, "="); r.Label != "" && key == "" {
		return seaworthy.Invalid("the ownership rule has the label %q without a key", r.Label)
	}
	if r.Team == "" {
		if r.Label == "" && r.Path == "" && r.Namespace == "" {
			return seaworthy.Invalid("the ownership rule names no team")
		}
		return nil
	}
	unknown, err := tx.UnknownTeam([]string{r.Team})
	if err == nil && unknown != "" {
		err = seaworthy.NotFound("there is no team %s", unknown)
	}
	return err
}

// DropRule removes a rule of ownership.
func (t *Triage) DropRule(ctx context.Context, who seaworthy.Principal, id string) error {
	if err := allow(who, seaworthy.ManageSources); err != nil {
		return err
	}
	return t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		rules, err := tx.OwnershipRules()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rules, func(o seaworthy.OwnershipRule) bool { return o.ID == id })
		if i < 0 {
			return seaworthy.NotFound("there is no ownership rule %s", id)
		}
		return tx.DropOwnershipRule(&rules[i])
	})
}

// OrderRules has rules tried in the order of ids, which names every rule once.
func (t *Triage) OrderRules(ctx context.Context, who seaworthy.Principal, ids []string) error {
	if err := allow(who, seaworthy.ManageSources); err != nil {
		return err
	}
	return t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		rules, err := tx.OwnershipRules()
		if err != nil {
			return err
		}
		byID := make(map[string]seaworthy.OwnershipRule, len(rules))
		for _, r := range rules {
			byID[r.ID] = r
		}
		if len(ids) != len(rules) {
			return seaworthy.Conflict("there are %d ownership rules, and %d are put in order", len(rules), len(ids))
		}
		for i, id := range ids {
			r, ok := byID[id]
			if !ok {
				return seaworthy.Conflict("there is no ownership rule %s, or it is named twice", id)
			}
			delete(byID, id)
			if r.Place == i+1 {
				continue
			}
			r.Place = i + 1
			if err := tx.PutOwnershipRule(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

// Owners gives a function that names the team of an object of a source by the rules;
// empty: no rule does. For reports.
func Owners(tx *store.Tx, source seaworthy.DeclaredSource) (func(store.TrackedObject) string, error) {
	o, err := readOwners(tx)
	if err != nil {
		return nil, err
	}
	return o.of(source), nil
}

// owners are the rules of ownership, ready to be tried.
type owners struct {
	rules []rule
	names map[string]string // of teams, as labels write them, to ids
}

type rule struct {
	seaworthy.OwnershipRule
	key, value string // of the label
	valued     bool
	file       func(string) bool
}

func readOwners(tx *store.Tx) (*owners, error) {
	rules, err := tx.OwnershipRules()
	if err != nil {
		return nil, err
	}
	teams, err := tx.Teams()
	if err != nil {
		return nil, err
	}
	o := &owners{names: make(map[string]string, len(teams))}
	for _, t := range teams {
		o.names[slug(t.Name)] = t.ID
	}
	for _, r := range rules {
		next := rule{OwnershipRule: r}
		next.key, next.value, next.valued = strings.Cut(r.Label, "=")
		if r.Path != "" {
			if next.file, err = fileMatcher(r.Path); err != nil {
				return nil, err
			}
		}
		o.rules = append(o.rules, next)
	}
	return o, nil
}

// slug is a team's name as labels and CODEOWNERS files write it.
func slug(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(name)), "-")
}

// of gives the function for the objects of a source.
func (o *owners) of(source seaworthy.DeclaredSource) func(store.TrackedObject) string {
	var rules []*rule
	for i := range o.rules {
		if matches(o.rules[i].Source, source.Name) {
			rules = append(rules, &o.rules[i])
		}
	}
	return func(v store.TrackedObject) string {
		for _, r := range rules {
			if team, ok := r.team(o, &v); ok {
				return team
			}
		}
		return ""
	}
}

// team is the team that the rule names for an object, if it matches.
func (r *rule) team(o *owners, v *store.TrackedObject) (string, bool) {
	// A namespace is of the team that its name stands for.
	namespace := v.Object.Namespace
	if namespace == "" && v.Object.Kind == "Namespace" && v.Object.Group() == "" {
		namespace = v.Object.Name
	}
	if r.Namespace != "" && (namespace == "" || !matches(r.Namespace, namespace)) {
		return "", false
	}
	if r.file != nil && (v.File == "" || !r.file(v.File)) {
		return "", false
	}
	if r.key == "" {
		return r.Team, true
	}
	value, has := v.Labels[r.key]
	if !has || r.valued && value != r.value {
		return "", false
	}
	if r.Team != "" {
		return r.Team, true
	}
	team, known := o.names[slug(value)]
	return team, known
}

// matches tells whether a pattern as in path.Match, or an empty one, matches.
func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}
