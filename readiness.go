// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"fmt"
	"time"
)

// Who shows that a control is performed.
const (
	ByMachine = "machine"     // checks and records alone
	ByMixed   = "mixed"       // people and something else
	ByPeople  = "people only" // nothing but people
)

// Classes are who shows that a control is performed, least work for people first.
var Classes = []string{ByMachine, ByMixed, ByPeople}

// ControlStanding says whether a control, or all that support a requirement, were
// performed as expected in a period as far as it has passed. It is no opinion on
// whether they work.
type ControlStanding string

// The standings. For a requirement the worst of its controls counts, in this order.
const (
	ControlNeedsYou    ControlStanding = "needs you"    // somebody has to do something; reasons say what
	ControlWaiting     ControlStanding = "not due yet"  // nothing is amiss, and nothing was performed yet
	ControlAsExpected  ControlStanding = "as expected"  // performed whenever it was due, with fresh evidence
	ControlNotRequired ControlStanding = "not required" // every occurrence was found not to be required
)

// ControlStandings are the standings, worst first.
var ControlStandings = []ControlStanding{ControlNeedsYou, ControlWaiting, ControlAsExpected, ControlNotRequired}

// Tally counts the occurrences of a control in a period. Performed and Late hold those
// that deviated, Missed those without data.
type Tally struct {
	Expected    int `json:"expected"` // not due yet
	Performed   int `json:"performed"`
	Late        int `json:"late"`
	Missed      int `json:"missed"`
	NotRequired int `json:"notRequired"`
	Deviations  int `json:"deviations"`
	NoData      int `json:"noData"`
}

// Total counts all occurrences.
func (t Tally) Total() int { return t.Expected + t.Performed + t.Late + t.Missed + t.NotRequired }

// Due counts the occurrences that had to be performed until now.
func (t Tally) Due() int { return t.Performed + t.Late + t.Missed }

// Standings counts controls by their standing.
type Standings struct {
	AsExpected  int `json:"asExpected"`
	NeedsYou    int `json:"needsYou"`
	Waiting     int `json:"waiting"`
	NotRequired int `json:"notRequired"`
}

// Total counts all controls.
func (s Standings) Total() int { return s.AsExpected + s.NeedsYou + s.Waiting + s.NotRequired }

// Add counts one more control.
func (s *Standings) Add(c ControlStanding) {
	switch c {
	case ControlAsExpected:
		s.AsExpected++
	case ControlWaiting:
		s.Waiting++
	case ControlNotRequired:
		s.NotRequired++
	default:
		s.NeedsYou++
	}
}

// ReadyControl is what a program can say of a control as of a moment.
type ReadyControl struct {
	ID        string          `json:"id"`
	Title     string          `json:"title"`
	Class     string          `json:"class"` // one of [Classes]
	Kind      string          `json:"kind"`
	Cadence   string          `json:"cadence"`
	Version   int             `json:"version"`
	Role      string          `json:"role"`      // who should own it
	OwnerUser string          `json:"ownerUser"` // id of the user who does
	Standing  ControlStanding `json:"standing"`
	// Reasons say what keeps it from 'as expected', most pressing first.
	Reasons []string `json:"reasons"`
	Tally   Tally    `json:"tally"`
	// NextDue is when the next expected occurrence is due; zero: none is expected.
	NextDue time.Time `json:"nextDue,omitzero"`
	// EvidenceTo is the latest time of which its evidence of the period speaks.
	EvidenceTo time.Time `json:"evidenceTo,omitzero"`
	Fresh      bool      `json:"fresh"`
	// Degraded tells that something it depends on was silent in the period.
	Degraded     bool     `json:"degraded"`
	Requirements []string `json:"requirements"` // in scope
}

// ReadyRequirement is what a program can say of a requirement: what the controls that
// support it were, never that it is met.
type ReadyRequirement struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Category string          `json:"category"`
	Class    string          `json:"class"`
	Standing ControlStanding `json:"standing"`
	Counts   Standings       `json:"counts"`
	Controls []string        `json:"controls"` // active ones, in the framework's order
	Degraded bool            `json:"degraded"`
	Reasons  []string        `json:"reasons"`
}

// CategoryStandings counts the controls that support a category, by class.
type CategoryStandings struct {
	Category string               `json:"category"`
	ByClass  map[string]Standings `json:"byClass"`
}

// Readiness is a program as of a moment. It counts and never sums up to one number.
type Readiness struct {
	ProgramID    string                `json:"programId"`
	Program      string                `json:"program"`
	Type         string                `json:"type"`
	From         time.Time             `json:"from"`
	To           time.Time             `json:"to"`
	AsOf         time.Time             `json:"asOf"`
	Counts       Standings             `json:"counts"`
	ByClass      map[string]Standings  `json:"byClass"`
	ByCategory   []CategoryStandings   `json:"byCategory"`
	Requirements []ReadyRequirement    `json:"requirements"`
	Excluded     []ExcludedRequirement `json:"excluded"`
	Controls     []ReadyControl        `json:"controls"` // in the order of ids
	Inactive     int                   `json:"inactive"` // controls of these requirements that the company does not have
	Gaps         []Gap                 `json:"gaps"`     // of sources in scope, in the period
}

// Sentence says it in one.
func (r Readiness) Sentence() string {
	moment := "in this period"
	if r.Type == TypeI {
		moment = "as of " + r.AsOf.Format(time.DateOnly)
	}
	needs := "needs"
	if r.Counts.NeedsYou != 1 {
		needs = "need"
	}
	return fmt.Sprintf("%d of %d controls performed as expected %s; %d %s you", r.Counts.AsExpected, r.Counts.Total(), moment, r.Counts.NeedsYou, needs)
}

// NeedingYou lists the controls that need somebody to do something.
func (r Readiness) NeedingYou() []ReadyControl {
	out := []ReadyControl{}
	for _, c := range r.Controls {
		if c.Standing == ControlNeedsYou {
			out = append(out, c)
		}
	}
	return out
}

// Control gives a control of the program by its id.
func (r Readiness) Control(id string) (ReadyControl, bool) {
	for _, c := range r.Controls {
		if c.ID == id {
			return c, true
		}
	}
	return ReadyControl{}, false
}

// ReadinessDay is one day of the trend.
type ReadinessDay struct {
	Day     time.Time            `json:"day"`
	Counts  Standings            `json:"counts"`
	ByClass map[string]Standings `json:"byClass"`
}
