// SPDX-License-Identifier: Apache-2.0

package trail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/changes"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// people are the users of this server by what clusters, sessions and git hosts call them.
type people struct {
	names  map[string]string // what administrators say; in lower case, as those below
	emails map[string]string
}

// peopleOf gives them for a cluster.
func peopleOf(tx *store.Tx, source string) (people, error) {
	p := people{names: map[string]string{}, emails: map[string]string{}}
	users, err := tx.People()
	if err != nil {
		return p, err
	}
	known, err := tx.KnownActors()
	if err != nil {
		return p, err
	}
	there := map[string]bool{}
	for _, u := range users {
		if there[u.ID] = true; !u.Disabled {
			p.emails[strings.ToLower(u.Email)] = u.ID
		}
	}
	for _, own := range [...]string{"", source} { // what is said of this cluster goes first
		for _, a := range known {
			if a.SourceID == own && there[a.UserID] {
				p.names[strings.ToLower(a.Name)] = a.UserID
			}
		}
	}
	return p, nil
}

// id gives the user of a name; empty: nobody knows.
func (p people) id(name string) string {
	id, _ := p.find(name)
	return id
}

func (p people) find(name string) (id, by string) {
	name = strings.ToLower(name)
	if id := p.names[name]; id != "" {
		return id, seaworthy.PersonByMapping
	}
	for _, form := range addresses(name) {
		if id := p.emails[form]; id != "" {
			return id, seaworthy.PersonByEmail
		}
	}
	return "", ""
}

// addresses are the forms in which a name may hold an e-mail address: as it is, behind the
// prefix of an issuer, at the end of an ARN.
func addresses(name string) []string {
	out := []string{name}
	if i := strings.LastIndexAny(name, ":#/"); i >= 0 {
		out = append(out, name[i+1:])
	}
	return slices.DeleteFunc(out, func(s string) bool { return !strings.Contains(s, "@") })
}

// resolve finds the person behind a change: who acted as somebody else before whom that
// was, what an administrator said before what a session is called, and the author of a
// commit where what applied it is no person.
func (p people) resolve(c *seaworthy.Change, deployments []seaworthy.Deployment) {
	a := &c.Actor
	a.Person, a.PersonBy = "", ""
	if a.Impersonator != "" && !changes.Account(a.Impersonator) {
		a.Person, a.PersonBy = p.find(a.Impersonator)
		return
	}
	if a.Person, a.PersonBy = p.find(a.Username); a.Person != "" {
		if a.Impersonator != "" && a.PersonBy == seaworthy.PersonByEmail { // a proxy says so
			a.PersonBy = seaworthy.PersonBySession
		}
		return
	}
	for _, key := range changes.Extras {
		for _, value := range a.Extra[key] {
			if id, by := p.find(value); id != "" {
				a.Person, a.PersonBy = id, by
				if by == seaworthy.PersonByEmail {
					a.PersonBy = seaworthy.PersonBySession
				}
				return
			}
		}
	}
	for i := range deployments {
		d := &deployments[i]
		if d.ID == c.MatchID && d.Verified != nil && (changes.Account(a.Username) || a.Username == d.Identity && a.Username != "") {
			if id := p.id(d.Verified.Author); id != "" {
				a.Person, a.PersonBy = id, seaworthy.PersonByCommit
			}
		}
	}
}

// The bounds of what is said of actors.
const (
	maxActorName = 1000
	maxActorNote = 1000
	maxActors    = 10_000
)

// PutActor says who is behind a name. What somebody has yet to explain shows it too: who
// made a change cannot explain it under another name.
func PutActor(ctx context.Context, c Config, who seaworthy.Principal, a seaworthy.KnownActor) (seaworthy.KnownActor, error) {
	a.Name, a.Note = strings.TrimSpace(a.Name), strings.TrimSpace(a.Note)
	switch {
	case !who.Can(seaworthy.Administer):
		return a, seaworthy.Forbidden("%s may not say who is behind a name", who.Name)
	case a.Name == "" || len(a.Name) > maxActorName:
		return a, seaworthy.Invalid("give the name by which clusters know the person, in %d bytes at most", maxActorName)
	case len(a.Note) > maxActorNote:
		return a, seaworthy.Invalid("the note is longer than %d bytes", maxActorNote)
	case changes.Account(a.Name):
		return a, seaworthy.Invalid("%s is nobody's own: any number of people and programs may be behind it", a.Name)
	}
	if _, err := c.Store.User(ctx, a.UserID); err != nil {
		return a, err
	}
	if a.SourceID != "" {
		if _, err := c.Store.Source(ctx, a.SourceID); err != nil {
			return a, err
		}
	}
	err := c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		all, err := tx.KnownActors()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(o seaworthy.KnownActor) bool {
			return o.SourceID == a.SourceID && strings.EqualFold(o.Name, a.Name)
		})
		if i < 0 && len(all) >= maxActors {
			return seaworthy.Conflict("there are %d names already", len(all))
		}
		sum := sha256.Sum256([]byte(a.SourceID + "\x00" + strings.ToLower(a.Name))) // a name has one, whoever says it first
		if a.ID = hex.EncodeToString(sum[:12]); i >= 0 {
			a.Name = all[i].Name
		}
		a.SetAt, a.SetBy = tx.At, who.Actor
		if err := tx.PutKnownActor(&a); err != nil {
			return err
		}
		return resolveAgain(tx, a)
	})
	return a, err
}

// DropActor takes back who is behind a name. What is on record stays as it was said.
func DropActor(ctx context.Context, c Config, who seaworthy.Principal, id string) error {
	if !who.Can(seaworthy.Administer) {
		return seaworthy.Forbidden("%s may not say who is behind a name", who.Name)
	}
	return c.Store.Write(ctx, who.Actor, func(tx *store.Tx) error {
		a, err := tx.KnownActor(id)
		if err != nil {
			return err
		}
		return tx.DropKnownActor(&a)
	})
}

// resolveAgain finds the people behind changes of an actor that are still to be explained.
func resolveAgain(tx *store.Tx, a seaworthy.KnownActor) error {
	list, err := tx.UnexplainedBy(a.SourceID, a.Name)
	if err != nil {
		return err
	}
	of := map[string]people{}
	for i := range list {
		c := &list[i]
		p, ok := of[c.SourceID]
		if !ok {
			if p, err = peopleOf(tx, c.SourceID); err != nil {
				return err
			}
			of[c.SourceID] = p
		}
		was := c.Actor
		if p.resolve(c, nil); cmp.Or(c.Actor.Person, was.Person) == was.Person {
			continue
		}
		if err := tx.PutChange(c); err != nil {
			return err
		}
	}
	return nil
}
