// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// The teams of the example company, by their names.
const (
	teamPlatform   = "platform"
	teamStorefront = "storefront"
	teamFulfilment = "fulfilment"
	teamPayments   = "payments"
	teamOperations = "operations"
)

var teams = []string{teamPlatform, teamStorefront, teamFulfilment, teamPayments, teamOperations}

// The people of the example company, by their addresses.
const (
	tomasz = "tomasz.lindqvist@harbourlane.example" // answers for engineering
	ines   = "ines.okafor@harbourlane.example"      // leads the platform
	leonie = "leonie.achterberg@harbourlane.example"
	maren  = "maren.dalgaard@harbourlane.example"
	yusuf  = "yusuf.brandt@harbourlane.example"
	hana   = "hana.sorokin@harbourlane.example"
	piet   = "piet.vantongeren@harbourlane.example"
	oskar  = "oskar.lindholm@harbourlane.example" // leaves
	adaeze = "adaeze.romero@harbourlane.example"  // chief executive
	judith = "judith.mwangi@kestrelvane.example"  // auditor of the made-up firm Kestrel & Vane
)

// person is somebody with an account.
type person struct {
	email, name string
	role        seaworthy.Role
	teams       []string
	joins       int // days before the end
	shown       bool
}

func people() []person {
	return []person{
		{tomasz, "Tomasz Lindqvist", seaworthy.Owner, nil, days, true},
		{ines, "Ines Okafor", seaworthy.Owner, nil, days, false},
		{leonie, "Leonie Achterberg", seaworthy.ComplianceManager, nil, days, true},
		{maren, "Maren Dalgaard", seaworthy.Engineer, []string{teamPlatform}, days, true},
		{yusuf, "Yusuf Brandt", seaworthy.Engineer, []string{teamPayments}, days, false},
		{hana, "Hana Sorokin", seaworthy.Engineer, []string{teamStorefront, teamFulfilment}, days, true},
		{piet, "Piet Vantongeren", seaworthy.Engineer, []string{teamOperations}, days - 1, false},
		{oskar, "Oskar Lindholm", seaworthy.Engineer, []string{teamStorefront}, days - 1, false},
		{adaeze, "Adaeze Romero", seaworthy.Viewer, nil, days - 1, true},
		{judith, "Judith Mwangi", seaworthy.Auditor, nil, auditorJoins, true},
	}
}

const (
	auditorJoins = 41
	oskarLeaves  = 72
)

// nobody is an answer that nobody reads.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n nobody) WriteHeader(int)             {}

// browser is a request as the browser of one of the company would send it. The address
// is one of those that are set apart for documentation (RFC 5737).
func browser(ctx context.Context) (http.ResponseWriter, *http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+auth.LinkPath, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make a request: %w", err)
	}
	r.RemoteAddr = "192.0.2.17:40000"
	r.Header.Set("User-Agent", "Harbour Lane (example data)")
	return nobody{http.Header{}}, r, nil
}

// password makes a password that nobody needs to remember.
func password() string {
	text := strings.ToLower(rand.Text())
	return text[:5] + "-" + text[5:10] + "-" + text[10:15]
}

// hire makes the account of somebody, who follows the link and sets a password.
func (s *story) hire(ctx context.Context, p person) error {
	var link string
	var err error
	if p.email == tomasz {
		return s.found(ctx, p)
	}
	n := auth.NewUser{Email: p.email, Name: p.name, Role: p.role}
	for _, t := range p.teams {
		n.Teams = append(n.Teams, s.teams[t])
	}
	if p.role == seaworthy.Auditor {
		n.Program, n.Expires = s.program.ID, s.now.Add(60*day)
	}
	var u seaworthy.User
	if u, link, err = s.Auth.CreateUser(ctx, s.as(tomasz), n); err != nil {
		return err
	}
	s.users[p.email] = u
	s.clock.forward(s.clock.Now().Add(4 * time.Minute))
	w, r, err := browser(ctx)
	if err != nil {
		return err
	}
	if _, err = s.Auth.UseLink(w, r, path.Base(link), password()); err != nil {
		return err
	}
	return s.Auth.EndSessionsOf(ctx, s.as(tomasz), u.ID)
}

