// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/seaworthy-dev/seaworthy"
)

// SampleFileLimit bounds a file that says which rows were selected.
const SampleFileLimit = 10 << 20

// maxSelected is how many rows a file may select.
const maxSelected = 100_000

// SampleByFile takes rows that somebody selected elsewhere from a file: CSV, or the first
// sheet of a workbook. The column "row" holds row numbers; else the column that is called
// as the first of the population holds ids; a file without either has one of both in its
// first column. What no row is called is refused by name.
func (a *Audit) SampleByFile(ctx context.Context, p seaworthy.Principal, population string, file io.Reader) (seaworthy.Sample, error) {
	of, err := a.Population(ctx, p, population)
	if err != nil {
		return seaworthy.Sample{}, err
	}
	records, err := readTable(file)
	if err != nil {
		return seaworthy.Sample{}, err
	}
	key, numbers := "", true
	if len(of.Columns) > 0 {
		key = of.Columns[0]
	}
	column, ids := 0, true
	if len(records) > 0 {
		head := records[0]
		at := func(name string) int {
			return slices.IndexFunc(head, func(c string) bool { return name != "" && strings.EqualFold(strings.TrimSpace(c), name) })
		}
		if i := at("row"); i >= 0 {
			column, ids, records = i, false, records[1:]
		} else if i := at(key); i >= 0 {
			column, numbers, records = i, false, records[1:]
		}
	}
	var values []string
	for _, r := range records {
		if column < len(r) && strings.TrimSpace(r[column]) != "" {
			values = append(values, strings.TrimPrefix(strings.TrimSpace(r[column]), "'"))
		}
	}
	if len(values) > maxSelected {
		return seaworthy.Sample{}, seaworthy.Invalid("the file selects more than %d rows", maxSelected)
	}
	items, err := a.rowsCalled(ctx, of, values, numbers, ids)
	if err != nil {
		return seaworthy.Sample{}, err
	}
	return a.SampleByList(ctx, p, population, items)
}

// rowsCalled finds the rows that values name: by number, by what stands in their first
// column, or by either, the latter before the former.
func (a *Audit) rowsCalled(ctx context.Context, of seaworthy.Population, values []string, numbers, ids bool) ([]int, error) {
	wanted := map[string][]int{}
	if ids {
		for _, v := range values {
			wanted[v] = nil
		}
		err := a.Frozen(ctx, of, func(n int, row []any) error {
			if len(row) == 0 {
				return nil
			}
			name := fmt.Sprint(row[0])
			if rows, ok := wanted[name]; ok {
				wanted[name] = append(rows, n)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var out []int
	var unknown, several []string
	for _, v := range values {
		n, err := strconv.Atoi(v)
		switch rows := wanted[v]; {
		case len(rows) == 1:
			out = append(out, rows[0])
		case len(rows) > 1:
			several = append(several, v)
		case numbers && err == nil && n >= 1 && n <= of.Count:
			out = append(out, n)
		default:
			unknown = append(unknown, v)
		}
	}
	if len(several) > 0 {
		return nil, seaworthy.Invalid("several rows of %s are called %s: select them by row number, in a column called row", of.Name, named(several))
	}
	if len(unknown) > 0 {
		return nil, seaworthy.Invalid("no row of %s is %s (it has rows 1 to %d)", of.Name, named(unknown), of.Count)
	}
	return out, nil
}

// named lists the first of some values.
func named(values []string) string {
	const most = 10
	text := strings.Join(values[:min(len(values), most)], ", ")
	if len(values) > most {
		text += fmt.Sprintf(" and %d more", len(values)-most)
	}
	return text
}

// readTable reads CSV or the first sheet of a workbook.
func readTable(file io.Reader) ([][]string, error) {
	data, err := io.ReadAll(io.LimitReader(file, SampleFileLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read the selected rows: %w", err)
	}
	if len(data) > SampleFileLimit {
		return nil, seaworthy.Invalid("the file is larger than %d MB", SampleFileLimit>>20)
	}
	if bytes.HasPrefix(data, []byte("PK")) {
		return readWorkbook(data)
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	if line, _, _ := bytes.Cut(data, []byte("\n")); bytes.Count(line, []byte(";")) > bytes.Count(line, []byte(",")) {
		r.Comma = ';' // as spreadsheets write it where the comma is decimal
	}
	var out table
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out.rows, nil
		}
		if err != nil {
			return nil, seaworthy.Invalid("the file is neither CSV nor a workbook: %v", err)
		}
		if err := out.add(record); err != nil {
			return nil, err
		}
	}
}

// maxCells bounds what is kept of a file: a workbook says in a few bytes that a row has
// sixteen thousand cells.
const maxCells = 2_000_000

// table is what was read of a file.
type table struct {
	rows  [][]string
	cells int
}

func (t *table) add(row []string) error {
	if t.cells += 1 + len(row); t.cells > maxCells {
		return seaworthy.Invalid("the file has more than %d cells: the rows that were selected, each with its number or id, suffice", maxCells)
	}
	t.rows = append(t.rows, row)
	return nil
}

func readWorkbook(data []byte) (_ [][]string, err error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: 200 << 20, UnzipXMLSizeLimit: 100 << 20})
	if err != nil {
		return nil, seaworthy.Invalid("the workbook cannot be read: %v", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := f.Rows(f.GetSheetName(0))
	if err != nil {
		return nil, seaworthy.Invalid("the workbook cannot be read: %v", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var out table
	for rows.Next() {
		row, err := rows.Columns()
		if err != nil {
			return nil, seaworthy.Invalid("the workbook cannot be read: %v", err)
		}
		if err := out.add(row); err != nil {
			return nil, err
		}
	}
	if err := rows.Error(); err != nil {
		return nil, seaworthy.Invalid("the workbook cannot be read: %v", err)
	}
	return out.rows, nil
}
