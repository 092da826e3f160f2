// SPDX-License-Identifier: Apache-2.0

package controls

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// Document writes the list of controls as Markdown, each under its id: what it says,
// what shows it, and what it supports. Requirements are those of each control, as
// [seaworthy.RequirementsOf] returns them; checks are the catalogue and may be nil.
func Document(w io.Writer, controls []seaworthy.Control, requirements map[string][]string, checks []seaworthy.Check) error {
	b := bufio.NewWriter(w) // repeats its first error at Flush
	byControl := map[string][]string{}
	for _, c := range checks {
		for _, id := range c.Controls {
			byControl[id] = append(byControl[id], c.ID)
		}
	}
	fmt.Fprint(b, "<!-- Generated from controls/ and frameworks/ by 'go test ./frameworks -update'. -->\n\n# Controls\n\n")
	fmt.Fprintf(b, "What the organisation says that it does: %d controls. Each is one file in [controls](../controls); "+
		"[how they reach a framework](frameworks/README.md) says how to add or replace one.\n\n", len(controls))
	fmt.Fprint(b, "| control | | owner | kind | cadence | evidence from |\n|---|---|---|---|---|---|\n")
	for _, c := range controls {
		fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s | %s | %s |\n",
			c.ID, c.ID, strings.ReplaceAll(c.Title, "|", `\|`), c.Owner, c.Kind, c.Cadence, strings.Join(c.Sources, ", "))
	}
	for _, c := range controls {
		describe(b, c, requirements[c.ID], byControl[c.ID])
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write list of controls: %w", err)
	}
	return nil
}

// tests says what machines test of a control, or what it is not in force without.
var tests = map[string]string{
	seaworthy.TrailChanges:    "judge it by the change trail, day by day",
	seaworthy.TrailSessions:   "tell of each window, from the change trail, which sessions nobody else explained; people perform it",
	seaworthy.TrailDuties:     "tell of each window, from the change trail and the Git host's word, what one person did alone; people test what rights would allow",
	seaworthy.TrailMonitoring: "judge it day by day: which declared sources reported, and whether gaps were noticed and ended in time",
	seaworthy.TrailAdmission:  "count a day on which the admission webhook was not asked as a deviation",
	seaworthy.TrailAudit:      "count a day on which audit events were missing as a deviation",
}

func describe(w io.Writer, c seaworthy.Control, requirements, checks []string) {
	fmt.Fprintf(w, "\n## %s\n\n**%s.** %s\n\n", c.ID, c.Title, strings.TrimSpace(c.Statement))
	fmt.Fprintf(w, "- Owner: %s. Kind: %s. Cadence: %s.\n", c.Owner, c.Kind, c.Cadence)
	fmt.Fprintf(w, "- Evidence (%s): %s.\n", strings.Join(c.Sources, ", "), strings.Join(c.Evidence, "; "))
	if says := tests[c.Trail]; says != "" {
		fmt.Fprintf(w, "- Machines: %s.\n", says)
	}
	if len(checks) > 0 {
		fmt.Fprintf(w, "- Checks: `%s`.\n", strings.Join(checks, "` `"))
	}
	if len(requirements) > 0 {
		fmt.Fprintf(w, "- Supports: %s.\n", byFramework(requirements))
	}
}

// byFramework turns soc2:CC6.1, soc2:CC6.3, hipaa:164.312(d) into
// "soc2 CC6.1, CC6.3; hipaa 164.312(d)".
func byFramework(requirements []string) string {
	var b strings.Builder
	last := ""
	for _, r := range requirements {
		framework, id, _ := strings.Cut(r, ":")
		switch {
		case framework == last:
			b.WriteString(", " + id)
		case last == "":
			b.WriteString(framework + " " + id)
		default:
			b.WriteString("; " + framework + " " + id)
		}
		last = framework
	}
	return b.String()
}
