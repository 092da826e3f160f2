// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/audit"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

func isKind(err error, kind seaworthy.Kind) bool {
	var e *seaworthy.Error
	return errors.As(err, &e) && e.Kind == kind
}

// rows reads a population whole.
func (c *company) rows(p seaworthy.Population) [][]any {
	c.t.Helper()
	var out [][]any
	c.must(c.Frozen(c.t.Context(), p, func(n int, row []any) error {
		if n != len(out)+1 {
			c.t.Errorf("row %d comes as number %d", len(out)+1, n)
		}
		out = append(out, row)
		return nil
	}))
	return out
}

func TestPopulationEqualsItsSourceAndDoesNotChange(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.now = date("2026-01-10")
		none := time.Time{}
		for i := range 20 {
			source := []string{"prod-eu", "elsewhere"}[i%2]
			c.finding(fmt.Sprintf("%032d", i), source, "shop", "no-privileged", seaworthy.FindingOpen, c.now, c.now.Add(day), none)
		}
		frozen, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "Open findings", Program: p.ID, List: "findings", Filters: map[string]string{"status": "open"}})
		c.must(err)
		if frozen.Count != 10 || !strings.Contains(frozen.Reconciled, "10 rows frozen; the database counts 10") || !strings.Contains(frozen.Reconciled, "has 20 rows") {
			c.t.Errorf("%d rows, %q; want the 10 in scope of 20", frozen.Count, frozen.Reconciled)
		}
		if !strings.Contains(frozen.Query, "status = 'open'") || !strings.Contains(frozen.Query, "'prod-eu'") {
			c.t.Errorf("Query = %q, want filters and scope in it", frozen.Query)
		}
		before := c.rows(frozen)
		again, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "Once more", Program: p.ID, List: "findings", Filters: map[string]string{"status": "open"}})
		c.must(err)
		if again.Digest != frozen.Digest {
			c.t.Errorf("the same rows give the digests %s and %s", frozen.Digest, again.Digest)
		}
		c.now = date("2026-01-11")
		c.finding("new", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now, c.now.Add(day), none)
		kept, err := c.Population(c.t.Context(), manager, frozen.ID)
		c.must(err)
		if diff := cmp.Diff(before, c.rows(kept)); diff != "" {
			c.t.Errorf("what was frozen changed (-before +after):\n%s", diff)
		}
		later, err := c.Freeze(c.t.Context(), manager, audit.FreezeRequest{Name: "A day later", Program: p.ID, List: "findings", Filters: map[string]string{"status": "open"}})
		c.must(err)
		if later.Count != 11 || later.Digest == frozen.Digest {
			c.t.Errorf("a day later: %d rows, the same digest: %t; want 11 and another", later.Count, later.Digest == frozen.Digest)
		}
	})
}

func TestEveryListFreezesAndExports(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.clusters()
		c.own()
		c.now = date("2026-01-05T12:00")
		c.report("prod-eu")
		c.report("prod-us")
		c.finding("f1", "prod-eu", "shop", "no-privileged", seaworthy.FindingOpen, c.now, c.now.Add(day), time.Time{})
		c.gap("prod-eu", c.now.Add(-day), c.now)
		c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error { return tx.Action("test", "a list", nil) }))
		c.change("prod-eu", "written", binding("create", "admin", nil, []string{"ann"}), "watch")
		c.change("prod-eu", "entered", func(v *seaworthy.Change) { v.Verb = seaworthy.VerbExec }, "webhook")
		c.deployed("prod-eu", "d", "c0ffee")
		c.merged("c0ffee")
		c.must(c.store.Write(c.t.Context(), "system", func(tx *store.Tx) error {
			return errors.Join(tx.PutAgent(&seaworthy.Agent{ID: "a", SourceID: "prod-eu", EnrolledAt: tx.At}), tx.PutChangeRule(&seaworthy.ChangeRule{ID: "r", Name: "a rule"}))
		}))
		c.at("2026-01-20")
		for _, name := range store.ListNames() {
			population, err := c.Freeze(c.t.Context(), owner, audit.FreezeRequest{Name: name, Program: p.ID, List: name})
			if err != nil {
				c.t.Errorf("freeze %s: %v", name, err)
				continue
			}
			if population.Count == 0 && !slices.Contains([]string{"waivers", "users", "tokens", "check-versions"}, name) {
				c.t.Errorf("%s: no rows", name)
			}
			rows := c.rows(population)
			var file bytes.Buffer
			c.must(c.ExportPopulation(c.t.Context(), owner, population.ID, "", "csv", &file))
			records, err := csv.NewReader(&file).ReadAll()
			c.must(err)
			if len(records) != len(rows)+1 || len(records[0]) != len(population.Columns)+1 {
				c.t.Errorf("%s: %d records of %d fields, want %d of %d", name, len(records), len(records[0]), len(rows)+1, len(population.Columns)+1)
			}
			file.Reset()
			c.must(c.ExportList(c.t.Context(), owner, store.ListQuery{List: name, Program: p}, "xlsx", &file))
			book, err := excelize.OpenReader(&file)
			c.must(err)
			sheet, err := book.GetRows("Rows 1")
			c.must(err)
			c.must(book.Close())
			if grows := name == "log" || name == "actions"; !grows && len(sheet) != len(rows)+1 {
				c.t.Errorf("%s: %d rows in the workbook, want %d", name, len(sheet), len(rows)+1)
			}
		}
		actions, err := c.store.Actions(c.t.Context(), "", 0)
		c.must(err)
		if len(actions) != 1+2*len(store.ListNames()) || actions[0].Verb != "export" || actions[0].Actor != owner.Actor {
			c.t.Errorf("%d actions, the last %+v; want every export", len(actions), actions[0])
		}
	})
}

