// SPDX-License-Identifier: Apache-2.0

package triage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// ownersDone notes the rules, teams and sources that ownership follows.
const ownersDone = "ownership.applied"

// reownLot is how many objects are given to teams in one transaction.
const reownLot = 1000

// reown gives objects and the findings that stand to the teams that the rules name now,
// where rules, teams or sources changed.
func (t *Triage) reown(ctx context.Context) error {
	now, err := t.ownersNow(ctx)
	if err != nil {
		return err
	}
	done, err := t.store.Setting(ctx, ownersDone)
	if err != nil || done == now {
		return err
	}
	if err := t.lots(ctx, reownLot, reown); err != nil {
		return err
	}
	return t.store.Write(ctx, "system", func(tx *store.Tx) error { return tx.NoteSetting(ownersDone, now) })
}

// ownersNow is a digest of all that ownership follows from, beside the objects.
func (t *Triage) ownersNow(ctx context.Context) (string, error) {
	rules, err := t.store.OwnershipRules(ctx)
	if err != nil {
		return "", err
	}
	teams, err := t.store.Teams(ctx)
	if err != nil {
		return "", err
	}
	sources, err := t.store.Sources(ctx)
	if err != nil {
		return "", err
	}
	of := make([][3]string, len(sources))
	for i, s := range sources {
		of[i] = [3]string{s.ID, s.Name, s.Team}
	}
	data, err := json.Marshal([]any{rules, teams, of})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

func reown(tx *store.Tx, after string) (last string, n int, err error) {
	objects, err := tx.ObjectsAfter(after, reownLot)
	if err != nil || len(objects) == 0 {
		return after, 0, err
	}
	team, err := teamOf(tx)
	if err != nil {
		return after, 0, err
	}
	ids, teams, moved := make([]string, len(objects)), map[string]string{}, map[string][]string{}
	for i, o := range objects {
		ids[i] = o.ID
		teams[o.ID] = team(o)
		if to := teams[o.ID]; to != o.Team {
			moved[to] = append(moved[to], o.ID)
		}
	}
	for to, list := range moved {
		if err := tx.SetObjectTeam(to, list); err != nil {
			return after, 0, err
		}
	}
	findings, err := tx.StandingFindingsOf(ids)
	if err != nil {
		return after, 0, err
	}
	var changes []store.FindingChange
	for i := range findings {
		next := findings[i]
		if next.Team = teams[next.ObjectID]; next != findings[i] {
			changes = append(changes, store.FindingChange{Before: &findings[i], After: next, Kind: seaworthy.EventChanged, Note: "owner"})
		}
	}
	return ids[len(ids)-1], len(ids), tx.ChangeFindings(changes)
}

// teamOf gives the function that names the team of any object: by the rules, or else that
// of its source.
func teamOf(tx *store.Tx) (func(store.TrackedObject) string, error) {
	owners, err := readOwners(tx)
	if err != nil {
		return nil, err
	}
	sources, err := tx.Sources()
	if err != nil {
		return nil, err
	}
	byID := make(map[string]func(store.TrackedObject) string, len(sources))
	for _, s := range sources {
		of := owners.of(s)
		byID[s.ID] = func(o store.TrackedObject) string {
			if team := of(o); team != "" {
				return team
			}
			return s.Team
		}
	}
	return func(o store.TrackedObject) string {
		if of, ok := byID[o.SourceID]; ok {
			return of(o)
		}
		return ""
	}, nil
}
