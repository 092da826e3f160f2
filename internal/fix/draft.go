// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/seaworthy-dev/seaworthy"
)

// draft is a file on its way to a new text.
type draft struct {
	file     string
	place    place
	old, new []byte
	items    []*item
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// draft makes the new text of a file, or nil where nothing can be done.
func (c *Collector) draft(file string) *draft {
	d := &draft{file: file, items: c.items[file]}
	var err error
	if d.place, err = findPlace(file, c.cfg.Paths); err == nil {
		d.old, err = d.place.read()
	}
	if err != nil {
		c.refuse(d.items, err)
		return nil
	}
	d.edit()
	return d
}

// edit makes the new text out of the old one by the items that have no reason against.
func (d *draft) edit() {
	text, bom := bytes.CutPrefix(d.old, byteOrderMark)
	var out bytes.Buffer
	if bom {
		out.Write(byteOrderMark)
	}
	rest := d.items
	for _, part := range split(text) {
		var mine, others []*item
		end := part.line + bytes.Count(part.text, []byte{'\n'})
		if !bytes.HasSuffix(part.text, []byte{'\n'}) {
			end++
		}
		for _, it := range rest {
			switch {
			case it.reason != nil:
			case it.finding.Line >= part.line && it.finding.Line < end:
				mine = append(mine, it)
			default:
				others = append(others, it)
			}
		}
		rest = others
		if len(mine) > 0 {
			part.text = part.fix(mine)
		}
		out.Write(part.text)
	}
	for _, it := range rest {
		it.reason = errChanged
	}
	d.new = out.Bytes()
}

// tally counts findings by file, check and object, and what could not be read by file.
type tally map[string]int

func key(f *seaworthy.Finding) string {
	o := f.Object
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s", f.File, f.Check, o.Kind, o.Namespace, o.Name)
}

func exact(f *seaworthy.Finding) string { return key(f) + "\x00" + f.Path }

// judged is what a scan says of texts.
type judged struct {
	counts tally           // by key, and by file for errors
	found  map[string]bool // exact
}

func (c *Collector) judge(ctx context.Context, drafts []*draft, text func(*draft) []byte) (*judged, error) {
	texts := make([]Text, len(drafts))
	for i, d := range drafts {
		texts[i] = Text{d.file, text(d)}
	}
	findings, problems, err := c.cfg.Judge(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("scan what was fixed: %w", err)
	}
	j := &judged{counts: tally{}, found: map[string]bool{}}
	for i := range findings {
		f := &findings[i]
		j.counts[key(f)]++
		j.found[exact(f)] = true
	}
	for _, p := range problems {
		j.counts[p.File]++
	}
	return j, nil
}

const (
	errStays  = refusal("the edit does not settle the finding")
	errBrings = refusal("the edit would bring other findings")
)

// prove scans the old and the new texts. The old ones must still have the findings, the
// new ones must not, and no check may find more than before. What fails is taken out and
// the rest tried again.
func (c *Collector) prove(ctx context.Context, drafts []*draft) error {
	before, err := c.judge(ctx, drafts, func(d *draft) []byte { return d.old })
	if err != nil {
		return err
	}
	for _, d := range drafts {
		again := false
		for _, it := range d.items {
			if it.reason == nil && !before.found[exact(&it.finding)] {
				it.reason, again = errChanged, true
			}
		}
		if again {
			d.edit()
		}
	}
	for len(drafts) > 0 {
		after, err := c.judge(ctx, drafts, func(d *draft) []byte { return d.new })
		if err != nil {
			return err
		}
		worse := map[string]bool{}
		for k, n := range after.counts {
			if file, _, _ := strings.Cut(k, "\x00"); n > before.counts[k] {
				worse[file] = true
			}
		}
		var again []*draft
		for _, d := range drafts {
			if d.settle(after, worse[d.file]) {
				c.done(d)
				continue
			}
			d.edit()
			again = append(again, d)
		}
		drafts = again
	}
	return nil
}

// settle takes out the items that did not work. It tells whether all that are left did.
func (d *draft) settle(after *judged, worse bool) bool {
	ok := true
	for _, it := range d.items {
		switch {
		case it.reason != nil:
		case worse:
			it.reason, ok = errBrings, false
		case after.found[exact(&it.finding)]:
			it.reason, ok = errStays, false
		}
	}
	return ok
}

// done takes a proven draft into the plan.
func (c *Collector) done(d *draft) {
	f := &File{Path: d.file, Old: d.old, New: d.new, place: d.place}
	for _, it := range d.items {
		if it.reason != nil {
			c.refuse([]*item{it}, it.reason)
		} else {
			f.Fixed = append(f.Fixed, it.finding)
		}
	}
	if len(f.Fixed) > 0 {
		c.plan.Files = append(c.plan.Files, f)
	}
}