func TestFreezeRefuses(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		auditor := seaworthy.Principal{Actor: "user:ann", UserID: "ann", Role: seaworthy.Auditor, Program: p.ID}
		stranger := seaworthy.Principal{Actor: "user:sam", UserID: "sam", Role: seaworthy.Auditor, Program: "another"}
		for _, tt := range []struct {
			name string
			by   seaworthy.Principal
			r    audit.FreezeRequest
			want seaworthy.Kind
		}{
			{"a viewer", viewer, audit.FreezeRequest{Name: "n", Program: p.ID, List: "findings"}, seaworthy.KindForbidden},
			{"an auditor of another program", stranger, audit.FreezeRequest{Name: "n", Program: p.ID, List: "findings"}, seaworthy.KindNotFound},
			{"no such list", auditor, audit.FreezeRequest{Name: "n", Program: p.ID, List: "secrets"}, seaworthy.KindInvalid},
			{"no such filter", auditor, audit.FreezeRequest{Name: "n", Program: p.ID, List: "findings", Filters: map[string]string{"1=1; --": "x"}}, seaworthy.KindInvalid},
			{"no name", auditor, audit.FreezeRequest{Program: p.ID, List: "findings"}, seaworthy.KindInvalid},
			{"the future", auditor, audit.FreezeRequest{Name: "n", Program: p.ID, List: "log", AsOf: c.now.Add(day)}, seaworthy.KindInvalid},
			{"a past that was not kept", auditor, audit.FreezeRequest{Name: "n", Program: p.ID, List: "findings", AsOf: c.now.Add(-day)}, seaworthy.KindInvalid},
		} {
			if _, err := c.Freeze(c.t.Context(), tt.by, tt.r); !isKind(err, tt.want) {
				c.t.Errorf("%s: %v, want an error of kind %d", tt.name, err, tt.want)
			}
		}
		if _, err := c.Freeze(c.t.Context(), auditor, audit.FreezeRequest{Name: "n", Program: p.ID, List: "findings"}); err != nil {
			c.t.Errorf("the program's auditor: %v", err)
		}
		if err := c.ExportList(c.t.Context(), stranger, store.ListQuery{List: "findings", Program: p}, "csv", &bytes.Buffer{}); !isKind(err, seaworthy.KindNotFound) {
			c.t.Errorf("an auditor of another program exports: %v", err)
		}
	})
}

