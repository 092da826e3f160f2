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

// offence is a check that fails on a subject; no check stands for what cannot be read.
type offence struct {
	subject
	check string
}

// spotted is one finding, whatever its line.
type spotted struct {
	offence
	path string
}

func spottedOf(f *seaworthy.Finding) spotted {
	return spotted{offence{subjectOf(f), f.Check}, f.Path}
}

// judged is what a scan says of texts.
type judged struct {
	// counts leaves out checks that look at other objects too: those judge more as an object
	// is better confined, and a file on its own gives them no ground.
	counts map[offence]int
	found  map[spotted]bool
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
	j := &judged{counts: map[offence]int{}, found: map[spotted]bool{}}
	for i := range findings {
		at := spottedOf(&findings[i])
		j.found[at] = true
		if !c.crossed[at.check] {
			j.counts[at.offence]++
		}
	}
	for _, p := range problems {
		j.counts[offence{subject: subject{file: p.File}}]++
	}
	return j, nil
}

// worse gives, for each subject of which more is found than before, a check that finds it.
func (j *judged) worse(before *judged) map[subject]string {
	out := map[subject]string{}
	for at, n := range j.counts {
		if n > before.counts[at] && (out[at.subject] == "" || at.check < out[at.subject]) {
			out[at.subject] = at.check
		}
	}
	return out
}

const errStays = refusal("the edit does not settle the finding")

// brings is the reason against an edit that makes a check fail.
func brings(check string) error {
	if check == "" {
		return refusal("the file could not be read after the edit")
	}
	return refusal("the edit would bring a finding of " + check)
}

// prove scans the old and the new texts. The old ones must still have the findings, the
// new ones must not, and no check of single objects may find more than before. What
// fails is taken out and the rest tried again.
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
		worse := after.worse(before)
		var again []*draft
		for _, d := range drafts {
			if d.settle(after, worse) {
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
func (d *draft) settle(after *judged, worse map[subject]string) bool {
	ok := true
	for _, it := range d.items {
		if it.reason != nil {
			continue
		}
		check, bad := worse[subjectOf(&it.finding)]
		if !bad {
			check, bad = worse[subject{file: d.file}]
		}
		switch {
		case bad:
			it.reason, ok = brings(check), false
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
