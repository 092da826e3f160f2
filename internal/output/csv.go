// SPDX-License-Identifier: Apache-2.0

package output

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// csvReport writes a table (RFC 4180) with one row for each finding and, so that the
// table is never better than the report, one for each error and each check that was not
// judged; the column state tells them apart. No cell is a formula to a spreadsheet.
type csvReport struct {
	w      *csv.Writer
	titles map[string]string
}

func newCSV(w io.Writer, _ Options) Handler {
	c := &csvReport{w: csv.NewWriter(w), titles: map[string]string{}}
	c.w.UseCRLF = true
	return c
}

var csvColumns = []string{
	"severity", "state", "check", "title", "category", "namespace", "kind", "name", "api_version", "container",
	"file", "line", "path", "origin", "message", "remediation", "controls", "requirements", "fingerprint",
	"waiver_owner", "waiver_approver", "waiver_expires", "waiver_reason", "waiver_requested",
}

// Start implements [Handler].
func (c *csvReport) Start(_ *seaworthy.Header, checks []seaworthy.Check) error {
	for _, k := range checks {
		c.titles[k.ID] = k.Title
	}
	return c.row(csvColumns...)
}

// Finding implements [Handler].
func (c *csvReport) Finding(f *seaworthy.Finding) error {
	var w seaworthy.AppliedWaiver
	if f.Waiver != nil {
		w = *f.Waiver
	}
	return c.row(string(f.Severity), string(stateOf(f)), f.Check, c.titles[f.Check], f.Category,
		f.Object.Namespace, f.Object.Kind, f.Object.Name, f.Object.APIVersion, f.Container,
		f.File, lineNumber(f.Line), f.Path, f.Origin, f.Message, f.Remediation,
		strings.Join(f.Controls, "; "), strings.Join(f.Requirements, "; "), f.Fingerprint,
		w.Owner, w.Approver, w.Expires.String(), w.Reason, f.WaiverRequested)
}

// Pass implements [Handler]. Passes are no rows.
func (c *csvReport) Pass(*seaworthy.Pass) error { return nil }

// End implements [Handler].
func (c *csvReport) End(t *seaworthy.Trailer) error {
	for _, r := range t.Checks {
		switch r.Status {
		case seaworthy.StatusNotEvaluated, seaworthy.StatusProvider, seaworthy.StatusNotApplicable:
			if err := c.row(string(r.Severity), string(r.Status), r.ID, r.Title, r.Category, "", "", "", "", "", "", "", "", "",
				r.Reason, "", strings.Join(r.Controls, "; ")); err != nil {
				return err
			}
		}
	}
	for _, p := range t.Errors {
		if err := c.row("", "error", p.Check, c.titles[p.Check], "", "", "", p.Object, "", "", p.File, lineNumber(p.Line), "", "", p.Message); err != nil {
			return err
		}
	}
	c.w.Flush()
	return c.failed(c.w.Error())
}

// row writes the cells and empty ones after them.
func (c *csvReport) row(cells ...string) error {
	row := make([]string, len(csvColumns))
	for i, s := range cells {
		row[i] = cell(s)
	}
	return c.failed(c.w.Write(row))
}

func (c *csvReport) failed(err error) error {
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// cell makes s one line that no spreadsheet takes for a formula.
func cell(s string) string {
	s = clean(s)
	if s != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

func lineNumber(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
