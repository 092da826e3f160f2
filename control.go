// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "slices"

// Control is what the organisation says that it does.
type Control struct {
	ID        string `json:"id" yaml:"id"`
	Title     string `json:"title" yaml:"title"`
	Statement string `json:"statement" yaml:"statement"` // "The company …", in the present tense
	Owner     string `json:"owner" yaml:"owner"`         // a role, not a person
	// Kind is preventive, detective or corrective: their tests ask different questions.
	Kind string `json:"kind" yaml:"kind"`
	// Cadence is how often the control is performed: one of [Cadences].
	Cadence string `json:"cadence" yaml:"cadence"`
	// Evidence lists what shows that the control is performed.
	Evidence []string `json:"evidence" yaml:"evidence"`
	// Sources says who supplies the evidence: any of checks, records, people.
	Sources []string `json:"sources" yaml:"sources"`
	// Trail is what machines keep by which its performance is tested, or without which it
	// was not in force: one of [Trails]. Empty: none.
	Trail string `json:"trail,omitempty" yaml:"trail"`
	File  string `json:"-" yaml:"-"`
}

// The values that a control's fields take.
var (
	ControlKinds   = []string{"preventive", "detective", "corrective"}
	Cadences       = []string{"continuous", "daily", "weekly", "monthly", "quarterly", "semi-annual", "annual", "event", "once"}
	ControlSources = []string{"checks", "records", "people"}
	Trails         = []string{TrailChanges, TrailSessions, TrailDuties, TrailMonitoring, TrailAdmission, TrailAudit}
)

// What a control may be tested by, and the parts of the change trail that it may depend on.
const (
	TrailChanges    = "changes"    // whatever is changed in clusters, and how it stands to approvals
	TrailSessions   = "sessions"   // who was inside production, and who else looked at it
	TrailDuties     = "duties"     // who wrote, approved and made changes, and touched what records them
	TrailMonitoring = "monitoring" // whether what should report did, and gaps were noticed and ended
	TrailAdmission  = "admission"  // the admission webhook is asked
	TrailAudit      = "audit"      // audit events come in
)

// Trailed tells whether what machines keep tests how the control is performed: the change
// trail, or what is on record of monitoring itself.
func (c Control) Trailed() bool {
	return slices.Contains([]string{TrailChanges, TrailSessions, TrailDuties, TrailMonitoring}, c.Trail)
}

// Validate says what is missing or malformed in a control.
func (c Control) Validate() error {
	switch {
	case !kebab(c.ID):
		return Invalid("control id %q is not kebab-case", c.ID)
	case c.Title == "" || c.Statement == "":
		return Invalid("control %s needs a title and a statement", c.ID)
	case c.Owner == "":
		return Invalid("control %s needs an owner (a role)", c.ID)
	case !slices.Contains(ControlKinds, c.Kind):
		return Invalid("control %s: kind %q is not one of %v", c.ID, c.Kind, ControlKinds)
	case !slices.Contains(Cadences, c.Cadence):
		return Invalid("control %s: cadence %q is not one of %v", c.ID, c.Cadence, Cadences)
	case len(c.Evidence) == 0:
		return Invalid("control %s says nothing of its evidence", c.ID)
	case len(c.Sources) == 0:
		return Invalid("control %s names no source of evidence (any of %v)", c.ID, ControlSources)
	case c.Trail != "" && !slices.Contains(Trails, c.Trail):
		return Invalid("control %s: trail %q is not one of %v", c.ID, c.Trail, Trails)
	}
	for _, s := range c.Sources {
		if !slices.Contains(ControlSources, s) {
			return Invalid("control %s: source %q is not one of %v", c.ID, s, ControlSources)
		}
	}
	return nil
}
