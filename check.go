// SPDX-License-Identifier: Apache-2.0

package seaworthy

import (
	"fmt"
	"slices"
	"strings"
)

// Severity is how bad a finding of a check is.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	High     Severity = "high"
	Medium   Severity = "medium"
	Low      Severity = "low"
	Info     Severity = "info"
)

// Severities lists every severity, worst first.
var Severities = []Severity{Critical, High, Medium, Low, Info}

// ParseSeverity reads a severity by its name.
func ParseSeverity(s string) (Severity, error) {
	if v := Severity(strings.ToLower(s)); slices.Contains(Severities, v) {
		return v, nil
	}
	return "", Invalid("severity %q is not one of critical, high, medium, low, info", s)
}

// Rank orders severities: 0 is critical, 4 is info, 5 is anything else.
func (s Severity) Rank() int {
	if i := slices.Index(Severities, s); i >= 0 {
		return i
	}
	return len(Severities)
}

// AtLeast tells whether s is as bad as t or worse.
func (s Severity) AtLeast(t Severity) bool { return s.Rank() <= t.Rank() }

// Scope is what a check needs to see before it can judge.
type Scope string

// The scopes. A single check is a ValidatingAdmissionPolicy and runs at every door;
// an engine check looks at one object too, but by Go code that no policy can express.
const (
	ScopeSingle      Scope = "single"       // one object
	ScopeSingleCross Scope = "single+cross" // one object, and what it is bound to
	ScopeCross       Scope = "cross"        // other objects of the snapshot
	ScopeEngine      Scope = "engine"       // one object, judged by Go code
	ScopeCluster     Scope = "cluster"      // the control plane as the API shows it
)

// Check is something looked for in one object or in a whole cluster. Its ID is
// kebab-case and permanent. Remediation ends with a period; Snippet is YAML (or a
// command) that can be pasted.
type Check struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Severity    Severity `json:"severity"`
	Category    string   `json:"category"`
	Scope       Scope    `json:"scope"`
	Rationale   string   `json:"rationale"`
	Remediation string   `json:"remediation"`
	Snippet     string   `json:"snippet,omitempty"`
	Controls    []string `json:"controls"`
	Params      []Param  `json:"params,omitempty"`
	// Provider marks a check of the control plane: where the cluster is managed, the
	// provider answers for it.
	Provider bool `json:"provider,omitempty"`
	// NeedsParams: without its parameters set the check is not evaluated.
	NeedsParams bool   `json:"needsParams,omitempty"`
	Formerly    string `json:"formerly,omitempty"`
	// Custom marks a check that the user brought; File says from where.
	Custom bool   `json:"custom,omitempty"`
	File   string `json:"file,omitempty"`
}

// Param is one setting of a check: a key of its params ConfigMap.
type Param struct {
	Name    string `json:"name"`
	Doc     string `json:"doc"`
	Default string `json:"default,omitempty"`
}

// Categories lists the categories of checks in the order in which they are shown.
var Categories = []string{
	"Security", "RBAC", "Secrets", "Images", "Network", "Data protection", "Logging",
	"Monitoring", "Cluster", "Reliability", "Efficiency", "Governance", "CIS",
}

// Validate says what is missing or malformed in a check's description.
func (c Check) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("check %s: "+format, append([]any{c.ID}, args...)...)
	}
	switch {
	case !kebab(c.ID):
		return fmt.Errorf("check id %q is not kebab-case", c.ID)
	case c.Title == "":
		return bad("no title")
	case c.Severity.Rank() >= len(Severities):
		return bad("severity %q is not known", c.Severity)
	case !slices.Contains(Categories, c.Category) && !c.Custom:
		return bad("category %q is not known", c.Category)
	case c.Custom:
		return nil
	case c.Rationale == "":
		return bad("no rationale")
	case !strings.HasSuffix(c.Remediation, "."):
		return bad("remediation does not end with a period")
	case len(c.Controls) == 0:
		return bad("supports no control")
	}
	return nil
}

func kebab(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for _, r := range s {
		if r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
