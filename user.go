// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"slices"
	"time"
)

// Role is what a user or token may do.
type Role string

// The roles. An engineer acts on what belongs to the engineer's teams; an auditor is
// bound to one program and expires; a reporter is a token that sends reports only.
const (
	Owner             Role = "owner"
	ComplianceManager Role = "compliance-manager"
	Engineer          Role = "engineer"
	Viewer            Role = "viewer"
	Auditor           Role = "auditor"
	Reporter          Role = "reporter"
	GitHost           Role = "git-host"
)

// Roles are the roles that people can have, most powerful first.
var Roles = []Role{Owner, ComplianceManager, Engineer, Viewer, Auditor}

// TokenRoles are the roles that only tokens can have.
var TokenRoles = []Role{Reporter, GitHost}

// Action is something that a role may or may not do.
type Action string

// The actions. Each route of the API and of the pages names exactly one.
const (
	ReadProgramme    Action = "read programme"   // overview, requirements, controls, evidence, program
	ReadFindings     Action = "read findings"    // findings, objects, sources, checks, waivers
	WorkFindings     Action = "work findings"    // assign, comment, due date, ticket, request a waiver
	ApproveWaivers   Action = "approve waivers"  // of others
	ManageProgramme  Action = "manage programme" // programs, controls, occurrences, evidence, scope
	FreezeLists      Action = "freeze lists"     // populations, samples, packages
	ReadLog          Action = "read log"
	SendReports      Action = "send reports"
	ConfirmApprovals Action = "confirm approvals" // the git host's word; tokens of the role git-host
	ManageSources    Action = "manage sources"    // clusters, repositories, ownership, teams
	Administer       Action = "administer"        // users, roles, tokens of others, sign-on, retention
	OwnAccount       Action = "own account"       // password, second factor, sessions, own tokens, saved views
)

// grants is the whole of who may do what.
var grants = map[Role][]Action{
	Owner:             {ReadProgramme, ReadFindings, WorkFindings, ApproveWaivers, ManageProgramme, FreezeLists, ReadLog, SendReports, ConfirmApprovals, ManageSources, Administer, OwnAccount},
	ComplianceManager: {ReadProgramme, ReadFindings, WorkFindings, ApproveWaivers, ManageProgramme, FreezeLists, ReadLog, SendReports, ManageSources, OwnAccount},
	Engineer:          {ReadProgramme, ReadFindings, WorkFindings, ReadLog, SendReports, OwnAccount},
	Viewer:            {ReadProgramme, ReadFindings, ReadLog, OwnAccount},
	Auditor:           {ReadProgramme, ReadFindings, FreezeLists, ReadLog, OwnAccount},
	Reporter:          {SendReports},
	GitHost:           {ConfirmApprovals},
}

// Can tells whether a role may do an action at all; what it may do it to is the
// business of [Principal].
func Can(r Role, a Action) bool { return slices.Contains(grants[r], a) }

// Within tells whether a role may do nothing that the role of may not do: whether who has
// one may give the other.
func Within(r, of Role) bool {
	for _, a := range grants[r] {
		if !Can(of, a) {
			return false
		}
	}
	return len(grants[r]) > 0
}

// User is a person with an account.
type User struct {
	ID       string    `json:"id"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Teams    []string  `json:"teams"`             // ids
	Program  string    `json:"program,omitempty"` // the one program of an auditor
	Expires  time.Time `json:"expires,omitzero"`
	Disabled bool      `json:"disabled"`
	// SecondFactor tells that a TOTP or a passkey is set up.
	SecondFactor bool      `json:"secondFactor"`
	External     string    `json:"external,omitempty"` // issuer of a single sign-on account
	CreatedAt    time.Time `json:"createdAt"`
}

// Team owns clusters, namespaces and repositories.
type Team struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

// Token is a credential of a program. Its secret is shown once and never kept.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	UserID    string    `json:"userId"` // who made it
	Role      Role      `json:"role"`
	Source    string    `json:"source,omitempty"` // the one source that it may report for; empty: any
	Teams     []string  `json:"teams"`
	Program   string    `json:"program,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	Expires   time.Time `json:"expires,omitzero"`
	RevokedAt time.Time `json:"revokedAt,omitzero"`
	// UsedAt is when the token was last used, within a minute; it is no part of the log.
	UsedAt time.Time `json:"usedAt,omitzero"`
}

// Principal is who makes a request, after sign-in.
type Principal struct {
	Actor   string // "user:<id>" or "token:<id>"
	UserID  string // empty for tokens
	Maker   string // of a token: the user who made it
	Name    string
	Role    Role
	Teams   []string
	Program string // not empty: sees this program only
	Source  string // not empty: reports for this source only
}

// Can tells whether the principal may do an action at all.
func (p Principal) Can(a Action) bool { return Can(p.Role, a) }

// Person is the user who answers for what the principal does: for a token, who made it.
// Where two people are asked for, compare persons and not actors.
func (p Principal) Person() string {
	if p.UserID != "" {
		return p.UserID
	}
	return p.Maker
}

// Owns tells whether something of a team is the principal's to act on: everything for
// those who are not bound to teams.
func (p Principal) Owns(team string) bool {
	return p.Role != Engineer || slices.Contains(p.Teams, team)
}
