// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"reflect"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// monthOfRecords is how long evidence of a control may take that is performed every day
// and shown by records alone: people export them by the month.
const monthOfRecords = 31

// Seed brings the controls of the catalogue into the store: all of them at first, and
// what changed in the catalogue since. What the company changed stays as it is. Each
// change is a version of its own.
func (a *Audit) Seed(ctx context.Context) error {
	present, err := a.store.Controls(ctx)
	if err != nil {
		return err
	}
	known := map[string]seaworthy.TrackedControl{}
	for _, c := range present {
		known[c.ID] = c
	}
	checks := map[string][]string{}
	for _, c := range a.catalogue.Checks {
		for _, id := range c.Controls {
			checks[id] = append(checks[id], c.ID)
		}
	}
	var changed []seaworthy.TrackedControl
	for _, c := range a.catalogue.Controls {
		theirs := catalogueControl(c, checks[c.ID])
		ours, ok := known[c.ID]
		if !ok {
			changed = append(changed, fresh(theirs))
		} else if merged, differs := merge(ours, theirs); differs {
			changed = append(changed, merged)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return a.store.Write(ctx, "system", func(tx *store.Tx) error {
		for _, c := range changed {
			if err := tx.PutControl(&c); err != nil {
				return err
			}
		}
		return nil
	})
}

func catalogueControl(c seaworthy.Control, checks []string) seaworthy.CatalogueControl {
	c.File = ""
	checks = slices.Sorted(slices.Values(checks))
	return seaworthy.CatalogueControl{Control: c, Checks: slices.Concat([]string{}, slices.Compact(checks))}
}

func fresh(c seaworthy.CatalogueControl) seaworthy.TrackedControl {
	t := seaworthy.TrackedControl{Control: c.Control, Checks: c.Checks, Scope: []seaworthy.ScopeItem{}, Active: true, Catalogue: &c}
	if daily := c.Cadence == "continuous" || c.Cadence == "daily"; daily && !t.Machine() {
		t.GraceDays = monthOfRecords
	}
	return t
}

// merge takes from the catalogue what it changed and the company did not. A control that
// the company had made itself under the same id stays its own.
func merge(ours seaworthy.TrackedControl, theirs seaworthy.CatalogueControl) (seaworthy.TrackedControl, bool) {
	base := ours.Catalogue
	if base == nil || reflect.DeepEqual(*base, theirs) {
		return ours, false
	}
	take(&ours.Title, base.Title, theirs.Title)
	take(&ours.Statement, base.Statement, theirs.Statement)
	take(&ours.Owner, base.Owner, theirs.Owner)
	take(&ours.Kind, base.Kind, theirs.Kind)
	take(&ours.Cadence, base.Cadence, theirs.Cadence)
	take(&ours.Trail, base.Trail, theirs.Trail)
	takeList(&ours.Evidence, base.Evidence, theirs.Evidence)
	takeList(&ours.Sources, base.Sources, theirs.Sources)
	takeList(&ours.Checks, base.Checks, theirs.Checks)
	ours.Catalogue = &theirs
	return ours, true
}

func take(ours *string, base, theirs string) {
	if *ours == base {
		*ours = theirs
	}
}

func takeList(ours *[]string, base, theirs []string) {
	if slices.Equal(*ours, base) {
		*ours = theirs
	}
}

// CreateControl makes a control of the company's own.
func (a *Audit) CreateControl(ctx context.Context, p seaworthy.Principal, c seaworthy.TrackedControl) (seaworthy.TrackedControl, error) {
	c.Version, c.Catalogue = 0, nil
	return a.putControl(ctx, p, c)
}

// ChangeControl makes the next version of a control: another owner, cadence, scope,
// words, or that the company does not have it, with the reason. c.Version is the version
// that was changed.
func (a *Audit) ChangeControl(ctx context.Context, p seaworthy.Principal, c seaworthy.TrackedControl) (seaworthy.TrackedControl, error) {
	if c.Version == 0 {
		return c, seaworthy.Invalid("control %s: say which version was changed", c.ID)
	}
	old, err := a.store.Control(ctx, c.ID)
	if err != nil {
		return c, err
	}
	c.Catalogue, c.Trail = old.Catalogue, old.Trail // what tests it is not edited
	return a.putControl(ctx, p, c)
}

func (a *Audit) putControl(ctx context.Context, p seaworthy.Principal, c seaworthy.TrackedControl) (seaworthy.TrackedControl, error) {
	if err := may(p, seaworthy.ManageProgramme); err != nil {
		return c, err
	}
	c.Checks = slices.Concat([]string{}, c.Checks)
	c.Scope = slices.Concat([]seaworthy.ScopeItem{}, c.Scope)
	if c.Active {
		c.Reason = ""
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	for _, id := range c.Checks {
		if len(a.catalogue.Checks) > 0 && !slices.ContainsFunc(a.catalogue.Checks, func(k seaworthy.Check) bool { return k.ID == id }) {
			return c, seaworthy.Invalid("control %s: there is no check %s", c.ID, id)
		}
	}
	err := a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		if err := checkScope(tx, c); err != nil {
			return err
		}
		return tx.PutControl(&c)
	})
	return c, err
}
