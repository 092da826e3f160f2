// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// exportLimit bounds an export: a spreadsheet holds no more.
const exportLimit = 1_000_000

// sheet is what a page lists, as a file: the same rows under the same filters.
type sheet struct {
	name    string
	columns []string
	rows    func(row func(...any) error) error
}

// Export is the list of the page as a file of a format.
func (p page) Export(format string) string {
	q := query{p.Q.path, url.Values{}}
	for k, v := range p.Q.values {
		if k != "after" && k != "before" && (k != "as-of" || ofThen(p.Path)) {
			q.values[k] = v
		}
	}
	return query{p.Path + "/export", q.values}.With("format", format)
}

// exporting sets what a file of a format needs and gives the format.
func (u *UI) exporting(w http.ResponseWriter, r *http.Request, name string) (string, error) {
	format := p0(r.URL.Query().Get("format"), "csv")
	media, ok := exportTypes[format]
	if !ok {
		return "", seaworthy.Invalid("the format %q is none of csv, xlsx and json", format)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	if u.Example {
		name = "example-" + name
	}
	h.Set("Content-Disposition", `attachment; filename="`+name+"."+format+`"`)
	h.Set("Cache-Control", "no-store")
	return format, nil
}

var exportTypes = map[string]string{
	"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "json": "application/json",
}

// export gives a list as a file, with what it is where the format has a place for that.
func (u *UI) export(w http.ResponseWriter, r *http.Request, s sheet) (err error) {
	p := u.page(r, s.name)
	if then := p.OnlyNow(); then != "" {
		return seaworthy.Invalid("This list can be exported as of now only, not as of %s. Take the date away.", then)
	}
	at, err := asOf(p)
	if err != nil {
		return err
	}
	format, err := u.exporting(w, r, s.name)
	if err != nil {
		return err
	}
	about := []string{s.name, "As of " + stamp(at)}
	if p.Program != nil {
		about = append(about, "Program: "+p.Program.Name)
	}
	if p.Within.Set() {
		about = append(about, "Scope: "+p.Within.Kind+" "+p.Within.Name)
	}
	if p.Example {
		about = append(about, "Example data: the company and everything in it is made up.")
	}
	out := &counted{w: w}
	defer func() {
		if err == nil {
			return
		}
		if out.n > 0 { // a file that ends early must not look whole
			u.Log.Error("export broke off", "list", s.name, "error", err, "request_id", requestID(w))
			panic(http.ErrAbortHandler)
		}
		w.Header().Del("Content-Disposition")
	}()
	var table audit.Table = &objects{w: out, columns: s.columns}
	if format != "json" {
		if table, err = audit.NewTable(out, format, s.columns, about); err != nil {
			return err
		}
	}
	n := 0
	err = s.rows(func(values ...any) error {
		if n++; n > exportLimit {
			return seaworthy.Invalid("the list has more than %s rows: narrow it", num(exportLimit))
		}
		return table.Row(values)
	})
	if err != nil {
		return err
	}
	return table.Close()
}

// counted counts what goes through.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// objects writes rows as a JSON list of objects, one a line.
type objects struct {
	w       io.Writer
	columns []string
	begun   bool
}

func (o *objects) Row(values []any) error {
	sep := ",\n"
	if !o.begun {
		sep, o.begun = "[\n", true
	}
	var b strings.Builder
	for i, v := range values {
		name, err := json.Marshal(o.columns[i])
		if err != nil {
			return err
		}
		value, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write %s: %w", o.columns[i], err)
		}
		fmt.Fprintf(&b, "%s%s:%s", map[bool]string{true: "{", false: ","}[i == 0], name, value)
	}
	_, err := io.WriteString(o.w, sep+b.String()+"}")
	return err
}

func (o *objects) Close() error {
	end := "\n]\n"
	if !o.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(o.w, end)
	return err
}

func (u *UI) exportFindings(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	filter, err := u.findingFilter(ctx, u.page(r, ""))
	if err != nil {
		return err
	}
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	return u.export(w, r, sheet{"findings", []string{
		"id", "status", "severity", "check", "title", "source", "namespace", "kind", "name", "container", "message", "opened", "due", "closed", "cause", "owner", "assignee", "ticket",
	}, func(row func(...any) error) error {
		for filter.Cursor, filter.Limit = "", 1000; ; {
			list, err := u.Store.Findings(ctx, filter)
			if err != nil {
				return err
			}
			for _, f := range list.Items {
				if err := row(f.ID, string(f.Status), string(f.Severity), f.Check, u.checkTitle(f.Check), names.source(f.SourceID), f.Object.Namespace, f.Object.Kind, f.Object.Name,
					f.Container, f.Message, stamp(f.OpenedAt), stamp(f.DueAt), stamp(f.ClosedAt), string(f.Cause), names.team(f.Team), names.user(f.Assignee), f.Ticket); err != nil {
					return err
				}
			}
			if filter.Cursor = list.Next; list.Next == "" {
				return nil
			}
		}
	}})
}

func (u *UI) exportWorkloads(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	filter := workloadFilter(u.page(r, ""))
	return u.export(w, r, sheet{"workloads", []string{"id", "source", "namespace", "kind", "name", "owner", "critical", "high", "medium", "low", "waived", "first_seen", "deleted"},
		func(row func(...any) error) error {
			for filter.Cursor, filter.Limit = "", 1000; ; {
				list, err := u.Store.Objects(ctx, filter)
				if err != nil {
					return err
				}
				for _, o := range list.Items {
					if err := row(o.ID, names.source(o.SourceID), o.Object.Namespace, o.Object.Kind, o.Object.Name, names.team(o.Team), int64(o.Open[seaworthy.Critical]), int64(o.Open[seaworthy.High]),
						int64(o.Open[seaworthy.Medium]), int64(o.Open[seaworthy.Low]), int64(o.Waived), stamp(o.FirstSeenAt), stamp(o.DeletedAt)); err != nil {
						return err
					}
				}
				if filter.Cursor = list.Next; list.Next == "" {
					return nil
				}
			}
		}})
}

