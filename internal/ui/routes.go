// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/auth/oidc"
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
	u.get(oidc.BeginPath, public, u.toProvider)
	u.get(oidc.CallbackPath, public, u.fromProvider)
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
	u.post("/account/sign-on", seaworthy.OwnAccount, u.linkAccount, nil)
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

	u.get("/search", seaworthy.ReadFindings, u.search)
	u.get("/scope", seaworthy.ReadFindings, u.scopeList)

	u.post("/views/{list}", seaworthy.OwnAccount, u.saveView, nil)
	u.post("/views/{id}/remove", seaworthy.OwnAccount, u.dropView, nil)
	u.post("/comments/{kind}/{id}", seaworthy.WorkFindings, u.say, u.sayAgain)
	u.post("/erase/{kind}/{id}", seaworthy.Administer, u.erase, nil)
	u.get("/findings", seaworthy.ReadFindings, u.findings)
	u.get("/findings/export", seaworthy.ReadFindings, u.exportFindings)
	u.get("/findings/selected", seaworthy.WorkFindings, u.selected)
	u.post("/findings/bulk", seaworthy.WorkFindings, u.bulk, u.selected)
	u.get("/findings/{id}", seaworthy.ReadFindings, u.finding)
	u.post("/findings/{id}/assign", seaworthy.WorkFindings, u.assign, u.finding)
	u.post("/findings/{id}/due", seaworthy.WorkFindings, u.setDue, u.finding)
	u.post("/findings/{id}/ticket", seaworthy.WorkFindings, u.linkTicket, u.finding)
	u.post("/findings/{id}/comment", seaworthy.WorkFindings, u.comment, u.finding)
	u.post("/findings/{id}/waive", seaworthy.WorkFindings, u.waive, u.finding)
	u.get("/workloads", seaworthy.ReadFindings, u.workloads)
	u.get("/workloads/export", seaworthy.ReadFindings, u.exportWorkloads)
	u.get("/workloads/{id}", seaworthy.ReadFindings, u.workload)
	u.get("/changes", seaworthy.ReadFindings, u.timeline)
	u.get("/changes/{id}", seaworthy.ReadFindings, u.change)
	u.post("/changes/{id}/explanation", seaworthy.WorkFindings, u.explainChange, u.change)
	u.get("/deployments", seaworthy.ReadFindings, u.deployments)
	u.get("/deployments/{id}", seaworthy.ReadFindings, u.deployment)
	u.get("/waivers", seaworthy.ReadFindings, u.waivers)
	u.get("/waivers/export", seaworthy.ReadFindings, u.exportWaivers)
	u.get("/waivers/selected", seaworthy.WorkFindings, u.selectedWaivers)
	u.post("/waivers/bulk", seaworthy.WorkFindings, u.bulkWaivers, u.selectedWaivers)
	u.get("/waivers/{id}", seaworthy.ReadFindings, u.waiver)
	u.post("/waivers/{id}/decide", seaworthy.WorkFindings, u.judge, u.waiver)
	u.post("/waivers/{id}/renew", seaworthy.WorkFindings, u.renew, u.waiver)
	u.get("/checks", seaworthy.ReadFindings, u.checkList)
	u.get("/checks/export", seaworthy.ReadFindings, u.exportChecks)
	u.get("/checks/{id}", seaworthy.ReadFindings, u.oneCheck)
	u.get("/sources", seaworthy.ReadFindings, u.sources)
	u.post("/sources", seaworthy.ManageSources, u.declareSource, u.sources)
	u.get("/sources/export", seaworthy.ReadFindings, u.exportSources)
	u.get("/sources/{id}", seaworthy.ReadFindings, u.source)
	u.post("/sources/{id}", seaworthy.ManageSources, u.changeSource, u.source)
	u.post("/sources/{id}/enrolments", seaworthy.ManageSources, u.enrolAgent, u.source)
	u.post("/sources/{id}/enrolments/{enrolment}/withdraw", seaworthy.ManageSources, u.dropEnrolment, u.source)
	u.post("/agents/{id}/revoke", seaworthy.ManageSources, u.revokeAgent, nil)
	u.get("/runs/{id}", seaworthy.ReadFindings, u.run)

	u.get("/requirements", seaworthy.ReadProgramme, u.requirements)
	u.get("/requirements/export", seaworthy.ReadProgramme, u.exportRequirements)
	u.get("/requirements/{id}", seaworthy.ReadProgramme, u.requirement)
	u.get("/controls", seaworthy.ReadProgramme, u.controls)
	u.get("/controls/export", seaworthy.ReadProgramme, u.exportControls)
	u.get("/controls/{id}", seaworthy.ReadProgramme, u.control)
	u.post("/controls/{id}", seaworthy.ManageProgramme, u.changeControl, u.control)
	u.post("/controls/{id}/expect", seaworthy.ManageProgramme, u.expect, u.control)
	u.get("/occurrences/{id}", seaworthy.ReadProgramme, u.occurrence)
	u.post("/occurrences/{id}/not-required", seaworthy.ManageProgramme, u.notRequired, u.occurrence)
	u.get("/evidence", seaworthy.ReadProgramme, u.evidenceList)
	u.get("/evidence/new", seaworthy.ManageProgramme, u.newEvidence)
	u.post("/evidence/new", seaworthy.ManageProgramme, u.addEvidence, u.newEvidence)
	u.get("/evidence/{id}", seaworthy.ReadProgramme, u.oneEvidence)
	u.get("/evidence/{id}/file", seaworthy.ReadProgramme, u.evidenceFile)
	u.post("/evidence/{id}/erase", seaworthy.ManageProgramme, u.eraseEvidence, u.oneEvidence)
	u.get("/due", seaworthy.ReadProgramme, u.due)
	u.get("/due/export", seaworthy.ReadProgramme, u.exportDue)
	u.get("/lists", seaworthy.ReadProgramme, u.lists)
	u.post("/lists", seaworthy.FreezeLists, u.freeze, u.lists)
	u.get("/lists/export", seaworthy.FreezeLists, u.exportList)
	u.get("/lists/{id}", seaworthy.ReadProgramme, u.list)
	u.get("/lists/{id}/export", seaworthy.FreezeLists, u.exportFrozen)
	u.post("/lists/{id}/sample", seaworthy.FreezeLists, u.sample, u.list)
	u.get("/packages", seaworthy.ReadProgramme, u.packages)
	u.post("/packages", seaworthy.FreezeLists, u.makePackage, u.packages)
	u.get("/programs", seaworthy.ReadProgramme, u.programList)
	u.get("/programs/new", seaworthy.ManageProgramme, u.programForm)
	u.post("/programs/new", seaworthy.ManageProgramme, u.putProgram, u.programForm)
	u.get("/programs/{id}", seaworthy.ReadProgramme, u.programForm)
	u.post("/programs/{id}", seaworthy.ManageProgramme, u.putProgram, u.programForm)
	u.post("/programs/{id}/close", seaworthy.ManageProgramme, u.closeProgram, u.programForm)

	u.get("/log", seaworthy.ReadLog, u.log)
	u.get("/log/{index}", seaworthy.ReadLog, u.logEntry)
	u.get("/log/{index}/proof", seaworthy.ReadLog, u.logProof)
	u.get("/checkpoints/{size}", seaworthy.ReadLog, u.logCheckpoint)
	u.get("/checkpoints/{size}/timestamp", seaworthy.ReadLog, u.logTimestamp)

	u.get("/people", seaworthy.Administer, u.peopleList)
	u.get("/people/new", seaworthy.Administer, u.personForm)
	u.post("/people/new", seaworthy.Administer, u.createPerson, u.personForm)
	u.get("/people/{id}", seaworthy.Administer, u.personForm)
	u.post("/people/{id}", seaworthy.Administer, u.changePerson, u.personForm)
	u.post("/people/{id}/disable", seaworthy.Administer, u.disablePerson, u.personForm)
	u.post("/people/{id}/reset", seaworthy.Administer, u.resetPerson, u.personForm)
	u.post("/people/{id}/unlock", seaworthy.Administer, u.unlockPerson, u.personForm)
	u.post("/people/{id}/end-sessions", seaworthy.Administer, u.endPersonSessions, u.personForm)
	u.post("/people/{id}/erase", seaworthy.Administer, u.erasePerson, u.personForm)
	u.post("/people/{id}/remove-factor", seaworthy.Administer, u.removePersonFactor, u.personForm)
	u.post("/teams", seaworthy.Administer, u.putTeam, u.peopleList)
	u.get("/ownership", seaworthy.ManageSources, u.ownership)
	u.post("/ownership", seaworthy.ManageSources, u.putRule, u.ownership)
	u.post("/ownership/import", seaworthy.ManageSources, u.importOwners, u.ownership)
	u.post("/ownership/{id}/up", seaworthy.ManageSources, u.moveRule, u.ownership)
	u.post("/ownership/{id}/remove", seaworthy.ManageSources, u.dropRule, u.ownership)
	u.noticeRoutes()
	u.changeRuleRoutes()
	u.actorRoutes()
	u.get("/sign-on", seaworthy.Administer, u.signOn)
	u.get("/retention", seaworthy.Administer, u.retention)
	u.post("/retention", seaworthy.Administer, u.setRetention, u.retention)
	u.post("/retention/due-dates", seaworthy.Administer, u.setSLA, u.retention)
}

// Route is an address and what it takes to go there.
type Route struct {
	Method, Pattern string
	Action          seaworthy.Action // empty: nobody need be signed in
}

// Example is an address that the route answers, with made-up ids.
func (r Route) Example() string {
	path := strings.TrimSuffix(r.Pattern, "{$}")
	for {
		before, rest, found := strings.Cut(path, "{")
		if !found {
			return path
		}
		_, after, _ := strings.Cut(rest, "}")
		path = before + "0" + after
	}
}

// Routes lists every address, for tests of who may go where.
func (u *UI) Routes() []Route {
	out := make([]Route, len(u.routes))
	for i, r := range u.routes {
		out[i] = Route{r.method, r.pattern, r.action}
	}
	return out
}

// Routed tells whether a path leads to a route.
func (u *UI) Routed(method, path string) bool {
	m := http.NewServeMux()
	for _, r := range u.routes {
		if r.method == method {
			m.HandleFunc(r.method+" "+r.pattern, http.NotFound)
		}
	}
	m.HandleFunc("GET /static/{digest}/{file}", http.NotFound)
	_, pattern := m.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
	return pattern != ""
}
