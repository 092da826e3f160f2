// SPDX-License-Identifier: Apache-2.0

package fix

import (
	"bytes"
	"context"
	"fmt"

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

// subject is an object of a file, or the file as a whole. Groups and versions are left
// out, since an edit may change them.
type subject struct{ file, kind, namespace, name string }

func subjectOf(f *seaworthy.Finding) subject {
	return subject{f.File, f.Object.Kind, f.Object.Namespace, f.Object.Name}
}

// spotted is one finding, whatever its line.
type spotted struct {
	subject
	check, path string
}

func spottedOf(f *seaworthy.Finding) spotted { return spotted{subjectOf(f), f.Check, f.Path} }

// schemaCheck finds what the API server would refuse.
const schemaCheck = "invalid-schema"

// judged is what a scan says of texts.
type judged struct {
	found map[spotted]bool
	// refused counts what of a subject cannot be read or would not be accepted.
	refused map[subject]int
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
	j := &judged{map[spotted]bool{}, map[subject]int{}}
	for i := range findings {
		f := &findings[i]
		j.found[spottedOf(f)] = true
		if f.Check == schemaCheck {
			j.refused[subjectOf(f)]++
		}
	}
	for _, p := range problems {
		j.refused[subject{file: p.File}]++
	}
	return j, nil
}

const (
	errStays = refusal("the edit does not settle the finding")
	errWorse = refusal("the API server would not accept the object after the edit")
)

// prove scans the old and the new texts. The old ones must still have the findings, the
// new ones must not, and be as acceptable to the API server as before. What fails is
// taken out and the rest tried again.
func (c *Collector) prove(ctx context.Context, drafts []*draft) error {
	before, err := c.judge(ctx, drafts, func(d *draft) []byte { return d.old })
	if err != nil {
		return err
	}
	for _, d := range drafts {
		again := false
		for _, it := range d.items {
			if it.reason == nil && !before.found[spottedOf(&it.finding)] {
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
		var again []*draft
		for _, d := range drafts {
			if d.settle(before, after) {
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
func (d *draft) settle(before, after *judged) bool {
	ok := true
	for _, it := range d.items {
		if it.reason != nil {
			continue
		}
		worse := false
		for _, at := range []subject{subjectOf(&it.finding), {file: d.file}} {
			worse = worse || after.refused[at] > before.refused[at]
		}
		switch {
		case worse:
			it.reason, ok = errWorse, false
		case after.found[spottedOf(&it.finding)]:
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
