// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
	"github.com/seaworthy-dev/seaworthy/internal/store"
	"github.com/seaworthy-dev/seaworthy/internal/vault"
)

// sampled is a selected row of a population.
type sampled struct {
	sample string
	row    int
}

// readPopulations reads the lists that were frozen for the program, and the samples.
func (e *export) readPopulations() error {
	if e.request.WithoutLists {
		return nil
	}
	err := records(e, "population", func(entry store.LogEntry, p seaworthy.Population) error {
		if p.ProgramID == e.program.ID {
			e.kept(entry)
			e.populations = append(e.populations, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if e.request.WithoutSamples {
		return nil
	}
	return records(e, "sample", func(entry store.LogEntry, s seaworthy.Sample) error {
		if slices.ContainsFunc(e.populations, func(p seaworthy.Population) bool { return p.ID == s.PopulationID }) {
			e.kept(entry)
			e.samples = append(e.samples, s)
		}
		return nil
	})
}

// populationMeta is what a file beside the rows says of a population.
type populationMeta struct {
	seaworthy.Population
	Rows    string `json:"rowsFile"`
	LeftOut string `json:"leftOut,omitempty"`
}

// populationFiles writes each frozen list: the bytes that its digest is of, and the same
// as a table.
func (e *export) populationFiles() error {
	for _, p := range e.populations {
		base := "02_populations/" + fileName(p)
		meta := populationMeta{Population: p, Rows: base + ".jsonl"}
		open := func() (io.ReadCloser, error) { return e.audit.blobs.Open(e.ctx, p.Digest) }
		head, whole, err := checkedHead(&e.buf, open)
		var told *seaworthy.Error
		switch {
		case errors.Is(err, vault.ErrAltered), errors.As(err, &told) && told.Kind == seaworthy.KindNotFound:
			meta.Rows, meta.LeftOut = "", err.Error()
			e.partial = append(e.partial, "the rows of population "+p.Name+" could not be had")
		case err != nil:
			return err
		default:
			if err := errors.Join(e.rows(base, open, head, whole), e.rowTable(p, base)); err != nil {
				return err
			}
		}
		if err := e.json(base+".meta.json", meta); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) rows(base string, open func() (io.ReadCloser, error), head []byte, whole bool) error {
	return e.file(base+".jsonl", func(w io.Writer) error {
		if whole {
			_, err := w.Write(head)
			return err
		}
		r, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(w, r)
		return errors.Join(err, r.Close())
	})
}

// rowTable writes the rows for people to read: as CSV, and as a workbook where one sheet
// takes them.
func (e *export) rowTable(p seaworthy.Population, base string) error {
	columns := append([]string{"row"}, p.Columns...)
	rows := func(row func(...any) error) error {
		return e.audit.Frozen(e.ctx, p, func(n int, values []any) error { return row(append([]any{n}, values...)...) })
	}
	if err := e.table(base+".csv", columns, rows); err != nil || p.Count >= xlsxRows {
		return err
	}
	return e.tableOf(base+".xlsx", "xlsx", columns, e.about(p), rows)
}

// fileName is the name of a population's files: what people called it, and its id.
func fileName(p seaworthy.Population) string {
	var b strings.Builder
	for _, r := range strings.ToLower(p.Name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 60 {
			break
		}
	}
	return strings.Trim(b.String()+"-"+p.ID, "-")
}

// sampleFiles writes the selected rows of each sample, and where the evidence of each is.
func (e *export) sampleFiles() error {
	e.items = map[string][]sampled{}
	for _, s := range e.samples {
		i := slices.IndexFunc(e.populations, func(p seaworthy.Population) bool { return p.ID == s.PopulationID })
		p := e.populations[i]
		base := "03_samples/" + fileName(p) + "/" + s.ID
		if err := e.json(base+".meta.json", s); err != nil {
			return err
		}
		if err := e.sampleTables(s, p, base); err != nil {
			return err
		}
	}
	if len(e.samples) == 0 {
		return nil
	}
	if err := e.sampledRecords(); err != nil {
		return err
	}
	return e.table("03_samples/items.csv", []string{"sample", "row", "evidence_id", "title", "sha256", "path"}, func(row func(...any) error) error {
		return errors.Join(e.itemEvidence(row), e.recordRows(row))
	})
}

// about says how a population came about, and first of all that it is made up, where it is.
func (e *export) about(p seaworthy.Population) []string {
	about := aboutPopulation(p)
	if e.example != "" {
		about = append([]string{e.example}, about...)
	}
	return about
}

// sampleTables writes the selected rows, and notes by what evidence may be about each.
func (e *export) sampleTables(s seaworthy.Sample, p seaworthy.Population, base string) error {
	columns := append([]string{"row"}, p.Columns...)
	rows := func(row func(...any) error) error {
		err := e.audit.Frozen(e.ctx, p, func(n int, values []any) error {
			if !s.Has(n) {
				return nil
			}
			return row(append([]any{n}, values...)...)
		})
		var told *seaworthy.Error
		if errors.Is(err, vault.ErrAltered) || errors.As(err, &told) && told.Kind == seaworthy.KindNotFound {
			return nil // told with the population
		}
		return err
	}
	err := e.table(base+".csv", columns, func(row func(...any) error) error {
		return rows(func(values ...any) error {
			for _, key := range keysOf(p, values[1:]) {
				e.items[key] = append(e.items[key], sampled{base, values[0].(int)})
			}
			return row(values...)
		})
	})
	if err != nil || s.Size >= xlsxRows {
		return err
	}
	return e.tableOf(base+".xlsx", "xlsx", columns, append(e.about(p), aboutSample(s, p)), rows)
}

// keysOf says by what evidence may be about a row: itself, an occurrence, a report.
func keysOf(p seaworthy.Population, values []any) []string {
	var out []string
	for i, c := range p.Columns {
		id, ok := values[i].(string)
		if !ok || id == "" {
			continue
		}
		switch {
		case c == "id" && p.List == "occurrences", c == "occurrence":
			out = append(out, "occurrence "+id)
		case c == "id" && p.List == "runs", c == "run":
			out = append(out, "run "+id)
		case c == "id" && p.List == "evidence":
			out = append(out, "evidence "+id)
		case c == "id" && (p.List == "changes" || p.List == "access" || p.List == "sessions"):
			out = append(out, "change "+id)
		case c == "id" && p.List == "deployments", c == "deployment":
			out = append(out, "deployment "+id)
		case c == "id" && p.List == "merges":
			out = append(out, "confirmation "+id)
		}
	}
	return out
}

// itemEvidence writes which evidence is about which selected row.
func (e *export) itemEvidence(row func(...any) error) error {
	return e.eachEvidence(func(_ store.LogEntry, v seaworthy.Evidence) error {
		keys := []string{"evidence " + v.ID}
		if v.RunID != "" {
			keys = append(keys, "run "+v.RunID)
		}
		for _, o := range v.Occurrences {
			keys = append(keys, "occurrence "+o)
		}
		told := map[sampled]bool{}
		for _, k := range keys {
			for _, s := range e.items[k] {
				if told[s] {
					continue
				}
				told[s] = true
				if err := row(s.sample, s.row, v.ID, v.Title, v.Digest, e.path(v)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
