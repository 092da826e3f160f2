// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"net/url"
	"regexp"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// mostViews bounds how many views a user keeps.
const mostViews = 200

var pageName = regexp.MustCompile(`^[a-z][a-z0-9/-]{0,63}$`)

// user refuses who has no account of their own to keep views in.
func user(who seaworthy.Principal) error {
	if err := allow(who, seaworthy.OwnAccount); err != nil {
		return err
	}
	if who.UserID == "" {
		return seaworthy.Forbidden("%s is a token: views belong to people", called(who))
	}
	return nil
}

// SaveView keeps a view of the principal. One of the same page and name is replaced.
func (t *Triage) SaveView(ctx context.Context, who seaworthy.Principal, v seaworthy.SavedView) (seaworthy.SavedView, error) {
	if err := user(who); err != nil {
		return v, err
	}
	if v.Shared && who.Program != "" {
		return v, seaworthy.Forbidden("%s is bound to one program and keeps views for themselves only", called(who))
	}
	var err error
	if v.Name, err = wanted("the name of the view", v.Name, 100); err != nil {
		return v, err
	}
	if !pageName.MatchString(v.Page) {
		return v, seaworthy.Invalid("there is no page %q", v.Page)
	}
	values, err := url.ParseQuery(v.Query)
	if err != nil || len(v.Query) > 4000 {
		return v, seaworthy.Invalid("the query of the view is malformed or too long")
	}
	v.Query = values.Encode()
	err = t.store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		have, err := tx.SavedViews(who.UserID, "")
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(have, func(o seaworthy.SavedView) bool { return o.Page == v.Page && o.Name == v.Name }); i >= 0 {
			v.ID, v.CreatedAt = have[i].ID, have[i].CreatedAt
		} else if len(have) >= mostViews {
			return seaworthy.Conflict("%d views are kept; remove one first", len(have))
		} else {
			v.ID, v.CreatedAt = tx.NewID(), tx.At
		}
		v.UserID = who.UserID
		return tx.PutSavedView(&v)
	})
	return v, err
}

// Views lists the principal's views by name, and then those that others share; of all
// pages when page is empty. Who is bound to one program sees own views only: a view may
// name what is of another.
func (t *Triage) Views(ctx context.Context, who seaworthy.Principal, page string) ([]seaworthy.SavedView, error) {
	if err := user(who); err != nil {
		return nil, err
	}
	own, err := t.store.SavedViews(ctx, who.UserID, page)
	if err != nil || who.Program != "" {
		return own, err
	}
	shared, err := t.store.SharedViews(ctx, page)
	for _, v := range shared {
		if v.UserID != who.UserID {
			own = append(own, v)
		}
	}
	return own, err
}

// DropView removes a view of the principal.
func (t *Triage) DropView(ctx context.Context, who seaworthy.Principal, id string) error {
	if err := user(who); err != nil {
		return err
	}
	return t.store.Write(ctx, who.Actor, func(tx *store.Tx) error { return tx.DropSavedView(who.UserID, id) })
}
