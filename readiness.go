// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"fmt"
	"slices"
	"strings"
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
	ControlDeviated    ControlStanding = "deviated"     // something was amiss in the period and is over; what was stays on record
	ControlWaiting     ControlStanding = "not due yet"  // nothing is amiss, and nothing was performed yet
	ControlAsExpected  ControlStanding = "as expected"  // performed whenever it was due, with fresh evidence
	ControlNotRequired ControlStanding = "not required" // every occurrence was found not to be required
)

// ControlStandings are the standings, worst first.
var ControlStandings = []ControlStanding{ControlNeedsYou, ControlDeviated, ControlWaiting, ControlAsExpected, ControlNotRequired}

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
	Deviated    int `json:"deviated"`
	Waiting     int `json:"waiting"`
	NotRequired int `json:"notRequired"`
}

// Total counts all controls.
func (s Standings) Total() int {
	return s.AsExpected + s.NeedsYou + s.Deviated + s.Waiting + s.NotRequired
}

// Add counts one more control.
func (s *Standings) Add(c ControlStanding) {
	switch c {
	case ControlAsExpected:
		s.AsExpected++
	case ControlDeviated:
		s.Deviated++
	case ControlWaiting:
		s.Waiting++
	case ControlNotRequired:
		s.NotRequired++
	default:
		s.NeedsYou++
	}
}

// Standing is that of whatever these controls support: the worst that one of them has.
// Where there is no control, somebody has to see to that.
func (s Standings) Standing() ControlStanding {
	switch {
	case s.Total() == 0 || s.NeedsYou > 0:
		return ControlNeedsYou
	case s.Deviated > 0:
		return ControlDeviated
	case s.Waiting > 0:
		return ControlWaiting
	case s.AsExpected > 0:
		return ControlAsExpected
	}
	return ControlNotRequired
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
	// Reasons say what somebody has to see to, most pressing first.
	Reasons []string `json:"reasons"`
	// Past says what was amiss in the period and is over. It stays on record: no work of
	// today makes the period one without it.
	Past  []string `json:"past"`
	Tally Tally    `json:"tally"`
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
	Past     []string        `json:"past"` // see [ReadyControl]
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

// Sentence sums it up in counts.
func (r Readiness) Sentence() string {
	moment := "in this period"
	if r.Type == TypeI {
		moment = "as of " + r.AsOf.Format(time.DateOnly)
	}
	needs := "needs"
	if r.Counts.NeedsYou != 1 {
		needs = "need"
	}
	deviated := ""
	if r.Counts.Deviated > 0 {
		deviated = fmt.Sprintf(", %d deviated", r.Counts.Deviated)
	}
	return fmt.Sprintf("%d of %d controls performed as expected %s%s; %d %s you", r.Counts.AsExpected, r.Counts.Total(), moment, deviated, r.Counts.NeedsYou, needs)
}

// Only is the readiness of those controls that keep selects, and of the requirements that
// one of them supports.
func (r Readiness) Only(keep func(ReadyControl) bool) Readiness {
	kept := map[string]ReadyControl{}
	all := r.Controls
	r.Controls, r.Counts, r.ByClass = []ReadyControl{}, Standings{}, map[string]Standings{}
	for _, class := range Classes {
		r.ByClass[class] = Standings{}
	}
	for _, c := range all {
		if !keep(c) {
			continue
		}
		kept[c.ID] = c
		r.Controls = append(r.Controls, c)
		r.Counts.Add(c.Standing)
		s := r.ByClass[c.Class]
		s.Add(c.Standing)
		r.ByClass[c.Class] = s
	}
	requirements := r.Requirements
	r.Requirements, r.ByCategory = []ReadyRequirement{}, nil
	for _, q := range requirements {
		q.Controls = slices.DeleteFunc(slices.Clone(q.Controls), func(id string) bool { _, ok := kept[id]; return !ok })
		if len(q.Controls) == 0 {
			continue
		}
		var by []ReadyControl
		for _, id := range q.Controls {
			by = append(by, kept[id])
		}
		q.Supported(by)
		r.Requirements = append(r.Requirements, q)
	}
	return r
}

// Supported fills in what the controls that support the requirement came to.
func (q *ReadyRequirement) Supported(by []ReadyControl) {
	q.Counts, q.Reasons, q.Past, q.Degraded = Standings{}, []string{}, []string{}, false
	for _, c := range by {
		q.Counts.Add(c.Standing)
		q.Degraded = q.Degraded || c.Degraded
		if len(c.Reasons) > 0 {
			q.Reasons = append(q.Reasons, c.Title+": "+strings.Join(c.Reasons, ", "))
		}
		if len(c.Past) > 0 {
			q.Past = append(q.Past, c.Title+": "+strings.Join(c.Past, ", "))
		}
	}
	if q.Standing = q.Counts.Standing(); len(by) == 0 {
		q.Reasons = []string{"no active control supports it"}
	}
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
