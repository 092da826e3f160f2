// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// Table writes rows into a file. Close ends the file; without it there is none.
type Table interface {
	Row(values []any) error
	Close() error
}

// NewTable begins a file of the format "csv" or "xlsx". About are lines that say what
// the list is; a CSV file has no place for them.
func NewTable(w io.Writer, format string, columns []string, about []string) (Table, error) {
	switch format {
	case "csv":
		return newCSV(w, columns)
	case "xlsx":
		return newXLSX(w, columns, about)
	}
	return nil, seaworthy.Invalid("format %q is neither csv nor xlsx", format)
}

// plain keeps a spreadsheet from taking text for a formula: text that starts with a
// character that begins one gets an apostrophe before it.
func plain(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return plain(v)
	}
	return fmt.Sprint(v) // numbers and yes or no
}

// csvTable is RFC 4180 in UTF-8: CRLF between records, quotes where they are needed.
type csvTable struct {
	w      *csv.Writer
	record []string
}

func newCSV(w io.Writer, columns []string) (*csvTable, error) {
	t := &csvTable{w: csv.NewWriter(w), record: make([]string, len(columns))}
	t.w.UseCRLF = true
	return t, t.w.Write(columns)
}

func (t *csvTable) Row(values []any) error {
	for i, v := range values {
		t.record[i] = cell(v)
	}
	return t.w.Write(t.record)
}

func (t *csvTable) Close() error {
	t.w.Flush()
	return t.w.Error()
}

// xlsxRows is how many rows a sheet takes.
const xlsxRows = 1 << 20

// xlsxCell is how long the text of a cell may be.
const xlsxCell = 32767

// xlsxTable is a workbook, written row by row. A list that is longer than a sheet goes
// on in the next.
type xlsxTable struct {
	to      io.Writer
	file    *excelize.File
	stream  *excelize.StreamWriter
	columns []string
	sheet   int
	row     int
	values  []any
}

func newXLSX(w io.Writer, columns, about []string) (*xlsxTable, error) {
	t := &xlsxTable{to: w, file: excelize.NewFile(), columns: columns, values: make([]any, len(columns))}
	if err := t.about(about); err != nil {
		return nil, fmt.Errorf("begin a workbook: %w", errors.Join(err, t.file.Close()))
	}
	if err := t.next(); err != nil {
		return nil, fmt.Errorf("begin a workbook: %w", errors.Join(err, t.file.Close()))
	}
	return t, nil
}

func (t *xlsxTable) about(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	if _, err := t.file.NewSheet("About"); err != nil {
		return err
	}
	for i, l := range lines {
		if err := t.file.SetCellStr("About", fmt.Sprintf("A%d", i+1), bounded(plain(l))); err != nil {
			return err
		}
	}
	return nil
}

// next begins a sheet with the names of the columns, which stay in sight.
func (t *xlsxTable) next() error {
	if t.stream != nil {
		if err := t.stream.Flush(); err != nil {
			return err
		}
	}
	t.sheet++
	name := fmt.Sprintf("Rows %d", t.sheet)
	if t.sheet == 1 {
		if err := t.file.SetSheetName("Sheet1", name); err != nil {
			return err
		}
	} else if _, err := t.file.NewSheet(name); err != nil {
		return err
	}
	var err error
	if t.stream, err = t.file.NewStreamWriter(name); err != nil {
		return err
	}
	if err := t.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	header := make([]any, len(t.columns))
	for i, c := range t.columns {
		header[i] = c
	}
	t.row = 1
	return t.stream.SetRow("A1", header)
}

func (t *xlsxTable) Row(values []any) error {
	if t.row == xlsxRows {
		if err := t.next(); err != nil {
			return err
		}
	}
	for i, v := range values {
		if s, ok := v.(string); ok {
			v = bounded(plain(s))
		}
		t.values[i] = v
	}
	t.row++
	return t.stream.SetRow(fmt.Sprintf("A%d", t.row), t.values)
}

// bounded cuts text that a cell cannot hold, and says so.
func bounded(s string) string {
	if len(s) <= xlsxCell {
		return s
	}
	const note = " … (cut; the CSV has it whole)"
	return strings.ToValidUTF8(s[:xlsxCell-len(note)], "") + note
}

func (t *xlsxTable) Close() (err error) {
	defer func() { err = errors.Join(err, t.file.Close()) }()
	if err := t.stream.Flush(); err != nil {
		return fmt.Errorf("end a workbook: %w", err)
	}
	if err := t.file.Write(t.to); err != nil {
		return fmt.Errorf("write a workbook: %w", err)
	}
	return nil
}

