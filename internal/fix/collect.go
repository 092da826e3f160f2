// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/seaworthy-dev/seaworthy"
)

// Collector takes the findings of a scan, as an output format would, and plans what to
// write. Waived findings, those that a manifest asks a waiver for, and those of the
// baseline are left alone: somebody has accepted them.
type Collector struct {
	cfg   Config
	plan  Plan
	items map[string][]*item // by file
	asked map[string]bool    // checks named
}

// NewCollector checks the names of checks.
func NewCollector(cfg Config) (*Collector, error) {
	c := &Collector{
		cfg: cfg, plan: Plan{ByName: map[string]int{}}, items: map[string][]*item{},
		asked: map[string]bool{},
	}
	names := make([]string, len(remedies))
	for i, r := range remedies {
		names[i] = r.Check
	}
	for _, id := range cfg.Named {
		if rank(id) < 0 {
			hint := ""
			if near := seaworthy.Nearest(id, names); near != "" {
				hint = fmt.Sprintf(" (did you mean %q?)", near)
			}
			return nil, seaworthy.Invalid("there is no fix for check %q%s", id, hint)
		}
		c.asked[id] = true
	}
	return c, nil
}

// Start has nothing to do.
func (*Collector) Start(*seaworthy.Header, []seaworthy.Check) error { return nil }

// Pass has nothing to do.
func (*Collector) Pass(*seaworthy.Pass) error { return nil }

const (
	errRendered = refusal("is rendered by a chart or kustomization; change what it is rendered from")
	errNoFile   = refusal("comes from no file")
	errBroken   = refusal("parts of the file could not be read; correct them first")
)

// Finding sorts one finding.
func (c *Collector) Finding(f *seaworthy.Finding) error {
	if f.Waiver != nil || f.WaiverRequested != "" || !f.New {
		return nil
	}
	i := rank(f.Check)
	if i < 0 || !endsIn(f.Path, remedies[i].field) {
		c.plan.NoRemedy++
		return nil
	}
	r, named := &remedies[i], c.asked[f.Check]
	switch {
	case f.Origin != "":
		c.plan.refuse(string(errRendered), *f)
	case f.File == "":
		c.plan.refuse(string(errNoFile), *f)
	case r.safe == nil && !named:
		c.plan.ByName[f.Check]++
	default:
		c.items[f.File] = append(c.items[f.File], &item{finding: *f, remedy: r, named: named, place: -1})
	}
	return nil
}

// End refuses files that could not be read whole.
func (c *Collector) End(t *seaworthy.Trailer) error {
	for _, p := range t.Errors {
		if items := c.items[p.File]; items != nil && p.Check == "" {
			c.refuse(items, errBroken)
			delete(c.items, p.File)
		}
	}
	return nil
}

func (c *Collector) refuse(items []*item, reason error) {
	for _, it := range items {
		if errors.Is(reason, errByName) {
			c.plan.ByName[it.finding.Check]++
		} else {
			c.plan.refuse(reasonText(reason), it.finding)
		}
	}
}

// reasonText says to the user why something was not done. What should not happen, a text
// that is not where the YAML library says, is refused like what is laid out oddly.
func reasonText(err error) string {
	var known refusal
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &known):
		return string(known)
	case errors.As(err, &path):
		return fmt.Sprintf("the file cannot be changed (%s: %v)", path.Op, path.Err)
	case errors.As(err, &link):
		return fmt.Sprintf("the file cannot be changed (%s: %v)", link.Op, link.Err)
	}
	return string(errBlock)
}

// batch is how many files are scanned again together.
const batch = 200

// Plan works out the new texts. Call it once, after the scan.
func (c *Collector) Plan(ctx context.Context) (*Plan, error) {
	files := slices.Sorted(maps.Keys(c.items))
	for group := range slices.Chunk(files, batch) {
		var drafts []*draft
		for _, file := range group {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if d := c.draft(file); d != nil {
				drafts = append(drafts, d)
			}
		}
		if err := c.prove(ctx, drafts); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.plan.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return &c.plan, nil
}

// Write writes the files of the plan. A file that cannot be written moves to what is
// refused; the others are written all the same. It gives how many were not.
func (p *Plan) Write(ctx context.Context) (failed int, err error) {
	var written []*File
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return failed, err
		}
		if err := f.place.write(f.Old, f.New); err != nil {
			failed++
			p.refuse(reasonText(err), f.Fixed...)
			continue
		}
		written = append(written, f)
	}
	p.Files = written
	return failed, nil
}