func TestAuditorsSeedReproducesTheSample(t *testing.T) {
	each(t, small(), func(c *company) {
		p := c.program()
		c.at("2026-03-01")
		auditor := seaworthy.Principal{Actor: "user:ann", UserID: "ann", Role: seaworthy.Auditor, Program: p.ID}
		frozen, err := c.Freeze(c.t.Context(), auditor, audit.FreezeRequest{Name: "Days", Program: p.ID, List: "occurrences"})
		c.must(err)
		s, err := c.SampleBySeed(c.t.Context(), auditor, frozen.ID, "KPI-2026-7", 25)
		c.must(err)
		// The algorithm as the documentation has it, done by hand.
		type ticket struct{ hash, row string }
		var tickets []ticket
		for n := 1; n <= frozen.Count; n++ {
			sum := sha256.Sum256(fmt.Appendf(nil, "KPI-2026-7\n%s\n%d", frozen.Digest, n))
			tickets = append(tickets, ticket{hex.EncodeToString(sum[:]), fmt.Sprint(n)})
		}
		slices.SortFunc(tickets, func(a, b ticket) int { return strings.Compare(a.hash, b.hash) })
		for _, t := range tickets[:25] {
			if !slices.ContainsFunc(s.Items, func(n int) bool { return fmt.Sprint(n) == t.row }) {
				c.t.Errorf("row %s is not in the sample", t.row)
			}
		}
		if len(s.Items) != 25 || s.Trial || s.SelectedBy != "user:ann" {
			c.t.Errorf("sample = %+v, want 25 rows of the auditor", s)
		}
		again, err := c.SampleBySeed(c.t.Context(), auditor, frozen.ID, "KPI-2026-7", 25)
		c.must(err)
		if diff := cmp.Diff(s.Items, again.Items); diff != "" {
			c.t.Errorf("the seed gives another sample (-first +second):\n%s", diff)
		}
		trial, err := c.SampleBySeed(c.t.Context(), manager, frozen.ID, "ours", 5)
		c.must(err)
		if !trial.Trial {
			c.t.Error("the company's own sample is not marked as a trial")
		}
		list, err := c.SampleByList(c.t.Context(), auditor, frozen.ID, []int{7, 3, 3})
		c.must(err)
		if diff := cmp.Diff([]int{3, 7}, list.Items); diff != "" {
			c.t.Errorf("an uploaded list (-want +got):\n%s", diff)
		}
		for _, bad := range [][]int{nil, {0}, {frozen.Count + 1}} {
			if _, err := c.SampleByList(c.t.Context(), auditor, frozen.ID, bad); !isKind(err, seaworthy.KindInvalid) {
				c.t.Errorf("SampleByList(%v) = %v, want invalid", bad, err)
			}
		}
		if _, err := c.SampleBySeed(c.t.Context(), viewer, frozen.ID, "x", 1); !isKind(err, seaworthy.KindForbidden) {
			c.t.Errorf("a viewer samples: %v", err)
		}
		var file bytes.Buffer
		c.must(c.ExportPopulation(c.t.Context(), auditor, frozen.ID, s.ID, "csv", &file))
		if n := strings.Count(file.String(), ",true\r\n"); n != 25 {
			c.t.Errorf("%d rows are marked as selected, want 25", n)
		}
	})
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct{ rows, size, want int }{{0, 5, 0}, {3, 5, 3}, {100, 25, 25}} {
		got := audit.Select("s", "d", tt.rows, tt.size)
		if len(got) != tt.want || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("Select of %d from %d = %v, want %d different rows in order", tt.size, tt.rows, got, tt.want)
		}
	}
	if cmp.Equal(audit.Select("a", "d", 1000, 25), audit.Select("b", "d", 1000, 25)) {
		t.Error("two seeds give the same sample")
	}
}

func TestExportsGuardAgainstFormulas(t *testing.T) {
	values := []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "plain", `a "quoted", value`, "line\nbreak", "", strings.Repeat("x", 40000)}
	want := []string{"'=cmd|' /C calc'!A0", "'+1", "'-1", "'@SUM(A1)", "'\tx", "plain", `a "quoted", value`, "line\nbreak", ""}
	for _, format := range []string{"csv", "xlsx"} {
		var file bytes.Buffer
		table, err := audit.NewTable(&file, format, []string{"v", "n", "b"}, []string{"=about"})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if err := table.Row([]any{v, int64(-i), i%2 == 0}); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		var rows [][]string
		if format == "csv" {
			if !strings.HasPrefix(file.String(), "v,n,b\r\n") {
				t.Errorf("CSV begins with %q, want CRLF", file.String()[:10])
			}
			rows, err = csv.NewReader(&file).ReadAll()
		} else {
			book, oerr := excelize.OpenReader(&file)
			if oerr != nil {
				t.Fatal(oerr)
			}
			rows, err = book.GetRows("Rows 1")
			_ = book.Close()
		}
		if err != nil || len(rows) != len(values)+1 {
			t.Fatalf("%s: %d rows, %v", format, len(rows), err)
		}
		for i, w := range want {
			if got := rows[i+1][0]; got != w {
				t.Errorf("%s: %q is written as %q, want %q", format, values[i], got, w)
			}
		}
		if got := rows[3][1]; got != "-2" {
			t.Errorf("%s: the number -2 is written as %q", format, got)
		}
		if got := rows[10][0]; format == "xlsx" && (len(got) > 32767 || !strings.Contains(got, "the CSV has it whole")) {
			t.Errorf("a long value: %d bytes, want it cut with a note", len(got))
		}
	}
	if _, err := audit.NewTable(&bytes.Buffer{}, "pdf", nil, nil); !isKind(err, seaworthy.KindInvalid) {
		t.Errorf("format pdf: %v", err)
	}
}

func TestParseRows(t *testing.T) {
	got, err := audit.ParseRows("1, 5\r\n7;9\n")
	if diff := cmp.Diff([]int{1, 5, 7, 9}, got); diff != "" || err != nil {
		t.Errorf("ParseRows (-want +got), %v:\n%s", err, diff)
	}
	if _, err := audit.ParseRows("1 two"); !isKind(err, seaworthy.KindInvalid) {
		t.Errorf("ParseRows = %v, want invalid", err)
	}
}