func (u *UI) exportWaivers(w http.ResponseWriter, r *http.Request) error {
	ctx, p := r.Context(), u.page(r, "")
	names, err := u.names(ctx)
	if err != nil {
		return err
	}
	filter := store.WaiverFilter{Program: p.Program, Limit: 1000, ByExpiry: p.Q.Get("sort") == "expires"}
	return u.export(w, r, sheet{"waivers", []string{"id", "state", "check", "title", "source", "where", "reason", "compensating", "owner", "asked_by", "asked", "approved_by", "decided", "ends"},
		func(row func(...any) error) error {
			for {
				list, _, err := u.waiverList(ctx, p, names, filter)
				if err != nil {
					return err
				}
				for _, v := range list.Items {
					o := u.waiverRow(p, names, v)
					if err := row(o.ID, o.State, o.Check, o.Title, o.Source, o.Where, o.Reason, o.CompensatingControl, o.OwnerName, o.Asker, stamp(o.RequestedAt), o.ApproverName, stamp(o.DecidedAt), o.Expires.String()); err != nil {
						return err
					}
				}
				if filter.Cursor = list.Next; list.Next == "" {
					return nil
				}
			}
		}})
}

// listed is a sheet of rows that are at hand.
func listed[T any](name string, columns []string, rows []T, values func(T) []any) sheet {
	return sheet{name, columns, func(row func(...any) error) error {
		for _, v := range rows {
			if err := row(values(v)...); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (u *UI) exportChecks(w http.ResponseWriter, r *http.Request) error {
	p, err := u.checksOf(r)
	if err != nil {
		return err
	}
	return u.export(w, r, listed("checks", []string{"check", "title", "severity", "category", "latest", "objects_in_scope", "passed", "failed", "waived", "errors"}, p.Rows, func(c checkRow) []any {
		return []any{c.ID, c.Title, string(c.Severity), c.Basis.Category, c.Status, int64(c.InScope), int64(c.Passed), int64(c.Failed), int64(c.Waived), int64(c.Errors)}
	}))
}

func (u *UI) exportSources(w http.ResponseWriter, r *http.Request) error {
	p, err := u.sourcesOf(r)
	if err != nil {
		return err
	}
	rows := append(p.Clusters, p.Repositories...)
	return u.export(w, r, listed("sources", []string{"id", "name", "kind", "state", "scope", "reason", "environment", "last_report", "owner", "critical", "high", "medium", "low", "waived"}, rows, func(s sourceRow) []any {
		out := []any{s.Source.ID, s.Source.Name, s.Source.Kind, s.State(), s.Scope, s.Reason, s.Source.Environment, stamp(s.SourceStanding.State.ReportedAt), s.TeamName}
		for _, severity := range []seaworthy.Severity{seaworthy.Critical, seaworthy.High, seaworthy.Medium, seaworthy.Low} {
			n := 0
			for _, c := range s.Counts {
				if c.Severity == severity {
					n = c.N
				}
			}
			out = append(out, int64(n))
		}
		return append(out, int64(s.Waived))
	}))
}

func (u *UI) exportControls(w http.ResponseWriter, r *http.Request) error {
	p, err := u.controlsOf(r)
	if err != nil {
		return err
	}
	return u.export(w, r, listed("controls", []string{"control", "title", "standing", "needs_now", "amiss_before", "shown_by", "cadence", "owner", "due", "performed", "late", "missed", "deviated", "no_data", "next_due", "evidence_to", "requirements"}, p.Rows, func(c controlRow) []any {
		return []any{c.ID, c.Title, string(c.Standing), strings.Join(c.Reasons, "; "), strings.Join(c.ReadyControl.Past, "; "), c.Class, c.Cadence, c.Owner, int64(c.Tally.Due()), int64(c.Tally.Performed),
			int64(c.Tally.Late), int64(c.Tally.Missed), int64(c.Tally.Deviations), int64(c.Tally.NoData), stamp(c.NextDue), stamp(c.EvidenceTo), strings.Join(c.Requirements, " ")}
	}))
}

func (u *UI) exportRequirements(w http.ResponseWriter, r *http.Request) error {
	p := u.page(r, "")
	ready, _, err := u.ready(r.Context(), p)
	if err != nil {
		return err
	}
	return u.export(w, r, listed("requirements", []string{"requirement", "title", "category", "standing", "shown_by", "as_expected", "deviated", "need_you", "not_due_yet", "not_required", "needs_now", "amiss_before"}, ready.Requirements, func(q seaworthy.ReadyRequirement) []any {
		return []any{q.ID, q.Title, q.Category, string(q.Standing), q.Class, int64(q.Counts.AsExpected), int64(q.Counts.Deviated), int64(q.Counts.NeedsYou), int64(q.Counts.Waiting), int64(q.Counts.NotRequired),
			strings.Join(q.Reasons, "; "), strings.Join(q.Past, "; ")}
	}))
}

func (u *UI) exportDue(w http.ResponseWriter, r *http.Request) error {
	p, err := u.dueOf(r)
	if err != nil {
		return err
	}
	rows := append(append(p.Overdue, p.Soon...), p.Later...)
	return u.export(w, r, listed("due", []string{"what", "kind", "how_many", "owner", "due", "overdue"}, rows, func(d dueRow) []any {
		return []any{d.Title, d.Kind, int64(d.Count), d.Owner, stamp(d.DueAt), d.Overdue}
	}))
}
