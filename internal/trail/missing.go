// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"context"
	"slices"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Missing says of requests that went on record from one moment up to another, and of which the
// webhook alone told, that nothing came of them, where the watch was there to show what
// persists and shows nothing: the API server refused them later. Whatever place tells of one
// after all knows better. Where nothing was there to show it, that stays unknown; so does
// what came of a deletion, which may take days, and of sessions.
func Missing(ctx context.Context, c Config, from, to time.Time) error {
	for after := ""; ; {
		list, err := c.Store.Unconfirmed(ctx, from, to, after, lot)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		watches := map[string]*watch{}
		for i := range list {
			one := &list[i]
			w := watches[one.SourceID]
			if w == nil {
				if w, err = watchOf(ctx, c.Store, one.SourceID); err != nil {
					return err
				}
				watches[one.SourceID] = w
			}
			if !changes.Unconfirmed(one) || !w.shows(one) {
				continue
			}
			if err := c.Store.Write(ctx, "system", func(tx *store.Tx) error { return miss(tx, c, one.SourceID, one.ID) }); err != nil {
				return err
			}
		}
	}
}

// watch is when a cluster was watched, as far as is known.
type watch struct {
	beats []store.AgentInstance
	gaps  []seaworthy.Gap
}

func watchOf(ctx context.Context, s *store.Store, source string) (*watch, error) {
	beats, err := s.AgentInstances(ctx, source)
	if err != nil {
		return nil, err
	}
	w := &watch{beats: beats}
	for _, kind := range [...]string{store.GapWatch, store.GapAgent, store.GapMessages} {
		page, err := s.Gaps(ctx, store.GapFilter{Source: source, Kind: kind, From: s.Now().Add(-maxPast), Limit: lot})
		if err != nil {
			return nil, err
		}
		w.gaps = append(w.gaps, page.Items...)
	}
	return w, nil
}

// shows tells whether the watch was there before and after a request, whether it shows such
// objects, and whether all that it saw until then has arrived. All times are of agents'
// clocks.
func (w *watch) shows(c *seaworthy.Change) bool {
	from, to := c.At.Add(-changes.Window), c.At.Add(changes.Window)
	if slices.ContainsFunc(w.gaps, func(g seaworthy.Gap) bool { return !g.From.After(to) && (g.To.IsZero() || !g.To.Before(from)) }) {
		return false
	}
	return slices.ContainsFunc(w.beats, func(i store.AgentInstance) bool {
		b := &i.Beat
		_, kind := b.Unlisted[c.Object.Kind]
		_, version := b.Unlisted[c.Object.APIVersion]
		return b.Leader && !b.Watching.IsZero() && b.Watching.Before(from) && b.At.After(to) && !kind && !version &&
			b.Places[seaworthy.SeenByWatch].State == seaworthy.PlaceWorks && b.Waiting[seaworthy.StreamChanges] == 0
	})
}

// miss notes that nothing came of one request, unless something tells of it by now.
func miss(tx *store.Tx, cfg Config, source, id string) (err error) {
	if err := tx.Taking(source); err != nil {
		return err
	}
	c, err := tx.Change(id)
	if err != nil || !changes.Unconfirmed(&c) {
		return err
	}
	t := &taking{c: cfg, tx: tx, source: seaworthy.DeclaredSource{ID: source}, objects: map[string]*object{}}
	of, err := t.object(&c.Object.Object)
	if err != nil {
		return err
	}
	if changes.OtherForm(&c, &of.Ledger) {
		return nil
	}
	if t.rules, err = tx.ChangeRules(); err != nil {
		return err
	}
	if t.deployments, err = tx.DeploymentsDuring(source, c.At.Add(-changes.Leeway), c.At.Add(changes.Leeway)); err != nil {
		return err
	}
	if t.people, err = peopleOf(tx, source); err != nil {
		return err
	}
	c.Unseen = append(c.Unseen, seaworthy.SeenByWatch)
	t.nothing(&c)
	return tx.PutChange(&c)
}

// InVain marks anew what counts as out of band although nothing came of it, as earlier versions
// had it: else lists and counts of what is out of band would go on to tell of attempts as well.
// What somebody explained stays as it was explained.
func InVain(ctx context.Context, c Config) error {
	for after := ""; ; {
		list, err := c.Store.MarkedInVain(ctx, after, lot)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		err = c.Store.Write(ctx, "system", func(tx *store.Tx) error {
			rules, err := tx.ChangeRules()
			if err != nil {
				return err
			}
			for i := range list {
				if err := inVain(tx, rules, list[i].ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

func inVain(tx *store.Tx, rules []seaworthy.ChangeRule, id string) error {
	c, err := tx.Change(id)
	if err != nil || c.Match != seaworthy.MatchOutOfBand || !c.Nothing() || c.Explained != nil {
		return err
	}
	deployments, err := tx.DeploymentsDuring(c.SourceID, c.At.Add(-changes.Leeway), c.At.Add(changes.Leeway))
	if err != nil {
		return err
	}
	who, err := peopleOf(tx, c.SourceID)
	if err != nil {
		return err
	}
	changes.Match(&c, rules, deployments, who.id)
	return tx.PutChange(&c)
}
