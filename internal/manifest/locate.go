// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"path/filepath"

	"github.com/seaworthy-dev/seaworthy/internal/snapshot"
)

// Locator finds lines of objects that were read and released before. It reads their
// unit once more and keeps the positions of the last one, so asking in the order of the
// input costs one reading for each unit. Not safe for concurrent use.
type Locator struct {
	plan  *Plan
	dec   *snapshot.Decoder
	units map[string]*Unit
	last  string
	lines map[int]*snapshot.Object // of the last unit, by first line
}

// Locator makes a locator of the plan's units.
func (p *Plan) Locator(dec *snapshot.Decoder) *Locator {
	l := &Locator{plan: p, dec: dec, units: map[string]*Unit{}}
	for _, u := range p.Units {
		if u.Kind == File {
			l.units[filepath.ToSlash(u.Path)] = u
		}
	}
	return l
}

// Line is the line of a JSON path of an object in its file; the object's first line where
// the file cannot be read again or was rendered.
func (l *Locator) Line(ctx context.Context, o *snapshot.Object, path string) int {
	u := l.units[o.Source.File]
	if u == nil || o.Source.Root != "" {
		return o.Source.Line
	}
	if l.last != o.Source.File {
		l.last, l.lines = o.Source.File, map[int]*snapshot.Object{}
		before := l.plan.objects.Load() // reading again does not count towards the limit
		_, err := u.Read(ctx, l.dec, func(o *snapshot.Object) error {
			l.lines[o.Source.Line] = o
			return nil
		})
		l.plan.objects.Store(before)
		if err != nil {
			return o.Source.Line
		}
	}
	if again := l.lines[o.Source.Line]; again != nil && again.Kind == o.Kind && again.Name == o.Name {
		return again.Line(path)
	}
	return o.Source.Line
}