// ExportList writes a list as it is now, and logs that it went out.
func (a *Audit) ExportList(ctx context.Context, p seaworthy.Principal, q store.ListQuery, format string, w io.Writer) error {
	if err := errors.Join(may(p, seaworthy.ReadFindings), mayList(p, q.List), sees(p, q.Program.ID)); err != nil {
		return err
	}
	columns, _, err := store.ListColumns(q.List)
	if err != nil {
		return err
	}
	about := []string{"List: " + q.List, "Program: " + q.Program.Name, fmt.Sprintf("Filters: %v", q.Filters), "As of: " + a.store.Now().Format("2006-01-02 15:04:05 UTC"),
		"By: " + p.Actor, "What is counted is what was seen. It is no conclusion."}
	if about, err = a.saysExample(ctx, about); err != nil {
		return err
	}
	table, err := NewTable(w, format, columns, about)
	if err != nil {
		return err
	}
	var listed store.Listed
	err = a.store.View(ctx, func(v *store.View) error {
		var err error
		listed, err = v.Rows(q, table.Row)
		return err
	})
	if err := errors.Join(err, table.Close()); err != nil {
		return fmt.Errorf("export the list %s: %w", q.List, err)
	}
	return a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		return tx.Action("export", "list "+q.List, map[string]any{"program": q.Program.ID, "filters": q.Filters, "rows": listed.Rows, "format": format})
	})
}

// saysExample puts before what a file is about that all of it is made up, where it is.
func (a *Audit) saysExample(ctx context.Context, about []string) ([]string, error) {
	example, err := a.store.Example(ctx)
	if err == nil && example != "" {
		about = append([]string{example}, about...)
	}
	return about, err
}

// aboutPopulation are lines that say how a population came about.
func aboutPopulation(p seaworthy.Population) []string {
	about := []string{"Population: " + p.Name, "List: " + p.List, "Query: " + p.Query, fmt.Sprintf("Filters: %v", p.Filters),
		"As of: " + p.AsOf.Format("2006-01-02 15:04:05 UTC"), fmt.Sprintf("Rows: %d", p.Count), "Reconciled: " + p.Reconciled,
		"SHA-256 of the rows as JSON lines: " + p.Digest, "Frozen by: " + p.FrozenBy}
	for _, line := range p.Account {
		about = append(about, "Account: "+line)
	}
	return about
}

// aboutSample is a line that says how a sample was selected.
func aboutSample(s seaworthy.Sample, p seaworthy.Population) string {
	return fmt.Sprintf("Sample: %s of %d by %s %s, selected by %s", count(s.Size, "row"), p.Count, s.Method, s.Seed, s.SelectedBy)
}

// ExportPopulation writes a population, with a column that says which rows a sample
// selected where there is one, and logs that it went out.
func (a *Audit) ExportPopulation(ctx context.Context, p seaworthy.Principal, id, sample, format string, w io.Writer) error {
	population, err := a.Population(ctx, p, id)
	if err != nil {
		return err
	}
	columns := append([]string{"row"}, population.Columns...)
	about := aboutPopulation(population)
	var s seaworthy.Sample
	if sample != "" {
		if s, err = a.store.Sample(ctx, sample); err != nil {
			return err
		}
		if s.PopulationID != id {
			return seaworthy.NotFound("population %s has no sample %s", population.Name, sample)
		}
		columns = append(columns, "selected")
		about = append(about, aboutSample(s, population))
	}
	if about, err = a.saysExample(ctx, about); err != nil {
		return err
	}
	table, err := NewTable(w, format, columns, about)
	if err != nil {
		return err
	}
	selected := map[int]bool{}
	for _, n := range s.Items {
		selected[n] = true
	}
	err = a.Frozen(ctx, population, func(n int, row []any) error {
		row = append([]any{int64(n)}, row...)
		if sample != "" {
			row = append(row, selected[n])
		}
		return table.Row(row)
	})
	if err := errors.Join(err, table.Close()); err != nil {
		return fmt.Errorf("export population %s: %w", population.Name, err)
	}
	return a.store.Write(ctx, p.Actor, func(tx *store.Tx) error {
		return tx.Action("export", "population "+id, map[string]any{"sample": sample, "rows": population.Count, "format": format, "digest": population.Digest})
	})
}
