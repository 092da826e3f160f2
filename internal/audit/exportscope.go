// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// scope writes what is looked at, and what is not and why.
func (e *export) scope() error {
	if err := e.json("00_scope/program.json", e.program); err != nil {
		return err
	}
	framework, err := e.audit.Framework(e.program.Framework)
	if err != nil {
		return err
	}
	err = e.table("00_scope/criteria.csv", []string{"requirement", "title", "category", "in_scope", "reason", "controls"}, func(row func(...any) error) error {
		for _, r := range framework.Requirements {
			reason := ""
			if i := slices.IndexFunc(e.program.Excluded, func(x seaworthy.ExcludedRequirement) bool { return x.Requirement == r.ID }); i >= 0 {
				reason = e.program.Excluded[i].Reason
			} else if !e.program.Requires(r) {
				reason = "the category is not part of the program"
			}
			if err := row(r.ID, r.Title, r.Category, e.program.Requires(r), reason, strings.Join(r.Controls, " ")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.table("00_scope/applicability.csv", []string{"kind", "source", "name", "in_scope", "reason"}, func(row func(...any) error) error {
		for _, s := range e.program.Scope {
			if err := row(s.Kind, s.Source, s.Name, s.In, s.Reason); err != nil {
				return err
			}
		}
		return nil
	})
}

// readControls reads the controls that requirements in scope name, with each version
// that held at some time of the period.
func (e *export) readControls() error {
	all := map[string][]seaworthy.TrackedControl{}
	err := records(e, "control", func(_ store.LogEntry, c seaworthy.TrackedControl) error {
		if len(e.criteria[c.ID]) > 0 {
			all[c.ID] = append(all[c.ID], c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.controls = map[string][]seaworthy.TrackedControl{}
	for id, versions := range all {
		slices.SortFunc(versions, func(a, b seaworthy.TrackedControl) int { return a.Version - b.Version })
		for i, c := range versions {
			over := i+1 < len(versions) && !versions[i+1].EffectiveFrom.After(e.program.From)
			if !over && c.EffectiveFrom.Before(e.program.To) {
				e.controls[id] = append(e.controls[id], c)
			}
		}
		if len(e.controls[id]) == 0 { // the period was over before the control was written down
			e.controls[id] = versions[:1]
		}
		for _, c := range e.controls[id] {
			e.kept(store.LogEntry{Kind: "control", Subject: controlSubject(c)})
		}
	}
	return nil
}

func (e *export) controlFiles() error {
	ids := slices.Sorted(maps.Keys(e.controls))
	err := e.table("01_controls/controls.csv", []string{"control", "version", "effective_from", "title", "statement", "kind", "cadence", "role", "owner",
		"active", "reason", "sources", "checks", "grace_days", "test", "criteria"}, func(row func(...any) error) error {
		for _, id := range ids {
			for _, c := range e.controls[id] {
				err := row(c.ID, c.Version, stamp(c.EffectiveFrom), c.Title, c.Statement, c.Kind, c.Cadence, c.Owner, c.OwnerUser, c.Active, c.Reason,
					strings.Join(c.Sources, " "), strings.Join(c.Checks, " "), c.GraceDays, c.Test, e.criteriaOf([]string{id}))
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = e.table("01_controls/control-criteria.csv", []string{"control", "supports"}, func(row func(...any) error) error {
		for _, id := range ids {
			for _, r := range e.criteria[id] {
				if err := row(id, r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		err = e.json("01_controls/control-"+id+".json", e.controls[id])
	}
	return err
}

// sources writes all that report or should, in scope or not: what is out of scope is what
// the scope is compared with.
func (e *export) sources() error {
	return e.table("00_scope/sources.csv", []string{"source", "kind", "name", "environment", "declared", "every", "created", "retired", "in_scope"}, func(row func(...any) error) error {
		return records(e, "source", func(entry store.LogEntry, s seaworthy.DeclaredSource) error {
			e.kept(entry)
			return row(s.ID, s.Kind, s.Name, s.Environment, s.Declared, s.Every.String(), stamp(s.CreatedAt), stamp(s.RetiredAt), e.program.HasSource(s.ID))
		})
	})
}

// gaps writes when something in scope was not observed.
func (e *export) gaps() error {
	return e.table("05_tests/gaps.csv", []string{"gap", "source", "kind", "from", "to", "reason", "log_index"}, func(row func(...any) error) error {
		return records(e, "gap", func(entry store.LogEntry, g seaworthy.Gap) error {
			if !e.program.HasSource(g.SourceID) || !g.Overlaps(e.program.From, e.program.To) {
				return nil
			}
			e.kept(entry)
			return row(g.ID, g.SourceID, g.Kind, stamp(g.From), stamp(g.To), g.Reason, entry.Index)
		})
	})
}

// testResult is what one report said of one check.
type testResult struct {
	Run      string    `json:"run"`
	Source   string    `json:"source"`
	Finished time.Time `json:"finished"`
	Complete bool      `json:"complete"`
	// Whole: counted with the namespaces that are out of scope, as the report does not count
	// by namespace.
	Whole bool `json:"whole,omitempty"`
	seaworthy.CheckResult
}

// tests writes what each report in scope and period said of each check, without the
// namespaces that the program leaves out.
func (e *export) tests() error {
	return e.file("05_tests/results.jsonl", func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		divider := e.audit.store.Divider()
		return records(e, "run", func(entry store.LogEntry, r seaworthy.Run) error {
			if !e.program.HasSource(r.SourceID) || !r.Header.Source.Started.Before(e.program.To) || r.FinishedAt.Before(e.program.From) {
				return nil
			}
			e.kept(entry)
			checks, whole, err := divider.Checks(e.ctx, r, &e.program)
			if err != nil {
				return err
			}
			for _, c := range checks {
				if err := enc.Encode(testResult{r.ID, r.SourceID, r.FinishedAt, r.Complete, whole[c.ID], c}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// days writes every expected performance of the period, and again those that were not as
// expected: facts, on which the auditor concludes.
func (e *export) days() error {
	columns := []string{"occurrence", "control", "version", "criteria", "from", "due", "event", "state", "result", "reason", "in_scope", "passed", "failed", "performed_at", "performed_by", "tested", "tested_says", "log_index"}
	each := func(row func(...any) error, want func(seaworthy.Occurrence) bool) error {
		return records(e, "occurrence", func(entry store.LogEntry, o seaworthy.Occurrence) error {
			if e.controls[o.ControlID] == nil || !o.Of(e.program.ID) || !o.From.Before(e.program.To) || !o.DueAt.After(e.program.From) || !want(o) {
				return nil
			}
			e.kept(entry)
			return row(o.ID, o.ControlID, o.Version, e.criteriaOf([]string{o.ControlID}), stamp(o.From), stamp(o.DueAt), o.Event, string(o.State), o.Result, o.Reason,
				o.InScope, o.Passed, o.Failed, stamp(o.PerformedAt), o.PerformedBy, o.Tested, o.TestedSays, entry.Index)
		})
	}
	err := e.table("05_tests/daily-status.csv", columns, func(row func(...any) error) error {
		return each(row, func(seaworthy.Occurrence) bool { return true })
	})
	if err != nil {
		return err
	}
	return e.table("06_deviations/deviations.csv", columns, func(row func(...any) error) error {
		return each(row, func(o seaworthy.Occurrence) bool {
			return o.State == seaworthy.Missed || o.State == seaworthy.Late || o.Result == seaworthy.ResultDeviation || o.Result == seaworthy.ResultNoData ||
				o.Tested == seaworthy.ResultDeviation
		})
	})
}

// waivers writes the waivers that touch scope and period, counted or not.
func (e *export) waivers() error {
	columns := []string{"waiver", "state", "source", "check", "kind", "namespace", "name", "container", "fingerprint", "owner", "reason", "compensating_control",
		"requested_by", "requested", "approver", "decided", "note", "expires", "ended", "from", "log_index"}
	return e.table("06_deviations/waivers.csv", columns, func(row func(...any) error) error {
		return records(e, "waiver", func(entry store.LogEntry, v seaworthy.TrackedWaiver) error {
			ended := !v.EndedAt.IsZero() && v.EndedAt.Before(e.program.From)
			if v.SourceID != "" && !e.program.HasSource(v.SourceID) || !v.RequestedAt.Before(e.program.To) || ended {
				return nil
			}
			e.kept(entry)
			return row(v.ID, v.State, v.SourceID, v.Check, v.Kind, v.Namespace, v.Name, v.Container, v.Fingerprint, v.Owner, v.Reason, v.CompensatingControl,
				v.RequestedBy, stamp(v.RequestedAt), v.Approver, stamp(v.DecidedAt), v.DecisionNote, v.Expires.String(), stamp(v.EndedAt), v.From, entry.Index)
		})
	})
}
