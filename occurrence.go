// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"net/url"
	"slices"
	"time"
)

// TrackedControl is a control as this company performs it: from the catalogue or its
// own, with an owner who is a person, and with a scope. Every change is a new version.
type TrackedControl struct {
	Control
	Version   int    `json:"version"`   // from 1
	OwnerUser string `json:"ownerUser"` // id of a user, empty: nobody yet
	// Checks are the checks that support the control.
	Checks []string `json:"checks"`
	// Scope narrows where the control applies; empty: wherever the program looks.
	Scope []ScopeItem `json:"scope"`
	// Active is false for a control that the company does not have, with the reason.
	Active bool   `json:"active"`
	Reason string `json:"reason,omitempty"`
	// Test is how its performance is tested, in words.
	Test string `json:"test,omitempty"`
	// GraceDays is how many days after a window's end its evidence may come in without
	// being late: what is exported by the month cannot be there the next morning.
	GraceDays     int       `json:"graceDays"`
	EffectiveFrom time.Time `json:"effectiveFrom"`
	// Catalogue is the control as the catalogue had it when this version was made; nil
	// for a company's own. By it a new catalogue changes what the company did not.
	Catalogue *CatalogueControl `json:"catalogue,omitempty"`
}

// CatalogueControl is a control and its checks as the catalogue has them.
type CatalogueControl struct {
	Control
	Checks []string `json:"checks"`
}

// Machine tells whether machines alone show that the control was performed: checks support
// it, or the change trail tests it, and no person is asked to do anything.
func (c TrackedControl) Machine() bool {
	return (c.Checked() || c.Trailed() && c.Cadence != "event") && !slices.Contains(c.Sources, "people")
}

// Assisted tells whether people perform the control and machines test beside them what they
// can see of it: see [Occurrence.Tested].
func (c TrackedControl) Assisted() bool {
	return c.Trailed() && slices.Contains(c.Sources, "people")
}

// Checked tells whether reports show how the control is performed.
func (c TrackedControl) Checked() bool {
	return len(c.Checks) > 0 && slices.Contains(c.Sources, "checks")
}

// Daily tells whether the change trail tests by day what events ask for besides: each change
// is one.
func (c TrackedControl) Daily() bool {
	return c.Trailed() && c.Cadence == "event" && !slices.Contains(c.Sources, "people")
}

// Calendar is the cadence by which its performance is expected.
func (c TrackedControl) Calendar() string {
	if c.Daily() {
		return "continuous"
	}
	return c.Cadence
}

// Class says who shows that the control is performed: [ByMachine], [ByMixed] or
// [ByPeople].
func (c TrackedControl) Class() string {
	switch i := slices.Index(c.Sources, "people"); {
	case i < 0:
		return ByMachine
	case len(c.Sources) == 1:
		return ByPeople
	}
	return ByMixed
}

// Validate says what a control lacks.
func (c TrackedControl) Validate() error {
	if err := c.Control.Validate(); err != nil {
		return err
	}
	switch {
	case !c.Active && c.Reason == "":
		return Invalid("control %s is not active without a reason", c.ID)
	case c.GraceDays < 0 || c.GraceDays > 92:
		return Invalid("control %s: evidence cannot come in %d days after its window (0 to 92)", c.ID, c.GraceDays)
	}
	for _, s := range c.Scope {
		if err := s.validate("control " + c.ID); err != nil {
			return err
		}
	}
	return nil
}

// OccurrenceState says whether a control was performed when expected. What came of it
// is another fact: [Occurrence.Result].
type OccurrenceState string

// The states of an occurrence.
const (
	Expected    OccurrenceState = "expected" // not due yet
	Performed   OccurrenceState = "performed"
	Late        OccurrenceState = "late"   // performed after it was due
	Missed      OccurrenceState = "missed" // due, and not performed
	NotRequired OccurrenceState = "not-required"
)

