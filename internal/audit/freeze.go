// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
)

// maxPopulation bounds the bytes of a frozen list.
const maxPopulation = 16 << 30

// growing are the lists whose rows are only ever added and never change, so that they
// can be frozen as of a past moment too.
var growing = map[string]bool{"finding-events": true, "check-versions": true, "controls": true, "program-versions": true,
	"runs": true, "log": true, "actions": true}

// FreezeRequest says what to freeze.
type FreezeRequest struct {
	Name    string
	Program string
	List    string
	Filters map[string]string
	AsOf    time.Time // zero: now
}

// Freeze makes a population: it reads a list in one state of the database, keeps its
// rows in the vault, and logs their digest with the query and how the count compares.
// What changes afterwards does not change what was frozen.
func (a *Audit) Freeze(ctx context.Context, p seaworthy.Principal, r FreezeRequest) (seaworthy.Population, error) {
	none := seaworthy.Population{}
	if err := errors.Join(may(p, seaworthy.FreezeLists), sees(p, r.Program), mayList(p, r.List)); err != nil {
		return none, err
	}
	program, err := a.store.Program(ctx, r.Program)
	if err != nil {
		return none, err
	}
	now := a.store.Now()
	switch {
	case r.Name == "":
		return none, seaworthy.Invalid("a population needs a name")
	case r.AsOf.After(now):
		return none, seaworthy.Invalid("a list cannot be frozen as of the future")
	case r.AsOf.IsZero():
		r.AsOf = now
	case !growing[r.List] && r.AsOf.Before(now):
		return none, seaworthy.Invalid("the list %s holds what is so now; it can be frozen as of now only", r.List)
	}
	population := seaworthy.Population{Name: r.Name, ProgramID: program.ID, List: r.List, Filters: maps.Clone(r.Filters), AsOf: r.AsOf.UTC()}
	if population.Filters == nil {
		population.Filters = map[string]string{}
	}
	listed, err := a.keepRows(ctx, store.ListQuery{List: r.List, Program: program, Filters: r.Filters, AsOf: population.AsOf}, &population)
	if err != nil {
		return none, fmt.Errorf("freeze the list %s: %w", r.List, err)
	}
	population.Columns, population.Count, population.Query = listed.Columns, listed.Rows, listed.Query
	population.Reconciled, population.Account = reconcile(listed), listed.Account
	err = a.store.Write(ctx, p.Actor, func(tx *store.Tx) error { return tx.AddPopulation(&population) })
	return population, err
}

// mayList keeps lists of people from those who neither audit nor run the programme.
func mayList(p seaworthy.Principal, list string) error {
	switch list {
	case "users", "tokens":
		return may(p, seaworthy.FreezeLists)
	case "actions":
		if p.Program != "" { // as everywhere: they are of no program
			return seaworthy.Forbidden("who is bound to one program may not see what others did")
		}
		return may(p, seaworthy.ReadLog)
	case "merges":
		if p.Program != "" { // commits are of no cluster, and so of no program
			return seaworthy.Forbidden("who is bound to one program may not list the merges of all repositories; a frozen list of them may be read")
		}
	case "log", "program-versions":
		return may(p, seaworthy.ReadLog)
	}
	return nil
}

// keepRows streams the rows of a list into the vault.
func (a *Audit) keepRows(ctx context.Context, q store.ListQuery, population *seaworthy.Population) (store.Listed, error) {
	if a.blobs == nil {
		return store.Listed{}, &seaworthy.Error{Kind: seaworthy.KindUnavailable, Message: "there is no vault to keep frozen lists in"}
	}
	columns, _, err := store.ListColumns(q.List)
	if err != nil {
		return store.Listed{}, err
	}
	r, w := io.Pipe()
	done := make(chan store.Listed, 1)
	go func() {
		var listed store.Listed
		err := a.store.View(ctx, func(v *store.View) error {
			var err error
			listed, err = writeRows(v, q, columns, w)
			return err
		})
		done <- listed
		w.CloseWithError(err) // nil ends it
	}()
	digest, _, err := a.blobs.Put(ctx, r, maxPopulation)
	r.CloseWithError(errors.New("nobody reads on"))
	listed := <-done
	population.Digest = digest
	return listed, err
}

// writeRows writes rows as JSON lines: an object each, its keys in the order of the
// columns.
func writeRows(v *store.View, q store.ListQuery, columns []string, w io.Writer) (store.Listed, error) {
	b := bufio.NewWriterSize(w, 64<<10)
	keys := make([][]byte, len(columns))
	for i, c := range columns {
		keys[i] = fmt.Appendf(nil, "%q:", c)
	}
	listed, err := v.Rows(q, func(row []any) error {
		for i, value := range row {
			b.WriteByte("{,"[min(i, 1)])
			b.Write(keys[i])
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			b.Write(data)
		}
		_, err := b.WriteString("}\n")
		return err
	})
	if err != nil {
		return listed, err
	}
	return listed, b.Flush()
}

// reconcile says how the rows compare with their source.
func reconcile(l store.Listed) string {
	text := fmt.Sprintf("%s frozen; the database counts %d for the same query", count(l.Rows, "row"), l.Counted)
	if l.Rows != l.Counted {
		text += ", which differs"
	}
	return text + fmt.Sprintf("; the whole list, of all programs and without filters, has %s", count(l.Whole, "row"))
}

// Population gives a population that the principal may see.
func (a *Audit) Population(ctx context.Context, p seaworthy.Principal, id string) (seaworthy.Population, error) {
	population, err := a.store.Population(ctx, id)
	if err != nil {
		return population, err
	}
	if p.Program != "" && p.Program != population.ProgramID {
		return seaworthy.Population{}, seaworthy.NotFound("there is no population %s", id)
	}
	return population, may(p, seaworthy.ReadProgramme)
}

// Frozen gives each row of a population to f, with its number from 1. The bytes are
// those of the digest, or reading them fails.
func (a *Audit) Frozen(ctx context.Context, population seaworthy.Population, f func(n int, row []any) error) (err error) {
	r, err := a.blobs.Open(ctx, population.Digest)
	if err != nil {
		return fmt.Errorf("open population %s: %w", population.Name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			if n-1 != population.Count {
				return fmt.Errorf("population %s has %d rows, not %d", population.Name, n-1, population.Count)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read population %s: %w", population.Name, err)
		}
		row, err := readRow(line, population.Columns)
		if err != nil {
			return fmt.Errorf("read row %d of population %s: %w", n, population.Name, err)
		}
		if err := f(n, row); err != nil {
			return err
		}
	}
}

func readRow(line []byte, columns []string) ([]any, error) {
	values := map[string]any{}
	if err := json.Unmarshal(line, &values); err != nil {
		return nil, err
	}
	row := make([]any, len(columns))
	for i, c := range columns {
		row[i] = values[c]
		if n, ok := values[c].(float64); ok {
			row[i] = int64(n)
		}
	}
	return row, nil
}