// found makes the first account.
func (s *story) found(ctx context.Context, p person) error {
	link, err := s.Auth.SetupLink(ctx)
	if err != nil {
		return err
	}
	w, r, err := browser(ctx)
	if err != nil {
		return err
	}
	session, err := s.Auth.Setup(w, r, path.Base(link), p.email, p.name, password())
	if err != nil {
		return err
	}
	s.users[p.email] = session.User
	return nil
}

// as is somebody as a principal.
func (s *story) as(email string) seaworthy.Principal {
	u := s.users[email]
	return seaworthy.Principal{Actor: "user:" + u.ID, UserID: u.ID, Name: u.Name, Role: u.Role, Teams: u.Teams, Program: u.Program}
}

// leave ends an account.
func (s *story) leave(ctx context.Context, email string) error {
	disabled := true
	u, err := s.Auth.ChangeUser(ctx, s.as(tomasz), s.users[email].ID, auth.UserChange{Disabled: &disabled})
	s.users[email] = u
	return err
}

// formTeams makes the teams.
func (s *story) formTeams(ctx context.Context) error {
	return s.Store.Write(ctx, s.as(tomasz).Actor, func(tx *store.Tx) error {
		for _, name := range teams {
			t := seaworthy.Team{ID: tx.NewID(), Name: name, CreatedAt: tx.At}
			if err := tx.PutTeam(&t); err != nil {
				return err
			}
			s.teams[name] = t.ID
		}
		return nil
	})
}

// declare declares a source, and makes the token that reports for it alone.
func (s *story) declare(ctx context.Context, p *place) error {
	v := seaworthy.DeclaredSource{
		Kind: p.kind, Name: p.name, Environment: p.environment, Team: s.teams[p.team], Declared: true, Every: p.every,
	}
	err := s.Store.Write(ctx, s.as(ines).Actor, func(tx *store.Tx) error {
		v.ID, v.CreatedAt = tx.NewID(), tx.At
		return tx.PutSource(&v)
	})
	if err != nil {
		return err
	}
	s.sources[p.name] = v
	name := "agent of " + p.name
	if p.kind == seaworthy.KindRepository {
		name = "CI of " + path.Base(path.Dir(p.name)) + "/" + path.Base(p.name)
	}
	s.tokens[p.name], _, err = s.Auth.CreateToken(ctx, s.as(ines), auth.NewToken{Name: name, Role: seaworthy.Reporter, Source: v.ID, Expires: s.now.Add(200 * day)})
	return err
}

// agent is the principal that reports for a place.
func (s *story) agent(p *place) seaworthy.Principal {
	t := s.tokens[p.name]
	return seaworthy.Principal{Actor: "token:" + t.ID, Maker: t.UserID, Name: t.Name, Role: t.Role, Source: t.Source}
}

// Account lets somebody into the demo.
type Account struct {
	Name, Email, Password string
	Role                  seaworthy.Role
}

// Accounts gives the accounts of the demo, one for each role, a new password each: one
// that was printed before lets nobody in any more.
func Accounts(ctx context.Context, s *store.Store, a *auth.Auth) ([]Account, error) {
	root := seaworthy.Principal{Actor: "system", Name: "the demo", Role: seaworthy.Owner}
	users, err := s.Users(ctx, store.UserFilter{Limit: 500})
	if err != nil {
		return nil, err
	}
	var out []Account
	for _, p := range people() {
		for _, u := range users {
			if u.Email != p.email || !p.shown {
				continue
			}
			link, err := a.ResetLink(ctx, root, u.ID)
			if err != nil {
				return nil, err
			}
			w, r, err := browser(ctx)
			if err != nil {
				return nil, err
			}
			account := Account{Name: u.Name, Email: u.Email, Role: u.Role, Password: password()}
			if _, err := a.UseLink(w, r, path.Base(link), account.Password); err != nil {
				return nil, err
			}
			if err := a.EndSessionsOf(ctx, root, u.ID); err != nil {
				return nil, err
			}
			out = append(out, account)
		}
	}
	return out, nil
}