// The results of an occurrence that was performed, and of one that nobody could observe.
const (
	ResultAsExpected = "as expected"
	ResultDeviation  = "deviation"
	// ResultNoData is the result of a missed occurrence of which nothing can be said,
	// because something that should have reported was silent.
	ResultNoData = "no data"
)

// Occurrence is one expected performance of a control: a day of a continuous control, a
// quarter of an access review, an event.
type Occurrence struct {
	ID        string `json:"id"`
	ControlID string `json:"controlId"`
	// ProgramID is the program that it is of, where programs of its time look at different
	// clusters and a machine judges; [OfNoProgram] is what comes of all of them together.
	// Empty: it is the same for every program.
	ProgramID string          `json:"programId,omitempty"`
	Version   int             `json:"version"`         // of the control
	From      time.Time       `json:"from"`            // start of the window
	DueAt     time.Time       `json:"dueAt"`           // end of the window
	LateAt    time.Time       `json:"lateAt"`          // when its evidence has to be in
	Event     string          `json:"event,omitempty"` // what asked for it, where the cadence is "event"
	State     OccurrenceState `json:"state"`
	Result    string          `json:"result,omitempty"`
	// Reason says why it is not required, why it deviates, or what is missing.
	Reason string `json:"reason,omitempty"`
	// InScope, Passed and Failed count what was tested, where a machine tested.
	InScope int `json:"inScope"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	// Tested is what machines found, as a result, in a window that people answer for, and
	// TestedSays how, in words. It performs nothing. A deviation stands beside whatever
	// people say. Empty: nothing was tested.
	Tested      string    `json:"tested,omitempty"`
	TestedSays  string    `json:"testedSays,omitempty"`
	PerformedAt time.Time `json:"performedAt,omitzero"`
	PerformedBy string    `json:"performedBy,omitempty"` // actor
	UpdatedAt   time.Time `json:"updatedAt"`
}

// Reconcile has a performance deviate in which machines found a deviation, whatever the
// people say who performed it.
func (o *Occurrence) Reconcile() {
	if o.Tested != ResultDeviation || o.State != Performed && o.State != Late || o.Result == ResultDeviation {
		return
	}
	o.Result = ResultDeviation
	said := "who performed it says as expected, and machines found a deviation"
	if o.Reason != "" {
		said = o.Reason + "; " + said
	}
	o.Reason = said
}

// OfNoProgram stands for no single program.
const OfNoProgram = "-"

// Of tells whether a program counts the occurrence.
func (o Occurrence) Of(program string) bool { return o.ProgramID == "" || o.ProgramID == program }

// Window is one expected performance of a control with a calendar cadence.
type Window struct{ From, DueAt time.Time }

// Window is the occurrence's window.
func (o Occurrence) Window() Window { return Window{o.From, o.DueAt} }

// Done tells whether the occurrence needs nothing more.
func (o Occurrence) Done() bool {
	return o.State == Performed || o.State == Late || o.State == NotRequired
}

// Windows gives the performances that a calendar cadence expects and whose windows end
// after from and start before to, in order, in UTC. "event" and "once" have none.
func Windows(cadence string, from, to time.Time) []Window {
	var out []Window
	start := windowStart(cadence, from.UTC())
	if start.IsZero() {
		return nil
	}
	for start.Before(to) {
		end := nextWindow(cadence, start)
		out = append(out, Window{From: start, DueAt: end})
		start = end
	}
	return out
}

// windowStart is the start of the calendar window that holds t, zero for cadences
// without a calendar. Weeks start on Monday.
func windowStart(cadence string, t time.Time) time.Time {
	y, m, d := t.Date()
	switch cadence {
	case "continuous", "daily":
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	case "weekly":
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
	case "monthly":
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case "quarterly":
		return time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	case "semi-annual":
		return time.Date(y, (m-1)/6*6+1, 1, 0, 0, 0, 0, time.UTC)
	case "annual":
		return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

func nextWindow(cadence string, start time.Time) time.Time {
	switch cadence {
	case "weekly":
		return start.AddDate(0, 0, 7)
	case "monthly":
		return start.AddDate(0, 1, 0)
	case "quarterly":
		return start.AddDate(0, 3, 0)
	case "semi-annual":
		return start.AddDate(0, 6, 0)
	case "annual":
		return start.AddDate(1, 0, 0)
	}
	return start.AddDate(0, 0, 1)
}

// The kinds of evidence.
const (
	EvidenceRun         = "run"         // a report, collected by machine
	EvidenceTrail       = "trail"       // what the change trail says of a day, counted by machine
	EvidenceUpload      = "upload"      // bytes that a person brought
	EvidenceLink        = "link"        // a place where it is; only its address is kept
	EvidenceAttestation = "attestation" // a person's word
)

// Design and operation: files and branches show design, a live production cluster and
// records of work show operation.
const (
	Design    = "design"
	Operation = "operation"
)

// Evidence is bytes with a digest and how they came about. It is never overwritten; of
// erased evidence the digest and a tombstone stay.
type Evidence struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Title string `json:"title"`
	Shows string `json:"shows"` // [Design] or [Operation]
	// Digest is the SHA-256 of the bytes, in hexadecimal; empty for links and
	// attestations, whose text is in Statement.
	Digest    string `json:"digest,omitempty"`
	Size      int64  `json:"size"`
	MediaType string `json:"mediaType,omitempty"`
	FileName  string `json:"fileName,omitempty"`
	URL       string `json:"url,omitempty"`
	Statement string `json:"statement,omitempty"`
	// How it was collected: by what, from where, asking what, of what scope.
	Collector string   `json:"collector"` // actor or tool
	SourceID  string   `json:"sourceId,omitempty"`
	System    string   `json:"system,omitempty"` // name of the source, where it is not a declared one
	Query     string   `json:"query,omitempty"`
	Scope     []string `json:"scope"`
	Rows      int      `json:"rows"`
	RunID     string   `json:"runId,omitempty"`
	// What it is evidence for.
	Controls    []string `json:"controls"`
	Occurrences []string `json:"occurrences"`
	// The four times: what the evidence speaks of, when it was taken, when it came in,
	// when the log took it.
	EffectiveFrom time.Time `json:"effectiveFrom"`
	EffectiveTo   time.Time `json:"effectiveTo"`
	CollectedAt   time.Time `json:"collectedAt"`
	ReceivedAt    time.Time `json:"receivedAt"`
	LoggedAt      time.Time `json:"loggedAt"`
	ErasedAt      time.Time `json:"erasedAt,omitzero"`
}

// Validate says what evidence lacks. Its times can only be told in the order in which
// they come: nothing speaks of what had not happened when it was taken.
func (e Evidence) Validate() error {
	switch {
	case e.Title == "":
		return Invalid("evidence needs a title")
	case e.Shows != Design && e.Shows != Operation:
		return Invalid("evidence %s shows %q, which is neither design nor operation", e.Title, e.Shows)
	case e.Collector == "":
		return Invalid("evidence %s does not say who or what collected it", e.Title)
	case e.EffectiveFrom.IsZero() || e.EffectiveTo.Before(e.EffectiveFrom):
		return Invalid("evidence %s does not say of which time it speaks, from and to", e.Title)
	case e.CollectedAt.Before(e.EffectiveTo):
		return Invalid("evidence %s speaks of a time after it was collected", e.Title)
	case e.ReceivedAt.Before(e.CollectedAt):
		return Invalid("evidence %s was received before it was collected", e.Title)
	}
	return e.validateContent()
}

func (e Evidence) validateContent() error {
	if e.URL != "" && !webAddress(e.URL) {
		return Invalid("evidence %s: an address starts with https:// or http:// and names a host, unlike %q", e.Title, e.URL)
	}
	switch e.Kind {
	case EvidenceRun, EvidenceTrail, EvidenceUpload:
		if len(e.Digest) != 64 {
			return Invalid("evidence %s has no SHA-256 of its bytes", e.Title)
		}
	case EvidenceLink:
		if e.URL == "" {
			return Invalid("evidence %s has no address", e.Title)
		}
	case EvidenceAttestation:
		if e.Statement == "" {
			return Invalid("evidence %s attests nothing", e.Title)
		}
	default:
		return Invalid("evidence %s is of kind %q, which is not known", e.Title, e.Kind)
	}
	return nil
}

// webAddress tells whether a browser that follows the address does nothing but ask a host
// for a page.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// Late tells whether the evidence came in after the window that it is for.
func (e Evidence) Late(w Window) bool { return e.LoggedAt.After(w.DueAt) }

// Current tells whether evidence for a control of the cadence is fresh at t: it was
// there, and what it speaks of lies in the present window or in the one before. It is
// computed from effective times and cannot be set.
func (e Evidence) Current(cadence string, t time.Time) bool {
	return !e.LoggedAt.After(t) && (e.ErasedAt.IsZero() || e.ErasedAt.After(t)) && !e.EffectiveTo.Before(FreshSince(cadence, t))
}

// FreshSince is the earliest time of which evidence must speak to be fresh at t: the
// start of the window before the present one, or a year ago where there is no calendar.
func FreshSince(cadence string, t time.Time) time.Time {
	start := windowStart(cadence, t.UTC())
	if start.IsZero() { // event, once
		return t.AddDate(-1, 0, 0)
	}
	return windowStart(cadence, start.Add(-time.Second))
}

// Gap is an interval in which something expected was not observed. It shows in every
// status that depends on it.
type Gap struct {
	ID       string    `json:"id"`
	SourceID string    `json:"sourceId"`
	Kind     string    `json:"kind"` // "silent", "incomplete"
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"` // zero while it lasts
	Reason   string    `json:"reason"`
}

