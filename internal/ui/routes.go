// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"

	"github.com/seaworthy-dev/seaworthy"
)

// public marks a route that needs nobody to be signed in.
const public seaworthy.Action = ""

// handler answers a request or says why not.
type handler func(http.ResponseWriter, *http.Request) error

// route is an address, what it takes to go there, and where it leads.
type route struct {
	method, pattern string
	action          seaworthy.Action
	handle          handler
	// again shows the page of a form that was refused, with what was wrong.
	again handler
}

func (u *UI) get(pattern string, a seaworthy.Action, h handler) {
	u.routes = append(u.routes, route{http.MethodGet, pattern, a, h, nil})
}

func (u *UI) post(pattern string, a seaworthy.Action, h, again handler) {
	u.routes = append(u.routes, route{http.MethodPost, pattern, a, h, again})
}

// route lists every address.
func (u *UI) route() {
	u.get("/sign-in", public, u.signInForm)
	u.post("/sign-in", public, u.signIn, u.signInForm)
	u.get("/sign-in/second-factor", public, u.secondFactorForm)
	u.post("/sign-in/second-factor", public, u.secondFactor, u.secondFactorForm)
	u.post("/sign-in/passkey/begin", public, u.beginPasskeySignIn, nil)
	u.post("/sign-in/passkey/finish", public, u.finishPasskeySignIn, nil)
	u.post("/sign-out", public, u.signOut, nil)
	u.get("/welcome/{secret}", public, u.welcomeForm)
	u.post("/welcome/{secret}", public, u.welcome, u.welcomeForm)
	u.post("/account/theme", public, u.setTheme, nil)

	// Who must set up a second factor first comes here before a session is full; auth asks.
	u.get("/account/app", public, u.appForm)
	u.post("/account/app", public, u.newApp, nil)
	u.post("/account/app/confirm", public, u.confirmApp, u.appForm)

	u.get("/account", seaworthy.OwnAccount, u.account)
	u.post("/account/password", seaworthy.OwnAccount, u.changePassword, u.account)
	u.post("/account/app/remove", seaworthy.OwnAccount, u.removeApp, u.account)
	u.post("/account/codes", seaworthy.OwnAccount, u.newCodes, u.account)
	u.post("/account/passkeys/begin", seaworthy.OwnAccount, u.beginPasskey, nil)
	u.post("/account/passkeys/finish", seaworthy.OwnAccount, u.finishPasskey, nil)
	u.post("/account/passkeys/{id}/remove", seaworthy.OwnAccount, u.removePasskey, u.account)
	u.post("/account/sessions/end-others", seaworthy.OwnAccount, u.endOtherSessions, u.account)
	u.post("/account/sessions/{id}/end", seaworthy.OwnAccount, u.endSession, u.account)
	u.get("/tokens", seaworthy.OwnAccount, u.tokens)
	u.post("/tokens", seaworthy.OwnAccount, u.createToken, u.tokens)
	u.post("/tokens/{id}/revoke", seaworthy.OwnAccount, u.revokeToken, u.tokens)

	u.get("/{$}", seaworthy.ReadProgramme, u.overview)

	u.get("/sources", seaworthy.ReadFindings, u.sources)

	u.get("/log", seaworthy.ReadLog, u.log)
	u.get("/log/{index}", seaworthy.ReadLog, u.logEntry)
	u.get("/log/{index}/proof", seaworthy.ReadLog, u.logProof)
	u.get("/log/checkpoint", seaworthy.ReadLog, u.logCheckpoint)

	u.get("/people", seaworthy.Administer, u.peopleList)
	u.get("/people/new", seaworthy.Administer, u.personForm)
	u.post("/people/new", seaworthy.Administer, u.createPerson, u.personForm)
	u.get("/people/{id}", seaworthy.Administer, u.personForm)
	u.post("/people/{id}", seaworthy.Administer, u.changePerson, u.personForm)
	u.post("/people/{id}/disable", seaworthy.Administer, u.disablePerson, u.personForm)
	u.post("/people/{id}/reset", seaworthy.Administer, u.resetPerson, u.personForm)
	u.post("/people/{id}/unlock", seaworthy.Administer, u.unlockPerson, u.personForm)
	u.post("/people/{id}/end-sessions", seaworthy.Administer, u.endPersonSessions, u.personForm)
	u.post("/people/{id}/remove-factor", seaworthy.Administer, u.removePersonFactor, u.personForm)
	u.post("/teams", seaworthy.Administer, u.putTeam, u.peopleList)
}
