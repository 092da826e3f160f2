// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
)

// What an auditor selected elsewhere comes back as a file: by row number or by id, and
// what is not in the list is refused by name.
func TestSamplesFromFiles(t *testing.T) {
	eachArchive(t, func(c *archive) {
		ctx := c.t.Context()
		p := c.program()
		c.at("2026-03-01")
		frozen, err := c.Freeze(ctx, manager, audit.FreezeRequest{Name: "performances", Program: p.ID, List: "occurrences"})
		c.must(err)
		if frozen.Count < 5 {
			c.t.Fatalf("the population has %d rows: too few", frozen.Count)
		}
		ids := map[int]string{}
		c.must(c.Frozen(ctx, frozen, func(n int, row []any) error {
			ids[n] = fmt.Sprint(row[0])
			return nil
		}))
		book := func(columns []string, rows ...[]any) string {
			var b bytes.Buffer
			table, err := audit.NewTable(&b, "xlsx", columns, []string{"picked by hand"})
			c.must(err)
			for _, r := range rows {
				c.must(table.Row(r))
			}
			c.must(table.Close())
			return b.String()
		}
		wide := excelize.NewFile() // 20 KB that become sixteen thousand cells a row
		for i := 1; i <= 150; i++ {
			c.must(wide.SetCellInt("Sheet1", fmt.Sprintf("XFD%d", i), 1))
		}
		var bomb bytes.Buffer
		c.must(wide.Write(&bomb))
		key := frozen.Columns[0]
		for name, tt := range map[string]struct {
			file string
			want []int
			says string
		}{
			"numbers, alone":               {"3\n1\n3\n", []int{1, 3}, ""},
			"numbers by column":            {"note,Row\nx,2\ny,4\n", []int{2, 4}, ""},
			"semicolons and a mark":        {"\uFEFFrow;note\r\n5;a\r\n", []int{5}, ""},
			"ids by column":                {"why," + key + "\nx," + ids[2] + "\n", []int{2}, ""},
			"ids, alone":                   {ids[4] + "\n" + ids[1] + "\n", []int{1, 4}, ""},
			"a workbook of numbers":        {book([]string{"row"}, []any{int64(2)}, []any{int64(3)}), []int{2, 3}, ""},
			"a workbook of ids":            {book([]string{"reason", key}, []any{"x", ids[5]}), []int{5}, ""},
			"ids that there are not":       {key + "\n" + ids[1] + "\nnobody\nnothing\n", nil, "nobody, nothing"},
			"a number beyond":              {"row\n1\n99999\n", nil, "99999"},
			"an id in a column of numbers": {"row\n" + ids[1] + "\n", nil, ids[1]},
			"nothing":                      {"row\n", nil, "selects no row"},
			"no table":                     {"a,\"b", nil, "neither CSV nor a workbook"},
			"no workbook":                  {"PK\x03\x04nonsense", nil, "cannot be read"},
			"a workbook of nothing much":   {bomb.String(), nil, "cells"},
			"CSV of nothing":               {strings.Repeat(strings.Repeat(",", 1<<20)+"\n", 3), nil, "cells"},
			"a large file":                 {strings.Repeat("1\n", audit.SampleFileLimit/2+1), nil, "larger than"},
		} {
			s, err := c.SampleByFile(ctx, manager, frozen.ID, strings.NewReader(tt.file))
			switch {
			case tt.says == "" && (err != nil || !slices.Equal(s.Items, tt.want)):
				c.t.Errorf("%s: rows %v, %v, want %v", name, s.Items, err, tt.want)
			case tt.says != "" && (!isKind(err, seaworthy.KindInvalid) || !strings.Contains(err.Error(), tt.says)):
				c.t.Errorf("%s: %v, want it invalid, saying %q", name, err, tt.says)
			}
		}
	})
}