// Overlaps tells whether the gap touches the interval.
func (g Gap) Overlaps(from, to time.Time) bool {
	return g.From.Before(to) && (g.To.IsZero() || g.To.After(from))
}

// Population is a list that was frozen: what was asked, as of when, how many, and the
// digest of its rows.
type Population struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	ProgramID string            `json:"programId"`
	List      string            `json:"list"`    // which list
	Filters   map[string]string `json:"filters"` // as asked
	// Query is the statement that gave the rows, with its values.
	Query   string    `json:"query"`
	AsOf    time.Time `json:"asOf"`
	Columns []string  `json:"columns"`
	Count   int       `json:"count"`
	// Reconciled counts the source of the list without filters, and how they compare.
	Reconciled string `json:"reconciled"`
	// Account says in sentences, of lists of the change trail, what saw the rows, how they
	// compare with what was claimed, and when something may have gone unseen.
	Account  []string  `json:"account,omitempty"`
	Digest   string    `json:"digest"` // SHA-256 of the rows, JSON lines, in hexadecimal
	FrozenBy string    `json:"frozenBy"`
	FrozenAt time.Time `json:"frozenAt"`
}

// Sample is what an auditor selected of a population.
type Sample struct {
	ID           string    `json:"id"`
	PopulationID string    `json:"populationId"`
	Method       string    `json:"method"` // "seed" or "list"
	Seed         string    `json:"seed,omitempty"`
	Size         int       `json:"size"`
	Items        []int     `json:"items"` // row numbers from 1, ascending
	SelectedBy   string    `json:"selectedBy"`
	SelectedAt   time.Time `json:"selectedAt"`
	// Trial marks a sample that the company selected for itself. It is no auditor's.
	Trial bool `json:"trial,omitempty"`
}

// Has tells whether row n was selected.
func (s Sample) Has(n int) bool { return slices.Contains(s.Items, n) }
