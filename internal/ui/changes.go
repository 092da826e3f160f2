// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// changeRow is something that happened, in words.
type changeRow struct {
	At    time.Time
	Icon  string
	Text  string
	Href  string
	Actor string
	New   bool // since the last visit
	Mine  bool // mentions who looks
}

// changes tells the latest entries of the log that people care about.
func (u *UI) changes(ctx context.Context, p page, names names, most int) ([]changeRow, error) {
	var out []changeRow
	before := int64(0)
	for range 3 { // days of a continuous control fill many entries
		entries, err := u.Store.LogEntries(ctx, store.LogFilter{Before: before, Limit: 200})
		if err != nil || len(entries) == 0 {
			return out, err
		}
		for _, e := range entries {
			if !concerns(p.Program, e) {
				continue
			}
			if c, ok := tell(p, names, covered(p, e)); ok {
				if out = append(out, c); len(out) == most {
					return out, nil
				}
			}
		}
		if before = entries[len(entries)-1].Index; before == 0 {
			break
		}
	}
	return out, nil
}

// concerns tells whether an entry is about what is seen through the program: its sources,
// its evidence, its lists and itself. What is of no source concerns all.
func concerns(program *seaworthy.Program, e store.LogEntry) bool {
	if program == nil {
		return true
	}
	at := func(source string) bool { return source == "" || program.HasSource(source) }
	switch e.Kind {
	case "run":
		v, ok := read[seaworthy.Run](e)
		return ok && at(v.SourceID)
	case "gap":
		v, ok := read[seaworthy.Gap](e)
		return ok && at(v.SourceID)
	case "waiver":
		v, ok := read[seaworthy.TrackedWaiver](e)
		return ok && at(v.SourceID)
	case "evidence":
		v, ok := read[seaworthy.Evidence](e)
		return ok && program.HasEvidence(v)
	case "program":
		return e.Subject == program.ID
	case "population":
		v, ok := read[seaworthy.Population](e)
		return ok && v.ProgramID == program.ID
	}
	return true
}

// tell puts an entry of the log into words; what is not for people is left out.
func tell(p page, names names, e store.LogEntry) (changeRow, bool) {
	c := changeRow{At: e.At, Actor: names.actor(e.Actor)}
	if e.Erased {
		return c, false
	}
	switch e.Kind {
	case "comment":
		return tellComment(c, p, e)
	case "run":
		return tellRun(c, p, names, e)
	case "waiver":
		return tellWaiver(c, p, e)
	case "gap":
		return tellGap(c, p, names, e)
	case "control":
		v, ok := read[seaworthy.TrackedControl](e)
		c.Icon, c.Text, c.Href = "control", fmt.Sprintf("Control changed: %s (version %d)", v.Title, v.Version), p.To("/controls/", v.ID)
		return c, ok && e.Actor != "system"
	case "evidence":
		v, ok := read[seaworthy.Evidence](e)
		c.Icon, c.Text, c.Href = "evidence", "Evidence: "+v.Title, p.To("/evidence/", v.ID)
		return c, ok && v.Kind != seaworthy.EvidenceRun
	case "program":
		v, ok := read[seaworthy.Program](e)
		c.Icon, c.Text, c.Href = "program", "Program or its scope changed: "+v.Name, p.To("/programs/", v.ID)
		return c, ok
	case "population":
		v, ok := read[seaworthy.Population](e)
		c.Icon, c.Text, c.Href = "list", fmt.Sprintf("List frozen: %s, %s", v.Name, count(v.Count, "row")), p.To("/lists/", v.ID)
		return c, ok
	}
	return c, false
}

func read[T any](e store.LogEntry) (v T, ok bool) {
	return v, json.Unmarshal([]byte(e.Content), &v) == nil && e.Content != "null"
}

func tellRun(c changeRow, p page, names names, e store.LogEntry) (changeRow, bool) {
	v, ok := read[seaworthy.Run](e)
	if !ok || p.Within.Source() != "" && v.SourceID != p.Within.Source() || v.Opened+v.Fixed+v.Regressed == 0 {
		return c, false
	}
	c.Icon, c.Href = "findings", p.To("/sources/", v.SourceID)
	c.Text = names.source(v.SourceID) + ": "
	sep := ""
	for _, n := range []struct {
		n    int
		word string
	}{{v.Opened, "opened"}, {v.Regressed, "came back"}, {v.Fixed, "closed"}} {
		if n.n > 0 {
			c.Text += sep + num(n.n) + " " + n.word
			sep = ", "
		}
	}
	return c, true
}

func tellWaiver(c changeRow, p page, e store.LogEntry) (changeRow, bool) {
	v, ok := read[seaworthy.TrackedWaiver](e)
	c.Icon, c.Href = "waiver", p.To("/waivers/", v.ID)
	c.Text = fmt.Sprintf("Waiver of %s %s", v.Check, v.State)
	return c, ok
}

func tellGap(c changeRow, p page, names names, e store.LogEntry) (changeRow, bool) {
	v, ok := read[seaworthy.Gap](e)
	c.Icon, c.Href = "warn", p.To("/sources/", v.SourceID)
	ok = ok && (p.Within.Source() == "" || v.SourceID == p.Within.Source())
	c.Text = fmt.Sprintf("%s is %s", names.source(v.SourceID), v.Kind)
	if !v.To.IsZero() {
		c.Icon, c.Text = "ok", fmt.Sprintf("%s reports again after %s", names.source(v.SourceID), span(v.To.Sub(v.From)))
	}
	return c, ok
}
