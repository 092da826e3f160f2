// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Cluster gives the cluster of an id or a name, of which the principal may report.
func Cluster(ctx context.Context, s *store.Store, who seaworthy.Principal, source string) (seaworthy.DeclaredSource, error) {
	all, err := s.Sources(ctx)
	if err != nil {
		return seaworthy.DeclaredSource{}, err
	}
	i := slices.IndexFunc(all, func(o seaworthy.DeclaredSource) bool { return o.ID == source })
	if i < 0 {
		i = slices.IndexFunc(all, func(o seaworthy.DeclaredSource) bool { return o.Kind == seaworthy.KindCluster && o.Name == source })
	}
	if who.Source != "" && (i < 0 || all[i].ID != who.Source) {
		return seaworthy.DeclaredSource{}, seaworthy.Forbidden("this token reports for another source")
	}
	if i < 0 {
		return seaworthy.DeclaredSource{}, seaworthy.NotFound("there is no cluster %s; declare it, or send a report of it first", source)
	}
	v := all[i]
	switch {
	case v.Kind != seaworthy.KindCluster:
		return v, seaworthy.Invalid("%s is no cluster", v.Name)
	case (v.Declared || v.Team != "") && !who.Owns(v.Team):
		return v, seaworthy.Forbidden("source %s belongs to another team", v.Name)
	case !v.RetiredAt.IsZero():
		return v, seaworthy.Conflict("source %s was retired on %s", v.Name, v.RetiredAt.Format("2006-01-02"))
	}
	return v, nil
}

// PutRule adds a rule of changes.
func PutRule(ctx context.Context, s *store.Store, who seaworthy.Principal, r seaworthy.ChangeRule) (seaworthy.ChangeRule, error) {
	if !who.Can(seaworthy.ManageSources) {
		return r, seaworthy.Forbidden("%s may not change rules", who.Name)
	}
	if err := r.Validate(); err != nil {
		return r, err
	}
	if r.SourceID != "" {
		if _, err := s.Source(ctx, r.SourceID); err != nil {
			return r, err
		}
	}
	err := s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		r.ID = tx.NewID()
		if r.Place == 0 { // after all others
			all, err := tx.ChangeRules()
			if err != nil {
				return err
			}
			r.Place = 1
			if len(all) > 0 {
				r.Place = all[len(all)-1].Place + 1
			}
		}
		return tx.PutChangeRule(&r)
	})
	return r, err
}

// OrderRules has rules of changes tried in an order, which names every rule once.
func OrderRules(ctx context.Context, s *store.Store, who seaworthy.Principal, ids []string) error {
	if !who.Can(seaworthy.ManageSources) {
		return seaworthy.Forbidden("%s may not change rules", who.Name)
	}
	return s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		all, err := tx.ChangeRules()
		if err != nil {
			return err
		}
		wrong := seaworthy.Conflict("the order names %d rules and there are %d; each is named once", len(ids), len(all))
		if len(ids) != len(all) {
			return wrong
		}
		for _, r := range all {
			at := slices.Index(ids, r.ID)
			if at < 0 {
				return wrong
			}
			if r.Place == at+1 {
				continue
			}
			r.Place = at + 1
			if err := tx.PutChangeRule(&r); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropRule removes a rule of changes.
func DropRule(ctx context.Context, s *store.Store, who seaworthy.Principal, id string) error {
	if !who.Can(seaworthy.ManageSources) {
		return seaworthy.Forbidden("%s may not change rules", who.Name)
	}
	return s.Write(ctx, who.Actor, func(tx *store.Tx) error {
		all, err := tx.ChangeRules()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(r seaworthy.ChangeRule) bool { return r.ID == id })
		if i < 0 {
			return seaworthy.NotFound("there is no rule %s", id)
		}
		return tx.DropChangeRule(&all[i])
	})
}

// Ours tells whether an object belongs to Seaworthy itself, as it is installed by default:
// what is in its namespace, and what is of the whole cluster under its name.
func Ours(o *seaworthy.ChangedObject) bool {
	if o.Namespace != "" {
		return o.Namespace == "seaworthy"
	}
	return o.Kind == "Namespace" && o.Name == "seaworthy" || strings.HasPrefix(o.Name, "seaworthy-") || o.Name == "seaworthy" ||
		strings.HasSuffix(o.Name, ".seaworthy.dev")
}

// own tells whether an object makes up the trail: what counts everywhere, and what the
// agents of the cluster said that they are called, now or before.
func (t *taking) own(o *seaworthy.ChangedObject) bool {
	return t.c.Own != nil && t.c.Own(o) || slices.ContainsFunc(t.agents, func(a seaworthy.Agent) bool {
		return slices.ContainsFunc(a.Own, func(n seaworthy.OwnNames) bool { return n.Owns(o) })
	})
}
