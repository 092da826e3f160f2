// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"slices"
	"strings"
)

// textOnly tells whether the text is all in the filter that no counter is kept of.
func (f *FindingFilter) textOnly() bool {
	rest := *f
	rest.Text = ""
	return f.Text != "" && !rest.adHoc()
}

// countText counts what a text finds. Of the checks and namespaces that it names there are
// counters; what only objects and messages begin with it is counted one by one.
func (s *Store) countText(ctx context.Context, t *tally, f FindingFilter) error {
	text, p := f.Text, f.text
	f.Text, f.text, f.aside = "", textPlan{}, true
	if err := s.counters(ctx, func(c *counters) {
		q := c.of(&f)
		q.named(c.among(ofCheck, p.checks), c.among(ofNamespace, p.namespaces))
		c.add(t, q)
	}); err != nil {
		return err
	}
	if !p.resolved && t.total >= maxCounted {
		t.more = true
		return nil
	}
	f.besides = true
	rest := f.where(s.Now())
	rest.notAmong("(check_id || '')", p.checks)
	rest.notAmong("(namespace || '')", p.namespaces)
	if p.resolved {
		if len(p.ids) == 0 {
			return nil
		}
		rest.among("id", p.ids)
		return s.addFindings(ctx, t, rest)
	}
	return s.countNamed(ctx, t, rest, text)
}

// countNamed counts what objects, or messages, begin with a text.
func (s *Store) countNamed(ctx context.Context, t *tally, rest where, text string) error {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM objects WHERE name >= $1 AND name < $2 LIMIT $3`, text, text+"\U0010ffff", maxCounted+1)
	objects, err := collect(s, rows, err, scanText)
	if err != nil {
		return err
	}
	if len(objects) > maxCounted {
		objects, t.more = objects[:maxCounted], true
	}
	for ids := range slices.Chunk(objects, 500) {
		w := where{conditions: slices.Clone(rest.conditions), args: slices.Clone(rest.args)}
		w.among("object_id", ids)
		if err := s.addFindings(ctx, t, w); err != nil || t.total > maxCounted {
			return err
		}
	}
	lower := strings.ToLower(text)
	rest.add(messageHead+" >= ? AND "+messageHead+" < ?", head(lower, 48), head(lower, 48)+"\U0010ffff")
	if head(lower, 48) != lower {
		rest.add(`lower(message) LIKE ? ESCAPE '\'`, likePrefix(lower))
	}
	rest.add("NOT (name >= ? AND name < ?)", text, text+"\U0010ffff")
	return s.addFindings(ctx, t, rest)
}
